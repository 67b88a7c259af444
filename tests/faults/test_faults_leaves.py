"""What leaves the process while it runs, and what stays when a subscription has gone: looked for by canaries, words that stand
nowhere else, in everything that a user gives."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from faults.fault_scene import Scene, scene
from idlebell.imap import commands
from idlebell.model.learnt import Learnt
from idlebell.model.problem import PROBLEMS
from idlebell.model.subscription import SHOWN_AFTER_END
from idlebell.telemetry import log_sink
from idlebell.telemetry.status import Mode, Watch
from idlebell.testing import mail
from idlebell.testing.faults import Refuse

USER, MAILBOX, SUBJECT, SENDER, BODY = "userqX7canary", "mailboxqX7canary", "subjectqX7", "senderqX7", "bodyqX7"
PASSWORD, WRONG = "passwordqX7canary", "wrongqX7canary"
PATHS = ("mailpathqX7", "lostpathqX7", "hookpathqX7")
FILTER = "filterqX7@example.org"
SAID = "serversaidqX7"
CANARIES = (USER, MAILBOX, SUBJECT, SENDER, BODY, PASSWORD, WRONG, *PATHS, FILTER, SAID)


CLOSED = {
    *(code.replace("-", "_") for code in PROBLEMS),
    *(one.value for enum in (Watch, Mode) for one in enum),
    *("awake", "parked", "waiting", "under_way", "closed", "open", "half_open", "watching", "connection_lost", "other"),
    *("created", "renewed", "changed", "resupplied", "ended", "removed", "expired"),
    *("accepted", "retry", "gone", "refused", "simplepush", "webhook"),
}
"""What a label of a metric may be."""


def labels(exposition: str) -> set[str]:
    """All values, but for the bounds of histograms and what Python's own collectors tell."""
    samples = [one for family in text_string_to_metric_families(exposition) for one in family.samples]
    ours = [one.labels for one in samples if one.name.startswith("idlebell_")]
    return {value for found in ours for name, value in found.items() if name != "le"}


@contextmanager
def log_at(level: str, form: str = "text", *, names: bool = False) -> Iterator[io.StringIO]:
    """What is logged meanwhile, as ``serve`` logs it."""
    stream = io.StringIO()
    logger = logging.getLogger(log_sink.LOGGER)
    before = logger.level
    handler = log_sink.configure("json" if form == "json" else "text", level, stream, names=names)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)
        logger.setLevel(before)


def left_in(text: str | bytes) -> set[str]:
    data = text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")
    return {word for word in CANARIES if word.encode() in data}


def files(folder: Path) -> dict[str, set[str]]:
    """Canaries by the file of the store that has them."""
    return {
        entry.name: found
        for entry in folder.iterdir()
        if (found := left_in(entry.read_bytes())) and "idlebell" in entry.name
    }


async def registered(stage: Scene) -> tuple[str, str]:
    """Id and token."""
    answer = await stage.subscribe(
        stage.wish(
            USER,
            PASSWORD,
            mailboxes=["INBOX", MAILBOX],
            endpoints={
                "new_mail": stage.service.make_simplepush(PATHS[0]),
                "reconnect": stage.service.make_simplepush(PATHS[1]),
            },
            filter={"operator": "NOT", "conditions": [{"from": FILTER}]},
        )
    )
    assert answer.status == 201, answer
    return answer.json["id"], answer.json["token"]


async def a_life(stage: Scene) -> tuple[str, str, list[str]]:
    """Registration, arrival, a push that fails, a refused login, a lost session, new credentials. Id, token, and what was
    answered to others than the user."""
    answers: list[str] = []
    stage.server.add_user(USER, PASSWORD)
    stage.server.create(USER, MAILBOX)
    identity, token = await registered(stage)
    stage.server.deliver(USER, mail.make(sender=f"{SENDER} <{SENDER}@example.org>", subject=SUBJECT, text=BODY))
    await stage.service.wait_for(1, name=PATHS[0])
    hook = await stage.subscribe(
        stage.wish(USER, PASSWORD, endpoints={"new_mail": stage.service.make_webhook(PATHS[2])})
    )
    assert hook.status == 201, hook
    refused = await stage.subscribe(stage.wish(USER, WRONG))
    assert refused.status == 422, refused
    answers.append(refused.body.decode())
    for status, path in ((404, identity[:-1]), (401, identity)):
        answer = await stage.call("GET", f"/v1/subscriptions/{path}", token=None if status == 401 else "ibs_x")
        answers.append(answer.body.decode())
    bad = await stage.subscribe(stage.wish(USER, PASSWORD, mailboxes=[MAILBOX] * 2, filter={"from": [FILTER]}))
    assert bad.status == 422, bad
    stage.server.plan(commands.Authenticate, Refuse(f"{SAID} of {USER} in {MAILBOX}"))
    said = await stage.subscribe(stage.wish(USER, f"{WRONG}er"))
    assert said.status == 422, said
    for session in stage.server.of(USER):
        session.bye(f"{SAID} of {USER}")
    await stage.service.wait_for(1, name=PATHS[1])
    auth = {"auth": {"type": "password", "password": PASSWORD}, "wait_seconds": 10}
    again = await stage.call("PUT", f"/v1/subscriptions/{identity}/credentials", auth, token=token)
    assert again.status == 200, again
    answers.append((await stage.call("GET", "/metrics")).body.decode())
    return identity, token, answers


async def test_nothing_of_a_user_is_in_logs_metrics_or_answers_to_others(tmp_path: Path) -> None:
    """C2, I8: above ``debug``. What its own app is answered may quote its mail server."""
    with log_at("info") as log:
        async with scene(tmp_path) as stage:
            _, _, answers = await a_life(stage)
    events = {line.split()[2] for line in log.getvalue().splitlines()}
    assert {"session_opened", "login_failed", "session_lost", "push_attempted", "reconnect_asked"} <= events
    assert left_in(log.getvalue()) == set()
    assert [left_in(answer) for answer in answers] == [set() for _ in answers]
    assert labels(answers[-1]) <= CLOSED
    # Of what is kept sealed nothing shows in the files either; user name, mailboxes and wishes lie there in clear.
    assert set().union(*files(tmp_path).values()) <= {USER, MAILBOX, FILTER}


async def test_deleting_leaves_nothing_of_a_user_on_the_disk(tmp_path: Path) -> None:
    """Neither in the database nor in its journal, while it is served from; of the account, of its mailboxes, of its server."""
    async with scene(tmp_path) as stage:
        store = stage.running.engine.store
        identity, token, _ = await a_life(stage)
        account = (await store.unsettled())[0]
        await store.learn("localhost", Learnt(idle_seconds=600.0, sessions=3, clock_lag_seconds=1.0, quiet_since=None))
        assert set().union(*files(tmp_path).values()) >= {USER, MAILBOX, FILTER}  # what is looked for would be found
        page = await store.page(None, None, 10)
        assert (await stage.call("DELETE", f"/v1/subscriptions/{identity}", token=token)).status == 204
        (other,) = (one for one in page if one.id != identity)
        await store.expire(other.expires_at)  # its lease ends,
        await store.expire(other.expires_at + SHOWN_AFTER_END)  # and it is shown no more
        assert await store.scrub()
        assert files(tmp_path) == {}
        data = b"".join(entry.read_bytes() for entry in tmp_path.iterdir() if "idlebell" in entry.name)
        names = [one.encode() for one in (account, "localhost", *(one.id for one in page))]
        assert [name for name in names if name in data] == []
