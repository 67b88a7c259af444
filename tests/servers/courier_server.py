"""Courier-IMAP 5.0 on free ports, from a temporary folder. Needs root: its paths in /etc and /run are compiled in."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from servers import packages
from servers.mail_server import SandboxedServer, User
from servers.sandbox import Sandbox, why_not

_AUTHDAEMON = """\
authmodulelist="authuserdb"
authmodulelistorig="authuserdb"
daemons=2
authdaemonvar=/run/courier/authdaemon
DEBUG_LOGIN=0
DEFAULTOPTIONS=""
LOGGEROPTS=""
"""

_USERS = """\
cp {folder}/userdb /etc/courier/userdb
chmod 700 /etc/courier/userdb
makeuserdb
"""

_SERVE = """\
mkdir -p {folder}/etc {folder}/etc.work
mount -t overlay overlay -o lowerdir=/etc,upperdir={folder}/etc,workdir={folder}/etc.work /etc
mount -t tmpfs none /run
mkdir -p /etc/courier /run/courier/authdaemon
cp -r {root}/etc/courier/. /etc/courier/
echo /usr/lib/courier-authlib > /etc/ld.so.conf.d/zz-courier.conf
ldconfig
cp {folder}/authdaemonrc /etc/courier/authdaemonrc
cp {both} /etc/courier/imapd.pem
grep -q '^courier:' /etc/passwd || echo 'courier:x:{uid}:{uid}::/nonexistent:/bin/false' >> /etc/passwd
grep -q '^courier:' /etc/group || echo 'courier:x:{uid}:' >> /etc/group
set -a
. /etc/courier/imapd-ssl
. /etc/courier/imapd
IMAP_ENHANCEDIDLE=1
IMAP_IDLE_TIMEOUT={idle}
TLS_CERTFILE=/etc/courier/imapd.pem
TLS_TRUSTCERTS=
TLS_DHPARAMS=
TLS_CACHEFILE=
IMAP_TLS=0
IMAP_STARTTLS=YES
MAILDIRPATH=Maildir
COURIERTLS=/usr/bin/couriertls
set +a
/usr/lib/courier/courier-authlib/authdaemond &
tcpd="/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs={connections} -maxperip={connections} -nodnslookup -noidentlookup"
login="/usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir"
IMAP_TLS=1 $tcpd -stderr={folder}/courier.log {imaps} /usr/bin/couriertls -server -tcpd $login &
exec $tcpd -stderr={folder}/courier.log {imap} $login
"""
# couriertcpd must have -stderr=FILE: with -stderrlogger it closes every connection where there is no syslog.


class CourierServer(SandboxedServer):
    """Users ``alice``/``apass`` and ``bob``/``bpass``. It has no LMTP: mail is put into the Maildir, as Courier's own does."""

    title = "Courier 5.0"

    def __init__(self, connections: int = 40, *, idle_seconds: int = 10) -> None:
        """``connections``: who is one more is not greeted. ``idle_seconds``: how often it looks in IDLE; by itself every 60."""
        root = packages.find("courier")
        assert root is not None, "see why_not_courier"
        super().__init__(Sandbox("courier", root, keep_root=True), lmtp=False)
        sandbox = self.sandbox
        self._deliveries = count(1)
        sandbox.write("authdaemonrc", _AUTHDAEMON)
        self._names = {
            "folder": sandbox.folder, "root": root, "uid": sandbox.uid, "both": self.both,
            "connections": connections, "idle": idle_seconds, "imap": self.ports.imap, "imaps": self.ports.imaps,
        }  # fmt: skip
        self.add_user("alice", "apass")
        self.add_user("bob", "bpass")

    def add_user(self, name: str | None = None, password: str = "apass") -> User:
        user = User(self._name(name), password)
        self.users[user.name] = user
        home = self._home(user.name)
        for folder in ("cur", "new", "tmp"):
            (home / "Maildir" / folder).mkdir(parents=True, exist_ok=True)
        for path in (home, *home.rglob("*")):
            os.chown(path, self.sandbox.uid, self.sandbox.uid)
        self.sandbox.write("userdb", "".join(map(self._spell_user, self.users.values())))
        if (inner := self.sandbox.pid) is not None:
            script = _USERS.format(**self._names)
            enter = ["nsenter", "--mount", "--root", "--target", str(inner)]
            subprocess.run([*enter, "sh", "-ec", script], check=True, timeout=20)
        return user

    def deliver_all(self, user: str, messages: Iterable[bytes], mailbox: str = "INBOX") -> None:
        for message in messages:
            self._put(self._home(user) / "Maildir" / mailbox.removeprefix("INBOX"), message)

    def _put(self, maildir: Path, message: bytes) -> None:
        """Write to ``tmp``, rename to ``new``: the delivery that Maildir defines."""
        name = f"{next(self._deliveries)}.M1P{os.getpid()}.localhost"
        draft = maildir / "tmp" / name
        draft.write_bytes(message.replace(b"\r\n", b"\n"))
        os.chown(draft, self.sandbox.uid, self.sandbox.uid)
        draft.rename(maildir / "new" / name)

    def spell(self, *names: str) -> str:
        return ".".join(("INBOX", *names))

    def start(self) -> None:
        self.sandbox.start((_SERVE.replace("set -a\n", _USERS + "set -a\n", 1)).format(**self._names), self._greets)

    def _home(self, user: str) -> Path:
        return self.sandbox.folder / "home" / user

    def _spell_user(self, user: User) -> str:
        digest = "{SHA}" + base64.b64encode(hashlib.sha1(user.password.encode()).digest()).decode()
        home, uid = self._home(user.name), self.sandbox.uid
        values = f"home={home}|uid={uid}|gid={uid}|mail={home}/Maildir|systempw={digest}|imappw={digest}"
        return f"{user.name}\t{values}\n"


def why_not_courier() -> str | None:
    """Why there is no Courier here; None where there is."""
    if packages.find("courier") is None:
        return "Courier is not unpacked (./run test fetches it)"
    return why_not(as_root=True)
