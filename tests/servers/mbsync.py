"""mbsync of Debian's isync: a client that copies a whole mailbox, many commands in flight and every byte of every message."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Final

from servers import packages
from servers.mail_server import User

SYNC_SECONDS: Final = 300
_TUID: Final = re.compile(rb"^X-TUID: .*\n", re.MULTILINE)
_CONFIGURATION: Final = """\
FSync no

IMAPAccount far
Host localhost
Port {port}
SSLType {tls}
CertificateFile {ca_file}
User {user}
Pass {password}
AuthMechs LOGIN

IMAPStore far
Account far

MaildirStore near
Path {folder}/near/
Inbox {folder}/near/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
SyncState *
"""


def why_not_mbsync() -> str | None:
    """Why there is no mbsync here; None where there is."""
    return None if packages.find("isync") is not None else "isync is not unpacked (./run test fetches it)"


def sync(folder: Path, port: int, ca_file: Path, user: User, *, tls: bool = True) -> float:
    """Copies all mailboxes into the Maildirs ``folder/near``; how many seconds that took. AssertionError where it failed."""
    root = packages.find("isync")
    assert root is not None, "see why_not_mbsync"
    (folder / "near").mkdir(parents=True)
    config = folder / "mbsyncrc"
    wanted = _CONFIGURATION.format(
        folder=folder,
        port=port,
        ca_file=ca_file,
        tls="IMAPS" if tls else "None",
        user=user.name,
        password=user.password,
    )
    config.write_text(wanted)
    began = time.monotonic()
    done = subprocess.run(
        [root / "usr/bin/mbsync", "--config", config, "--all", "--quiet", "--quiet"],
        env={**packages.libraries("isync"), "HOME": str(folder)},
        capture_output=True, text=True, timeout=SYNC_SECONDS, check=False,
    )  # fmt: skip
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    return took


def copied(folder: Path) -> Counter[tuple[str, str, str, bytes]]:
    """What a sync made: mailbox, UID, flags and bytes of each message, without the line that mbsync put into its head."""
    found: Counter[tuple[str, str, str, bytes]] = Counter()
    near = folder / "near"
    for name in (os.fspath(path) for path in near.rglob("*") if path.is_file() and path.parent.name in ("cur", "new")):
        path = Path(name)
        unique, _, flags = path.name.partition(":2,")
        found[
            str(path.parent.parent.relative_to(near)),
            unique.partition(",U=")[2],
            flags,
            _TUID.sub(b"", path.read_bytes()),
        ] += 1
    return found
