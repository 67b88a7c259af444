"""How each mailbox is doing, and who waits to hear of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from idlebell.model.ids import AccountId
from idlebell.telemetry.status import AccountStatus, MailboxStatus, Status, Watch

ACCOUNT = AccountId("acc_1")


def watching(status: AccountStatus | None) -> bool:
    return status is not None and status.watching() == {"INBOX"}


async def test_waiter_is_woken_by_what_it_waits_for() -> None:
    status = Status()
    waiting = asyncio.create_task(status.wait_for(ACCOUNT, watching, 30))
    await asyncio.sleep(0)

    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.CONNECTING))
    await asyncio.sleep(0)
    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.WATCHING))

    assert watching(await waiting)
    assert status.totals() == {"connecting": 0, "watching": 1, "reconnecting": 0, "failed": 0}


async def test_waiter_gets_what_stands_when_its_time_is_over() -> None:
    status = Status()
    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.RECONNECTING))

    found = await status.wait_for(ACCOUNT, watching, 0)

    assert found is not None
    assert [one.watch for one in found] == [Watch.RECONNECTING]


async def test_what_is_forgotten_is_gone() -> None:
    status = Status()
    for mailbox in ("INBOX", "Work"):
        status.report(ACCOUNT, MailboxStatus(mailbox, Watch.WATCHING))

    status.forget(ACCOUNT, "Work")
    kept = status.of(ACCOUNT)
    assert kept is not None
    assert kept.watching() == {"INBOX"}
    status.forget(ACCOUNT, "INBOX")

    assert status.of(ACCOUNT) is None
    status.forget(ACCOUNT)


async def test_two_waiters_of_one_account_are_both_woken() -> None:
    status = Status()
    waiters = [asyncio.create_task(status.wait_for(ACCOUNT, watching, 30)) for _ in range(2)]
    await asyncio.sleep(0)

    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.WATCHING))

    assert all(watching(one) for one in await asyncio.gather(*waiters))


async def test_who_was_lent_to_tells_of_accounts_that_are_laid_aside() -> None:
    status, aside = Status(), AccountStatus({"INBOX": MailboxStatus("INBOX", Watch.WATCHING)})
    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.WATCHING))
    status.lend(lambda account: aside if account == ACCOUNT else None, lambda: 1)

    status.lay_aside(ACCOUNT)

    assert status.of(ACCOUNT) is aside
    assert status.of(AccountId("acc_2")) is None
    assert status.totals() == {"connecting": 0, "watching": 1, "reconnecting": 0, "failed": 0}


async def test_only_one_mailbox_that_is_watched_and_nothing_else_is_plain() -> None:
    status = Status()
    assert not status.is_plain(ACCOUNT)

    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.WATCHING))
    assert status.is_plain(ACCOUNT)

    status.report(ACCOUNT, MailboxStatus("Work", Watch.WATCHING))
    assert not status.is_plain(ACCOUNT)

    status.forget(ACCOUNT, "Work")
    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.RECONNECTING))
    assert not status.is_plain(ACCOUNT)

    status.report(ACCOUNT, MailboxStatus("INBOX", Watch.WATCHING))
    status.alert(ACCOUNT, "Please read this.", datetime(2026, 1, 1, tzinfo=UTC))
    assert not status.is_plain(ACCOUNT)
