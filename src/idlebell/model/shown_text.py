"""Words of a stranger (a server, a certificate, a mail) on their way to a user: harmless, on one line, not endless."""

from __future__ import annotations

from typing import Final

SHOWN_CHARACTERS: Final = 200
"""Of one text."""
ALERT_CHARACTERS: Final = 500
"""Of what a server says in an ALERT: the user is to read it, and there may be a URL at its end."""


def shown(text: str, characters: int = SHOWN_CHARACTERS) -> str:
    """Without control and format characters (which hide or turn text), white space folded, cut at ``characters``."""
    printable = "".join(one if one.isprintable() else " " for one in text[: 4 * characters])
    return cut(" ".join(printable.split()), characters)


def quoting(sentence: str, text: str, characters: int = SHOWN_CHARACTERS) -> str:
    """``sentence`` (without its full stop) and behind a colon what the stranger said, if that is anything."""
    words = shown(text, characters)
    return f"{sentence}: {words}" if words else f"{sentence}."


def cut(text: str, characters: int) -> str:
    """At most so many characters, the last one an ellipsis where something is left out."""
    return text if len(text) <= characters else text[: characters - 1].rstrip() + "…"
