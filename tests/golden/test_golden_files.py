"""What others build on does not change by accident. ``IDLEBELL_RECORD_GOLDEN=1`` records anew; look at the difference."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

import sieve_cases
from idlebell.cli import main
from idlebell.config import Settings
from idlebell.model.problem import PROBLEMS
from idlebell.rest import openapi
from idlebell.telemetry.prometheus_sink import PrometheusSink

HERE = Path(__file__).parent


def description() -> str:
    document = openapi.document()
    document["info"]["version"] = "X"
    return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"


def help_pages() -> str:
    pages = []

    def add(command: click.Command, names: tuple[str, ...]) -> None:
        shown = CliRunner().invoke(main, [*names[1:], "--help"], prog_name="idlebell", terminal_width=100)
        pages.append(f"$ {' '.join(names)} --help\n{shown.output}")
        if isinstance(command, click.Group):
            context = click.Context(command)
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                add(inner, (*names, name))

    add(main, ("idlebell",))
    return "\n".join(pages)


def defaults() -> str:
    settings = Settings()
    lines = []
    for section in settings.__struct_fields__:
        part = getattr(settings, section)
        if isinstance(part, msgspec.Struct):
            lines += [f"{section}.{key} = {getattr(part, key)!r}" for key in part.__struct_fields__]
        else:
            lines.append(f"{section} = {part!r}")
    return "\n".join(lines) + "\n"


def metrics() -> str:
    exposed = PrometheusSink().exposition().decode()
    # What the process itself is like differs by platform.
    return "\n".join(line for line in exposed.splitlines() if line.startswith("# ") and "idlebell_" in line) + "\n"


def problems() -> str:
    rows = [
        {
            "code": entry.code,
            "status": entry.http_status,
            "title": entry.title,
            "blame": entry.blame.value,
            "retry": entry.retry.value,
            "severity": entry.severity.value,
            "imap": entry.imap_code,
            "mend": entry.mend,
        }
        for entry in PROBLEMS.values()
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


GOLDEN: dict[str, Callable[[], str]] = {
    "openapi.json": description,
    "help.txt": help_pages,
    "defaults.txt": defaults,
    "metrics.txt": metrics,
    "problems.jsonl": problems,
    "sieve.txt": sieve_cases.golden,
}


@pytest.mark.parametrize("name", GOLDEN)
def test_what_others_build_on_is_as_it_was_recorded(name):
    made = GOLDEN[name]()
    path = HERE / name
    if os.environ.get("IDLEBELL_RECORD_GOLDEN") == "1":
        path.write_text(made)
    assert path.read_text() == made
