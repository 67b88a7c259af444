"""Oddities of real servers that the code allows for, each with a name, so that it can be found and deleted one day.

A quirk that needs to be told beforehand has a way to be recognised (:func:`detect`); the others show themselves, and the
code that meets them names them in a comment. Marks name a maker or a provider, not a version: what is recognised is that
the server *may* be so. The table is :data:`QUIRKS`; each has a dialogue in ``tests/transcripts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idlebell.imap.quirk import Quirk
from idlebell.imap.quirk_table import QUIRKS

__all__ = ["BY_NAME", "ID_BEFORE_SELECT", "QUIRKS", "Quirk", "detect"]

BY_NAME: Final[Mapping[str, Quirk]] = MappingProxyType({quirk.name: quirk for quirk in QUIRKS})

ID_BEFORE_SELECT: Final = BY_NAME["id-before-select"]
"""The quirks that code asks for have a constant each."""


def detect(greeting_text: str, capabilities: frozenset[str], host: str) -> frozenset[Quirk]:
    """What the server at ``host`` may have that greeted so and lists these capabilities (upper-cased)."""
    return frozenset(quirk for quirk in QUIRKS if quirk.fits(greeting_text, capabilities, host))
