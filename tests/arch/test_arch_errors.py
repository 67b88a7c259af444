"""The one table of errors is whole: what is used stands in it, what stands in it is used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from arch.source import MODULES, ROOT
from idlebell.model.problem import PROBLEMS

MADE_BY = {"Fault", "Problem", "refuse", "_refused"}
"""What takes a code as its first argument."""

NAMES_ALL = {"model/problem.py", "rest/operations.py", "rest/openapi.py"}
"""The table itself, and the list of what each route may answer: to be named there is not to be used."""

AWAITED: dict[str, str] = {}
"""Codes of the interface that nothing says yet, and what will."""


def codes_made() -> Iterator[tuple[str, str]]:
    """Place and code of each that is spelled where a fault or problem is made."""
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MADE_BY and node.args:
                code = node.args[0]
                if isinstance(code, ast.Constant) and isinstance(code.value, str):
                    yield f"{module.path}:{node.lineno}", code.value


def words_said() -> set[str]:
    """Every string constant outside of the modules that name all codes."""
    return {
        node.value
        for module in MODULES
        if module.path not in NAMES_ALL
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_code_that_is_made_stands_in_the_table() -> None:
    made = list(codes_made())
    assert len(made) > 50
    assert [place for place, code in made if code not in PROBLEMS] == []


def test_every_code_of_the_table_is_used_or_awaited() -> None:
    unused = PROBLEMS.keys() - words_said()
    assert unused == AWAITED.keys(), "an entry that is used now leaves the list of those awaited"


def test_no_two_codes_have_one_label() -> None:
    assert len({entry.label for entry in PROBLEMS.values()}) == len(PROBLEMS)


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_code_stands_in_the_manual(code: str) -> None:
    assert f"| `{code}` | {PROBLEMS[code].http_status} |" in (ROOT / "docs/reference/errors.md").read_text()
