"""How a mail client that registered by a command of IMAP wants to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

VALIDATED_WITHIN: Final = timedelta(minutes=5)
"""How long a code can be read back, and an endpoint waits for it (COI's recommendation); then the registration is dropped."""


class Dialect(StrEnum):
    COI = "coi"
    """METADATA entries of COI's "IMAP WebPush Extension"."""
    DRAFT = "draft"
    """``GETVAPID``, ``WEBPUSH`` and ``ACKWEBPUSH`` of draft-gougeon-imap-webpush."""


@dataclass(frozen=True, slots=True)
class Form:
    """Of what is sent to a Web Push endpoint, where it is not the JSON of the interface. ``name``: the client's for its
    registration. ``note``: what else it wants to read back, as JSON; it means nothing to the gateway."""

    dialect: Dialect
    name: str
    note: str = field(default="", repr=False)
