"""The manual's page of costs: its tables and pictures are the program's. IDLEBELL_RECORD_GOLDEN=1 writes them."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from idlebell.cli import main
from idlebell.cost import measured, picture, told
from idlebell.cost.holding import an_hour
from idlebell.cost.ways import Habits, ways

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "explanation" / "cost.md"
RECORD = os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1"
MADE = re.compile(r"(?s)(<!-- made: (\w+) -->\n)(?:.*?\n)??(<!-- end -->)")

USUAL = Habits()
CYRUS = Habits(server="cyrus", server_keepalive_seconds=0)
KINDEST = Habits("cyrus", keepalive_seconds=1_740, server_keepalive_seconds=0)
TITLES = {"dovecot": "Dovecot 2.3", "cyrus": "Cyrus 3.6", "courier": "Courier 5.0"}
COUNTS = (0, 1, 10, 50, 100)
MAILS = 10


def shown(*arguments: str) -> str:
    """What the program prints, as it is typed."""
    result = CliRunner().invoke(main, ["cost", *arguments], prog_name="idlebell")
    assert result.exit_code == 0, result.output
    return f"```console\n$ {' '.join(('idlebell', 'cost', *arguments))}\n{result.output}```\n"


def crossings() -> str:
    return told.break_even_table(
        [
            ("Dovecot, which speaks every 2 min; begun anew every 15 min", USUAL),
            ("the same, told to speak every 29 min", Habits(server_keepalive_seconds=1_740)),
            ("Cyrus, which says nothing by itself; begun anew every 15 min", CYRUS),
            ("Cyrus; begun anew every 29 min", KINDEST),
            ("Cyrus, 29 min; the connection to the push service is there anyway",
             Habits("cyrus", keepalive_seconds=1_740, server_keepalive_seconds=0, shared=True)),
        ]
    )  # fmt: skip


BLOCKS: dict[str, Callable[[], str]] = {
    "example": lambda: shown("--mails-per-day", "10", "--keepalive", "15m"),
    "verdict": lambda: told.correction(USUAL, KINDEST),
    "days": lambda: told.days_table(USUAL, COUNTS),
    "crossings": crossings,
    "steps": lambda: told.steps_table({TITLES[server]: dict(steps) for server, steps in measured.IMAP.items()}),
    "pushes": lambda: told.steps_table({"Firefox": dict(measured.FIREFOX), "played": dict(measured.PLAYED)}),
    "hours": lambda: told.hours_table({TITLES[server]: an_hour(server) for server in measured.CPU}),
}
PICTURES: dict[str, Callable[[], str]] = {
    "cost-bytes.svg": lambda: picture.bytes_a_day(ways(USUAL), told.break_evens(USUAL)),
    "cost-wake-ups.svg": lambda: picture.wakes_a_day(ways(USUAL), MAILS),
}


def test_the_page_of_costs_has_the_figures_of_the_program() -> None:
    text = PAGE.read_text()
    made = MADE.sub(lambda block: block[1] + BLOCKS[block[2]]() + block[3], text)
    if RECORD:
        PAGE.write_text(made)
        text = made
    assert text == made
    assert {block[2] for block in MADE.finditer(text)} == BLOCKS.keys()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_the_one_that_the_program_draws(name: str) -> None:
    path = DOCS / "images" / name
    if RECORD:
        path.write_text(PICTURES[name]())
    assert path.read_text() == PICTURES[name]()
    assert f"](../images/{name})" in PAGE.read_text()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_stays_within_its_frame_and_can_be_read_on_a_phone(name: str) -> None:
    root = ET.fromstring((DOCS / "images" / name).read_text())
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert width <= 480, "15 pixels of it are more than 11 on a screen of 360"
    for one in root.iter("{http://www.w3.org/2000/svg}text"):
        wide = 8.5 * len(one.text or "")
        start = float(one.attrib["x"]) - {"end": wide, "middle": wide / 2}.get(one.attrib["class"].split()[-1], 0)
        assert start >= -4, one.text
        assert start + wide <= width + 4, one.text
        assert 0 < float(one.attrib["y"]) < height, one.text
