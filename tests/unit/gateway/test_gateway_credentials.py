from __future__ import annotations

import pytest

from idlebell.gateway.credentials import copied, retention_fault, same_credentials, to_be_kept
from idlebell.model.account import (
    BearerCredentials,
    Credentials,
    KeyedCredentials,
    PasswordCredentials,
    RenewableCredentials,
    Retention,
)
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


def test_a_password_is_kept_as_keys_once_it_has_opened_a_session() -> None:
    own = to_be_kept(made("password", "pencil"), Retention.KEYS)
    assert isinstance(own, KeyedCredentials)
    assert same_credentials(own, made("password", "pencil"))
    assert not same_credentials(own, made("password", "other"))
    own.take(Secret(b"client"), Secret(b"server"), b"salt", 4096, "SCRAM-SHA-256")
    assert own.password.wiped
    assert not same_credentials(own, made("password", "pencil")), "nobody knows any more"
    assert "client" not in repr(own)
    own.wipe()
    assert own.client_key.wiped
    assert own.server_key.wiped
    with pytest.raises(TypeError):
        copied(own)


@pytest.mark.parametrize("retention", [Retention.SESSION, Retention.MEMORY])
def test_other_retentions_leave_a_password_as_it_is(retention: Retention) -> None:
    own = made("password")
    assert to_be_kept(own, retention) is own


@pytest.mark.parametrize(
    ("kind", "fitting"),
    [
        ("password", {Retention.SESSION, Retention.KEYS, Retention.MEMORY}),
        ("bearer", {Retention.SESSION}),
        ("renewable", {Retention.MEMORY}),
    ],
)
def test_which_retention_fits(kind: str, fitting: set[Retention]) -> None:
    asked = (Retention.SESSION, Retention.KEYS, Retention.MEMORY)
    assert {one for one in asked if retention_fault(made(kind), one) is None} == fitting
