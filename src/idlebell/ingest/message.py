"""What a report tells of a message, as if a session had fetched it: the same rules read it then. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from idlebell.imap.responses import FetchData, Section
from idlebell.rules.evidence import HEADER_BYTES

_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
"""RFC 5322 section 2.2; a name fits a line."""
_ENDS_A_FIELD: Final = re.compile(r"[\r\n\0]+")


def message_of(
    uid: int,
    now: datetime,
    *,
    headers: Mapping[str, str | None],
    flags: Iterable[str] | None = None,
    size: int | None = None,
    preview: str | None = None,
) -> FetchData:
    """``flags`` None: they are not told. It is dated now: a report is made while the message is delivered."""
    fields = b"".join(
        name.encode("ascii") + b": " + _value(value) + b"\r\n"
        for name, value in headers.items()
        if value is not None and _FIELD_NAME.fullmatch(name)
    )
    names = " ".join(name.upper() for name in headers if _FIELD_NAME.fullmatch(name))
    return FetchData(
        number=0,
        uid=uid,
        flags=None if flags is None else tuple(flags),
        internal_date=now,
        size=size,
        sections=(Section(f"BODY[HEADER.FIELDS ({names})]", None, fields + b"\r\n"),),
        preview=None if preview is None else preview.encode("utf-8", "replace"),
    )


def _value(value: str) -> bytes:
    """On one line, whatever is in it: no value may begin another field."""
    return _ENDS_A_FIELD.sub(" ", value).encode("utf-8", "replace")[:HEADER_BYTES]
