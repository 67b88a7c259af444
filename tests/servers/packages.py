"""Where the real servers and browsers come from: Debian packages, downloaded and unpacked into a folder of this repository.

Nothing is installed, so packages that conflict with each other stand side by side and no daemon starts. Run as a program
it fetches what is named: ``python tests/servers/packages.py dovecot firefox``. A browser or Node that is installed is taken
as it is (a hundred megabytes less to fetch). Needs ``apt-get`` and ``dpkg-deb``; ``apt-get download`` takes no lock and needs
no root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "servers"
DOWNLOAD_SECONDS = 300

PACKAGES: dict[str, tuple[str, ...]] = {
    "dovecot": ("dovecot-core", "dovecot-imapd", "dovecot-lmtpd", "dovecot-sieve"),
    "cyrus": ("cyrus-common", "cyrus-imapd", "sasl2-bin", "libsasl2-2", "libsasl2-modules", "libsasl2-modules-db"),
    "courier": ("courier-imap", "courier-base", "courier-authlib", "courier-authlib-userdb", "courier-authdaemon"),
    "firefox": ("firefox-esr",),
    "chromium": ("chromium",),
    "node": ("nodejs",),
    "fonts": ("fonts-inter", "fonts-dejavu-core"),
    "twinkle": ("twinkle-console",),
    "isync": ("isync",),
    "haproxy": ("haproxy",),
}
"""What is asked for; what the machine lacks besides is asked of apt's own resolver."""

PROGRAMS = {
    "dovecot": "sbin/dovecot",
    "cyrus": "lib/cyrus/bin/master",
    "courier": "sbin/couriertcpd",
    "firefox": "lib/firefox-esr/firefox-esr",
    "chromium": "lib/chromium/chromium",
    "node": "bin/node",
    "fonts": "share/fonts/truetype/dejavu",
    "twinkle": "bin/twinkle-console",
    "isync": "bin/mbsync",
    "haproxy": "sbin/haproxy",
}
"""A program (or folder) of each, under ``/usr``, that shows whether it is there."""
AS_INSTALLED = ("firefox", "chromium", "node")
FOR_BENCH = ("haproxy",)
"""What only a measurement runs: fetched when it does."""


class FetchError(Exception):
    """A server could not be had; the text is one sentence for the reader of a test's report."""


def find(server: str) -> Path | None:
    """The folder into which ``server`` was unpacked, or None."""
    root = FOLDER / server
    if (root / ".complete").exists() and (root / "usr" / PROGRAMS[server]).exists():
        return root
    return None


def libraries(server: str) -> dict[str, str]:
    """An environment in which a program of ``server`` finds the libraries that were unpacked beside it."""
    folders = sorted({str(path.parent) for path in Path(FOLDER, server, "usr/lib").rglob("*.so*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}


def installed(server: str) -> bool:
    """Whether the machine's own is taken; of servers never, for those must be of one kind everywhere."""
    return server in AS_INSTALLED and Path("/usr", PROGRAMS[server]).exists()


def fetch(server: str) -> Path:
    """Download and unpack what ``server`` needs; returns at once where that was done before."""
    stamp = hashlib.sha256(" ".join(PACKAGES[server]).encode()).hexdigest()
    root = FOLDER / server
    if (found := find(server)) is not None and (root / ".complete").read_text() == stamp:
        return found
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise FetchError(f"{program} is missing: the servers come as Debian packages")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        debs, fresh = Path(folder, "debs"), Path(folder, "root")
        debs.mkdir()
        fresh.mkdir()
        if os.geteuid() == 0:
            # apt drops to the user _apt for downloads and warns where that user cannot write.
            debs.chmod(0o777)
            Path(folder).chmod(0o755)
        _download(sorted({*PACKAGES[server], *_lacking(PACKAGES[server])}), debs)
        for deb in sorted(debs.glob("*.deb")):
            _run("dpkg-deb", "-x", str(deb), str(fresh))
        for name in ("bin", "sbin", "lib"):  # a merged /usr: what is laid over /usr must hold all of it
            if (fresh / name).is_dir():
                shutil.copytree(fresh / name, fresh / "usr" / name, symlinks=True, dirs_exist_ok=True)
        fresh.chmod(0o755)
        (fresh / ".complete").write_text(stamp)
        shutil.rmtree(root, ignore_errors=True)
        fresh.rename(root)
    if (found := find(server)) is None:
        raise FetchError(f"the packages of {server} hold no /usr/{PROGRAMS[server]}")
    return found


def _lacking(packages: tuple[str, ...]) -> list[str]:
    """What apt would install besides; empty where it sees no way (two servers that conflict), and then we do without."""
    answer = _simulate(packages)
    if answer.returncode != 0 and os.geteuid() == 0:
        # A fresh machine has no package lists yet, an old one has stale ones; only root may fetch them.
        _run("apt-get", "-q", "update")
        answer = _simulate(packages)
    names = [line.split()[1] for line in answer.stdout.splitlines() if line.startswith("Inst ")]
    return [name for name in names if not name.startswith("exim4")]  # the mail transport that nobody here starts


def _simulate(packages: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "install", "-s", "--no-install-recommends", *packages],
        capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False,
    )  # fmt: skip


def _download(packages: list[str], folder: Path) -> None:
    try:
        _run("apt-get", "-q", "download", *packages, cwd=folder)
    except FetchError as first:
        if os.geteuid() != 0:
            raise FetchError(f"{first}; as root: apt-get update") from None
        _run("apt-get", "-q", "update")  # the lists name packages that the mirror has replaced
        _run("apt-get", "-q", "download", *packages, cwd=folder)


def _run(*command: str, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FetchError(f"{' '.join(command[:3])} took more than {DOWNLOAD_SECONDS} s") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise FetchError(f"{' '.join(command[:3])} failed: {lines[-1]}")


def main(servers: list[str]) -> int:
    failed = 0
    for server in servers:
        if installed(server):
            continue
        try:
            if find(server) is None:
                print(f"run: fetching {server}", file=sys.stderr)
            fetch(server)
        except FetchError as error:
            print(f"run: {server}: {error}", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [name for name in PACKAGES if name not in FOR_BENCH]))
