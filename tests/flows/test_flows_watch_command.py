"""``idlebell watch`` as people start it: what cannot go on ends with one line that says why."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer

COMMAND = [sys.executable, "-c", "from idlebell.cli import main; main()", "watch"]
SECONDS = 60


async def started(
    server: ImapServer, folder: Path, *more: str, mailbox: str = "", port: int | None = None
) -> asyncio.subprocess.Process:
    (folder / "ca.pem").write_bytes(server.ca_pem)
    return await asyncio.create_subprocess_exec(
        *COMMAND, f"imaps://alice@127.0.0.1:{port or server.tls_port}{mailbox}", *more,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "IDLEBELL_IMAP__CA_FILE": "ca.pem", "IDLEBELL_NETWORK__ALLOW": '["127.0.0.0/8"]'},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "mailbox", "port", "told"),
    [
        (("--password-command", "echo wrong"), "", None, "The mail server refused the user name or the password"),
        (
            ("--password-command", "echo apass", "--notify", "dbus://x.example/y"),
            "",
            None,
            "dbus://… is not offered",
        ),
        (("--password-command", "echo apass"), "/Wrok", None, "The mail server does not open 'Wrok'"),
        (
            ("--password-command", "echo apass"),
            "",
            1,
            "The mail server cannot be reached at 127.0.0.1:1: nothing listens",
        ),
        (("--token-command", "exit 3"), "", None, "token_command failed with status 3"),
    ],
    ids=[
        "a password that is refused",
        "an endpoint that cannot be rung",
        "no such mailbox",
        "a port where nobody listens",
        "a command that prints no token",
    ],
)
async def test_what_nobody_will_mend_ends_it_with_status_1(
    tmp_path: Path, more: tuple[str, ...], mailbox: str, port: int | None, told: str
) -> None:
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        watch = await started(server, tmp_path, *more, mailbox=mailbox, port=port)
        _, said = await asyncio.wait_for(watch.communicate(), SECONDS)
    assert watch.returncode == 1
    last = said.decode().splitlines()[-1]
    assert last.startswith("idlebell: ")
    assert told in last


async def test_a_certificate_that_is_refused_is_told_with_its_mend_once(tmp_path: Path) -> None:
    async with ImapServer() as server, ImapServer() as other:
        (tmp_path / "ca.pem").write_bytes(other.ca_pem)
        watch = await asyncio.create_subprocess_exec(
            *COMMAND, f"imaps://alice@127.0.0.1:{server.tls_port}", "--password-command", "echo apass",
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "IDLEBELL_IMAP__CA_FILE": "ca.pem", "IDLEBELL_NETWORK__ALLOW": '["127.0.0.0/8"]'},
        )  # fmt: skip
        _, said = await asyncio.wait_for(watch.communicate(), SECONDS)
    assert watch.returncode == 1
    last = said.decode().splitlines()[-1]
    assert "TLS failed (" in last
    assert last.count("pin its key with tls_pin_sha256") == 1
    assert "Mend the certificate" not in last
    assert last.count("valid until") == 1


async def test_what_was_watched_before_is_waited_for(tmp_path: Path) -> None:
    """With a state of an account that worked once, a server that is away for a while ends nothing."""
    given = ("--password-command", "echo apass", "--state", "state.db")
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        watch = await started(server, tmp_path, *given)
        await server.until(lambda: server.idling("alice") == 1, SECONDS)
        watch.send_signal(signal.SIGINT)
        await asyncio.wait_for(watch.communicate(), SECONDS)
    assert watch.returncode == 0

    watch = await started(server, tmp_path, *given)
    assert watch.stderr is not None
    async with asyncio.timeout(SECONDS):
        for _ in range(2):
            while b"login_failed" not in (line := await watch.stderr.readline()):
                assert line, "it ended"
    watch.send_signal(signal.SIGINT)
    await asyncio.wait_for(watch.communicate(), SECONDS)
    assert watch.returncode == 0


async def test_only_what_the_filter_lets_through_is_told(tmp_path: Path) -> None:
    (tmp_path / "filter.json").write_text('{"operator": "NOT", "conditions": [{"subject": "noise"}]}')
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        watch = await started(server, tmp_path, "--password-command", "echo apass", "--filter", "@filter.json")
        assert watch.stdout is not None
        async with asyncio.timeout(SECONDS):
            await server.until(lambda: server.idling("alice") == 1, SECONDS)
            server.deliver("alice", mail.make(subject="noise"))
            server.deliver("alice", mail.make(subject="music"))
            told = await watch.stdout.readline()
        watch.send_signal(signal.SIGINT)
        rest, _ = await asyncio.wait_for(watch.communicate(), SECONDS)
    assert b"music" in told
    assert b"noise" not in told + rest
