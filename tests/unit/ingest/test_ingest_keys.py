"""What a source's key file holds."""

from __future__ import annotations

import base64

import pytest

from idlebell.ingest.keys import read_key
from idlebell.model.source import Form

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("form", [Form.OX, Form.LUA])
def test_a_key_for_dovecot_is_a_line(form: Form) -> None:
    assert read_key(f" {HEX}\r\n".encode(), form).text() == HEX


@pytest.mark.parametrize("content", [b"", b"short", b"two words that are long enough", b"\xff" * 30, b"a" * 201])
def test_what_is_none_is_refused_with_the_command_that_makes_one(content: bytes) -> None:
    with pytest.raises(ValueError, match="openssl rand -hex 32"):
        read_key(content, Form.OX)


def test_a_key_that_signs_is_a_secret_of_standard_webhooks() -> None:
    secret = bytes(range(32))
    assert read_key(b"whsec_" + base64.b64encode(secret) + b"\n", Form.SIGNED).reveal() == secret


@pytest.mark.parametrize(
    "content", [b"", HEX.encode(), b"whsec_", b"whsec_!!!!", b"whsec_" + base64.b64encode(b"short")]
)
def test_no_other_signs(content: bytes) -> None:
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        read_key(content, Form.SIGNED)
