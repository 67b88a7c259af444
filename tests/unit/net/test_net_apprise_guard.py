"""What the process of Apprise may do, event by event; that the interpreter asks is shown with the real process."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_network
from typing import Any

import pytest

from idlebell.net.apprise_guard import Guard
from idlebell.net.egress import Egress

OPEN = Egress()
LOCAL = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)


@pytest.mark.parametrize(
    ("guard", "address", "allowed"),
    [
        (Guard(OPEN), ("93.184.216.34", 443), True),
        (Guard(OPEN), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443, 0, 0), True),
        (Guard(OPEN), ("93.184.216.34", 25), False),
        (Guard(OPEN, secure=False), ("93.184.216.34", 443), False),
        (Guard(OPEN), ("10.0.0.1", 443), False),
        (Guard(OPEN), ("127.0.0.1", 443), False),
        (Guard(OPEN), ("169.254.169.254", 443), False),
        (Guard(OPEN), ("::ffff:10.0.0.1", 443, 0, 0), False),
        (Guard(OPEN), ("fe80::1%eth0", 443, 0, 2), False),
        (Guard(OPEN), ("metadata.internal", 443), False),
        (Guard(OPEN), "/run/docker.sock", False),
        (Guard(OPEN), b"\0abstract", False),
        (Guard(LOCAL, secure=False), ("127.0.0.1", 8080), True),
        (Guard(OPEN, ("127.0.0.1", 3128)), ("127.0.0.1", 3128), True),
        (Guard(OPEN, ("127.0.0.1", 3128)), ("127.0.0.1", 3129), False),
        (Guard(OPEN, ("127.0.0.1", 3128)), ("93.184.216.34", 443), False),
    ],
)
def test_only_what_endpoints_may_reach_is_dialled(guard: Guard, address: Any, allowed: bool) -> None:
    try:
        guard("socket.connect", (None, address))
    except PermissionError:
        assert not allowed
        assert guard.refused
    else:
        assert allowed


def test_through_a_proxy_names_are_judged_here() -> None:
    guard = Guard(OPEN, ("127.0.0.1", 3128))
    guard.check_host("93.184.216.34", 443)
    guard.check_host("only-behind-the-proxy.invalid", 443)
    for host, port in (("10.0.0.1", 443), ("localhost", 443), ("93.184.216.34", 22)):
        with pytest.raises(PermissionError):
            guard.check_host(host, port)


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("subprocess.Popen", ("/bin/sh", [], None, None)),
        ("os.system", (b"id",)),
        ("os.posix_spawn", ("/bin/sh", [], {})),
        ("os.exec", ("/bin/sh", [], {})),
        ("os.fork", ()),
        ("os.remove", ("/tmp/x", -1)),
        ("os.rename", ("/tmp/x", "/tmp/y", -1, -1)),
        ("os.mkdir", ("/tmp/x", 0o777, -1)),
        ("shutil.rmtree", ("/tmp/x", None)),
        ("socket.bind", (None, ("0.0.0.0", 0))),
        ("socket.sendto", (None, ("10.0.0.1", 53))),
        ("ctypes.dlopen", ("libc.so.6",)),
        ("open", ("/etc/passwd", "r", os.O_RDONLY)),
        ("open", (sys.prefix + "/../../../../../../../../../../etc/passwd", "r", os.O_RDONLY)),
        ("open", (b"/root/.ssh/id_ed25519", None, os.O_RDONLY)),
        ("open", (os.__file__, "a", os.O_WRONLY | os.O_APPEND)),
    ],
)
def test_programs_files_and_listening_are_refused(event: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(PermissionError):
        Guard(OPEN)(event, args)


@pytest.mark.parametrize(
    ("event", "args"),
    [
        ("open", (os.__file__, "r", os.O_RDONLY)),
        ("open", (3, "r", os.O_RDONLY)),
        ("open", ("/dev/null", "w", os.O_WRONLY)),
        ("socket.sendmsg", (None, None)),
        ("socket.getaddrinfo", ("example.org", 443, 0, 1, 0)),
        ("import", ("json", None, None, None, None)),
    ],
)
def test_what_a_program_needs_it_may(event: str, args: tuple[Any, ...]) -> None:
    Guard(OPEN)(event, args)
