"""Who imports what, beyond the layers that import-linter holds."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable

import pytest

from arch.source import MODULES, PURE_MODULES, ROOT, Module

KEPT_IN = {
    "sqlite3": ("store",),
    "ssl": ("net", "testing"),
    "nats": ("store",),
    "litestar": ("rest",),
    "uvicorn": ("rest",),
    "aiohttp": ("testing", "demo", "client"),
    "httptools": ("net",),
    "aiodns": ("net",),
    "prometheus_client": ("telemetry",),
    "logging": ("telemetry",),
    "click": ("cli",),
    "subprocess": ("cli", "net"),  # cli: the command that gives a password
}
"""What stays within a package, however it is imported."""

IMPURE = {
    "asyncio",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
IMPURE |= {"aiohttp", "click", "litestar", "uvicorn", "uvloop"}
"""I/O, clocks, randomness, waiting."""

VOCABULARY = {
    "": "the version",
    "deliver": "its docstring",
    "login": "its docstring",
    "net": "its docstring",
    "net.errors": "what can go wrong below, as types",
    "net.tls_mends": "a table of sentences",
    "store": "its docstring",
    "store.ahead": "a part of the store's contract",
    "store.taking": "a part of the store's contract",
    "store.allowances": "a part of the store's contract",
    "store.contract": "the types of what is stored",
    "store.daybook": "a part of the store's contract",
    "store.grants": "a part of the store's contract",
    "store.keys": "a part of the store's contract",
    "store.learnings": "a part of the store's contract",
    "store.reminders": "a part of the store's contract",
    "store.scrubbing": "a part of the store's contract",
    "store.trusting": "a part of the store's contract",
    "store.vaulted": "a part of the store's contract",
    "watch": "its docstring",
}
"""What pure modules may lean on outside of themselves. It must be as pure as they are."""

OURS = {f"idlebell.{module.name}".rstrip("."): module for module in MODULES}


def leaned_on(module: Module) -> set[str]:
    """Every module of ours that is loaded when ``module`` is, with the packages around it."""
    found: set[str] = set()
    todo = [module.name]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        todo += around(name)
        todo += [OURS[full].name for full in OURS[f"idlebell.{name}".rstrip(".")].imported() if full in OURS]
    return found - {module.name}


def around(name: str) -> Iterable[str]:
    while name:
        name = name.rpartition(".")[0]
        yield name


def foreign(module: Module) -> set[str]:
    return {name.partition(".")[0] for name in module.imported()} - {"idlebell"}


def test_the_pure_modules_that_are_named_exist() -> None:
    assert set(PURE_MODULES) <= {module.name for module in MODULES}


@pytest.mark.parametrize("module", [one for one in MODULES if one.pure], ids=lambda module: module.path)
def test_a_pure_module_leans_on_pure_ones_only(module: Module) -> None:
    loaded = [OURS[f"idlebell.{name}".rstrip(".")] for name in leaned_on(module)]
    assert {one.name for one in loaded if not one.pure} <= VOCABULARY.keys()
    assert {one.path: foreign(one) & IMPURE for one in (module, *loaded) if foreign(one) & IMPURE} == {}


@pytest.mark.parametrize("library", sorted(KEPT_IN))
def test_a_library_stays_where_it_belongs(library: str) -> None:
    strays = [one.path for one in MODULES if one.imports(library) and one.package not in KEPT_IN[library]]
    assert strays == []


def test_no_metric_is_named_outside_of_telemetry() -> None:
    """Metrics are made from facts; whoever has something to count emits one."""
    listed = (ROOT / "tests/golden/metrics.txt").read_text().splitlines()
    metrics = {line.split()[2] for line in listed if line.startswith("# TYPE ")}
    assert len(metrics) > 10
    found = [
        f"{module.path}: {node.value}"
        for module in MODULES
        if module.package != "telemetry"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and node.value in metrics
    ]
    assert found == []


def test_what_is_imported_is_named_as_a_dependency() -> None:
    """Not left to what another package happens to bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    named = {line.split(">")[0].split(";")[0].strip().replace("-", "_") for line in lines}
    imported = set().union(*(foreign(module) for module in MODULES)) - sys.stdlib_module_names - {"__future__"}
    assert imported <= named
    assert named - imported <= {"httptools", "tzdata"}, "uvicorn's parser, chosen by name; data of zoneinfo's"


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    assert {line.split(">")[0] for line in project["dependencies"]} <= locked
