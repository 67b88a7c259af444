"""A secret shows itself to nobody who does not ask for it."""

from __future__ import annotations

import copy
import pickle

import pytest

from idlebell.model.account import BearerCredentials, PasswordCredentials
from idlebell.model.secret import Secret

CANARY = "corr3ct-horse"


def test_no_way_of_printing_shows_it() -> None:
    secret = Secret(CANARY)

    shown = f"{secret} {secret!r} {secret:>40} {[secret]} {PasswordCredentials(secret)} {BearerCredentials(secret)}"
    assert CANARY not in shown
    assert "Secret(…)" in shown


def test_revealed_as_bytes_and_as_text() -> None:
    assert Secret(CANARY).reveal() == CANARY.encode()
    assert Secret(b"\xc3\xbc").text() == "ü"


def test_any_string_survives_even_with_lone_surrogates() -> None:
    assert Secret("\udc80").text() == "\udc80"


def test_wiping_overwrites_and_empties() -> None:
    secret = Secret(CANARY)
    held = secret._value

    secret.wipe()
    secret.wipe()

    assert held == bytearray()
    assert secret.wiped
    assert not secret


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(copier: object) -> None:
    with pytest.raises(TypeError):
        copier(Secret(CANARY))  # type: ignore[operator]


def test_equal_by_value_and_not_hashable() -> None:
    assert Secret("a") == Secret(b"a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        hash(Secret("a"))


def test_credentials_wipe_what_they_hold() -> None:
    password, token = Secret(CANARY), Secret(CANARY)

    PasswordCredentials(password).wipe()
    BearerCredentials(token).wipe()

    assert password.wiped
    assert token.wiped
