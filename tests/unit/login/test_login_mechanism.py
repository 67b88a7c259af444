from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.sasl import LOGIN_COMMAND, OAuthBearer, Plain, XOAuth2
from idlebell.login.mechanism import Scram, known_by, mechanism_of, revealed
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
        ("SCRAM-SHA-256", PASSWORD, Scram),
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
    assert known_by(own) == revealed(own) == "right"
    own.take(b"client", b"server", b"salt", 4096)
    assert known_by(own) == b"client".hex()


def test_both_kinds_of_credentials_show_what_proves():
    assert (revealed(PASSWORD), revealed(TOKEN)) == ("right", "t0ken")


def test_what_a_mechanism_cannot_carry_is_an_error():
    with pytest.raises(ValueError, match="NUL"):
        mechanism_of("PLAIN", ALICE, PasswordCredentials(Secret("a\0b")), bytes)


def test_scram_knows_whether_the_proof_was_sent():
    scram = mechanism_of("SCRAM-SHA-256", ALICE, PASSWORD, bytes)
    assert isinstance(scram, Scram)
    assert not scram.proof_sent
    with pytest.raises(RemoteProtocolError):
        scram.step(b"what?")
    assert scram.proof_sent
