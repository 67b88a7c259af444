"""``docs/reference/servers.md``: what was seen of each behaviour, written by the run that saw it
(``./run test tests/servers/test_servers_behaviours.py --write-servers-page``)."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from servers.behaviours import BEHAVIOURS, DEVIATIONS, RUNS
from servers.courier_server import CourierServer
from servers.cyrus_server import CyrusServer
from servers.dovecot_server import DovecotServer

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "reference" / "servers.md"
TITLES: Final = {"dovecot": DovecotServer.title, "cyrus": CyrusServer.title, "courier": CourierServer.title}
NOTHING: Final = "–"
BEGIN: Final = "<!-- From here on the page is written by the tests. -->\n"


class Page:
    """``cells``: what was seen, by server, way and behaviour. ``head``: what stands above the tables, written by hand."""

    def __init__(self, text: str) -> None:
        self.head, _, tables = text.partition(BEGIN)
        self.cells: dict[tuple[str, str, str], str] = {}
        server, ways = "", list[str]()
        servers = {title: name for name, title in TITLES.items()}
        for line in tables.splitlines():
            if line.startswith("## "):
                server, ways = servers[line.removeprefix("## ")], []
            elif line.startswith("|") and not line.startswith("|---"):
                first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
                if not ways:
                    ways = rest
                else:
                    self.cells.update({(server, way, first): cell for way, cell in zip(ways, rest, strict=True)})

    def column(self, server: str, way: str) -> dict[str, str]:
        return {name: cell for (at, by, name), cell in self.cells.items() if (at, by) == (server, way)}

    def __str__(self) -> str:
        return self.head + BEGIN + "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for server, ways in RUNS.items():
            yield ""
            yield f"## {TITLES[server]}"
            yield ""
            yield f"| | {' | '.join(way.name for way in ways)} |"
            yield "|---" * (1 + len(ways)) + "|"
            for behaviour in BEHAVIOURS:
                cells = (self.cells.get((server, way.name, behaviour.name), NOTHING) for way in ways)
                yield f"| {behaviour.name} | {' | '.join(cells)} |"
            if notes := [f"{name}: {deviation.reason}" for (at, name), deviation in DEVIATIONS.items() if at == server]:
                yield ""
                yield from (f"- {note}" for note in notes)


def write(server: str, way: str, seen: Mapping[str, str | None]) -> None:
    """Puts one column into the page; several processes may at once."""
    with PAGE.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        page = Page(file.read())
        page.cells.update({(server, way, name): sight or NOTHING for name, sight in seen.items()})
        file.seek(0)
        file.truncate()
        file.write(str(page))
