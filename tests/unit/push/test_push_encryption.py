"""RFC 8291: its own example, an independent implementation, and what is refused."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idlebell.push import encryption
from idlebell.push.encryption import (
    HEADER_BYTES,
    MAX_PLAINTEXT_BYTES,
    EncryptionError,
    decrypt,
    encrypt,
    point,
    private_key,
    public_key,
)


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def drawing(*draws: bytes) -> Callable[[int], bytes]:
    """A source that gives these, in order, and checks how many bytes are asked for."""
    left = list(draws)

    def entropy(count: int) -> bytes:
        draw = left.pop(0)
        assert len(draw) == count
        return draw

    return entropy


# RFC 8291 appendix A
PLAINTEXT = b"When I grow up, I want to be a watermelon"
AUTH = b64("BTBZMqHH6r4Tts7J_aSIgg")
P256DH = b64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
RECEIVER = private_key(drawing(b64("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")))
SENDER_SCALAR = b64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
SALT = b64("DGv6ra1nlYgDCS1FRnbzlw")
BODY = b64(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_rfc8291_comes_out_byte_for_byte() -> None:
    assert encrypt(PLAINTEXT, p256dh=P256DH, auth=AUTH, entropy=drawing(SALT, SENDER_SCALAR)) == BODY


def test_the_example_of_rfc8291_decrypts() -> None:
    assert point(RECEIVER) == P256DH
    assert decrypt(BODY, key=RECEIVER, auth=AUTH) == PLAINTEXT


@pytest.mark.parametrize("plaintext", [b"", b"\x00", b"a\x00\x02\x00", b"x" * MAX_PLAINTEXT_BYTES])
def test_an_independent_implementation_reads_what_we_write(plaintext: bytes) -> None:
    body = encrypt(plaintext, p256dh=P256DH, auth=AUTH, entropy=drawing(SALT, SENDER_SCALAR))
    assert http_ece.decrypt(body, private_key=RECEIVER, auth_secret=AUTH) == plaintext
    assert decrypt(body, key=RECEIVER, auth=AUTH) == plaintext


def test_we_read_what_an_independent_implementation_writes() -> None:
    sender = ec.generate_private_key(ec.SECP256R1())
    body = http_ece.encrypt(PLAINTEXT, salt=SALT, private_key=sender, dh=P256DH, auth_secret=AUTH)
    assert decrypt(body, key=RECEIVER, auth=AUTH) == PLAINTEXT


def test_the_longest_plaintext_fills_a_body_of_4096_bytes() -> None:
    longest = b"x" * MAX_PLAINTEXT_BYTES
    assert MAX_PLAINTEXT_BYTES == 3993
    assert len(encrypt(longest, p256dh=P256DH, auth=AUTH, entropy=drawing(SALT, SENDER_SCALAR))) == 4096
    with pytest.raises(EncryptionError, match="3993 bytes, not 3994"):
        encrypt(longest + b"x", p256dh=P256DH, auth=AUTH, entropy=drawing())


def test_entropy_that_is_no_private_key_is_drawn_again() -> None:
    order = bytes.fromhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
    key = private_key(drawing(bytes(32), order, b"\xff" * 32, SENDER_SCALAR))
    assert key.private_numbers().private_value == int.from_bytes(SENDER_SCALAR, "big")


def test_a_broken_source_of_entropy_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(EncryptionError, match="entropy"):
        private_key(bytes)


def test_a_point_off_the_curve_is_refused() -> None:
    with pytest.raises(EncryptionError, match="not a point on P-256"):
        public_key(b"\x04" + bytes(63) + b"\x01")


@pytest.mark.parametrize("encoded", [b"", P256DH[:-1], P256DH + b"\x00", b"\x02" + P256DH[1:33]])
def test_a_key_of_another_length_is_refused(encoded: bytes) -> None:
    with pytest.raises(EncryptionError, match="65 bytes"):
        public_key(encoded)


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(EncryptionError, match="16 bytes"):
        encrypt(b"", p256dh=P256DH, auth=AUTH[:-1], entropy=drawing(SALT, SENDER_SCALAR))


def test_every_changed_byte_is_noticed() -> None:
    for index in range(len(BODY)):
        if 16 <= index < 20:
            continue  # the record size is not authenticated; too small a one is its own error
        changed = bytearray(BODY)
        changed[index] ^= 1
        with pytest.raises(EncryptionError):
            decrypt(bytes(changed), key=RECEIVER, auth=AUTH)


def test_a_message_cut_anywhere_is_an_error() -> None:
    for length in range(len(BODY)):
        with pytest.raises(EncryptionError):
            decrypt(BODY[:length], key=RECEIVER, auth=AUTH)


def test_more_than_one_record_is_refused() -> None:
    small = BODY[:16] + struct.pack("!I", 18) + BODY[20:]
    with pytest.raises(EncryptionError, match="more than one record"):
        decrypt(small, key=RECEIVER, auth=AUTH)


@pytest.mark.parametrize("padded", [b"text\x01\x00", b"text", b"\x00\x00", b""])
def test_a_record_that_is_not_marked_as_the_last_is_refused(padded: bytes) -> None:
    """RFC 8188 section 2: delimiter 1 says that more records follow, and none or nothing at all is no record."""
    sender = private_key(drawing(SENDER_SCALAR))
    shared = sender.exchange(ec.ECDH(), public_key(P256DH))
    key, nonce = encryption._derive(shared, AUTH, SALT, receiver=P256DH, sender=point(sender))
    body = BODY[:HEADER_BYTES] + AESGCM(key).encrypt(nonce, padded, None)
    with pytest.raises(EncryptionError, match=r"last one|shorter"):
        decrypt(body, key=RECEIVER, auth=AUTH)
