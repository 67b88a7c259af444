"""What mail servers report. The JSON of ``/v1/ingest`` has these shapes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from idlebell.gateway.shape import Shape
from idlebell.gateway.shapes import UID_MAX

FLAGS_MAX = 100
HEADERS_MAX = 50
SIZE_MAX = 2**53 - 1

_Number = Annotated[int, msgspec.Meta(ge=1, le=UID_MAX)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
_Flags = Annotated[list[Annotated[str, msgspec.Meta(max_length=250)]], msgspec.Meta(max_length=FLAGS_MAX)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=UID_MAX)]


class DeliveryReport(Shape, frozen=True, kw_only=True):
    """POST /v1/ingest. ``flags``, ``size`` and ``headers``: what is left out counts as not there, for filters too."""

    source: str
    user: _Name
    mailbox: _Name = "INBOX"
    uid_validity: _Number
    uid: _Number
    flags: _Flags = msgspec.field(default_factory=list)
    size: Annotated[int, msgspec.Meta(ge=0, le=SIZE_MAX)] | None = None
    headers: Annotated[dict[str, str], msgspec.Meta(max_length=HEADERS_MAX)] = msgspec.field(default_factory=dict)
    preview: str | None = None
    unseen: _Count | None = None


class DovecotReport(Shape, frozen=True, kw_only=True, rename="kebab"):
    """PUT /v1/ingest/dovecot: the driver ``ox`` up to ``unseen``, and what our script for ``lua`` adds. Other members are
    passed over."""

    user: _Name
    event: str
    folder: _Name
    imap_uidvalidity: _Number
    imap_uid: _Number
    from_: str | None = msgspec.field(name="from", default=None)
    subject: str | None = None
    snippet: str | None = None
    unseen: _Count | None = None
    to: str | None = None
    message_id: str | None = None
    flags: _Flags | None = None
    keywords: _Flags | None = None
