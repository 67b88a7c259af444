"""``imap`` answers to its own tests: every line and every branch, before any other test of the house counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OWN_TESTS = ("tests/unit/imap", "tests/dialogues")
"""Those that take the same way each time. The properties come on top: what only chance reaches is not covered."""


def test_every_branch_of_imap_is_taken_by_its_own_tests(tmp_path: Path) -> None:
    """In a process of its own, since modules that are loaded already have run their first lines unseen."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST_"))}
    environment["COVERAGE_FILE"] = str(tmp_path / "coverage")
    coverage = (sys.executable, "-m", "coverage")
    pytest = ("-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-q", "--no-header", *OWN_TESTS)

    tests = _run(environment, *coverage, "run", "--branch", "--source=idlebell.imap", *pytest)
    report = _run(environment, *coverage, "report", "--show-missing", "--skip-covered", "--fail-under=100")

    assert tests.returncode == 0, tests.stdout
    assert report.returncode == 0, report.stdout


def _run(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
