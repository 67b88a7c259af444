"""What the process that runs Apprise may do: the operator's rules for endpoints, held below every library.

Apprise dials through libraries that know nothing of :class:`~idlebell.net.egress.Egress`. The guard is an audit hook (PEP
578): the interpreter asks it before each connect, with the address really dialled, so that neither a literal nor a name that
changes its answer comes by. It cannot be taken off again. It holds what a URL can make the program do; it is no wall against
code of an attacker's own inside the process.
"""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import Unreachable

_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_READABLE_FILES: Final = frozenset({"/dev/null", "/dev/urandom", "/etc/mime.types"})
_READABLE_FOLDERS: Final = ("/etc/ssl", "/usr/lib/ssl", "/usr/share/zoneinfo", "/proc/self/fd")
_FORBIDDEN: Final = (
    "ctypes.dlopen",
    "ftplib.connect",
    "os.chmod",
    "os.chown",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.symlink",
    "os.system",
    "os.truncate",
    "os.unlink",
    "pty.spawn",
    "shutil.",
    "socket.bind",
    "sqlite3.connect",
    "subprocess.Popen",
    "tempfile.",
    "webbrowser.open",
)
"""Events that begin so: programs, other processes, anything that changes a file, and listening."""


def readable_folders() -> tuple[str, ...]:
    """Where the program and its libraries lie: an import may come late."""
    own = {path for path in (*sys.path, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")) if path}
    return tuple(os.path.realpath(one) + "/" for one in (*own, *_READABLE_FOLDERS))


@dataclass(slots=True)
class Guard:
    """``secure``: the URL that is being served asks for TLS. ``proxy``: where all goes through one, its host and port: nothing
    else is dialled then, and names are judged by :meth:`check_host`."""

    egress: Egress
    proxy: tuple[str, int] | None = None
    secure: bool = True
    refused: str = ""
    """The rule that was broken last; empty: none."""
    readable: tuple[str, ...] = field(default_factory=readable_folders)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self._connect(args[1])
        elif event == "open":
            self._open(args[0], args[2])
        elif event.startswith(("socket.sendto", "socket.sendmsg")):
            if args[1] is not None:
                self._refuse("datagrams are not sent")
        elif event.startswith(_FORBIDDEN):
            self._refuse(f"{event} is not allowed")

    def check_host(self, host: str, port: int) -> None:
        """Where a proxy dials: what the name means here, as far as it means anything. PermissionError: it may not be."""
        try:
            found = {each[4][0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
        except OSError:
            return  # a network that has names only behind its proxy
        addresses = [ip_address(str(one).partition("%")[0]) for one in found]
        if not any(self.egress.permits(one, port, self._purpose) for one in addresses):
            self._refuse(f"{host} may not be reached")

    @property
    def _purpose(self) -> Purpose:
        return Purpose.HTTPS if self.secure else Purpose.HTTP

    def _connect(self, address: Any) -> None:
        if not isinstance(address, tuple):
            self._refuse("a socket of this machine is not dialled")
        host, port = address[:2]
        try:
            dialled = ip_address(str(host).partition("%")[0])
        except ValueError:
            # The C library would look the name up once more, behind our back.
            self._refuse("only addresses are dialled")
        if self.proxy is not None:
            if port != self.proxy[1] or str(dialled) not in _addresses(*self.proxy):
                self._refuse("only the proxy is dialled")
            return
        try:
            self.egress.check_address(dialled, port, self._purpose)
        except Unreachable as error:
            self._refuse(error.detail)

    def _open(self, path: Any, flags: Any) -> None:
        if isinstance(path, int):
            return
        name = os.path.realpath(os.fsdecode(path))
        if name == "/dev/null":
            return
        if isinstance(flags, int) and flags & _WRITING:
            self._refuse("no file is written")
        if name not in _READABLE_FILES and not name.startswith(self.readable):
            self._refuse("no file but those of the program is read")

    def _refuse(self, rule: str) -> None:
        self.refused = rule
        raise PermissionError(rule)


def _addresses(host: str, port: int) -> set[str]:
    return {str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
