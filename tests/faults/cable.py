"""Two network namespaces and the cable between them, which can be pulled: no FIN, no RST, nothing that comes back.

Everything is told to one shell that sits in namespaces of its own; they are gone with it, also when the tests are killed.
Sockets belong to the namespace that they were made in, whoever uses them later: :meth:`Cable.near` and :meth:`Cable.far`
make them there, in a thread that is in the namespace as long as it lives.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
NEAR = "10.77.0.1"
FAR = "10.77.0.2"
SECONDS = 10
_CLONE_NEWNET = 0x40000000  # <sched.h>
_STARTED = f"""\
ip link set lo up
ip link add near type veth peer name far netns "$1"
ip address add {NEAR}/24 dev near
ip link set near up
nsenter --target "$1" --net sh -c 'ip link set lo up; ip address add {FAR}/24 dev far; ip link set far up'
"""


@cache
def why_not_cable() -> str | None:
    if os.geteuid() != 0:
        return "it needs root for network namespaces"
    for program in ("ip", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is missing (Debian packages iproute2 and util-linux)"
    trial = subprocess.run(["unshare", "--net", "ip", "link"], capture_output=True, timeout=SECONDS, check=False)
    return None if trial.returncode == 0 else "no network namespaces here"


class Cable:
    """``with`` lays it; :data:`NEAR` and :data:`FAR` are its ends."""

    def __enter__(self) -> Self:
        self._near, self._far = _namespace(), _namespace()
        try:
            self._tell(_STARTED, str(self._far.pid))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def pull(self) -> None:
        self._tell("ip link set near down")

    def plug(self) -> None:
        self._tell("ip link set near up")

    def near(self, make: Callable[[], T]) -> T:
        """``make()`` in the near namespace."""
        return _within(self._near.pid, make)

    def far(self, make: Callable[[], T]) -> T:
        return _within(self._far.pid, make)

    def _tell(self, script: str, *arguments: str) -> None:
        subprocess.run(
            ["nsenter", "--target", str(self._near.pid), "--net", "sh", "-ec", script, "sh", *arguments],
            check=True, capture_output=True, timeout=SECONDS,
        )  # fmt: skip

    def _end(self) -> None:
        for holder in (self._near, self._far):
            holder.kill()
            holder.wait()
            assert holder.stdout is not None
            holder.stdout.close()


def _namespace() -> subprocess.Popen[bytes]:
    """A process that does nothing in a network namespace of its own, and ends with us."""
    holder = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo; exec sleep infinity"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()  # it is in there
    return holder


def _within(pid: int, make: Callable[[], T]) -> T:
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/proc/{pid}/ns/net") as namespace:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(make())
        except BaseException as error:  # handed to whoever asked
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
