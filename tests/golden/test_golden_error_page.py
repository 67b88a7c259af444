"""The manual's page of errors is made from the one table. Set IDLEBELL_RECORD_GOLDEN=1 to write it again on purpose."""

from __future__ import annotations

import os
from pathlib import Path

from idlebell.model.problem import PROBLEMS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "errors.md"

HEAD = """\
# Errors

Every answer that is no success is `application/problem+json` (RFC 9457): `type` is `/problems/CODE` and stable, `title`,
`status`, `detail`, `mend` (what to do, as below), and for a body with faults `errors` with a JSON pointer each. The same
codes are labels of metrics (with `_` for `-`) and stand in the log.

"Retry" says what comes next by itself: `never` (the same again has the same end), `soon` (a pause that grows from seconds),
`later` (one that grows from minutes).

| code | status | what it means | what to do | blame | retry |
|---|---|---|---|---|---|
"""


def spelled() -> str:
    rows = [
        f"| `{one.code}` | {one.http_status} | {one.title} | {one.mend} | {one.blame.value} | {one.retry.value} |\n"
        for one in PROBLEMS.values()
    ]
    return HEAD + "".join(rows)


def test_the_page_of_errors_is_the_table() -> None:
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        PAGE.write_text(spelled())
    assert PAGE.read_text() == spelled()
