"""Message encryption for Web Push (RFC 8291) in the content coding ``aes128gcm`` (RFC 8188), one record a message.

Randomness is an argument: 16 bytes of salt and 32 bytes for the ephemeral key, drawn in this order for each message. They
must never come twice, or the key stream repeats.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4096
"""What every push service must take (RFC 8030 section 7.2); the only record then is the whole body."""
SALT_BYTES = 16
AUTH_BYTES = 16
POINT_BYTES = 65
TAG_BYTES = 16
HEADER_BYTES = SALT_BYTES + 4 + 1 + POINT_BYTES
OVERHEAD_BYTES = HEADER_BYTES + 1 + TAG_BYTES
MAX_PLAINTEXT_BYTES = RECORD_SIZE - OVERHEAD_BYTES
"""3993: a body of exactly 4096 bytes."""

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (FIPS 186-4, D.1.2.3)."""
_MAX_DRAWS = 8
"""One draw in 2^32 is not a private key; eight such in a row is not chance but a broken source."""


class EncryptionError(ValueError):
    """The key, the secret or the message is not one; the text says which, never its value."""


def private_key(entropy: Callable[[int], bytes]) -> ec.EllipticCurvePrivateKey:
    """A P-256 private key from entropy alone (FIPS 186-4, B.4.2: draw again what is out of range)."""
    for _ in range(_MAX_DRAWS):
        scalar = int.from_bytes(entropy(32), "big")
        if 0 < scalar < _ORDER:
            return ec.derive_private_key(scalar, _CURVE)
    raise EncryptionError("the source of entropy gives no private key")


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Its public key as an uncompressed point, 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def public_key(encoded: bytes) -> ec.EllipticCurvePublicKey:
    """``p256dh`` of a subscription: an uncompressed point that lies on the curve, else EncryptionError (RFC 8291
    section 7: a point that was not checked gives the private key away)."""
    if len(encoded) != POINT_BYTES:
        raise EncryptionError(f"p256dh is an uncompressed point of {POINT_BYTES} bytes")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, encoded)
    except ValueError:
        raise EncryptionError("p256dh is not a point on P-256") from None


def encrypt(plaintext: bytes, *, p256dh: bytes, auth: bytes, entropy: Callable[[int], bytes]) -> bytes:
    """The body to send, ``OVERHEAD_BYTES`` longer than ``plaintext`` (at most ``MAX_PLAINTEXT_BYTES``)."""
    if len(plaintext) > MAX_PLAINTEXT_BYTES:
        raise EncryptionError(f"one record takes {MAX_PLAINTEXT_BYTES} bytes, not {len(plaintext)}")
    user_agent = public_key(p256dh)
    salt = entropy(SALT_BYTES)
    ephemeral = private_key(entropy)
    sender = point(ephemeral)
    shared = ephemeral.exchange(ec.ECDH(), user_agent)
    key, nonce = _derive(shared, auth, salt, receiver=p256dh, sender=sender)
    # RFC 8188 section 2: the delimiter 2 marks the last record; we add no padding.
    sealed = AESGCM(key).encrypt(nonce, plaintext + b"\x02", None)
    return salt + struct.pack("!IB", RECORD_SIZE, POINT_BYTES) + sender + sealed


def decrypt(body: bytes, *, key: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a user agent does: the plaintext of one record, or EncryptionError."""
    if len(body) < OVERHEAD_BYTES:
        raise EncryptionError("the message is shorter than its header and tag")
    salt = body[:SALT_BYTES]
    record_size, key_id_bytes = struct.unpack_from("!IB", body, SALT_BYTES)
    if key_id_bytes != POINT_BYTES:
        raise EncryptionError("the key id is not an uncompressed point")
    record = body[HEADER_BYTES:]
    if len(record) > record_size:
        raise EncryptionError("more than one record (RFC 8291 section 4)")
    sender = body[SALT_BYTES + 5 : HEADER_BYTES]
    shared = key.exchange(ec.ECDH(), public_key(sender))
    content_key, nonce = _derive(shared, auth, salt, receiver=point(key), sender=sender)
    try:
        padded = AESGCM(content_key).decrypt(nonce, record, None)
    except InvalidTag:
        raise EncryptionError("the message does not decrypt with this key and secret") from None
    plaintext = padded.rstrip(b"\x00")
    if not plaintext.endswith(b"\x02"):
        raise EncryptionError("the record is not marked as the last one")
    return plaintext[:-1]


def _derive(shared: bytes, auth: bytes, salt: bytes, *, receiver: bytes, sender: bytes) -> tuple[bytes, bytes]:
    """Content encryption key (16 bytes) and nonce (12 bytes): RFC 8291 section 3.4, every HKDF output within one block."""
    if len(auth) != AUTH_BYTES:
        raise EncryptionError(f"the authentication secret has {AUTH_BYTES} bytes")
    secret = _hmac(_hmac(auth, shared), b"WebPush: info\x00" + receiver + sender + b"\x01")
    pseudo_random = _hmac(salt, secret)
    key = _hmac(pseudo_random, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _hmac(pseudo_random, b"Content-Encoding: nonce\x00\x01")[:12]
    return key, nonce


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")
