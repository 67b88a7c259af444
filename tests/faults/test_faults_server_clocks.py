"""A mail server whose clock is wrong, or goes wrong, and dates that somebody made up: what is delivered is not taken
for old mail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from faults.watched import Watched, watched
from idlebell.testing import mail

NOBODYS_DATE = datetime(2099, 1, 1, tzinfo=UTC)


async def deliver(one: Watched, *, dated: datetime | None = None) -> None:
    """What was written just now arrives and rings. ``dated``: as a client made it up in an APPEND."""
    message = mail.make(subject=f"mail {one.sent}", date=datetime.now(UTC))
    one.scene.server.deliver(one.user, message, internal_date=dated)
    one.sent += 1
    await one.rung()


async def test_mail_rings_after_the_server_s_clock_was_set_back(tmp_path: Path) -> None:
    """It was learnt that this server's clock is right, and then it is not any more."""
    async with watched(tmp_path) as one:
        one.scene.server.behave(clock_offset=timedelta(hours=-30))
        for _ in range(3):
            await deliver(one)


async def test_a_date_in_the_future_does_not_silence_a_server_whose_clock_is_slow(tmp_path: Path) -> None:
    async with watched(tmp_path, habits={"clock_offset": timedelta(hours=-5)}) as one:
        await deliver(one)
        await deliver(one, dated=NOBODYS_DATE)
        await deliver(one)


async def test_an_upload_that_is_dated_right_does_not_silence_a_server_whose_clock_is_slow(tmp_path: Path) -> None:
    """Its date comes from another clock than the server's."""
    async with watched(tmp_path, habits={"clock_offset": timedelta(hours=-5)}) as one:
        await deliver(one)
        await deliver(one, dated=datetime.now(UTC).replace(microsecond=0))
        await deliver(one)


async def test_old_mail_is_filed_whatever_the_server_s_clock_says(tmp_path: Path) -> None:
    async with watched(tmp_path) as one:
        one.scene.server.behave(clock_offset=timedelta(hours=-5))
        await deliver(one)
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        one.scene.server.deliver(one.user, mail.make(subject="old", date=long_ago), internal_date=long_ago)
        await deliver(one)


async def test_a_flood_is_counted_after_the_server_s_clock_was_set_back(tmp_path: Path) -> None:
    async with watched(tmp_path) as one:
        one.scene.server.behave(clock_offset=timedelta(days=-3))
        await one.scene.server.stop()
        for number in range(600):
            one.scene.server.deliver(one.user, mail.make(subject=f"flood {number}", date=datetime.now(UTC)))
        one.sent += 600
        await one.scene.server.start()
        await one.rung()
