"""The page of quirks is the table. IDLEBELL_RECORD_GOLDEN=1 writes it again on purpose."""

from __future__ import annotations

import os
from pathlib import Path

from idlebell.imap.quirks import QUIRKS, Quirk
from transcripts.transcript import load_all

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "quirks.md"

HEAD = """\
# Quirks of IMAP servers

What servers do that the RFCs do not say, or that matters to who watches a mailbox, by name: logs, comments and tests use
these names. Each is told from what the server says; "known by" is what shows beforehand that a server may be so, and nothing
there means that it shows itself. The dialogues are in `tests/transcripts`; one that nobody could hear is put together from
what others tell, which its first lines say.

| quirk | servers | what happens, and what Idlebell does | rule | known by | dialogue |
|---|---|---|---|---|---|
"""


def spelled() -> str:
    shown: dict[str, list[str]] = {}
    for transcript in load_all():
        for name in transcript.quirks:
            shown.setdefault(name, []).append(f"{transcript.name}{' (constructed)' if transcript.constructed else ''}")
    return HEAD + "".join(_row(quirk, shown[quirk.name]) for quirk in QUIRKS)


def _row(quirk: Quirk, dialogues: list[str]) -> str:
    marks = [f'greeting "{mark}"' for mark in quirk.greeting]
    marks += [f"`{capability}`" for capability in sorted(quirk.capabilities)]
    marks += quirk.hosts
    cells = (
        f"`{quirk.name}`",
        quirk.servers,
        quirk.sentence,
        quirk.against,
        ", ".join(marks),
        ", ".join(dialogues),
    )
    return "| " + " | ".join(cells) + " |\n"


def test_the_page_of_quirks_is_the_table() -> None:
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        PAGE.write_text(spelled())
    assert PAGE.read_text() == spelled()
