"""Cyrus IMAP 3.6 on free ports, from a temporary folder, as an unprivileged user."""

from __future__ import annotations

from servers import packages
from servers.mail_server import SandboxedServer, User
from servers.sandbox import Sandbox, why_not

_IMAPD = """\
configdirectory: {folder}/conf
defaultpartition: default
partition-default: {folder}/spool
sievedir: {folder}/sieve
temp_path: {folder}/tmp
cyrus_user: {user}
admins: cyrus
servername: localhost
unixhierarchysep: yes
altnamespace: yes
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb2
tls_server_cert: {certificate}
tls_server_key: {key}
tls_client_ca_file: {ca_file}
idlesocket: {folder}/conf/socket/idle
notifysocket: {folder}/conf/socket/notify
lmtpsocket: {folder}/conf/socket/lmtp
autocreate_quota: 0
autocreate_post: yes
conversations: yes
hashimapspool: yes
imapidlepoll: {idle}
failedloginpause: 0
maxlogins_per_user: 0
syslog_prefix: idlebell
duplicate_db_path: {folder}/conf/deliver.db
delete_mode: immediate
expunge_mode: immediate
"""

_SERVICES = """\
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {folder}/imapd.conf -r"
  idled cmd="{bin}/idled -C {folder}/imapd.conf"
}}
SERVICES {{
  imap  cmd="{bin}/imapd -C {folder}/imapd.conf -U 1000" listen="127.0.0.1:{imap}" prefork=0
  imaps cmd="{bin}/imapd -s -C {folder}/imapd.conf" listen="127.0.0.1:{imaps}" prefork=0
  lmtp  cmd="{bin}/lmtpd -a -C {folder}/imapd.conf" listen="127.0.0.1:{lmtp}" prefork=0
}}
EVENTS {{
  checkpoint cmd="{bin}/ctl_cyrusdb -C {folder}/imapd.conf -c" period=30
}}
"""

_FOLDERS = (
    *(f"conf/{name}" for name in ("db", "proc", "socket", "log", "msg", "ptclient", "sync", "lock", "user", "quota")),
    "conf/backup", "conf/sieve", "spool", "sieve", "tmp",
)  # fmt: skip
_BIN = "/usr/lib/cyrus/bin"


class CyrusServer(SandboxedServer):
    """Users ``alice``/``apass`` and ``bob``/``bpass``. Cyrus makes an INBOX at the first login or delivery.
    Into another mailbox anyone may deliver who has the right ``p`` there (RFC 4314)."""

    title = "Cyrus 3.6"

    def __init__(self, *, idle_seconds: int = 10) -> None:
        """``idle_seconds``: how often it looks in IDLE, beside what idled tells it; by itself every 60."""
        super().__init__(Sandbox("cyrus", packages.find("cyrus")))
        sandbox = self.sandbox
        for name in _FOLDERS:
            (sandbox.folder / name).mkdir(parents=True)
        names = {
            "folder": sandbox.folder, "user": sandbox.user, "bin": _BIN,
            "certificate": self.certificate, "key": self.key, "ca_file": self.ca_file,
            "imap": self.ports.imap, "imaps": self.ports.imaps, "lmtp": self.ports.lmtp, "idle": idle_seconds,
        }  # fmt: skip
        sandbox.write("imapd.conf", _IMAPD.format(**names))
        sandbox.write("cyrus.conf", _SERVICES.format(**names))
        self.add_user("alice", "apass")
        self.add_user("bob", "bpass")

    def add_user(self, name: str | None = None, password: str = "apass") -> User:
        user = User(self._name(name), password)
        self.users[user.name] = user
        self.sandbox.run(
            "/usr/sbin/saslpasswd2", "-p", "-c", "-f", f"{self.sandbox.folder}/sasldb2", "-u", "localhost", user.name,
            stdin=password.encode(),
        )  # fmt: skip
        return user

    def start(self) -> None:
        folder = self.sandbox.folder
        self.sandbox.start(
            f"exec {_BIN}/master -C {folder}/imapd.conf -M {folder}/cyrus.conf -p {folder}/master.pid -D", self._greets
        )


def why_not_cyrus() -> str | None:
    """Why there is no Cyrus here; None where there is."""
    if packages.find("cyrus") is None:
        return "Cyrus is not unpacked (./run test fetches it)"
    return why_not()
