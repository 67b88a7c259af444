"""How a source shows itself: HTTP Basic (RFC 7617) or a signature of Standard Webhooks. Pure; ``now`` is in seconds since the
epoch.

Whatever is shown, as much is compared, and in constant time: nobody learns which sources there are, nor how far a key is right
(CWE-208).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final

from idlebell.model.problem import Problem, ProblemError
from idlebell.model.source import Form, Source
from idlebell.push.webhook import verifies

SIGNED_WITHIN_SECONDS: Final = 300
"""Of a signature, either way: Standard Webhooks' own tolerance. A repeat within it is decided on already, and rings no more."""
ID_CHARACTERS: Final = 200
SIGNATURE_CHARACTERS: Final = 1_000
_NO_KEY: Final = b"\0" * 32


def by_password(sources: Iterable[Source], authorization: str) -> Source:
    """ProblemError ``unauthorized``."""
    scheme, _, value = authorization.strip().partition(" ")
    try:
        shown = base64.b64decode(value.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        shown = b""
    name, _, password = shown.partition(b":")
    found = None
    for source in sources:
        named = hmac.compare_digest(source.name.encode("ascii"), name)
        if hmac.compare_digest(source.key.reveal(), password or _NO_KEY) & named and source.form is not Form.SIGNED:
            found = source
    if found is None:
        raise ProblemError(Problem("unauthorized", "No mail server with this name and key reports here."))
    return found


def by_signature(
    sources: Mapping[str, Source], name: str, headers: Mapping[str, str], body: bytes, now: float
) -> Source:
    """``name``: whom the request says that it is of. ProblemError ``unauthorized``."""
    source = sources.get(name)
    secret = _NO_KEY if source is None else source.key.reveal()
    message_id, signature = headers.get("webhook-id", ""), headers.get("webhook-signature", "")
    spelled = headers.get("webhook-timestamp", "")
    timestamp = int(spelled) if re.fullmatch(r"[0-9]{1,12}", spelled) else 0
    readable = message_id.isascii() and 0 < len(message_id) <= ID_CHARACTERS and len(signature) <= SIGNATURE_CHARACTERS
    right = readable and verifies(message_id, timestamp, body, signature, secret)
    if not right or source is None or source.form is not Form.SIGNED:
        raise ProblemError(Problem("unauthorized", "The signature is not that of a mail server that reports here."))
    if abs(now - timestamp) > SIGNED_WITHIN_SECONDS:
        raise ProblemError(Problem("unauthorized", "The signature is too old, or the clocks differ by minutes."))
    return source
