"""Dovecot 2.3 on free ports, from a temporary folder, as an unprivileged user."""

from __future__ import annotations

import functools
import os
import re
import shlex
import signal
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path

from servers import packages
from servers.mail_server import CONNECT_SECONDS, SandboxedServer, User
from servers.sandbox import START_SECONDS, Sandbox, why_not

_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{folder}/home/%u/Maildir
mail_uid = {uid}
mail_gid = {uid}
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
auth_mechanisms = plain login scram-sha-256 scram-sha-1
auth_failure_delay = 0
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_dh =
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  {userdb}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    auto = subscribe
    special_use = \\Drafts
  }}
}}
mail_max_userip_connections = 50
verbose_proctitle = yes
imap_idle_notify_interval = 2 mins
mailbox_idle_check_interval = 1 s
protocol lmtp {{
  postmaster_address = postmaster@localhost
  mail_plugins = {lmtp_plugins}
}}
plugin {{
  sieve = file:{folder}/home/%u/.dovecot.sieve
}}
# alice+Work@ is delivered into her mailbox Work.
lmtp_save_to_detail_mailbox = yes
lda_mailbox_autocreate = yes
service anvil {{
  chroot =
  # Without this a wrong password delays every login from this address, of whatever user, by up to 15 s.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
"""

_HIBERNATES = """\
imap_hibernate_timeout = {seconds} s
default_client_limit = 10000
default_vsz_limit = 1 G
service imap {{
  unix_listener imap-master {{
    mode = 0666
  }}
}}
service imap-hibernate {{
  chroot =
  unix_listener imap-hibernate {{
    mode = 0666
  }}
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
}}
"""
# Both sockets are opened by processes that have a user's id by then. A login process stays for each session under TLS unless
# service_count = 0 lets one serve thousands.

_OAUTH2 = """\
auth_mechanisms = plain login scram-sha-256 scram-sha-1 xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
"""
_INTROSPECTION = """\
introspection_mode = post
introspection_url = {url}
username_attribute = sub
active_attribute = active
active_value = true
"""

_OF_ONE_UID = "driver = static\n  args = uid={uid} gid={uid} home={folder}/home/%u"
_OF_OWN_UIDS = "driver = passwd-file\n  args = {folder}/users\n  default_fields = home={folder}/home/%u"
OWN_UIDS_APART = 100_000
"""From one user's id to the next: more than there are ports, by which servers tell theirs apart."""


class DovecotServer(SandboxedServer):
    """``options`` are lines of ``dovecot.conf`` that come last and win: ``{"mail_max_userip_connections": "3"}``.

    ``own_uids``: each user has a user id, so that Linux's 128 inotify instances a user id are enough for any number of them;
    without them Dovecot looks for mail every 30 s. It runs as root then, in its sandbox.

    ``hibernates_after_seconds``: a session that is so long in IDLE is handed to the one process ``imap-hibernate``, and its own
    ends, until something happens; see :meth:`processes`. 0: never, as Dovecot has it by itself.

    ``introspection_url``: of an OpenID provider that it asks about access tokens (RFC 7662), so that XOAUTH2 and OAUTHBEARER
    are offered.

    Users ``alice``/``apass`` and ``bob``/``bpass`` are there; :meth:`add_user` makes more at any time.
    """

    title = "Dovecot 2.3"

    def __init__(
        self,
        options: Mapping[str, str] | None = None,
        *,
        own_uids: bool = False,
        hibernates_after_seconds: int = 0,
        introspection_url: str = "",
    ) -> None:
        super().__init__(Sandbox("dovecot", packages.find("dovecot"), keep_root=own_uids))
        sandbox = self.sandbox
        self._own_uids = own_uids
        self._stored: dict[str, str] = {}
        self._writes = count(1)
        self._writing = threading.Lock()
        for name in ("run", "state", "home"):
            (sandbox.folder / name).mkdir()
        if own_uids:
            (sandbox.folder / "home").chmod(0o1777)
        sandbox.write("users", "")
        text = _CONFIGURATION.format(
            folder=sandbox.folder, user=sandbox.user, group=sandbox.group, uid=sandbox.uid,
            certificate=self.certificate, key=self.key, imap=self.ports.imap, imaps=self.ports.imaps, lmtp=self.ports.lmtp,
            userdb=_OF_OWN_UIDS.format(folder=sandbox.folder) if own_uids
            else _OF_ONE_UID.format(folder=sandbox.folder, uid=sandbox.uid),
            lmtp_plugins="sieve" if why_not_sieve() is None else "",
        )  # fmt: skip
        if hibernates_after_seconds:
            text += _HIBERNATES.format(seconds=hibernates_after_seconds)
        if introspection_url:
            sandbox.write("oauth2.conf", _INTROSPECTION.format(url=introspection_url))
            text += _OAUTH2.format(folder=sandbox.folder)
        sandbox.write("dovecot.conf", text + "".join(f"{key} = {value}\n" for key, value in (options or {}).items()))
        self.add_user("alice", "apass")
        self.add_user("bob", "bpass")

    def configure(self, text: str) -> None:
        """More of ``dovecot.conf``, before it is started. It comes last and wins."""
        self.sandbox.write("dovecot.conf", (self.sandbox.folder / "dovecot.conf").read_text() + text)

    def add_user(self, name: str | None = None, password: str = "apass", *, scheme: str = "PLAIN") -> User:
        """``scheme``: how the password is stored. Of one in plain each login by SCRAM makes keys with another salt."""
        user = User(self._name(name), password)
        self.set_password(user.name, password, scheme=scheme)
        return user

    def add_users(self, count: int) -> list[User]:
        users = [User(self._name(None), "apass") for _ in range(count)]
        self.users.update((user.name, user) for user in users)
        self._write_users()
        return users

    def set_password(self, name: str, password: str, *, scheme: str = "PLAIN") -> None:
        stored = (
            self._doveadm("pw", "-s", scheme, "-p", password).strip() if scheme != "PLAIN" else f"{{PLAIN}}{password}"
        )
        self.users[name] = User(name, password)
        self._stored[name] = stored
        self._write_users()

    def kick(self, name: str) -> None:
        """Kills the processes that have a session of the user."""
        for pid in self.processes("imap"):
            with suppress(OSError):
                if f"[{name} ".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    os.kill(pid, signal.SIGKILL)

    def _doveadm(self, *arguments: str) -> str:
        words = shlex.join(("doveadm", "-c", f"{self.sandbox.folder}/dovecot.conf", *arguments))
        return self.sandbox.run("sh", "-c", f"LD_LIBRARY_PATH=/usr/lib/dovecot exec {words}").decode()

    def _write_users(self) -> None:
        with self._writing:
            self._replace_users()

    def _replace_users(self) -> None:
        # Replaced, not rewritten: Dovecot compares what stat() says, and a reader never sees half of it.
        witness = User(f"witness{next(self._writes)}", "-")
        lines = "".join(self._line(user, number) for number, user in enumerate((*self.users.values(), witness), 1))
        fresh = self.sandbox.write("users.new", lines)
        if os.geteuid() == 0:
            os.chown(fresh, self.sandbox.uid, self.sandbox.uid)
        fresh.rename(self.sandbox.folder / "users")
        # Dovecot looks at the file once a second at most: when it knows the newest name, it knows the rest.
        end = time.monotonic() + START_SECONDS
        while self.sandbox.running and not self._takes_mail_for(witness):
            assert time.monotonic() < end, "Dovecot does not read its users again"
            time.sleep(0.02)

    def _line(self, user: User, number: int) -> str:
        uid = self.sandbox.uid + OWN_UIDS_APART * number if self._own_uids else ""
        stored = self._stored.get(user.name, f"{{PLAIN}}{user.password}")
        return f"{user.name}:{stored}:{uid}:{uid}::::\n"

    def _takes_mail_for(self, user: User) -> bool:
        with smtplib.LMTP("127.0.0.1", self.ports.lmtp, local_hostname="localhost", timeout=CONNECT_SECONDS) as lmtp:
            lmtp.ehlo_or_helo_if_needed()
            lmtp.mail("sender@example.net")
            return lmtp.rcpt(user.name)[0] == 250

    def drop_into_maildir(self, user: str, message: bytes, mailbox: str = "INBOX") -> None:
        """As a delivery agent that knows nothing of Dovecot. The mailbox is there already."""
        self.draft_into_maildir(user, message, mailbox)()

    def draft_into_maildir(self, user: str, message: bytes, mailbox: str = "INBOX") -> Callable[[], object]:
        """As :meth:`drop_into_maildir`, but that only a call of what is returned delivers it: a single rename."""
        maildir = self.sandbox.folder / "home" / user / "Maildir" / ("" if mailbox == "INBOX" else f".{mailbox}")
        name = f"{next(self._writes)}.M1P{os.getpid()}.localhost"
        draft = maildir / "tmp" / name
        draft.write_bytes(message.replace(b"\r\n", b"\n"))
        if os.geteuid() == 0:
            owner = maildir.stat()
            os.chown(draft, owner.st_uid, owner.st_gid)
        return functools.partial(draft.rename, maildir / "new" / name)

    def file_by(self, user: str, script: str) -> None:
        """From now on mail to ``user`` goes through this Sieve script (RFC 5228); see :func:`why_not_sieve`."""
        path = self.sandbox.write(f"home/{user}/.dovecot.sieve", script)
        for one in (path.parent, path):
            if os.geteuid() == 0:
                os.chown(one, self.sandbox.uid, self.sandbox.uid)

    def processes(self, name: str) -> list[int]:
        """Of one service: ``imap`` has one for each session that is awake, ``imap-hibernate`` one for all others."""
        master = self.sandbox.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [int(pid) for pid in children if _named(pid) == name]

    def hibernated(self) -> int:
        """Sessions that sleep: each has its inotify instance in the process that holds it."""
        return sum(
            _leads_to(entry) == "anon_inode:inotify"
            for pid in self.processes("imap-hibernate")
            for entry in Path(f"/proc/{pid}/fd").iterdir()
        )

    def logins(self) -> dict[str, str]:
        """User -> the mechanism of the latest login."""
        said = (self.sandbox.folder / "dovecot.log").read_text("utf-8", "replace")
        return dict(re.findall(r"Login: user=<([^>]*)>, method=([\w-]+)", said))

    def refused(self) -> Counter[str]:
        """User -> failed logins, of connections that are closed."""
        said = (self.sandbox.folder / "dovecot.log").read_text("utf-8", "replace")
        found: Counter[str] = Counter()
        for attempts, user in re.findall(r"auth failed, (\d+) attempts[^\n]*?user=<([^>]*)>", said):
            found[user] += int(attempts)
        return found

    def complaints(self) -> str:
        """What it wrote of warnings and errors, the latest."""
        lines = (self.sandbox.folder / "dovecot.log").read_text("utf-8", "replace").splitlines()
        return "\n".join([line for line in lines if "Error: " in line or "Warning: " in line][-20:])

    def start(self) -> None:
        program = "/usr/sbin/dovecot"
        script = f"export LD_LIBRARY_PATH=/usr/lib/dovecot\nexec {program} -F -c {self.sandbox.folder}/dovecot.conf"
        self.sandbox.start(script, self._greets)


def _named(pid: str) -> str | None:
    """None: it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def _leads_to(entry: Path) -> str | None:
    try:
        return str(entry.readlink())
    except OSError:
        return None


def why_not_dovecot() -> str | None:
    """Why there is no Dovecot here; None where there is."""
    if packages.find("dovecot") is None and not os.access("/usr/sbin/dovecot", os.X_OK):
        return "Dovecot is neither unpacked nor installed (./run test fetches it)"
    return why_not()


def why_not_sieve() -> str | None:
    """Why this Dovecot has no Sieve (Pigeonhole); None where it has."""
    module = (packages.find("dovecot") or Path("/")) / "usr/lib/dovecot/modules/lib90_sieve_plugin.so"
    return None if module.exists() else "dovecot-sieve is neither unpacked nor installed (./run test fetches it)"
