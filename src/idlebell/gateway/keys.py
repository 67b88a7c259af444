"""A subscription's key: what makes the same registration the same subscription. Pure."""

from __future__ import annotations

from idlebell.model.account import ImapTarget
from idlebell.model.endpoint import Endpoint
from idlebell.model.ids import ApiKeyId
from idlebell.model.trust import identity


def key_material(owner: ApiKeyId | None, target: ImapTarget, username: str, new_mail: Endpoint) -> bytes:
    """What is digested: each part with its length, so that no two different keys are spelled alike. The user name counts
    byte for byte; the host is an A-label in lower case already."""
    parts = [owner or "", target.host, str(target.port), username, new_mail.kind, new_mail.url.reveal()]
    if trust := identity(target.trust):
        parts.append(trust)
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return b"subscription key\0" + b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
