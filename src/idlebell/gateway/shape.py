"""What all shapes have in common (:mod:`idlebell.gateway.shapes`)."""

from __future__ import annotations

import msgspec


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass
