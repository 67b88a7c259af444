"""The bytes of a body as plain values, bounded. A message here holds nothing of a body, for it could be a password that slipped
into the wrong place. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl

from idlebell.rest.limits import MAX_FORM_FIELDS
from idlebell.rest.problems import refuse

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
FORM = "application/x-www-form-urlencoded"


def essence(content_type: str) -> str:
    """Of a Content-Type header, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def decode_form(data: bytes | bytearray) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            data.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:
        raise refuse("invalid-request", "The body is not a form in UTF-8.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise refuse("invalid-request", "The body names a field twice.")
    return fields
