"""A disk that is full, a database that another process has locked: no mail is taken, none is lost, all goes on by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from faults.fault_scene import Scene, scene
from idlebell.store.sqlite import opening
from idlebell.telemetry.facts import StoreFailed
from idlebell.testing import mail

DISK_BYTES = 4 * 1_048_576
LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of four megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not a byte is left on it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = 65_536
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2
    yield
    ballast.unlink()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another process has the database for itself."""
    command = [sys.executable, "-c", LOCKS, str(folder / "idlebell.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        yield
        assert other.stdin is not None
        other.stdin.close()


async def is_ready(stage: Scene) -> bool:
    return (await stage.call("GET", "/readyz")).status == 200


async def is_told(stage: Scene) -> bool:
    answer = await stage.call("GET", "/readyz")
    return answer.status == 503 and answer.type == "store-unavailable"


async def nothing_is_lost(stage: Scene, folder: Path, trouble: object) -> None:
    """Mail comes before, while and after the store can take nothing; each rings once, and no session is lost for it."""
    await stage.healthy("alice")
    await stage.rings("alice")
    stage.server.add_user("bob", "right")
    taken = len(stage.service.of("alice"))
    failures = len([one for one in stage.facts if isinstance(one, StoreFailed)])
    with trouble(folder):  # type: ignore[operator]
        stage.server.deliver("alice", mail.make(subject="nobody can write this down"))

        async def tried() -> bool:
            return len([one for one in stage.facts if isinstance(one, StoreFailed)]) > failures

        await stage.until(tried)
        await stage.until(lambda: is_told(stage))
        refused = await stage.subscribe(stage.wish("bob"))
        assert refused.type == "store-unavailable", refused
        for _ in range(2):
            stage.server.deliver("alice", mail.make(subject="nor this"))
        assert len(stage.service.of("alice")) == taken
    await stage.until(lambda: is_ready(stage))
    made = await stage.subscribe(stage.wish("bob"))
    assert made.status == 201, made

    async def all_rang() -> bool:
        pages = await stage.running.engine.store.page(None, None, 10)
        first = next(one for one in pages if one.id != made.json["id"])
        counts = (await stage.running.engine.store.activity(first.id)).counts
        return counts.detected == 4 and counts.pending == 0

    await stage.until(all_rang)
    versions = [one.version for one in stage.service.of("alice")]
    assert versions == sorted(set(versions))  # type: ignore[type-var]
    assert len(stage.server.of("alice")) <= 2
    stage.nobody_was_surprised()


@pytest.fixture
async def on_small_disk(small_disk: Path) -> AsyncIterator[Scene]:
    async with scene(small_disk) as stage:
        yield stage


@pytest.mark.needs("root")
async def test_a_full_disk_stops_the_taking_of_mail_loses_none_and_is_over_when_there_is_room(
    small_disk: Path, on_small_disk: Scene
) -> None:
    await nothing_is_lost(on_small_disk, small_disk, full)


async def test_a_database_that_another_process_has_locked_is_the_same_until_it_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.5)
    async with scene(tmp_path) as stage:
        await nothing_is_lost(stage, tmp_path, locked)
