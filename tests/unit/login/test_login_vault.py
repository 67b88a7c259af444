from __future__ import annotations

import os
from dataclasses import replace

import pytest

from idlebell.login.vault import NotOpened, Vault, VaultKey
from idlebell.model.account import Account, ImapTarget, PasswordCredentials, RenewableCredentials, Tls
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.trust import AUTHORITIES, FirstUse, Trust, pinned
from idlebell.model.vaulted import Vaulted
from idlebell.net.hardening import overwrite

ONE, TWO = SubscriptionId("sub_1"), SubscriptionId("sub_2")
ALICE = Account(AccountId("acc_a"), ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "alice@example.org")
BOB = replace(ALICE, id=AccountId("acc_b"), username="bob@example.org")
KEY, OTHER = VaultKey(b"k" * 32), VaultKey(b"o" * 32)
VAULT = Vault(KEY, entropy=os.urandom, overwrite=overwrite)
PASSWORD = "pass phrase, and: \udcff"


def password(text: str = PASSWORD) -> PasswordCredentials:
    return PasswordCredentials(Secret(text))


def renewable(client_secret: Secret | None = None) -> RenewableCredentials:
    return RenewableCredentials(
        Secret("1//refresh"), PushUrl("https://login.example.org/token"), "an app", client_secret, Secret("ya29.access")
    )


def refused(row: Vaulted, account: Account = ALICE, vault: Vault = VAULT) -> bool:
    """Whether it says that the key is another one."""
    with pytest.raises(NotOpened) as caught:
        vault.open(row, account)
    return caught.value.other_key


def test_what_is_sealed_opens_again() -> None:
    found = VAULT.open(VAULT.seal(ONE, ALICE, password()), ALICE)
    assert found == password()
    for secret in (None, Secret("s3cret")):
        given = renewable(secret)
        opened = VAULT.open(VAULT.seal(ONE, ALICE, given), ALICE)
        assert isinstance(opened, RenewableCredentials)
        assert (opened.refresh_token, opened.client_secret) == (given.refresh_token, secret)
        assert (opened.token_url.reveal(), opened.client_id) == (given.token_url.reveal(), given.client_id)
        assert not opened.access_token, "an access token is in memory only"
        assert opened.renew_at < 0, "so one is got at once"


def test_a_refresh_token_that_follows_is_sealed_in_its_place() -> None:
    opened = VAULT.open(VAULT.seal(ONE, ALICE, renewable(), Secret("1//next")), ALICE)
    assert isinstance(opened, RenewableCredentials)
    assert opened.refresh_token.text() == "1//next"


def test_nothing_of_it_is_to_be_seen_not_even_its_length() -> None:
    short, long = (VAULT.seal(ONE, ALICE, password(text)) for text in ("a", "secret" * 50))
    assert len(short.content) == len(long.content)
    for row in (short, long):
        assert b"secret" not in row.key + row.content
        assert "secret" not in repr(row)
    assert "kkk" not in repr(KEY) + repr(VAULT)
    assert VAULT.seal(ONE, ALICE, password()) != VAULT.seal(ONE, ALICE, password())


def test_every_flipped_byte_is_noticed() -> None:
    row = VAULT.seal(ONE, ALICE, password())
    for name in ("key", "content"):
        whole = getattr(row, name)
        for index in range(len(whole)):
            flipped = whole[:index] + bytes([whole[index] ^ 1]) + whole[index + 1 :]
            of_the_key = name == "key" and index < 9  # its format, and which key it is
            assert refused(replace(row, **{name: flipped})) is of_the_key


def test_whatever_is_cut_off_or_added_is_noticed() -> None:
    row = VAULT.seal(ONE, ALICE, password())
    for name in ("key", "content"):
        whole = getattr(row, name)
        for left in (0, 1, 9, 12, 13, 20, 28, len(whole) - 1):
            refused(replace(row, **{name: whole[:left]}))
        refused(replace(row, **{name: whole + b"\0"}))


def test_a_row_in_anothers_place_does_not_open() -> None:
    alice, bob = VAULT.seal(ONE, ALICE, password()), VAULT.seal(TWO, BOB, password())
    assert not refused(replace(alice, subscription=TWO, account=BOB.id), BOB), "swapped whole"
    assert not refused(replace(alice, subscription=TWO))
    assert not refused(replace(bob, key=alice.key), BOB), "swapped column by column"
    assert not refused(replace(bob, content=alice.content), BOB)
    assert not refused(replace(alice, account=BOB.id))


@pytest.mark.parametrize(
    "changed",
    [
        replace(ALICE, target=replace(ALICE.target, host="imap.evil.example")),
        replace(ALICE, target=replace(ALICE.target, port=994)),
        replace(ALICE, target=replace(ALICE.target, tls=Tls.NONE)),
        replace(ALICE, username="mallory"),
        replace(ALICE, target=replace(ALICE.target, trust=pinned([b"k" * 32]))),
        replace(ALICE, target=replace(ALICE.target, trust=FirstUse())),
    ],
)
def test_a_password_is_not_opened_for_another_server_or_name(changed: Account) -> None:
    """Who can write to the database has no password sent to himself."""
    assert not refused(VAULT.seal(ONE, ALICE, password()), changed)


@pytest.mark.parametrize("trust", [AUTHORITIES, FirstUse(), FirstUse(b"o" * 32), pinned([b"k" * 32, b"o" * 32])])
def test_a_password_is_not_opened_for_another_key_of_the_server(trust: Trust) -> None:
    seen = replace(ALICE, target=replace(ALICE.target, trust=FirstUse(b"k" * 32)))
    assert not refused(VAULT.seal(ONE, seen, password()), replace(ALICE, target=replace(ALICE.target, trust=trust)))


def test_another_key_is_told_from_a_changed_row() -> None:
    row = VAULT.seal(ONE, ALICE, password())
    assert refused(row, vault=Vault(OTHER, entropy=os.urandom, overwrite=overwrite))
    assert Vault(OTHER, KEY, entropy=os.urandom, overwrite=overwrite).open(row, ALICE) == password(), (
        "an older key opens, too"
    )
    assert OTHER.opens(Vault(OTHER, KEY, entropy=os.urandom, overwrite=overwrite).seal(ONE, ALICE, password())), (
        "the first one seals"
    )


def test_another_key_takes_over_without_opening_what_is_sealed() -> None:
    row = VAULT.seal(ONE, ALICE, password())
    again = KEY.resealed(row, OTHER, os.urandom)
    assert (again.content, again.subscription, again.account) == (row.content, ONE, ALICE.id)
    assert Vault(OTHER, entropy=os.urandom, overwrite=overwrite).open(again, ALICE) == password()
    assert refused(again), "the old key opens it no more"
    with pytest.raises(NotOpened):
        KEY.resealed(replace(row, subscription=TWO), OTHER, os.urandom)


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        VaultKey(b"short")
