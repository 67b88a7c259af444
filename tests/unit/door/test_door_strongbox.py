"""The vault's key at the door: seals for tickets, tickets for seals."""

from __future__ import annotations

import os
from pathlib import Path

from idlebell.door import frames, sorts
from idlebell.door.strongbox import Strongbox
from idlebell.door.tickets import ElsewhereError, Tickets
from idlebell.model.account import Account, ImapTarget, PasswordCredentials, RenewableCredentials, Tls
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret

ALICE = sorts.whose(Account(AccountId("acc_1"), ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "alice"))
BOB = sorts.whose(Account(AccountId("acc_1"), ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "bob"))


class Door:
    """``told``: what went over the link."""

    def __init__(self, key_file: Path) -> None:
        self.told: list[frames.Frame] = []
        self.tickets = Tickets(os.urandom)
        self.strongbox = Strongbox(self.tickets, self.told.append)
        self._key_file = str(key_file)

    async def unlock(self, *, may_make: bool = True) -> frames.Frame:
        await self.strongbox.read_key(frames.ReadVaultKey(1, self._key_file, "", may_make))
        return self.told.pop()

    def seal(self, by: frames.Sealable, whose: frames.Whose = ALICE) -> frames.Sealed:
        self.strongbox.seal(frames.Seal(2, "sub_1", whose, by))
        found = self.told.pop()
        assert isinstance(found, frames.Sealed)
        return found

    def unseal(self, row: frames.Sealed, whose: frames.Whose = ALICE) -> frames.Frame:
        self.strongbox.unseal(frames.Unseal(3, "sub_1", whose, row.key, row.content))
        return self.told.pop()

    def may_log_in(self, ticket: str, whose: frames.Whose) -> bool:
        try:
            with self.tickets.used(sorts.login_at(whose), ticket):
                return True
        except ElsewhereError:
            return False


async def test_another_door_with_the_same_key_opens_what_one_has_sealed(tmp_path: Path) -> None:
    one, other = Door(tmp_path / "key"), Door(tmp_path / "key")
    for door in (one, other):
        assert await door.unlock() == frames.VaultKeyRead(1, "")
    tickets = one.tickets.keep("hunter2"), one.tickets.keep("refresh"), one.tickets.keep("client secret")
    for by, texts in (
        (frames.Password(tickets[0]), ["hunter2"]),
        (
            frames.Renewable(tickets[1], "https://provider.example/token", "app", tickets[2]),
            ["refresh", "client secret"],
        ),
        (
            frames.Renewable(tickets[1], "https://provider.example/token", "app", "operator's"),
            ["refresh", "operator's"],
        ),
        (frames.Renewable(tickets[1], "https://provider.example/token", "app", None), ["refresh"]),
    ):
        row = one.seal(by)
        assert not any(text.encode() in row.content for text in texts)
        found = other.unseal(row)
        assert isinstance(found, frames.Unsealed)
        held = sorts.tickets_of(found.by)
        assert sorts.tickets_in(found) == held
        with other.tickets.used(sorts.login_at(ALICE), *held) as secrets:
            assert [secret.text() for secret in secrets] == texts
        assert not any(other.may_log_in(ticket, BOB) for ticket in held)
        assert other.unseal(row, BOB) == frames.NotUnsealed(3, False)
        for ticket in held:
            other.tickets.release(ticket)
        assert len(other.tickets) == 0, "nothing else is kept of it"


async def test_what_cannot_be_sealed_or_opened_is_told_and_nothing_of_it(tmp_path: Path) -> None:
    door = Door(tmp_path / "key")
    closed = await door.unlock(may_make=False)
    assert isinstance(closed, frames.VaultKeyRead)
    assert "cannot be read" in closed.sentence
    assert door.unseal(frames.Sealed(0, b"key", b"content")) == frames.NotUnsealed(3, True)
    await door.unlock()
    assert door.seal(frames.Password("held:nobody's")) == frames.Sealed(2, b"", b"")
    ticket = door.tickets.keep("hunter2", uses=[sorts.login_at(BOB)])
    assert door.seal(frames.Password(ticket)) == frames.Sealed(2, b"", b"")
    row = door.seal(frames.Password(ticket), BOB)
    assert door.unseal(frames.Sealed(0, row.key, row.content[:-1] + b"\0"), BOB) == frames.NotUnsealed(3, False)
    assert (await Door(tmp_path / "other").unlock()) == frames.VaultKeyRead(1, "")


def test_what_frames_tell_of_credentials_is_what_they_are() -> None:
    """``follows``: a refresh token that is on its way into the vault."""
    url, follows = PushUrl("https://provider.example/token"), Secret("held:2")
    password = PasswordCredentials(Secret("held:1"))
    renewable = RenewableCredentials(Secret("held:1"), url, "app", Secret("operator's"))
    assert sorts.sealable(password) == frames.Password("held:1")
    by = sorts.sealable(renewable, follows)
    assert by == frames.Renewable("held:2", url.reveal(), "app", "operator's")
    found = sorts.sealed_of(by, [Secret("refresh")])
    assert isinstance(found, RenewableCredentials)
    assert (found.refresh_token, found.client_secret, found.client_id) == (
        Secret("refresh"),
        Secret("operator's"),
        "app",
    )
    for whose in (ALICE, BOB):
        assert sorts.whose(sorts.account_of(whose)) == whose
