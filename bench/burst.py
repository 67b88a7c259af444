"""A mail into each of many mailboxes at the same moment: from the server's EXISTS to the ring, for Idlebell and for its peers.

    python bench/burst.py [--accounts 500] [--rounds 3] [--only idlebell,aioimaplib,imapflow]

All watch INBOXes of one real Dovecot, one after another, each in a process of its own. Dovecot has a process for every session,
as it has by itself, and a user id for each, so that inotify is enough. The mails are put into the Maildirs by renames in a row,
which takes milliseconds; Dovecot says EXISTS half a second later. When it does is seen by the kernel's clock on the way, when
the ring comes by a receiver that does nothing else. Idlebell is as it is by itself: over TLS, and its sessions are parked; the
two peers are spared TLS. Root and Linux alone: user ids, packet sockets.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from gateway_process import GatewayProcess, subscription
from idlebell.net.hardening import harden_process
from idlebell.testing import mail
from rig.peers import NPM_FOLDER, why_not
from rig.receiver import Receiver, receiver
from servers import packages
from servers.dovecot_server import DovecotServer, why_not_dovecot
from servers.mail_server import User
from wire.counted import may_capture
from wire.first_words import FirstWords

HERE: Final = Path(__file__).resolve().parent
WATCHERS: Final = ("idlebell", "aioimaplib", "imapflow")
READY_SECONDS: Final = 300
RING_SECONDS: Final = 60
SETTLED_SECONDS: Final = 12
"""After the last has entered IDLE, and between rounds: beyond what a peer still has to do, and for Idlebell to park."""
SERVER: Final = """
verbose_proctitle = yes
login_log_format_elements = user=<%u> rport=%b
# Two processes work for all at the same moment; nothing is to fail for it.
default_process_limit = 2000
default_client_limit = 5000
default_vsz_limit = 1 G
service imap {
  process_limit = 2000
}
service imap-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 2000
}
"""


@dataclass(frozen=True)
class Round:
    """Seconds. ``said``: from the first rename to each EXISTS; ``lags``: from EXISTS to the ring."""

    said: list[float]
    lags: list[float]
    lost: int
    twice: int
    last_after_last: float
    cpu_seconds: float


@asynccontextmanager
async def idlebell(users: list[User], server: DovecotServer, rung: Receiver, folder: Path) -> AsyncIterator[int]:
    place = Path(tempfile.mkdtemp(dir=folder))
    async with GatewayProcess(place, server.ca_file, level="warning") as gateway:
        slots = asyncio.Semaphore(16)

        async def subscribe(number: int, user: User) -> None:
            urls = {
                role: {"type": "simplepush", "url": f"{rung.url}/{number + offset}"}
                for role, offset in (("new_mail", 0), ("reconnect", 1_000_000))
            }
            body = subscription(server.ports.imaps, user.name, user.password, urls, retention="memory", wait_seconds=30)
            async with slots:
                status, answer = await gateway.call("POST", "/v1/subscriptions", body)
            if status not in (201, 202):
                raise RuntimeError(f"{user.name}: {answer}")

        await asyncio.gather(*(subscribe(number, user) for number, user in enumerate(users)))
        yield gateway.pid


@asynccontextmanager
async def peer(
    watcher: str, users: list[User], server: DovecotServer, rung: Receiver, folder: Path
) -> AsyncIterator[int]:
    command = [sys.executable, str(HERE / "peers" / "aioimaplib_watcher.py")]
    if watcher == "imapflow":
        script = NPM_FOLDER / "watcher.mjs"
        script.write_text((HERE / "peers" / "imapflow_watcher.mjs").read_text())
        command = ["node", str(script)]
    with (folder / f"{watcher}.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log)
    try:
        assert process.stdin is not None
        port = server.ports.imap
        wishes = [
            {"user": one.name, "password": one.password, "port": port, "url": f"{rung.url}/{number}"}
            for number, one in enumerate(users)
        ]
        process.stdin.write(json.dumps(wishes).encode() + b"\n")
        process.stdin.flush()
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _idling() -> set[str]:
    """Users whose Dovecot process says that it idles."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if (match := re.match(rb"dovecot/imap \[(\S+) \S+ IDLE", title)) is not None:
            found.add(match[1].decode())
    return found


def _ports(server: DovecotServer) -> dict[str, int]:
    """Of each user's latest session, by the client's side."""
    text = (server.sandbox.folder / "dovecot.log").read_text("utf-8", "replace")
    return {user: int(port) for user, port in re.findall(r"user=<(\S+)>,? rport=(\d+)", text)}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    ticks = 100.0
    return (int(fields[11]) + int(fields[12])) / ticks


async def _until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.2)
    return True


async def _round(
    users: list[User], server: DovecotServer, rung: Receiver, words: FirstWords, pid: int, number: int
) -> Round:
    names = {one.name for one in users}
    if not await _until(lambda: names <= _idling(), READY_SECONDS):
        raise RuntimeError(f"{len(names - _idling())} do not idle after {READY_SECONDS} s")
    await asyncio.sleep(SETTLED_SECONDS)
    ports = await asyncio.to_thread(_ports, server)
    rung.heard.clear()
    drafts = await asyncio.to_thread(
        lambda: [server.draft_into_maildir(one.name, mail.make(subject=f"round {number}")) for one in users]
    )
    words.begin()
    used = _cpu_seconds(pid)
    began = time.monotonic()
    for deliver in drafts:
        deliver()
    await _until(lambda: sum(bool(rung.heard[one]) for one in range(len(users))) == len(users), RING_SECONDS)
    used = _cpu_seconds(pid) - used
    await asyncio.sleep(2)  # for what rings twice
    said: list[float] = []
    lags: list[float] = []
    rings: list[float] = []
    for one, user in enumerate(users):
        at = words.at(ports[user.name])
        if at is not None:
            said.append(at - began)
        if rung.heard[one]:
            rings.append(rung.heard[one][0] - began)
            if at is not None:
                lags.append(rung.heard[one][0] - at)
    heard = [len(rung.heard[one]) for one in range(len(users))]
    if len(said) != len(users):
        raise RuntimeError(f"Dovecot was heard on {len(said)} of {len(users)} connections")
    return Round(said, lags, heard.count(0), sum(count > 1 for count in heard), max(rings) - max(said), used)


async def measure(watcher: str, options: argparse.Namespace, folder: Path) -> list[Round]:
    server = DovecotServer(own_uids=True)
    with (server.sandbox.folder / "dovecot.conf").open("a") as file:
        file.write(SERVER)
    async with receiver() as rung:
        with server:
            users = await asyncio.to_thread(server.add_users, options.accounts)
            port = server.ports.imaps if watcher == "idlebell" else server.ports.imap
            words = FirstWords(port)
            act = (
                idlebell(users, server, rung, folder)
                if watcher == "idlebell"
                else peer(watcher, users, server, rung, folder)
            )
            try:
                async with act as pid:
                    return [await _round(users, server, rung, words, pid, number) for number in range(options.rounds)]
            finally:
                words.close()


def _row(watcher: str, rounds: list[Round]) -> str:
    def span(values: list[float], digits: int = 2) -> str:
        low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
        return low if low == high else f"{low} to {high}"

    cells = (
        span([statistics.median(one.lags) for one in rounds]),
        span([max(one.lags) for one in rounds]),
        span([one.last_after_last for one in rounds]),
        span([max(one.said) - min(one.said) for one in rounds]),
        span([1_000 * one.cpu_seconds / len(one.said) for one in rounds], 1),
        str(sum(one.lost for one in rounds)),
        str(sum(one.twice for one in rounds)),
    )
    return f"| {watcher} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(WATCHERS))
    options = parser.parse_args()
    if (reason := why_not_dovecot()) is not None or packages.find("dovecot") is None:
        sys.exit(f"this needs Dovecot: {reason or 'run ./run test once, it fetches it'}")
    if not may_capture():
        sys.exit("this needs root: for a user id of each mailbox, and to see when Dovecot speaks")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    harden_process()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for watcher in options.only.split(","):
            if (reason := why_not(watcher)) is not None:
                print(f"{watcher} is left out: {reason}")
                continue
            print(f"  {watcher}", file=sys.stderr)
            rows.append(_row(watcher, asyncio.run(measure(watcher, options, Path(name)))))
    print(
        "| seconds | EXISTS to ring, half within | last | last ring after the last EXISTS | first to last EXISTS"
        " | CPU ms a mail | lost | twice |"
    )
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
