"""The source as a tool sees it: modules, their trees, what they import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"

PURE_PACKAGES = ("cost", "discover", "imap", "model", "push", "rules")
PURE_MODULES = (
    "watch.cadence",
    "watch.detect",
    "watch.diagnose",
    "watch.recovery",
    "watch.strategy",
    "watch.lapses",
    "watch.census",
    "watch.identity",
    "watch.flood",
    "watch.reported",
    "deliver.retry",
    "login.admission",
    "login.identity",
    "login.mechanism",
    "login.pacing",
    "login.refusal",
    "login.vault",
)


@dataclass(frozen=True, slots=True)
class Module:
    name: str
    """``imap.client``: without the package's own name, which is ``""``."""
    path: str
    """``imap/client.py``."""
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def pure(self) -> bool:
        return self.package in PURE_PACKAGES or self.name in PURE_MODULES

    def imported(self) -> set[str]:
        """Every module named in an import, wherever it stands; ours begin with ``idlebell``."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                found.add(node.module)
                found.update(f"{node.module}.{alias.name}" for alias in node.names)
        return found

    def imports(self, *foreign: str) -> bool:
        """Whether one of these, or a part of it, is imported directly."""
        return not {name.partition(".")[0] for name in self.imported()}.isdisjoint(foreign)


def _modules() -> Iterator[Module]:
    house = SRC / "idlebell"
    for file in sorted(house.rglob("*.py")):
        path = file.relative_to(house)
        parts = path.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = file.read_text()
        yield Module(name, path.as_posix(), text, ast.parse(text))


MODULES = tuple(_modules())
