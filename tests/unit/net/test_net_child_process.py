"""Commands are run with what they are given, one after another, and never for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from idlebell.net import child_process
from idlebell.push.exchange import CommandEnded, CommandInput, CommandRun, NoResponse


async def test_command_reads_its_input_and_its_variables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = CommandRun(f'cat >> {out}; echo " $IDLEBELL_UID" >> {out}', (given(b"one", UID="1"), given(b"two", UID="2")))

    assert await child_process.run(run, timeout_seconds=30) == CommandEnded(0)
    assert out.read_text() == "one 1\ntwo 2\n"


async def test_our_environment_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDLEBELL_CREDENTIALS__VAULT_KEY_COMMAND", "s3cret")
    out = tmp_path / "out"

    await child_process.run(CommandRun(f"env > {out}", (given(b""),)), timeout_seconds=30)

    assert "s3cret" not in out.read_text()
    assert "PATH=" in out.read_text()


async def test_first_failure_is_told_and_the_others_are_run_all_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = CommandRun(
        f"echo x >> {out}; exit $IDLEBELL_UID", (given(b"", UID="0"), given(b"", UID="3"), given(b"", UID="4"))
    )

    assert await child_process.run(run, timeout_seconds=30) == CommandEnded(3)
    assert out.read_text() == "x\nx\nx\n"


async def test_command_that_does_not_read_its_input_is_no_failure() -> None:
    assert await child_process.run(
        CommandRun("exit 0", (given(b"x" * 1_000_000),)), timeout_seconds=30
    ) == CommandEnded(0)


async def test_long_input_comes_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"

    await child_process.run(CommandRun(f"wc -c > {out}", (given(b"x" * 1_000_000),)), timeout_seconds=30)

    assert out.read_text().strip() == "1000000"


async def test_command_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    run = CommandRun(f"sleep 600 & echo $! > {pid}.new; mv {pid}.new {pid}; wait", (given(b""),))

    answer = await child_process.run(run, timeout_seconds=0.5)

    assert isinstance(answer, NoResponse)
    assert answer.reason == "timeout"
    started = Path(f"/proc/{pid.read_text().strip()}/cmdline")
    async with asyncio.timeout(10):
        while started.exists() and started.read_bytes():  # a zombie's is empty
            await asyncio.sleep(0.01)


def given(stdin: bytes, **variables: str) -> CommandInput:
    return CommandInput(tuple((f"IDLEBELL_{name}", value) for name, value in variables.items()), stdin)
