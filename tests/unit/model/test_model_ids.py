"""Identifiers and tokens are made of the entropy they are given."""

from __future__ import annotations

import pytest

from idlebell.model import ids


@pytest.mark.parametrize(
    ("make", "prefix"),
    [
        (ids.account_id, "acc_"),
        (ids.subscription_id, "sub_"),
        (ids.notification_id, "ntf_"),
        (ids.api_key_id, "key_"),
    ],
)
def test_identifier_names_its_kind_and_needs_its_entropy(make: object, prefix: str) -> None:
    assert make(bytes(15)) == prefix + "a" * 24  # type: ignore[operator]
    with pytest.raises(ValueError, match="15 bytes"):
        make(bytes(14))  # type: ignore[operator]


@pytest.mark.parametrize(("make", "prefix"), [(ids.subscription_token, "ibs_"), (ids.api_key_token, "ibk_")])
def test_token_has_256_bits(make: object, prefix: str) -> None:
    assert make(bytes(32)) == prefix + "A" * 43  # type: ignore[operator]
    with pytest.raises(ValueError, match="32 bytes"):
        make(bytes(16))  # type: ignore[operator]


def test_notification_id_can_be_a_webhook_id() -> None:
    """Standard Webhooks: no dot in it, for the dot separates what is signed."""
    assert "." not in ids.notification_id(bytes(range(15)))


def test_token_is_stored_as_its_hash_whatever_was_sent_for_one() -> None:
    assert len(ids.token_hash("ibs_x")) == 32
    assert ids.token_hash("\udcff") != ids.token_hash("ibs_x")
