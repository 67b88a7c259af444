from __future__ import annotations

import pytest

from idlebell.gateway.credentials import copied, same_credentials
from idlebell.model.account import BearerCredentials, Credentials, PasswordCredentials, RenewableCredentials
from idlebell.model.endpoint import PushUrl
from idlebell.model.secret import Secret


def made(kind: str, text: str = "a") -> Credentials:
    match kind:
        case "password":
            return PasswordCredentials(Secret(text))
        case "bearer":
            return BearerCredentials(Secret(text))
        case _:
            url = PushUrl("https://login.example.org/token")
            return RenewableCredentials(Secret(text), url, "app", Secret("s"), Secret("t"))


@pytest.mark.parametrize("kind", ["password", "bearer", "renewable"])
def test_a_copy_is_the_same_and_outlives_the_other(kind: str) -> None:
    one = made(kind)
    other = copied(one)
    assert same_credentials(one, other)
    one.wipe()
    assert same_credentials(other, made(kind))
    assert not same_credentials(other, made(kind, "b"))


def test_another_kind_is_another_secret() -> None:
    assert not same_credentials(made("password"), made("bearer"))
    assert not same_credentials(made("bearer"), made("renewable"))


def test_renewals_make_no_other_credentials_of_it() -> None:
    one = made("renewable")
    assert isinstance(one, RenewableCredentials)
    one.take(Secret("t2"), Secret("r2"), now=0.0, renew_at=1.0, ends_at=2.0)
    assert same_credentials(one, made("renewable"))
    assert "t2" not in repr(one)
