"""Sessions of IMAP clients that others wrote, for a comparison of two ways to the same server: what each call gave, as text."""

from __future__ import annotations

import imaplib
import re
import ssl
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from interop.npm_packages import FOLDER
from servers.differ import Address, fill
from servers.mail_server import SandboxedServer, User
from servers.node import ENVIRONMENT, node
from servers.random_sessions import initial_mail, message

SECONDS: Final = 30
ALL: Final = range(1, 14)
DATE: Final = '"05-Mar-2019 11:22:33 +0100"'
IMAPFLOW: Final = Path(__file__).parents[1] / "interop/imapflow_session.mjs"
_DIFFERENT: Final = (
    (r"\(\d+\.\d+ \+ \d+\.\d+( \+ \d+\.\d+)? secs\)", "(secs)"),
    (r"(?i)(uidvalidity\W{1,4}(?:b')?)\d+", r"\1v"),
    (r"(APPENDUID|COPYUID) \d+", r"\1 v"),
    (r"(?i)((mailboxid|emailid|threadid)\W*(b'\W*)?)[\w-]+", r"\1id"),
    (r'"id":"[0-9a-f]{32}"', '"id":"of UIDVALIDITY"'),
    (r" object at 0x[0-9a-f]+", ""),
    (r"\d\.\d{3} secs?\)", "secs)"),
    (r"SESSIONID=<[^>]*>", "SESSIONID=<id>"),
)
Session = Callable[[SandboxedServer, int, User], list[str]]
"""Server, its port or that of what stands before it (TLS with the server's certificate), user."""


def alike(said: object, user: User) -> str:
    """Without what two users never have in common."""
    text = said if isinstance(said, str) else repr(said)
    text = text.replace(user.name, "USER")
    for pattern, instead in _DIFFERENT:
        text = re.sub(pattern, instead, text)
    return text


def by_imaplib(server: SandboxedServer, port: int, user: User) -> list[str]:
    """Python's own; it sends one command at a time and its literals after ``+``."""
    box, subject = server.spell("Kept"), message(40, 5_000)
    heard: list[Any] = []
    with imaplib.IMAP4_SSL("localhost", port, ssl_context=server.client_context(), timeout=SECONDS) as client:
        client.login(user.name, user.password)
        calls: list[tuple[Any, ...]] = [
            (client.namespace,), (client.create, box), (client.subscribe, box), (client.list,), (client.lsub,),
            (client.select, "INBOX"), (client.append, "INBOX", "(\\Seen)", DATE, subject), (client.noop,),
            (client.recent,), (client.fetch, "1:*", "(FLAGS UID RFC822.SIZE ENVELOPE)"), (client.fetch, "5", "(RFC822)"),
            (client.fetch, "2,3", "(BODYSTRUCTURE BODY.PEEK[1])"), (client.search, None, "SUBJECT", '"Lunch 4"'),
            (client.search, "UTF-8", "UNSEEN"), (client.store, "1:2", "+FLAGS", "(\\Deleted Work)"),
            (client.copy, "2", box), (client.uid, "FETCH", "1:*", "(FLAGS)"), (client.expunge,), (client.check,),
            (client.status, box, "(MESSAGES UIDNEXT)"), (client.response, "UIDVALIDITY"), (client.close,),
            (client.select, box, True), (client.fetch, "1", "(BODY[])"), (client.rename, box, server.spell("Moved")),
            (client.unsubscribe, box), (client.xatom, "FROBNICATE"), (client.logout,),
        ]  # fmt: skip
        for call, *arguments in calls:
            try:
                heard.append((call.__name__, call(*arguments)))
            except imaplib.IMAP4.error as error:
                heard.append((call.__name__, str(error)))
    return [alike(one, user) for one in heard if one[0] != "logout"]


def by_imapclient(server: SandboxedServer, port: int, user: User) -> list[str]:
    box, text = server.spell("Entwürfe"), message(41, 70_000)
    heard: list[Any] = []
    context: ssl.SSLContext = server.client_context()
    with IMAPClient("localhost", port=port, ssl_context=context, timeout=SECONDS) as client:
        client.login(user.name, user.password)
        client.normalise_times = False
        calls: list[tuple[Any, ...]] = [
            (client.namespace,), (client.create_folder, box), (client.list_folders,), (client.xlist_folders,),
            (client.folder_status, "INBOX"), (client.select_folder, "INBOX"), (client.append, "INBOX", text, ["\\Flagged"]),
            (client.search, ["SUBJECT", "Lünch"], "UTF-8"), (client.search, "ALL"), (client.sort, "REVERSE SIZE"),
            (client.thread, "REFERENCES"), (client.fetch, ALL, ["FLAGS", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE"]),
            (client.fetch, [5, 6, 13], ["BODY.PEEK[]", "UID"]), (client.fetch, [3], ["BODY[TEXT]<5.50>"]),
            (client.add_flags, [1, 2], ["\\Seen", "Work"]), (client.set_flags, [3], []), (client.copy, [2], box),
            (client.move, [4], box), (client.delete_messages, [1]), (client.uid_expunge, [1]), (client.noop,),
            (client.idle,), (client.idle_done,), (client.unselect_folder,), (client.select_folder, box, True),
            (client.fetch, ALL, ["RFC822"]), (client.close_folder,), (client.delete_folder, box),
            (client.get_quota_root, "INBOX"), (client.getacl, "INBOX"), (client.select_folder, "NoSuch"),
        ]  # fmt: skip
        for call, *arguments in calls:
            try:
                heard.append((call.__name__, call(*arguments)))
            except IMAPClientError as error:
                heard.append((call.__name__, str(error)))
    return [alike(one, user) for one in heard]


def by_imapflow(server: SandboxedServer, port: int, user: User) -> list[str]:
    """From npm; it pipelines, and idles by itself. Needs the part ``npm-packages``."""
    done = subprocess.run(
        [node(), IMAPFLOW, FOLDER, str(port), user.name, user.password, server.ca_file, server.spell("", "").strip("INBOX")],
        capture_output=True, text=True, timeout=2 * SECONDS, check=False, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return alike(done.stdout, user).replace("],[", "],\n[").splitlines()


def compare(session: Session, server: SandboxedServer, ports: tuple[int, int]) -> tuple[list[str], list[str]]:
    """What the client heard on each of two ways to the server, of two users who are alike."""
    users = server.add_users(2)
    direct = Address(server.ports.imaps, server.client_context())
    for user in users:
        fill(direct, user, initial_mail())
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda way: session(server, *way), zip(ports, users, strict=True))
    return one, other
