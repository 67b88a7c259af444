"""What a source's key file holds. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from idlebell.model.secret import Secret
from idlebell.model.source import Form

KEY_CHARACTERS_MIN: Final = 22
"""128 bits in base64: a key is made, not thought up."""
SECRET_BYTES: Final = (24, 64)
"""Standard Webhooks 1.0.0."""
_PREFIX: Final = "whsec_"


def read_key(content: bytes, form: Form) -> Secret:
    """ValueError: the end of a sentence that begins with the file."""
    text = content.decode("latin-1").strip()
    if form is not Form.SIGNED:
        if re.fullmatch(rf"[!-~]{{{KEY_CHARACTERS_MIN},200}}", text) is None:
            raise ValueError(
                f"must hold one line of at least {KEY_CHARACTERS_MIN} visible ASCII characters: openssl rand -hex 32"
            )
        return Secret(text)
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    least, most = SECRET_BYTES
    if not text.startswith(_PREFIX) or not least <= len(secret) <= most:
        raise ValueError(f"must hold {_PREFIX} and {least} to {most} bytes in base64: openssl rand -base64 32")
    return Secret(secret)
