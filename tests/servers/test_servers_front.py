"""The same through the front as without it: random sessions, clients that others wrote, and a mailbox copied by mbsync.

``IDLEBELL_DIFFER=SEEDS:LENGTH`` plays so many sessions of so many commands on each server; without it one short one, of a new
seed.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from servers import differ, mbsync, random_sessions
from servers.differ import Address
from servers.dovecot_server import DovecotServer
from servers.mail_server import SandboxedServer

SEEDS, _, LENGTH = os.environ.get("IDLEBELL_DIFFER", "1:60").partition(":")


def address(server: SandboxedServer) -> Address:
    return Address(server.ports.imaps, server.client_context())


@pytest.fixture(params=["dovecot", "cyrus", "courier"])
def server(request: pytest.FixtureRequest) -> SandboxedServer:
    found: SandboxedServer = request.getfixturevalue(request.param)
    return found


def test_two_users_with_the_same_mail_are_answered_alike(server: SandboxedServer) -> None:
    """The control of all that follows."""
    for _ in range(int(SEEDS)):
        seed = random.randrange(1, 10**9)
        steps = random_sessions.session(seed, int(LENGTH), server)
        found, _ = differ.compare(server, address(server), address(server), steps)
        assert not found, f"seed {seed} of {server.title}:\n" + "\n".join(map(str, found))


def test_mbsync_copies_every_message(dovecot: DovecotServer, tmp_path: Path) -> None:
    user = dovecot.add_user()
    messages = random_sessions.initial_mail()
    differ.fill(address(dovecot), user, messages)
    mbsync.sync(tmp_path, dovecot.ports.imaps, dovecot.ca_file, user)
    copied = [text for *_, text in mbsync.copied(tmp_path)]
    assert sorted(copied) == sorted(text.replace(b"\r\n", b"\n") for text in messages)
