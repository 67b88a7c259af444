from __future__ import annotations

from idlebell.login.keyring import Keyring
from idlebell.model.account import PasswordCredentials
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret

ALICE = AccountId("acc_alice")


def creds(text: str) -> PasswordCredentials:
    return PasswordCredentials(Secret(text))


def test_one_set_a_subscription_the_newest_first() -> None:
    keyring = Keyring()
    old, new, other = creds("old"), creds("new"), creds("other")
    keyring.keep(SubscriptionId("a"), ALICE, old)
    keyring.keep(SubscriptionId("b"), ALICE, other)
    keyring.keep(SubscriptionId("a"), ALICE, new)
    assert old.password.wiped, "what is replaced is overwritten"
    assert keyring.sets(ALICE) == ((SubscriptionId("a"), new), (SubscriptionId("b"), other))
    assert len(keyring) == 2


def test_keeping_the_same_set_again_does_not_wipe_it() -> None:
    keyring, own = Keyring(), creds("own")
    keyring.keep(SubscriptionId("a"), ALICE, own)
    keyring.keep(SubscriptionId("a"), ALICE, own)
    assert not own.password.wiped


def test_the_end_of_a_subscription_wipes_its_set_only() -> None:
    keyring, one, two = Keyring(), creds("one"), creds("two")
    keyring.keep(SubscriptionId("a"), ALICE, one)
    keyring.keep(SubscriptionId("b"), ALICE, two)
    keyring.drop(SubscriptionId("a"))
    keyring.drop(SubscriptionId("unknown"))
    assert one.password.wiped
    assert not two.password.wiped
    assert keyring.holds(ALICE)
    assert not keyring.holds_of(SubscriptionId("a"))
    assert keyring.holds_of(SubscriptionId("b"))
    keyring.wipe()
    assert two.password.wiped
    assert not keyring.holds(ALICE)


def test_no_repr_shows_a_credential() -> None:
    keyring = Keyring()
    keyring.keep(SubscriptionId("a"), ALICE, creds("hunter2"))
    assert "hunter2" not in repr(keyring) + repr(keyring.sets(ALICE))
