"""What ``idlebell doctor`` looks at: each part gives findings, and none of them changes anything."""

from __future__ import annotations

import os
import re
import resource
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from idlebell.config import Settings
    from idlebell.store.sqlite.examine import Examined

EXPIRES_SOON: Final = timedelta(days=14)
MEMLOCK_BYTES_LEAST: Final = 65_536
"""A page of the arena of traffic secrets."""
SESSIONS_LEAST: Final = 200
JOURNAL_BYTES_MOST: Final = 256 * 1024 * 1024


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """``subject`` is one of ours and ``figures`` are numbers: a stranger may read them. ``says`` and ``mend`` may name files,
    hosts and users, and are for the operator."""

    level: Level
    subject: str
    says: str
    mend: str = ""
    figures: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        head = f"{self.level.value:<5} {self.subject}: {self.says}"
        return f"{head}; {self.mend}" if self.mend else head


def ok(subject: str, says: str, **figures: int) -> Finding:
    return Finding(Level.OK, subject, says, "", figures)


def warn(subject: str, says: str, mend: str, **figures: int) -> Finding:
    return Finding(Level.WARN, subject, says, mend, figures)


def fail(subject: str, says: str, mend: str, **figures: int) -> Finding:
    return Finding(Level.FAIL, subject, says, mend, figures)


def of_store(examined: Examined, path: Path) -> Iterator[Finding]:
    figures = {"schema": examined.schema, "newest": examined.newest}
    if examined.schema > examined.newest:
        mend = "run the newer Idlebell, or restore the backup from before its first start"
        yield fail("schema", f"{path} was written by a newer Idlebell", mend, **figures)
    elif examined.schema < examined.newest:
        yield warn("schema", f"{path} has schema {examined.schema}", "the next start brings it up to date", **figures)
    else:
        yield ok("schema", f"{examined.schema}, of this version", **figures)
    match examined.sound:
        case True:
            yield ok("database", "every page is sound", bytes=examined.file_bytes)
        case None:
            says = "too large to be read through here"
            yield warn(
                "database", says, "run sqlite3 DATABASE 'PRAGMA quick_check' at leisure", bytes=examined.file_bytes
            )
        case False:
            yield fail("database", f"{path} is damaged", "move it away and restore a backup", bytes=examined.file_bytes)
    if examined.fits_key:
        yield ok("sealing key", "opens the database")
    else:
        yield fail("sealing key", "opens another database than this", "put the right one in store.key_file back")
    if examined.journal_bytes > JOURNAL_BYTES_MOST:
        yield warn(
            "journal", "it has grown", "see whether another program has the database open", bytes=examined.journal_bytes
        )


def of_mode(subject: str, path: Path | None) -> Iterator[Finding]:
    """A file that others must not read."""
    if path is None:
        return
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        yield fail(subject, f"{path}: {error.strerror}", "check the path, and whose file it is")
        return
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield fail(subject, f"others can read {path} (mode {mode:04o})", f"chmod 600 {path}", mode=mode)
    else:
        yield ok(subject, f"nobody else reads it (mode {mode:04o})", mode=mode)


def of_certificate(path: Path | None, now: datetime) -> Iterator[Finding]:
    """Of the API."""
    from cryptography import x509

    if path is None:
        return
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        yield fail("certificate", f"{path}: {error.strerror}", "check server.tls_certificate")
        return
    except ValueError:
        yield fail("certificate", f"{path} holds no certificate in PEM", "check server.tls_certificate")
        return
    ends = certificate.not_valid_after_utc
    days = (ends - now).days
    if ends <= now:
        yield fail(
            "certificate",
            f"it ended on {ends:%Y-%m-%d}",
            "renew it, then SIGHUP the gateway (systemctl reload)",
            days=days,
        )
    elif ends - now <= EXPIRES_SOON:
        yield warn(
            "certificate",
            f"it ends on {ends:%Y-%m-%d}",
            "renew it, then SIGHUP the gateway (systemctl reload)",
            days=days,
        )
    else:
        yield ok("certificate", f"good until {ends:%Y-%m-%d}", days=days)


def of_clock(latest_us: int | None, now: datetime) -> Finding:
    latest = None if latest_us is None else datetime.fromtimestamp(latest_us / 1_000_000, UTC)
    if latest is not None and latest > now:
        return fail(
            "clock", f"it says {now:%Y-%m-%d %H:%M}, before what is stored was made", "set it, and keep it by NTP"
        )
    return ok("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def of_settings(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    if settings.push.vapid_subject or server.public_url:
        yield ok("VAPID subject", "push services can reach the operator")
    else:
        says = "there is none: Web Push to the internet is refused"
        yield warn("VAPID subject", says, "set push.vapid_subject to mailto: or https: of yours")
    if server.registration == "open" and not server.listen.loopback:
        yield warn("registration", "anyone who reaches it may subscribe", 'set server.registration = "key"')
    if not server.listen.loopback and not server.tls and not server.trusted_proxies:
        mend = "set server.tls_certificate and tls_key, or name the proxy in trusted_proxies"
        yield warn("encryption", "the API refuses credentials in clear", mend)
    if settings.network.allow_plaintext:
        yield warn(
            "plaintext", "mail servers without TLS are allowed", "unset network.allow_plaintext where it is not needed"
        )


def of_limits(sessions: int) -> Iterator[Finding]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if sessions < SESSIONS_LEAST:
        mend = "raise LimitNOFILE= of systemd, or ulimit -n"
        yield warn("descriptors", f"room for {sessions} sessions", mend, sessions=sessions, limit=most)
    else:
        yield ok("descriptors", f"room for {sessions} sessions", sessions=sessions, limit=most)
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft != resource.RLIM_INFINITY and soft < MEMLOCK_BYTES_LEAST:
        yield warn("locked memory", f"{soft} bytes", "raise LimitMEMLOCK= of systemd", bytes=soft)
    else:
        yield ok("locked memory", "enough", bytes=soft)


def serving_process(lock: Path) -> int | None:
    """Who holds the serve lock, by what Linux tells of locks (proc(5)); None: nobody, or it is not told."""
    try:
        inode = lock.stat().st_ino
        lines = Path("/proc/locks").read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if len(words) > 5 and words[1] == "FLOCK" and words[5].rpartition(":")[2] == str(inode) and int(words[4]) > 0:
            return int(words[4])
    return None


def of_process(pid: int) -> Iterator[Finding]:
    """How the process that serves is confined."""
    try:
        text = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
    except OSError:
        return
    told = dict(re.findall(r"(?m)^(\w+):\s+(\S+)", text))
    unit = "use the unit of the manual's page on systemd"
    if told.get("Uid") == "0":
        yield warn("user", "the gateway runs as root", unit)
    if int(told.get("CapEff", "0"), 16):
        yield warn("capabilities", "the gateway has some", f"{unit} (CapabilityBoundingSet=)")
    if told.get("NoNewPrivs") == "1" and told.get("Seccomp") == "2":
        yield ok("confinement", "no new privileges, and a filter of system calls")
    else:
        yield warn("confinement", "nothing filters its system calls", f"{unit} (NoNewPrivileges=, SystemCallFilter=)")
    started = Path(f"/proc/{pid}").stat().st_mtime
    yield ok("process", "one gateway serves", up_seconds=int(max(0.0, time.time() - started)))


def versions() -> dict[str, str]:
    """Of what runs here: nothing of it names anybody."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from idlebell import __version__

    found = {
        "idlebell": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {os.uname().release}",
    }
    for name in ("cryptography", "litestar", "uvicorn", "uvloop", "msgspec", "aiodns", "httptools", "apprise"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
