from __future__ import annotations

import pytest

from idlebell.imap.sasl import LOGIN_COMMAND, OAuthBearer, Plain, ScramSha1, ScramSha256, XOAuth2
from idlebell.login.mechanism import known_by, mechanism_of, offered, revealed
from idlebell.model.account import (
    Account,
    BearerCredentials,
    ImapTarget,
    KeyedCredentials,
    PasswordCredentials,
    Tls,
)
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret

ALICE = Account(AccountId("acc_a"), ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "alice")
PASSWORD, TOKEN = PasswordCredentials(Secret("right")), BearerCredentials(Secret("t0ken"))


@pytest.mark.parametrize(
    ("name", "credentials", "kind"),
    [
        ("SCRAM-SHA-256", PASSWORD, ScramSha256),
        ("SCRAM-SHA-1", PASSWORD, ScramSha1),
        ("PLAIN", PASSWORD, Plain),
        ("OAUTHBEARER", TOKEN, OAuthBearer),
        ("XOAUTH2", TOKEN, XOAuth2),
    ],
)
def test_each_mechanism_that_a_server_lists_is_made(name, credentials, kind):
    assert type(mechanism_of(name, ALICE, credentials, bytes)) is kind


def test_the_login_command_is_no_mechanism():
    assert mechanism_of(LOGIN_COMMAND, ALICE, PASSWORD, bytes) is None


def test_keys_are_told_from_others_by_what_they_are() -> None:
    own = KeyedCredentials(Secret("right"))
    assert known_by(own) == "keys right" != revealed(own)
    own.take(Secret(b"client"), Secret(b"server"), b"salt", 4096, "SCRAM-SHA-256")
    assert known_by(own) == f"keys {b'client'.hex()}"


def test_keys_are_used_by_the_mechanism_that_they_came_by() -> None:
    both = frozenset({"AUTH=SCRAM-SHA-256", "AUTH=SCRAM-SHA-1", "AUTH=PLAIN"})
    own = KeyedCredentials(Secret("right"))
    assert offered(both, own) == ("SCRAM-SHA-256", "SCRAM-SHA-1")
    own.take(Secret(b"client"), Secret(b"server"), b"salt", 4096, "SCRAM-SHA-1")
    assert offered(both, own) == ("SCRAM-SHA-1",)
    assert offered(both - {"AUTH=SCRAM-SHA-1"}, own) == ()


def test_both_kinds_of_credentials_show_what_proves():
    assert (revealed(PASSWORD), revealed(TOKEN)) == ("right", "t0ken")


def test_what_a_mechanism_cannot_carry_is_an_error():
    with pytest.raises(ValueError, match="NUL"):
        mechanism_of("PLAIN", ALICE, PasswordCredentials(Secret("a\0b")), bytes)
