"""The same through the front as without it: random sessions, clients that others wrote, and a mailbox copied by mbsync.

``IDLEBELL_DIFFER=SEEDS:LENGTH`` plays so many sessions of so many commands on each server; without it one short one, of a new
seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servers import differ, mbsync, other_clients, random_sessions
from servers.differ import Address
from servers.dovecot_server import DovecotServer
from servers.fronted import Fronted
from servers.mail_server import SandboxedServer

SEEDS, _, LENGTH = os.environ.get("IDLEBELL_DIFFER", "1:50").partition(":")
LONG = "IDLEBELL_DIFFER" in os.environ


def direct(server: SandboxedServer) -> Address:
    return Address(server.ports.imaps, server.client_context())


@pytest.fixture(params=["dovecot", "cyrus", "courier"])
def server(request: pytest.FixtureRequest) -> SandboxedServer:
    found: SandboxedServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def front(server: SandboxedServer) -> Iterator[Fronted]:
    with Fronted(server) as front:
        yield front


def play(server: SandboxedServer, other: Address) -> None:
    for _ in range(int(SEEDS)):
        seed = random.randrange(1, 10**9)
        steps = random_sessions.session(seed, int(LENGTH), server)
        found, compared = differ.compare(server, direct(server), other, steps)
        told = f"seed {seed} of {server.title}, {len(steps)} steps, {compared:,} bytes"
        print(told)
        assert not found, f"{told}:\n" + "\n".join(map(str, found))


def test_a_random_session_is_answered_alike_through_the_front(server: SandboxedServer, front: Fronted) -> None:
    play(server, front.address)
    if LONG:  # the control: what differs is the front's doing
        play(server, direct(server))


@pytest.mark.needs("npm-packages")
def test_clients_that_others_wrote_hear_the_same_through_the_front(server: SandboxedServer, front: Fronted) -> None:
    """All three of them on Dovecot; on the others, of which Courier takes five seconds for each, where there is time."""
    sessions = [other_clients.by_imaplib, other_clients.by_imapclient, other_clients.by_imapflow]
    for session in sessions if LONG or isinstance(server, DovecotServer) else ():
        one, other = other_clients.compare(session, server, (server.ports.imaps, front.port))
        assert other == one, session.__name__


@pytest.mark.needs("mbsync")
def test_mbsync_copies_the_same_bytes_through_the_front(dovecot: DovecotServer, tmp_path: Path) -> None:
    user = dovecot.add_user()
    messages = [random_sessions.message(number, 50 * number) for number in range(1, 60)]
    differ.fill(direct(dovecot), user, messages)
    with Fronted(dovecot) as front, ThreadPoolExecutor(2) as pool:
        ways = {"direct": dovecot.ports.imaps, "front": front.port}
        list(pool.map(lambda way: mbsync.sync(tmp_path / way, ways[way], dovecot.ca_file, user), ways))
    one, other = (mbsync.copied(tmp_path / way) for way in ways)
    assert sum(one.values()) == len(messages)
    assert other == one
