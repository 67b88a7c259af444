"""What both sides of a SASL exchange spell and read alike (RFC 5802)."""

from __future__ import annotations

import base64
import binascii
import hmac

from idlebell.imap.errors import RemoteProtocolError


def attributes(text: str) -> dict[str, str]:
    """RFC 5802 section 7: ``a=value`` divided by commas."""
    return {key: value for key, _, value in (pair.partition("=") for pair in text.split(","))}


def escape(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def unescape(name: str) -> str:
    return name.replace("=2C", ",").replace("=3D", "=")


def decode(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError as error:
        raise bad_message("not UTF-8") from error


def unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_message("not base64") from error


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def xor(one: bytes, two: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, two, strict=True))


def bad_message(detail: str) -> RemoteProtocolError:
    return RemoteProtocolError("bad-sasl-message", detail)


def sasl_line(data: bytes) -> bytes:
    """A message as it travels in IMAP (RFC 9051 section 6.2.2)."""
    return base64.b64encode(data) + b"\r\n"


def decode_challenge(text: bytes) -> bytes:
    """The message of a continuation request."""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise RemoteProtocolError("bad-base64", "a SASL challenge that is not base64", text) from error
