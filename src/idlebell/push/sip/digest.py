"""The answer to a digest challenge (RFC 3261 section 22; RFC 7616, RFC 8760)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from idlebell.push.exchange import SipRequest, SipResponse

VALUE_CHARACTERS_MAX: Final = 512
"""Of a nonce or realm that we repeat."""
CHALLENGES_MAX: Final = 8

_PARAMETER: Final = re.compile(
    r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*)"|([^\s",]+))\s*(?:,\s*|\Z)'
)
_HEADERS: Final = ((401, "www-authenticate", "Authorization"), (407, "proxy-authenticate", "Proxy-Authorization"))


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # what most phones know


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


_ALGORITHMS: Final[Mapping[str, Callable[[bytes], str]]] = {"SHA-256": _sha256, "MD5": _md5}
"""The best first (RFC 8760 section 2.2)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    realm: str
    nonce: str
    algorithm: str
    qop: bool
    """It takes ``auth``; else the answer is that of RFC 2069."""
    opaque: str | None
    named: bool
    """It names its algorithm."""


def authorization(request: SipRequest, response: SipResponse, cnonce: str) -> tuple[str, str] | None:
    """Header and value. None: there is no password, or no challenge that we can answer."""
    password = request.uri.password
    for status, asked, header in _HEADERS:
        if password is not None and response.status == status:
            challenge = best(response.headers.get(asked, ()))
            return None if challenge is None else (header, _answer(request, challenge, password.text(), cnonce))
    return None


def best(values: Iterable[str]) -> Challenge | None:
    found = [one for value in list(values)[:CHALLENGES_MAX] if (one := read(value)) is not None]
    order = list(_ALGORITHMS)
    return min(found, key=lambda one: order.index(one.algorithm), default=None)


def read(value: str) -> Challenge | None:
    """None: another scheme, malformed, or what we have no part in (``MD5-sess``, ``auth-int`` alone)."""
    scheme, _, rest = value.partition(" ")
    rest = rest.strip()
    if scheme.lower() != "digest":
        return None
    members: dict[str, str] = {}
    at = 0
    while at < len(rest):
        found = _PARAMETER.match(rest, at)
        if found is None:
            return None
        # Quoted as it came: it is repeated as it came.
        members.setdefault(found[1].lower(), found[3] if found[2] is None else found[2])
        at = found.end()
    realm, nonce = members.get("realm"), members.get("nonce")
    algorithm = members.get("algorithm", "MD5").upper()
    offered = [one.strip().lower() for one in members["qop"].split(",")] if "qop" in members else []
    if realm is None or nonce is None or algorithm not in _ALGORITHMS or (offered and "auth" not in offered):
        return None
    if any(len(each) > VALUE_CHARACTERS_MAX or not each.isprintable() for each in members.values()):
        return None
    return Challenge(realm, nonce, algorithm, bool(offered), members.get("opaque"), "algorithm" in members)


def _answer(request: SipRequest, challenge: Challenge, password: str, cnonce: str) -> str:
    hashed = _ALGORITHMS[challenge.algorithm]
    user, uri = unquote(request.uri.user), request.uri.target
    realm = re.sub(r"\\(.)", r"\1", challenge.realm)
    nonce = re.sub(r"\\(.)", r"\1", challenge.nonce)
    who = hashed(f"{user}:{realm}:{password}".encode())
    what = hashed(f"{request.method}:{uri}".encode())
    count = "00000001"
    middle = f"{nonce}:{count}:{cnonce}:auth" if challenge.qop else nonce
    quoted = user.replace("\\", "\\\\").replace('"', '\\"')
    parts = [
        f'username="{quoted}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{hashed(f"{who}:{middle}:{what}".encode())}"',
        *([f"algorithm={challenge.algorithm}"] if challenge.named else []),
        *([f'cnonce="{cnonce}"', "qop=auth", f"nc={count}"] if challenge.qop else []),
        *([] if challenge.opaque is None else [f'opaque="{challenge.opaque}"']),
    ]
    return "Digest " + ", ".join(parts)
