"""Which families register, as ``[front] webpush`` says. Two dialects have the same capability and cannot both be offered; our
own entries are below a name of ours, and always are."""

from __future__ import annotations

from typing import Literal

from idlebell.front.coi import Coi
from idlebell.front.draft import Draft
from idlebell.front.metadata import Metadata
from idlebell.front.own import Own
from idlebell.front.registering import Registering


def dialects(webpush: Literal["coi", "draft", "off"], registering: Registering) -> tuple[Own, ...]:
    match webpush:
        case "coi":
            return Coi(registering), Metadata(registering)
        case "draft":
            return Draft(registering), Metadata(registering)
        case "off":
            return (Metadata(registering),)
