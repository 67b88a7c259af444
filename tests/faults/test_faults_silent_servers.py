"""Servers that seem well and say nothing, mailboxes that go away, and more mail than anybody wants to be told of singly."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from faults.watched import CYCLE, Noticed, Watched, timed, watched
from idlebell.imap import commands
from idlebell.testing import mail
from idlebell.testing.faults import Refuse
from idlebell.watch import look, watcher
from idlebell.watch.cadence import Cadence

FLOOD = 10_000


async def test_a_server_that_goes_silent_in_idle_is_polled_from_the_second_mail_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noticed: Noticed
) -> None:
    """F6: its notifier died. Each mail rings all the same: the look at the end of a cycle finds it."""
    monkeypatch.setattr(look, "UNSAID_SECONDS", 0.0)  # in life mail this young may be on its way to us
    ahead = {"clock_offset": timedelta(seconds=1)}  # its dates are whole seconds: no mail seems to be older than a look
    async with watched(tmp_path, cadence=Cadence(idle=3.0, poll=1.0), habits=ahead) as alice:
        server = alice.scene.server
        server.behave(speaks_in_idle=False)
        await alice.mail()
        seconds = await timed(alice.rung())
        silent = 1
        while (shown := await alice.shown())["mode"] != "poll" and silent < 10:
            await server.until(lambda: server.idling("alice") == 1)
            await alice.still_there()
            silent += 1
        assert shown["mode"] == "poll"
        assert "IDLE" in shown["mode_reason"]
        await alice.still_there()
        assert alice.proxy.accepted == 1
        assert alice.calls() == []
    noticed("F6 IDLE never speaks (cycle 3 s)", f"each rung by a look, polled from mail {silent} on, says why", seconds)


async def test_a_mailbox_that_is_deleted_costs_the_others_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noticed: Noticed
) -> None:
    """F14. The server goes on as if it were there, which Courier does. When it is there again it is watched again."""
    monkeypatch.setattr(watcher, "SIT_OUT_SECONDS", 1.0)
    async with watched(tmp_path, cadence=CYCLE, mailboxes=("INBOX", "Work")) as alice:
        alice.scene.server.delete("alice", "Work")
        seconds = await timed(alice.scene.until(lambda: alice.has_problem("no-such-mailbox")))
        await alice.still_there()
        alice.scene.server.create("alice", "Work")
        await alice.scene.until(lambda: _has_no_problem(alice))
        await alice.still_there()
        await alice.mail("Work")
        await alice.rung()
        assert alice.calls() == []
    noticed("F14 one of two mailboxes deleted (cycle 1 s)", "no-such-mailbox shown, the other rings", seconds)


async def _has_no_problem(alice: Watched) -> bool:
    return (await alice.shown())["problem"] is None


async def test_a_mailbox_that_may_not_be_read_any_more_is_left_alone(tmp_path: Path) -> None:
    """F13: NOPERM is said of a mailbox, not of the session."""
    async with watched(tmp_path, cadence=CYCLE) as alice:
        refused = alice.scene.server.plan(commands.Examine, Refuse("not yours", "NOPERM"), times=None, user="alice")
        alice.proxy.cut()
        await refused.hit()
        await alice.scene.until(lambda: alice.has_problem("no-such-mailbox"))
        assert alice.calls() == []


@pytest.mark.long
async def test_ten_thousand_mails_of_a_gap_are_one_notification(tmp_path: Path, noticed: Noticed) -> None:
    """F29."""
    async with watched(tmp_path) as alice:
        before = len(alice.bells())
        await alice.proxy.shut()
        alice.proxy.cut()
        await alice.until_state("reconnecting")
        message = mail.make(subject="flood")
        for number in range(FLOOD):
            alice.scene.server.deliver("alice", message.replace(b"Message-ID: <", b"Message-ID: <%d." % number))
        alice.sent += FLOOD
        await alice.proxy.open()
        seconds = await timed(alice.rung())
        assert len(alice.bells()) == before + 1
        await alice.still_there()
        assert alice.calls() == []
    noticed(f"F29 {FLOOD} mails while away, from the server's return on", "one notification with the count", seconds)
