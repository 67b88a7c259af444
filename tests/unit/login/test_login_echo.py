"""A server that repeats the secret in its refusal does not make us repeat it."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.login.echo import MASK, unechoed


@pytest.mark.parametrize(
    ("text", "secret", "told"),
    [
        ("Invalid password: hunter2", "hunter2", "Invalid password: (…)"),
        ("hunter2hunter2 is no password", "hunter2", "(…)(…) is no password"),
        ("Authentication failed.", "hunter2", "Authentication failed."),
        ("bad argument AGJvYgBodW50ZXIy here", "hunter2", "bad argument (…) here"),
        ("a bad password a", "a", "(…) bad password (…)"),
        ("a password was wiped meanwhile", "", "(…)"),
        ("", "", ""),
    ],
)
def test_the_secret_is_masked_and_the_rest_is_told(text: str, secret: str, told: str) -> None:
    assert unechoed(text, secret) == told


@given(
    st.text("abc ", max_size=9),
    st.text(st.characters(codec="utf-8"), min_size=4, max_size=30),
    st.text("abc ", max_size=9),
)
def test_no_secret_is_left_wherever_it_stands(before: str, secret: str, after: str) -> None:
    assert secret not in unechoed(before + secret + after, secret).replace(MASK, "\0")


@given(st.binary(max_size=9), st.text("xyzÜ€+/?~", min_size=4, max_size=30), st.binary(max_size=9))
def test_no_sasl_message_with_the_secret_is_left(before: bytes, secret: str, after: bytes) -> None:
    message = before + secret.encode() + after
    for coded in (b64encode(message).decode(), urlsafe_b64encode(message).decode()):
        assert unechoed(f"no {coded} please", secret) == f"no {MASK} please"
