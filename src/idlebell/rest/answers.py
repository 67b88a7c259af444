"""Views as JSON answers."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Response


def answer(view: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response[bytes]:
    """Times are in UTC and end in Z."""
    return Response(msgspec.json.encode(view), status_code=status, media_type="application/json", headers=headers)
