"""What every test may use, and the rule that nothing is skipped silently.

A test that needs a part of the machine says so with ``@pytest.mark.needs("gcore")`` or by taking a fixture of that name
(``dovecot``, ``cyrus``, ``courier``, ``firefox``, ``chromium``). Where the part is missing the test is reported as not run,
with the reason, at the end of the run; ``--all`` makes a failure of it. Any other skip is treated the same way.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from browser.axe import why_not_axe
from browser.programs import why_not_chromium, why_not_firefox
from faults.cable import why_not_cable
from interop.npm_packages import why_not_npm_packages
from servers.courier_server import CourierServer, why_not_courier
from servers.cyrus_server import CyrusServer, why_not_cyrus
from servers.dovecot_server import DovecotServer, why_not_dovecot, why_not_sieve
from servers.mbsync import why_not_mbsync
from servers.node import why_not_node
from servers.telephone import why_not_twinkle
from servers.tls_stacks import why_not_gnutls, why_not_java

# How long an example takes says how busy the machine is; what must not take long has a test of its own.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

NOT_RUN = "not run: "
NOTICED = "noticed"
ROOM = "IDLEBELL_TESTS_ROOM"
"""Environment variable: the folder of the locks that keep serial tests alone."""


def _why_not_root() -> str | None:
    return None if os.geteuid() == 0 else "it needs root"


def _why_not_gcore() -> str | None:
    return None if shutil.which("gcore") else "gcore is missing (Debian package gdb)"


def _why_not_door_inside() -> str | None:
    """All tests can be run with gateways whose door is a process of its own; some look at what is that process's then."""
    return "the door is a process of its own" if os.environ.get("IDLEBELL_CREDENTIALS__DOOR") == "process" else None


PARTS: dict[str, Callable[[], str | None]] = {
    "dovecot": why_not_dovecot,
    "cyrus": why_not_cyrus,
    "courier": why_not_courier,
    "sieve": lambda: why_not_dovecot() or why_not_sieve(),
    "root": _why_not_root,
    "gcore": _why_not_gcore,
    "door-inside": _why_not_door_inside,
    "gnutls": why_not_gnutls,
    "java": why_not_java,
    "cable": why_not_cable,
    "firefox": why_not_firefox,
    "chromium": why_not_chromium,
    "axe": why_not_axe,
    "node": why_not_node,
    "npm-packages": why_not_npm_packages,
    "twinkle": why_not_twinkle,
    "mbsync": why_not_mbsync,
}
"""What a test can need, and why it is not here (None: it is)."""
_FIXTURES = {"dovecot", "cyrus", "courier", "firefox", "chromium"}
"""Who takes one needs the part of that name."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="a test that cannot run here is a failure")
    parser.addoption("--behaviour", metavar="WORDS", help="of the behaviours on real servers only those so named")
    parser.addoption(
        "--write-servers-page", action="store_true", help="put what is seen into docs/reference/servers.md"
    )
    parser.addoption("--write-pictures", action="store_true", help="put what a browser shows into docs/images")
    parser.addoption("--uvloop", action="store_true", help="the loop that serves use, not asyncio's own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for part in sorted(_FIXTURES.intersection(getattr(item, "fixturenames", ()))):
            item.add_marker(pytest.mark.needs(part))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """What takes long begins first, so that no worker is left with it at the end. What must be alone comes last, one after
    the other: in between each would wait for all that is under way."""
    if item.get_closest_marker("serial") is not None:
        return 2
    return 0 if item.get_closest_marker("long") is not None else 1


def pytest_configure(config: pytest.Config) -> None:
    """The first process, not the workers that it starts, makes the folder of the locks and removes it."""
    if config.getoption("--uvloop"):
        config.pluginmanager.register(_OnUvloop())
    if not hasattr(config, "workerinput"):
        folder = tempfile.mkdtemp(prefix="idlebell-tests-")
        os.environ[ROOM] = folder
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


class _OnUvloop:
    def pytest_asyncio_loop_factories(self) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
        import uvloop

        return {"uvloop": uvloop.new_event_loop}


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """With several workers: a ``serial`` test has the machine to itself. The others share the room; whoever waits to have
    it alone holds the door shut meanwhile, so it is not put off for ever. The wait is outside of the test's timeout."""
    alone = item.get_closest_marker("serial") is not None
    folder = Path(os.environ[ROOM])
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for part in dict.fromkeys(part for marker in item.iter_markers("needs") for part in marker.args):
        if part not in PARTS:
            raise pytest.UsageError(f"{item.nodeid} needs {part!r}, which tests/conftest.py does not know")
        if (reason := PARTS[part]()) is not None:
            pytest.skip(f"{NOT_RUN}{part}: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--all"):
        report.outcome = "failed"
        report.longrepr = f"--all: {_reason(report)}"
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A failure is named when it happens: a run that is cut off has no summary. Of one that is tried again the summary has
    no more than its name."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    if report.failed:
        sys.stderr.write(f"\nfailed: {report.nodeid} ({report.when})\n")
    elif report.outcome == "rerun":
        sys.stderr.write(f"\ntried again: {report.nodeid} ({report.when})\n{report.longreprtext}\n")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    _show_noticed(terminalreporter)
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section("not run")
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = _reason(report)
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{tests} test{'s' if tests > 1 else ''}: {reason}")


def _show_noticed(terminalreporter: Any) -> None:
    """The table of the fault suite: what came of each fault, and after how long."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    lines = sorted(
        value
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == NOTICED
    )
    if lines:
        terminalreporter.section("faults, and after how long they were noticed")
        for fault, outcome, seconds in lines:
            terminalreporter.write_line(f"{seconds:6.1f} s  {fault}: {outcome}")


def _reason(report: Any) -> str:
    """``Skipped: not run: dovecot: …`` without the words that pytest and we put in front."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(text).removeprefix("Skipped: ").removeprefix(NOT_RUN)


@pytest.fixture
def noticed(record_property: pytest.RecordProperty) -> Callable[[str, str, float], None]:
    """For :mod:`faults`: a line of the table at the end of the run. Fault, what came of it, seconds until it did."""
    return lambda fault, outcome, seconds: record_property(NOTICED, [fault, outcome, seconds])


@pytest.fixture(scope="session")
def dovecot() -> Iterator[DovecotServer]:
    """One Dovecot for all tests of a process: take a user of your own (``dovecot.add_user()``), and do not end it."""
    with DovecotServer() as server:
        yield server


@pytest.fixture(scope="session")
def cyrus() -> Iterator[CyrusServer]:
    """One Cyrus for all tests of a process; as ``dovecot``."""
    with CyrusServer() as server:
        yield server


@pytest.fixture(scope="session")
def courier() -> Iterator[CourierServer]:
    """One Courier for all tests of a process; as ``dovecot``."""
    with CourierServer() as server:
        yield server
