from __future__ import annotations

import pytest

from idlebell.imap.sasl import LOGIN_COMMAND, External, OAuthBearer, Plain, ScramSha1, ScramSha256, XOAuth2
from idlebell.login.mechanism import has_secret, known_by, mechanism_of, offered, revealed, shown_certificate
from idlebell.model.account import (
    Account,
    BearerCredentials,
    CertificateCredentials,
    ClientCertificate,
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


def test_a_certificate_alone_is_external_and_beside_a_password_it_is_shown_only() -> None:
    files = ClientCertificate("alice.pem", "alice.key")
    alone, unnamed = CertificateCredentials(files), CertificateCredentials(files, names_user=False)
    beside = CertificateCredentials(files, Secret("right"))
    listed = frozenset({"AUTH=EXTERNAL", "AUTH=PLAIN"})
    assert [offered(listed, one) for one in (alone, unnamed, beside)] == [
        ("EXTERNAL",), ("EXTERNAL",), ("PLAIN", LOGIN_COMMAND),
    ]  # fmt: skip
    assert mechanism_of("EXTERNAL", ALICE, alone, bytes) == External("alice")
    assert mechanism_of("EXTERNAL", ALICE, unnamed, bytes) == External("")
    assert mechanism_of("PLAIN", ALICE, beside, bytes) == Plain("alice", "right")
    assert {shown_certificate(one) for one in (alone, unnamed, beside)} == {files}
    assert shown_certificate(PASSWORD) is None
    assert [has_secret(one) for one in (alone, unnamed, beside, PASSWORD)] == [False, False, True, True]
    assert len({known_by(one) for one in (alone, unnamed, beside, PASSWORD)}) == 4
    beside.wipe()
    alone.wipe()
    assert beside.password is not None
    assert beside.password.wiped


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
