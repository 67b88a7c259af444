"""Credentials that outlive the process, sealed. Pure.

An envelope: each set is sealed by a data key of its own, and the data key by the vault's key, which comes from outside and is
in no database and no backup. Both are AES-256-GCM. What is sealed names where it belongs: the subscription, and the account
with its host, port, TLS, user name and trusted keys. So a row that was moved to another's place does not open, nor does one
whose account was turned to another host or key: a password is sent where it was given for, and nowhere else.

A refresh token is sealed, the access token of now is not: it is got anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idlebell.model.account import Account, Credentials, PasswordCredentials, RenewableCredentials
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.trust import identity, keys_of
from idlebell.model.vaulted import Vaulted

KEY_BYTES: Final = 32
ID_BYTES: Final = 8
"""By which a sealed data key names the key that opens it: to tell a wrong key from a changed row."""
NONCE_BYTES: Final = 12
"""Random ones: safe for 2^32 seals under one key (NIST SP 800-38D section 8.3)."""
PADDED_BYTES: Final = 512
"""What is sealed is as long as a multiple of this: a row does not tell how long a password is."""
_FORMAT: Final = b"\x01"

Entropy = Callable[[int], bytes]
Overwrite = Callable[[bytes], None]
"""Of what nobody looks at any more."""


class NotOpened(Exception):  # noqa: N818 - named as the fact it is
    """``other_key``: it was sealed by another key than any that is given. Else it was changed, or moved from another place."""

    def __init__(self, *, other_key: bool) -> None:
        super().__init__("sealed by another key" if other_key else "changed, or moved from another place")
        self.other_key = other_key


class VaultKey:
    """The key that seals data keys. ``id`` tells it from others and nothing of itself."""

    __slots__ = ("_aead", "id")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a vault's key has {KEY_BYTES} bytes")
        self._aead = AESGCM(_derived(key, b"idlebell vault 1", KEY_BYTES))
        self.id: Final = _derived(key, b"idlebell vault key id 1", ID_BYTES)

    def seal(self, data_key: bytes, subscription: SubscriptionId, account: AccountId, entropy: Entropy) -> bytes:
        head, nonce = _FORMAT + self.id, entropy(NONCE_BYTES)
        return head + nonce + self._aead.encrypt(nonce, data_key, _place_of_key(head, subscription, account))

    def opens(self, row: Vaulted) -> bool:
        """Does it say so of itself?"""
        return row.key[: 1 + ID_BYTES] == _FORMAT + self.id

    def open(self, row: Vaulted) -> bytes:
        """The data key."""
        if not self.opens(row):
            raise NotOpened(other_key=True)
        start = 1 + ID_BYTES
        head, nonce, rest = row.key[:start], row.key[start : start + NONCE_BYTES], row.key[start + NONCE_BYTES :]
        return _opened(self._aead, nonce, rest, _place_of_key(head, row.subscription, row.account))

    def resealed(self, row: Vaulted, by: VaultKey, entropy: Entropy) -> Vaulted:
        """The same set under another key. What it holds is not opened."""
        return Vaulted(
            row.subscription, row.account, by.seal(self.open(row), row.subscription, row.account, entropy), row.content
        )

    def __repr__(self) -> str:
        return "VaultKey(…)"


class Vault:
    """``key`` seals and opens; ``older`` open, too: one of a change of keys that was broken off. ``entropy`` gives that many
    random bytes. ``overwrite`` is done to what was written out in clear."""

    __slots__ = ("_entropy", "_keys", "_overwrite")

    def __init__(self, key: VaultKey, *older: VaultKey, entropy: Entropy, overwrite: Overwrite) -> None:
        self._keys = (key, *older)
        self._entropy = entropy
        self._overwrite = overwrite

    def seal(
        self,
        subscription: SubscriptionId,
        account: Account,
        credentials: PasswordCredentials | RenewableCredentials,
        refresh_token: Secret | None = None,
    ) -> Vaulted:
        """``refresh_token``: one that is to follow the one in ``credentials``."""
        data_key, nonce = self._entropy(KEY_BYTES), self._entropy(NONCE_BYTES)
        written = _encode(_written(credentials, refresh_token))
        plain = written + b" " * (-len(written) % PADDED_BYTES)
        self._overwrite(written)
        content = AESGCM(data_key).encrypt(nonce, plain, _place(subscription, account))
        self._overwrite(plain)
        key = self._keys[0].seal(data_key, subscription, account.id, self._entropy)
        return Vaulted(subscription, account.id, key, _FORMAT + nonce + content)

    def open(self, row: Vaulted, account: Account) -> Credentials:
        """NotOpened: they are not to be had. ``account``: as it stands now."""
        key = next((one for one in self._keys if one.opens(row)), None)
        if key is None:
            raise NotOpened(other_key=True)
        data_key = key.open(row)
        start = len(_FORMAT)
        nonce, rest = row.content[start : start + NONCE_BYTES], row.content[start + NONCE_BYTES :]
        if row.content[:start] != _FORMAT or len(data_key) != KEY_BYTES:
            raise NotOpened(other_key=False)
        plain = _opened(AESGCM(data_key), nonce, rest, _place(row.subscription, account))
        try:
            return _read(plain)
        finally:
            self._overwrite(plain)

    def __repr__(self) -> str:
        return "Vault(…)"


def _written(
    credentials: PasswordCredentials | RenewableCredentials, refresh_token: Secret | None
) -> dict[str, str | None]:
    if isinstance(credentials, PasswordCredentials):
        return {"password": credentials.password.text()}
    secret = credentials.client_secret
    return {
        "refresh_token": (refresh_token or credentials.refresh_token).text(),
        "token_url": credentials.token_url.reveal(),
        "client_id": credentials.client_id,
        "client_secret": None if secret is None else secret.text(),
    }


def _read(plain: bytes) -> Credentials:
    """Nobody but the holder of the key wrote it; it may be a newer program's."""
    try:
        given: dict[str, Any] = _decode(plain)
        if "password" in given:
            return PasswordCredentials(Secret(given["password"]))
        secret = given["client_secret"]
        return RenewableCredentials(
            Secret(given["refresh_token"]),
            PushUrl(given["token_url"]),
            given["client_id"],
            None if secret is None else Secret(secret),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotOpened(other_key=False) from None


def _encode(given: dict[str, str | None]) -> bytes:
    """Straight to bytes, which can be overwritten, as a string in between cannot."""
    try:
        return msgspec.json.encode(given)
    except UnicodeEncodeError:  # half of a surrogate pair: only as an escape
        return json.dumps(given).encode("ascii")


def _decode(plain: bytes) -> Any:
    try:
        return msgspec.json.decode(plain)
    except msgspec.DecodeError:
        return json.loads(plain)


def _place(subscription: SubscriptionId, account: Account) -> bytes:
    target = account.target
    of_account = (account.id, target.host, target.port, target.tls.value, account.username)
    # Whose it was given for: others get nothing. Authorities are not trust on first use that has seen no key yet.
    keys = (identity(target.trust), *(key.hex() for key in keys_of(target.trust) or ()))
    return json.dumps(["idlebell vault content 1", subscription, *of_account, *keys]).encode("ascii")


def _place_of_key(head: bytes, subscription: SubscriptionId, account: AccountId) -> bytes:
    return head + json.dumps(["idlebell vault key 1", subscription, account]).encode("ascii")


def _opened(aead: AESGCM, nonce: bytes, sealed: bytes, place: bytes) -> bytes:
    try:
        return aead.decrypt(nonce, sealed, place)
    except (InvalidTag, ValueError):
        raise NotOpened(other_key=False) from None


def _derived(key: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(key)
