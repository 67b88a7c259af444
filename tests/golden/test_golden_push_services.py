"""The table of push services is that of the programs. IDLEBELL_RECORD_GOLDEN=1 writes it again on purpose."""

from __future__ import annotations

import os
from pathlib import Path

from idlebell.push.services import ANY, SERVICES, PushService

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "endpoints.md"
HEADING = "### Push services\n"
RULE = "|---|---|---|---|---|---|---|---|---|---|\n"


def row(service: PushService) -> str:
    statuses = (service.accepted, service.gone, service.throttled, service.doubtful)
    cells = (
        f"`{service.name}`",
        ", ".join(service.hosts),
        *(", ".join(map(str, some)) for some in statuses),
        "" if service.plaintext_bytes is None else f"{service.plaintext_bytes:,}",
        ", ".join(f"`{name}: {value}`" for name, value in service.headers),
        service.facts,
        service.source,
    )
    return "| " + " | ".join(cells) + " |\n"


def test_the_table_of_push_services_is_that_of_the_programs() -> None:
    before, heading, section = PAGE.read_text().partition(HEADING)
    told, rule, rows = section.partition(RULE)
    lines = rows.splitlines(keepends=True)
    length = next((at for at, line in enumerate(lines) if not line.startswith("|")), len(lines))
    spelled = "".join(map(row, (ANY, *SERVICES)))
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        PAGE.write_text(before + heading + told + rule + spelled + "".join(lines[length:]))
        return
    assert "".join(lines[:length]) == spelled
