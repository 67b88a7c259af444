from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from idlebell.front.notify.further_logins import SECRET_BYTES, SHARE, FurtherLogins
from idlebell.front.own import Here
from idlebell.login.door import Door
from idlebell.login.opener import LoginFailed
from idlebell.model.account import BearerCredentials, ImapTarget, PasswordCredentials, Tls
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.net.secret_arena import SecretArena


class Doorway:
    """Lets in whoever comes, and keeps what he showed."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self.closed = 0
        self.refuses = False

    async def log_in(self, account: Any, credentials: Any, **_: Any) -> Any:
        secret = credentials.password if isinstance(credentials, PasswordCredentials) else credentials.access_token
        self.shown.append((type(credentials), account.username, secret.text(), secret))
        if self.refuses:
            raise LoginFailed(Fault("authentication-failed", "no"))
        return SimpleNamespace(close=self._close)

    def _close(self) -> None:
        self.closed += 1


class Logins(FurtherLogins):
    def __init__(self, budget: int = 3 * SHARE) -> None:
        self.door = Doorway()
        self.arena = SecretArena()
        super().__init__(cast(Door, self.door), self.arena, lambda _: budget)


class Client:
    """Something of the shape of a Here; each is another."""

    address = "127.0.0.1"

    def __init__(self, username: str = "alice", capabilities: frozenset[str] = frozenset()) -> None:
        self.username = username
        self.capabilities = capabilities
        self.target = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


def client(*args: Any) -> Here:
    return cast(Here, Client(*args))


def password(value: str = "secret") -> PasswordCredentials:
    return PasswordCredentials(Secret(value))


async def test_it_logs_in_by_what_the_client_brought_and_wipes_its_copy() -> None:
    logins, here, other = Logins(), client(), client("bob")
    logins.arrived(here, password())
    logins.arrived(other, BearerCredentials(Secret("token")))
    assert await logins.open(here) is not None
    assert await logins.open(other) is not None
    assert [shown[:3] for shown in logins.door.shown] == [
        (PasswordCredentials, "alice", "secret"),
        (BearerCredentials, "bob", "token"),
    ]
    assert all(shown[3].wiped for shown in logins.door.shown)
    assert logins.arena.used == 2
    logins.left(here)
    logins.left(other)
    logins.left(other)
    assert logins.arena.used == 0
    assert logins.door.closed == 2
    assert await logins.open(here) is None


async def test_a_client_has_one_at_a_time() -> None:
    logins, here = Logins(), client()
    logins.arrived(here, password())
    await logins.open(here)
    await logins.open(here)
    assert logins.door.closed == 1


@pytest.mark.parametrize(
    ("capabilities", "brought"),
    [
        (frozenset({"NOTIFY"}), password()),
        (frozenset(), None),
        (frozenset(), password("")),
        (frozenset(), password("x" * (SECRET_BYTES + 1))),
    ],
)
async def test_nothing_is_kept_that_is_of_no_use(capabilities: frozenset[str], brought: Any) -> None:
    logins, here = Logins(), client("alice", capabilities)
    logins.arrived(here, brought)
    assert logins.arena.used == 0
    assert await logins.open(here) is None
    assert logins.door.shown == []


async def test_what_is_refused_is_wiped_and_not_tried_again() -> None:
    logins, here = Logins(), client()
    logins.door.refuses = True
    logins.arrived(here, password())
    assert await logins.open(here) is None
    assert logins.arena.used == 0
    assert await logins.open(here) is None
    assert len(logins.door.shown) == 1


async def test_of_one_account_there_are_no_more_than_its_share() -> None:
    logins = Logins(budget=2 * SHARE)
    clients = [client() for _ in range(3)]
    for one in clients:
        logins.arrived(one, password())
    opened = [await logins.open(one) is not None for one in clients]
    assert opened == [True, True, False]
    logins.left(clients[0])
    assert await logins.open(clients[2]) is not None


async def test_a_session_that_is_over_leaves_its_place_to_another_client() -> None:
    """Its own keeps what it brought, for a NOTIFY that follows."""
    logins, here, other = Logins(budget=SHARE), client(), client()
    logins.arrived(here, password())
    logins.arrived(other, password())
    assert await logins.open(here) is not None
    assert await logins.open(other) is None
    logins.close(here)
    logins.close(here)
    assert logins.door.closed == 1
    assert await logins.open(other) is not None
    logins.left(other)
    assert await logins.open(here) is not None
