"""Runs a server that has its paths compiled in, without touching the machine: in mount and process namespaces of its own.

As root the server gets a user id of its own (inotify instances are counted per user id, 128 each), which exists only in
the ``/etc/passwd`` that the namespace sees. An ordinary user gets a user namespace instead, where it is ``nobody``.
All processes of a server die with the one that started it, also when the tests are killed.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

START_SECONDS = 20
STOP_SECONDS = 15
UID_BASE = 100_000
"""User ids of servers: this plus a free port, so that two servers never share one."""
NOBODY = 65_534

_spawner = ThreadPoolExecutor(1, "sandbox")
"""What is to die with its parent dies with the *thread* that started it: this one lives as long as the process, whichever
thread asks for a server."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, outside of those that outgoing connections take by themselves."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = 10_000 + int.from_bytes(os.urandom(4)) % max(1, low - 10_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@cache
def why_not(as_root: bool = False) -> str | None:
    """Why a sandbox cannot be made here; None where it can."""
    if as_root and os.geteuid() != 0:
        return "it needs root for a mount namespace over /etc, /run and /usr"
    if shutil.which("unshare") is None:
        return "unshare is missing (util-linux)"
    trial = subprocess.run(
        [*namespaces(), "sh", "-c", "mount -t overlay overlay -o lowerdir=/usr:/etc /usr"],
        capture_output=True, text=True, timeout=START_SECONDS, check=False,
    )  # fmt: skip
    if trial.returncode != 0:
        lines = trial.stderr.strip().splitlines() or ["no message"]
        return f"no mount namespace with an overlay here: {lines[-1]}"
    return None


def namespaces() -> list[str]:
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *user, "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=KILL"]


@dataclass
class Sandbox:
    """``root`` is laid over ``/usr``; None: what is installed serves. :attr:`uid` and :attr:`user` are the server's own."""

    name: str
    root: Path | None
    keep_root: bool = False
    """The server starts as root in its namespaces and drops its rights itself."""
    uid: int = field(init=False)
    user: str = field(init=False)
    folder: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        # Not under pytest's own folder: that is closed to other users, and the server is one.
        self.folder = Path(tempfile.mkdtemp(prefix=f"idlebell-{self.name}-"))
        self.folder.chmod(0o755)
        if os.geteuid() == 0:
            self.uid, self.user = UID_BASE + free_port(), "idlebell-test"
            for file, line in (
                ("passwd", f"{self.user}:x:{self.uid}:{self.uid}::{self.folder}:/bin/false\n"),
                ("group", f"{self.user}:x:{self.uid}:\n"),
            ):
                self.folder.joinpath(file).write_text(Path("/etc", file).read_text() + line)
        else:
            self.uid, self.user = NOBODY, "nobody"

    @property
    def group(self) -> str:
        return "nogroup" if self.uid == NOBODY else self.user

    def write(self, name: str, text: str | bytes) -> Path:
        """A file in the sandbox's folder that the server may read."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def run(self, *command: str, stdin: bytes = b"", seconds: float = START_SECONDS) -> bytes:
        """A program of the server, to its end, inside namespaces like the server's. Its output."""
        self._own()
        done = subprocess.run(
            self._spell(shlex.join(command)), input=stdin, capture_output=True, timeout=seconds, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def start(self, script: str, ready: Callable[[], bool]) -> None:
        """``script`` (sh) must end with ``exec`` of the server in the foreground. Returns when ``ready`` says so."""
        assert self._process is None, "already running"
        self._own()
        output = (self.folder / "output.log").open("ab")
        with output:
            # A session of its own: Cyrus and Courier pass SIGTERM on to their process group, which would be ours.
            self._process = _spawner.submit(
                subprocess.Popen,
                self._spell(script), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            ).result()  # fmt: skip
        end = time.monotonic() + START_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > end:
                said = self.said()
                self.kill()
                raise RuntimeError(f"{self.name} did not start: {said}")
            time.sleep(0.02)

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Ask the server to end, and wait until it and everything it started is gone."""
        if self._process is None:
            return
        if (inner := self.pid) is not None:
            os.kill(inner, signum)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL to every process of the server at once, as when a machine loses power."""
        if self._process is None:
            return
        if (inner := self.pid) is not None:
            # The first process of a process namespace takes all others with it, and is not gone before they are;
            # unshare waits for it, so it must not be killed itself.
            os.kill(inner, signal.SIGKILL)
        else:
            self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._process = None

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's first process, as seen from outside."""
        if self._process is None:
            return None
        try:
            children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def said(self) -> str:
        """The end of what the server printed or logged."""
        logs = [path for path in self.folder.glob("*.log") if path.stat().st_size]
        return " | ".join(path.read_text(errors="replace")[-1000:].strip() for path in logs) or "it said nothing"

    def _own(self) -> None:
        if os.geteuid() == 0 and not self.keep_root:
            for path in (self.folder, *self.folder.rglob("*")):
                with suppress(FileNotFoundError):  # a server that runs removes what it has written
                    os.lchown(path, self.uid, self.uid)

    def _spell(self, script: str) -> list[str]:
        lines = ["set -e"]
        if self.root is not None:
            lines.append(f"mount -t overlay overlay -o lowerdir={self.root}/usr:/usr /usr")
        if os.geteuid() == 0:
            lines += [f"mount --bind {self.folder}/{file} /etc/{file}" for file in ("passwd", "group")]
        drop = []
        if os.geteuid() != 0:
            drop = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
        elif not self.keep_root:
            drop = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups"]
        # With the user id the kernel forgets that this is to die with its parent (PR_SET_PDEATHSIG(2const)).
        drop += ["setpriv", "--pdeathsig", "KILL"]
        lines.append("exec " + shlex.join([*drop, "sh", "-c", f"set -e\n{script}"]))
        # The first setpriv ties the whole to us: when the tests are killed, so is this, and with it the namespace.
        return ["setpriv", "--pdeathsig", "KILL", *namespaces(), "sh", "-c", "\n".join(lines)]
