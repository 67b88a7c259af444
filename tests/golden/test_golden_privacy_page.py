"""The manual's page of privacy names every table and every column there is, and none that there is not."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from idlebell.store.sqlite.opening import schema_versions, statements

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / "privacy.md").read_text()
LIES = {"clear", "sealed", "digest"}


def test_the_page_names_every_column_of_the_database() -> None:
    told: dict[str, set[str]] = {}
    for section in PAGE.partition("## In the database")[2].split("\n### ")[1:]:
        head, _, body = section.partition("\n")
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[:3] == "| `"
        ]
        assert {row[1] for row in rows} <= LIES, head
        for table in head.split(", "):
            told[table] = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert told == schema()


def schema() -> dict[str, set[str]]:
    connection = sqlite3.connect(":memory:")
    try:
        for script in schema_versions().values():
            for statement in statements(script):
                connection.execute(statement)
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {table: {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} for (table,) in tables}
    finally:
        connection.close()
