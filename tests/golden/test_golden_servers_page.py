"""The page of servers has the rows of the suite that writes it, and says nothing that the suite does not expect."""

from __future__ import annotations

import pytest

from servers.behaviour_page import NOTHING, PAGE, Page
from servers.behaviours import BEHAVIOURS, RUNS, expected


def test_page_is_in_the_form_that_the_suite_writes() -> None:
    text = PAGE.read_text()
    assert str(Page(text)) == text, "write it: ./run test tests/servers/test_servers_behaviours.py --write-servers-page"


@pytest.mark.parametrize("server", RUNS)
def test_each_cell_is_as_expected(server: str) -> None:
    page = Page(PAGE.read_text())
    for way in RUNS[server]:
        column = page.column(server, way.name)
        assert list(column) == [one.name for one in BEHAVIOURS]
        for one in BEHAVIOURS:
            assert column[one.name] in (NOTHING, expected(server, one)), (server, way.name, one.name)


def test_each_behaviour_was_seen_somewhere() -> None:
    seen = {name for (_, _, name), cell in Page(PAGE.read_text()).cells.items() if cell != NOTHING}
    assert seen == {one.name for one in BEHAVIOURS}
