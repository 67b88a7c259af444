"""Fingerprints of keys, as people and tools spell them."""

from __future__ import annotations

import pytest

from idlebell.model.trust import (
    AUTHORITIES,
    PINS_MAX,
    FirstUse,
    Trust,
    identity,
    keys_of,
    pinned,
    read_pin,
    read_pins,
    restored,
    seen_of,
    spelled,
)

PIN = bytes(range(32))
OTHER = b"\xff" * 32


@pytest.mark.parametrize(
    "text",
    [
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "sha256/AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        PIN.hex(),
        PIN.hex().upper(),
        PIN.hex(":"),
    ],
)
def test_base64_and_hexadecimal_are_the_same_key(text: str) -> None:
    assert read_pin(text) == PIN
    assert read_pin(spelled(PIN)) == PIN


@pytest.mark.parametrize(
    "text", ["", "AAEC", PIN.hex()[:-2], "g" * 64, "AAEC*AQF", "é" * 44, "A" * 101, "A" * 10_000, 5, None, ["x"], b"x"]
)
def test_what_is_no_fingerprint_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="SHA-256 of a public key"):
        read_pin(text)


def test_one_or_a_list_in_any_order_and_each_once() -> None:
    assert read_pins(spelled(PIN)) == pinned([PIN])
    assert read_pins([OTHER.hex(), spelled(PIN), PIN.hex()]) == pinned([PIN, OTHER])
    for given in ([], [spelled(PIN)] * (PINS_MAX + 1)):
        with pytest.raises(ValueError, match=f"1 to {PINS_MAX}"):
            read_pins(given)


@pytest.mark.parametrize("trust", [AUTHORITIES, pinned([PIN, OTHER]), FirstUse(), FirstUse(PIN)])
def test_what_is_stored_comes_back(trust: Trust) -> None:
    assert restored(identity(trust), seen_of(trust)) == trust


def test_whose_keys_are_trusted() -> None:
    assert keys_of(AUTHORITIES) is None
    assert keys_of(FirstUse()) == ()
    assert keys_of(FirstUse(PIN)) == (PIN,)
    assert keys_of(pinned([OTHER, PIN])) == (PIN, OTHER)
