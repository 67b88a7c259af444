"""What Idlebell does with what happens in a mailbox, as one table: each row is tried on every real server in every way of
watching that the server allows. ``docs/reference/servers.md`` is written from it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any, Final

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from idlebell.testing import mail
from idlebell.watch.detect import FLOOD_MESSAGES
from servers.behaviour_stage import RING_SECONDS, THOROUGH_SECONDS, Stage, Way
from servers.courier_server import CourierServer
from servers.dovecot_server import DovecotServer, why_not_sieve

NOTIFY: Final = Way("NOTIFY", (), ("INBOX", "Work"), "INBOX", "notify")
NOTIFY_OTHER: Final = Way("NOTIFY, not the open one", (), ("INBOX", "Work"), "Work", "notify")
IDLE: Final = Way("IDLE", ("NOTIFY",), ("INBOX",), "INBOX", "idle")
STATUS: Final = Way("IDLE, this one by STATUS", ("NOTIFY",), ("INBOX", "Work"), "Work", "poll", sessions=1)
POLL: Final = Way("poll", ("NOTIFY", "IDLE"), ("INBOX",), "INBOX", "poll")
RUNS: Final = {
    "dovecot": (NOTIFY, NOTIFY_OTHER, IDLE, STATUS, POLL),
    "cyrus": (IDLE, STATUS, POLL),
    "courier": (IDLE, STATUS, POLL),
}
"""By the name of the fixture, the ways that the server has."""

LONG_AGO: Final = datetime(2020, 2, 3, 4, 5, 6, tzinfo=UTC)
UPLOADS: Final = 10
BURST: Final = 500
FLOOD: Final = 600
NOISE: Final = 200
assert BURST <= FLOOD_MESSAGES < FLOOD


@dataclass(frozen=True)
class Behaviour:
    """``sees``: what an app is to hear. ``act`` subscribes, lets it happen and tells what was heard; None: this server or this
    way has no such thing."""

    name: str
    sees: str
    act: Callable[[Stage], Awaitable[str | None]]
    prepare: tuple[str, ...] = ()
    box: str | None = None
    """Another mailbox than the way's own is in question."""


# --- mail comes ---


async def new_mail(stage: Stage) -> str:
    await stage.subscribe()
    await stage.deliver("one")
    return await stage.outcome("one")


async def one_after_another(stage: Stage) -> str:
    """The second comes when the first has just rung: the time in which a watcher is between FETCH and IDLE."""
    await stage.subscribe()
    await stage.deliver("first")
    await stage.until_announced("first")
    await stage.deliver("second")
    return await stage.outcome("first", "second")


async def two_at_once(stage: Stage) -> str:
    await stage.subscribe()
    await asyncio.gather(stage.deliver("left"), stage.deliver("right"))
    return await stage.outcome("left", "right")


async def burst(stage: Stage) -> str:
    return await _pile(stage, BURST)


async def flood(stage: Stage) -> str:
    return await _pile(stage, FLOOD)


async def _pile(stage: Stage, mails: int) -> str:
    """All of it between two looks: what the server says of it is held back until it is there."""
    await stage.subscribe()
    await stage.settle()
    stage.proxy.hold()
    messages = [mail.plausible(number) for number in range(mails)]
    if isinstance(stage.server, DovecotServer):  # in one transaction: by LMTP they come one after another
        await stage.by_client(lambda client: client.multiappend(stage.box, messages))
    else:
        await asyncio.to_thread(stage.server.deliver_all, stage.user.name, messages, stage.box)
    stage.proxy.release()
    await stage.service.wait_for(lambda _: stage.announced() >= mails, RING_SECONDS, name=stage.hook)
    await stage.settle()
    largest = max(bell["count"] for bell in stage.bells())
    if stage.announced() != mails:
        return f"{stage.announced()} of {mails} announced"
    return (
        "one count"
        if largest == mails and not any(one["count"] == mails and one.get("messages") for one in stage.bells())
        else "rings"
    )


async def while_cut(stage: Stage) -> str:
    """It comes while there is no session: the gateway opens one again and announces it once."""
    await stage.subscribe()
    await stage.settle()
    stage.proxy.hold()
    stage.proxy.cut()
    await stage.deliver("meanwhile")
    stage.proxy.release()
    return await stage.outcome("meanwhile")


# --- mail that somebody has dealt with ---


async def seen_on_arrival(stage: Stage) -> str:
    await stage.subscribe()
    await stage.by_client(lambda client: client.append(stage.box, mail.make(subject="read"), ["\\Seen"]))
    return await stage.outcome("read")


async def filed_as_read(stage: Stage) -> str | None:
    """By a Sieve script, in Dovecot's LMTP."""
    server = stage.server
    if not isinstance(server, DovecotServer) or why_not_sieve() is not None:
        return None
    rule = 'require ["imap4flags", "fileinto"]; if header :is "subject" "read" { setflag "\\\\Seen"; }'
    await asyncio.to_thread(server.file_by, stage.user.name, f'{rule} fileinto "{stage.box}";')
    await stage.subscribe()
    await stage.deliver("read", "INBOX")
    return await stage.outcome("read")


async def seen_wanted(stage: Stage) -> str:
    await stage.subscribe(also=["seen"])
    await stage.by_client(lambda client: client.append(stage.box, mail.make(subject="read"), ["\\Seen"]))
    return await stage.outcome("read")


async def draft(stage: Stage) -> str:
    await stage.subscribe()
    await stage.by_client(lambda client: client.append(stage.box, mail.make(subject="draft"), ["\\Draft"]))
    return await stage.outcome("draft")


async def deleted_on_arrival(stage: Stage) -> str:
    """Nor does it ring when the mark is taken off: it is not new any more then."""
    await stage.subscribe()
    await stage.by_client(lambda client: client.append(stage.box, mail.make(subject="gone"), ["\\Deleted"]))
    await stage.settle()

    def undelete(client: IMAPClient) -> None:
        client.select_folder(stage.box)
        client.remove_flags(client.search("DELETED"), ["\\Deleted"])

    await stage.by_client(undelete)
    return await stage.outcome("gone")


async def undeleted(stage: Stage) -> str:
    """It rang when it came; deleting and un-deleting it is no second arrival."""
    await stage.subscribe()
    await stage.deliver("one")
    await stage.until_announced("one")

    def there_and_back(client: IMAPClient) -> None:
        client.select_folder(stage.box)
        (uid,) = client.search("ALL")
        client.delete_messages([uid])
        client.remove_flags([uid], ["\\Deleted"])

    await stage.by_client(there_and_back)
    return await stage.outcome("one")


async def expunged_before_a_look(stage: Stage) -> str:
    await stage.subscribe()
    await stage.settle()
    stage.proxy.hold()
    await stage.deliver("spam")

    def remove(client: IMAPClient) -> None:
        client.select_folder(stage.box)
        client.delete_messages(client.search("SUBJECT spam"))
        client.expunge()

    await stage.by_client(remove)
    stage.proxy.release()
    return await stage.outcome("spam")


# --- mail that is filed, not delivered ---


async def appended_new(stage: Stage) -> str:
    """An upload of what is of this moment cannot be told from a delivery, and some servers deliver so."""
    await stage.subscribe()
    await stage.by_client(lambda client: client.append(stage.box, mail.make(subject="upload")))
    return await stage.outcome("upload")


async def appended_old(stage: Stage) -> str:
    await stage.subscribe()
    await stage.settle()
    await stage.by_client(_upload_old(stage.box))
    return await stage.outcome("old")


async def appended_wanted(stage: Stage) -> str:
    await stage.subscribe(also=["appended"])
    await stage.settle()
    await stage.by_client(_upload_old(stage.box))
    return await stage.outcome("old")


async def _upload_until_taken(stage: Stage) -> None:
    """A busy Dovecot may still have the mailbox open that was deleted, and ask for a new login; what it refuses it has not
    stored (RFC 9051 section 6.3.12)."""
    for _ in range(UPLOADS):
        try:
            await stage.by_client(_upload_old(stage.box))
        except IMAPClientError as error:
            if not any(words in str(error) for words in ("deleted under us", "please relogin")):
                raise
            refused = error
        else:
            return
    raise refused


def _upload_old(box: str) -> Callable[[IMAPClient], Any]:
    def upload(client: IMAPClient) -> None:
        # Courier keeps the UIDs of what came only once somebody has selected the mailbox, as a user's client has.
        client.select_folder(box)
        client.append(box, mail.make(subject="old"), msg_time=LONG_AGO)

    return upload


async def copied_old(stage: Stage) -> str:
    await stage.by_client(_upload_old(stage.spell("Archive")))
    await stage.subscribe()
    await stage.settle()
    await stage.by_client(lambda client: _transfer(client, stage.spell("Archive"), stage.box, "old", moves=False))
    return await stage.outcome("old")


async def moved_old(stage: Stage) -> str:
    await stage.by_client(_upload_old(stage.spell("Archive")))
    await stage.subscribe()
    await stage.settle()
    await stage.by_client(lambda client: _transfer(client, stage.spell("Archive"), stage.box, "old", moves=True))
    return await stage.outcome("old")


async def moved_out_and_back(stage: Stage) -> str:
    """Unread all the time. It rang when it came."""
    await stage.subscribe()
    await stage.deliver("one")
    await stage.until_announced("one")
    archive = stage.spell("Archive")
    await stage.by_client(lambda client: _transfer(client, stage.box, archive, "one", moves=True))
    await stage.by_client(lambda client: _transfer(client, archive, stage.box, "one", moves=True))
    return await stage.outcome("one")


def _transfer(client: IMAPClient, source: str, target: str, subject: str, *, moves: bool) -> None:
    client.select_folder(source)
    uids = client.search(f"SUBJECT {subject}")
    if moves and client.has_capability("MOVE"):
        client.move(uids, target)
        return
    client.copy(uids, target)
    if moves:
        client.delete_messages(uids)
        client.expunge()


# --- several mailboxes ---


async def in_two_mailboxes(stage: Stage) -> str | None:
    """One mail that is seen through two watched mailboxes, as labels make it."""
    if len(stage.way.wish) == 1:
        return None
    await stage.subscribe()
    await stage.deliver("one")
    await stage.until_announced("one")
    (other,) = set(stage.way.wish) - {stage.way.box}
    await stage.by_client(lambda client: _transfer(client, stage.box, stage.spell(other), "one", moves=False))
    await stage.settle(stage.spell(other))
    return await stage.outcome("one")


async def created(stage: Stage) -> str | None:
    """Under ``"personal"``: a mailbox that was not there when the app subscribed, and mail in it at once."""
    if stage.way.wish == ("INBOX",) and stage.way.mode != "poll":
        return None  # what is not INBOX is not watched in this way
    await stage.subscribe(mailboxes="personal")
    await stage.until_watched("Work")
    await stage.by_client(lambda client: stage.create(client, "Fresh"))
    await stage.deliver("one", stage.spell("Fresh"))
    _have_it_look(stage)
    return await stage.outcome("one", box=stage.spell("Fresh"))


async def renamed(stage: Stage) -> str | None:
    """Under ``"personal"``: what was there does not ring under the new name, what comes to it does."""
    if stage.way.wish == ("INBOX",) and stage.way.mode != "poll":
        return None
    work, job = stage.spell("Work"), stage.spell("Job")
    await stage.by_client(_upload_old(work))
    await stage.subscribe(mailboxes="personal")
    await stage.until_watched("Work")
    await stage.by_client(lambda client: client.rename_folder(work, job))
    _have_it_look(stage)
    if stage.way.mode != "notify":  # there the mail itself tells of the new name
        await stage.until_watched("Job")
    await stage.deliver("one", job)
    return await stage.outcome("one", box=job)


def _have_it_look(stage: Stage) -> None:
    """Only NOTIFY tells of mail in mailboxes that nobody knew. Elsewhere the gateway asks every two minutes, and at once in a
    new session."""
    if stage.way.mode != "notify":
        stage.proxy.cut()


async def made_anew(stage: Stage) -> str | None:
    """Deleted and made again under the same name, with more mail in it than there was, as from a backup: another
    UIDVALIDITY. Nothing of it rings."""
    name = stage.way.box
    await stage.subscribe()
    await stage.settle()
    known = await stage.watched(name)
    assert known is not None
    stage.proxy.hold()

    def make_again(client: IMAPClient) -> None:
        validity = known["uid_validity"]
        while validity == known["uid_validity"]:  # it is made of the clock's seconds
            client.delete_folder(stage.box)
            stage.create(client, name)
            validity = client.folder_status(stage.box, ["UIDVALIDITY"])[b"UIDVALIDITY"]

    await stage.by_client(make_again)
    for _ in range(3):
        await _upload_until_taken(stage)
    stage.proxy.release()
    if isinstance(stage.server, CourierServer) and stage.way.mode == "idle":
        stage.proxy.cut()  # nothing but STATUS tells of it there, which is asked every fourth probe, and a new session
    # Dovecot says at most probes, not at all, that what it has open is no more.
    await stage.until_watched(name, but_not=known["uid_validity"], seconds=THOROUGH_SECONDS)
    return await stage.outcome("old")


# --- other clients ---


async def recent_is_left(stage: Stage) -> str | None:
    """\\Recent (RFC 3501 section 2.3.2) goes to the first client that selects the mailbox. That is not us."""
    await stage.subscribe()
    await stage.deliver("one")
    await stage.until_announced("one")
    said = await stage.by_client(lambda client: client.select_folder(stage.box))
    if said[b"RECENT"] != 1:
        return f"{said[b'RECENT']} recent"
    return await stage.outcome("one")


async def clients_at_work(stage: Stage) -> str:
    """Three others mark, copy and remove while mail comes."""
    await stage.subscribe()
    delivered = threading.Event()
    archive = stage.spell("Archive")
    numbers = count(1)

    def work(step: Callable[[IMAPClient], object], client: IMAPClient) -> None:
        client.select_folder(stage.box)
        while not delivered.is_set():
            client.noop()
            step(client)

    def mark(client: IMAPClient) -> None:
        if uids := client.search("SUBJECT noise"):
            client.add_flags(uids, ["\\Flagged"])

    def file(client: IMAPClient) -> None:
        if (number := next(numbers)) < NOISE:
            client.append(stage.box, mail.make(subject=f"noise {number}"), ["\\Seen"])

    def remove(client: IMAPClient) -> None:
        if uids := client.search("SUBJECT noise"):
            client.copy(uids[:5], archive)
            client.delete_messages(uids[:5])
            client.expunge()

    others = [asyncio.create_task(stage.by_client(partial(work, step))) for step in (mark, file, remove)]
    subjects = [f"number {number}" for number in range(10)]
    try:
        for subject in subjects:
            await stage.deliver(subject)
    finally:
        delivered.set()
        await asyncio.gather(*others)
    return await stage.outcome(*subjects)


BEHAVIOURS: Final = (
    Behaviour("new mail", "rings", new_mail),
    Behaviour("a second mail right after the first has rung", "rings", one_after_another),
    Behaviour("two at once", "rings", two_at_once),
    Behaviour(f"{BURST} at once", "rings", burst),
    Behaviour(f"{FLOOD} at once", "one count", flood),
    Behaviour("mail while the connection is cut", "rings", while_cut),
    Behaviour("appended as \\Seen", "quiet", seen_on_arrival),
    Behaviour("filed as read by a Sieve script", "quiet", filed_as_read),
    Behaviour('appended as \\Seen, `also: ["seen"]`', "rings", seen_wanted),
    Behaviour("appended as \\Draft", "quiet", draft),
    Behaviour("appended as \\Deleted, un-deleted later", "quiet", deleted_on_arrival),
    Behaviour("deleted and un-deleted", "rings", undeleted),
    Behaviour("expunged before we look", "quiet", expunged_before_a_look),
    Behaviour("appended, of this moment", "rings", appended_new),
    Behaviour("appended, of 2020", "quiet", appended_old),
    Behaviour('appended, of 2020, `also: ["appended"]`', "rings", appended_wanted),
    Behaviour("old mail copied into it", "quiet", copied_old, ("Archive",)),
    Behaviour("old mail moved into it", "quiet", moved_old, ("Archive",)),
    Behaviour("moved out and back, unread", "rings", moved_out_and_back, ("Archive",)),
    Behaviour("copied into another watched mailbox", "rings", in_two_mailboxes),
    Behaviour("into a mailbox made after subscribing", "rings", created, ("Work",)),
    Behaviour("into a mailbox that was renamed", "rings", renamed, ("Work",)),
    Behaviour("a mailbox made anew (UIDVALIDITY)", "quiet", made_anew, box="Work"),
    Behaviour("\\Recent is left to the user's client", "rings", recent_is_left),
    Behaviour("other clients at work in it", "rings", clients_at_work, ("Archive",)),
)
"""``rings``: each message is announced, once; ``quiet``: none; ``one count``: one notification that says how many."""


@dataclass(frozen=True)
class Deviation:
    """What is seen instead, and why it is not ours to mend."""

    sees: str
    reason: str


DEVIATIONS: Final[dict[tuple[str, str], Deviation]] = {}
"""By server and behaviour."""


def expected(server: str, behaviour: Behaviour) -> str:
    deviation = DEVIATIONS.get((server, behaviour.name))
    return behaviour.sees if deviation is None else deviation.sees
