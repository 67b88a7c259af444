"""What a mail server's report tells of a message, and which rules cannot do with that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idlebell.model.source import Form
from idlebell.rules.rule import Needs


@dataclass(frozen=True, slots=True)
class Telling:
    """``headers``: fields that it brings, in lower case; None: any."""

    headers: frozenset[str] | None
    flags: bool
    size: bool


TELLS: Final[Mapping[Form, Telling]] = MappingProxyType(
    {
        Form.OX: Telling(frozenset({"from", "subject"}), flags=False, size=False),
        # Dovecot's event holds no size, and its script cannot open the mailbox that is being written.
        Form.LUA: Telling(frozenset({"from", "to", "subject", "message-id"}), flags=True, size=False),
        Form.SIGNED: Telling(None, flags=True, size=True),
    }
)


def untold(form: Form, needs: Needs) -> tuple[str, ...]:
    """What of ``needs`` a report of this form does not tell, each as it ends the sentence "it needs …"."""
    tells = TELLS[form]
    found = []
    if tells.headers is not None and (missing := needs.headers - tells.headers):
        found.append("the header fields " + ", ".join(sorted(missing)))
    if needs.flags and not tells.flags:
        found.append("flags and keywords")
    if needs.size and not tells.size:
        found.append("the size")
    if needs.text:
        found.append("the text")
    elif needs.structure:
        found.append("the structure")
    return tuple(found)
