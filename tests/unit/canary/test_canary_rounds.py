"""The rounds, in virtual time: what is sent when, and what comes of it."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path

import pytest

import store_samples as samples
from idlebell.canary.chain import Rhythm, Stage
from idlebell.canary.post import LOGIN_PAUSE_SECONDS, Post
from idlebell.canary.rounds import Canary
from idlebell.gateway import standing
from idlebell.gateway.declared import DeclaredAccount
from idlebell.gateway.shapes import SubscriptionView
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.ids import AccountId
from idlebell.model.problem import Fault
from idlebell.model.proof import USUAL_DEMANDS
from idlebell.model.subscription import Activity, Counts
from idlebell.net.errors import SubmissionRefused, Unreachable
from idlebell.net.smtp_client import Letter, Login
from idlebell.push.canary import token_of
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import CanaryFailed, CanaryHeard, Fact, StoreFailed, SupervisorCaught
from idlebell.telemetry.status import AccountStatus, MailboxStatus, Watch
from idlebell.testing.virtual_clock import VirtualClock

ADDRESS = "canary@example.org"
RHYTHM = Rhythm(every_seconds=300, late_seconds=120)
DOWN = Unreachable("refused", "mail.example.org port 587")
WRONG = SubmissionRefused("login", "535 5.7.8", 535)
SUBSCRIPTION = samples.subscription(AccountId("acc_1"))


def seen(watch: Watch = Watch.WATCHING, counts: Counts | None = None) -> SubscriptionView:
    fault = None if watch is Watch.WATCHING else Fault("unreachable", "The mail server cannot be reached.")
    status = AccountStatus({"INBOX": MailboxStatus("INBOX", watch, fault=fault)})
    return standing.view(SUBSCRIPTION, status, Activity(counts or Counts()), USUAL_DEMANDS)


@dataclass
class Yard:
    """All that is around the canary. ``rings``: whether each mail comes back at once."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    view: SubscriptionView | Exception | None = field(default_factory=seen)
    fault: Exception | None = None
    rings: bool = True
    letters: list[Letter] = field(default_factory=list)
    passwords: list[str] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    canary: Canary = field(init=False)

    async def submit(self, login: Login | None, letter: Letter) -> None:
        if login is not None:
            assert login.username == ADDRESS
            self.passwords.append(login.password.text())
        if self.rings:
            self.canary.hear((token(letter),))
        self.letters.append(letter)
        self.moved.set()
        if self.fault is not None:
            raise self.fault

    async def standing(self, wait_seconds: float) -> SubscriptionView | None:
        if isinstance(self.view, Exception):
            raise self.view
        if wait_seconds and (self.view is None or self.view.state != "watching"):
            await self.clock.sleep(wait_seconds)
        return self.view

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.moved.set()

    def failures(self) -> list[str]:
        return [fact.stage for fact in self.facts if isinstance(fact, CanaryFailed)]

    def count(self, kind: type[Fact]) -> int:
        return sum(isinstance(fact, kind) for fact in self.facts)

    async def another_failure(self) -> None:
        before = len(self.failures())
        await self.clock.advance(RHYTHM.every_seconds)
        await self.until(lambda: len(self.failures()) > before)

    async def until(self, condition: Callable[[], bool]) -> None:
        """For what waits for a real thread, that reads the password."""
        async with asyncio.timeout(10):
            while not condition():
                self.moved.clear()
                await self.moved.wait()


def token(letter: Letter) -> str:
    found = token_of(str(message_from_bytes(letter.content)["Subject"]))
    assert found is not None
    return found


@asynccontextmanager
async def kept(folder: Path | None = None, **given: object) -> AsyncIterator[Yard]:
    """With ``folder`` it logs in, with the password that is in the file there."""
    yard = Yard(**given)  # type: ignore[arg-type]
    file = None if folder is None else folder / "password"
    account = DeclaredAccount(
        ImapTarget("imap.example.org", 993, Tls.IMPLICIT), ADDRESS, password_file=file, canary=True
    )
    post = Post(account, ADDRESS, ADDRESS, yard.submit, yard.clock, logs_in=folder is not None)
    yard.canary = Canary(post, RHYTHM, yard.clock, os.urandom, yard.emit)
    yard.canary.start(yard.standing)
    try:
        yield yard
    finally:
        await yard.canary.stop()


async def test_one_mail_is_sent_at_once_and_then_one_every_so_often() -> None:
    async with kept() as yard:
        await yard.clock.advance(0)
        assert len(yard.letters) == 1
        await yard.clock.advance(299)
        assert len(yard.letters) == 1
        await yard.clock.advance(1)
        assert len({token(letter) for letter in yard.letters}) == 2
        assert yard.count(CanaryHeard) == 2
        assert yard.canary.trouble() is None
        await yard.clock.advance(7)
        assert yard.canary.age_seconds() == 7


async def test_the_chain_is_measured_from_the_submission_to_the_notification() -> None:
    async with kept(rings=False) as yard:
        assert math.isnan(yard.canary.last_seconds())
        await yard.clock.advance(42)
        assert yard.canary.trouble() is None
        yard.canary.hear(("another", token(yard.letters[0])))
        assert yard.canary.last_seconds() == 42
        await yard.clock.advance(258)
        assert len(yard.letters) == 2


async def test_a_mail_that_does_not_come_is_late_and_the_next_one_waits_its_turn() -> None:
    async with kept(rings=False) as yard:
        await yard.clock.advance(119)
        assert yard.canary.trouble() is None
        await yard.clock.advance(1)
        assert yard.canary.trouble() == "The canary's mail was not heard of within 120 s."
        await yard.clock.advance(179)
        assert (len(yard.letters), yard.failures()) == (1, ["late"])
        yard.rings = True
        await yard.clock.advance(1)
        assert len(yard.letters) == 2
        assert yard.canary.trouble() is None


async def test_a_mail_that_comes_late_is_followed_by_another_soon() -> None:
    async with kept(rings=False) as yard:
        await yard.clock.advance(150)
        yard.rings = True
        yard.canary.hear((token(yard.letters[0]),))
        assert yard.canary.trouble() == "The canary's last mail took 150 s; more than 120 s is late."
        await yard.clock.advance(0)
        assert yard.canary.trouble() is None
        assert len(yard.letters) == 2
        await yard.clock.advance(299)
        assert len(yard.letters) == 2


async def test_nothing_is_sent_to_an_account_that_is_not_watched() -> None:
    async with kept(view=seen(Watch.RECONNECTING)) as yard:
        await yard.clock.advance(119)
        assert yard.canary.trouble() is None, "it may come yet"
        await yard.clock.advance(1)
        assert yard.canary.trouble() == Stage.WATCH.sentence
        await yard.clock.advance(1_000)
        assert yard.letters == []
        fact = next(fact for fact in yard.facts if isinstance(fact, CanaryFailed))
        assert fact.detail == "reconnecting: The mail server cannot be reached."
        yard.view = seen()
        await yard.clock.advance(300)
        assert yard.canary.trouble() is None


async def test_an_account_without_a_subscription_is_not_watched_either() -> None:
    async with kept(view=None) as yard:
        await yard.clock.advance(120)
        assert yard.canary.trouble() == Stage.WATCH.sentence


@pytest.mark.parametrize(
    ("view", "stage"),
    [
        (seen(Watch.RECONNECTING), "watch"),
        (seen(counts=Counts(detected=1, pending=1)), "delivery"),
        (seen(counts=Counts(detected=1, refused=1)), "delivery"),
        (seen(counts=Counts(detected=1, accepted=1)), "late"),
    ],
)
async def test_a_mail_that_was_taken_and_does_not_ring_is_looked_for(view: SubscriptionView, stage: str) -> None:
    async with kept(rings=False) as yard:
        await yard.clock.advance(60)
        yard.view = view
        await yard.clock.advance(60)
        assert yard.failures() == [stage]


async def test_a_server_that_takes_no_mail_is_asked_less_and_less_often() -> None:
    async with kept(rings=False, fault=DOWN) as yard:
        await yard.clock.advance(0)
        assert yard.canary.trouble() == Stage.SMTP.sentence
        for pause, tries in ((60, 2), (120, 3), (240, 4), (300, 5), (300, 6)):
            await yard.clock.advance(pause - 1)
            assert len(yard.letters) == tries - 1
            await yard.clock.advance(1)
            assert len(yard.letters) == tries
        assert yard.canary.trouble() == Stage.SMTP.sentence
        yard.fault, yard.rings = None, True
        await yard.clock.advance(300)
        assert yard.canary.trouble() is None


async def test_a_mail_that_rang_was_taken_although_the_server_never_said_so() -> None:
    async with kept(fault=DOWN) as yard:
        await yard.clock.advance(0)
        assert yard.canary.trouble() is None
        assert yard.failures() == []


async def test_the_password_is_read_for_each_mail_and_kept_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("first\n")
    async with kept(tmp_path) as yard:
        await yard.until(lambda: yard.count(CanaryHeard) == 1)
        (tmp_path / "password").write_text("second\n")
        await yard.clock.advance(300)
        await yard.until(lambda: yard.count(CanaryHeard) == 2)
    assert yard.passwords == ["first", "second"]


async def test_a_password_that_was_refused_is_not_tried_again_for_an_hour(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong\n")
    async with kept(tmp_path, rings=False, fault=WRONG) as yard:
        await yard.until(lambda: len(yard.failures()) == 1)
        for _ in range(int(LOGIN_PAUSE_SECONDS / 300) - 1):
            await yard.another_failure()
        assert yard.passwords == ["wrong"]
        await yard.another_failure()
        await yard.another_failure()
        assert yard.passwords == ["wrong", "wrong"]


async def test_another_password_is_tried_at_once(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("wrong\n")
    async with kept(tmp_path, rings=False, fault=WRONG) as yard:
        await yard.until(lambda: len(yard.failures()) == 1)
        (tmp_path / "password").write_text("right\n")
        yard.fault, yard.rings = None, True
        await yard.clock.advance(60)
        await yard.until(lambda: yard.count(CanaryHeard) == 1)
        assert yard.canary.trouble() is None


async def test_without_a_password_nothing_is_sent(tmp_path: Path) -> None:
    async with kept(tmp_path) as yard:
        await yard.until(lambda: len(yard.failures()) == 1)
        assert yard.canary.trouble() == Stage.SMTP.sentence
    assert yard.letters == []


async def test_a_store_that_fails_and_a_bug_end_a_round_and_not_the_canary() -> None:
    async with kept(view=StoreError("disk full")) as yard:
        await yard.clock.advance(0)
        yard.view = ZeroDivisionError()
        await yard.clock.advance(60)
        yard.view = seen()
        await yard.clock.advance(120)
        assert (yard.count(StoreFailed), yard.count(SupervisorCaught), yard.count(CanaryHeard)) == (1, 1, 1)


async def test_a_bug_that_comes_every_time_does_not_look_like_health() -> None:
    async with kept(rings=False, fault=ZeroDivisionError()) as yard:
        await yard.clock.advance(0)
        assert yard.canary.trouble() is None
        await yard.clock.advance(60)
        assert yard.canary.trouble() == "The canary's mail was not heard of within 120 s."


async def test_a_store_that_fails_while_a_mail_is_looked_for_does_not_hide_it() -> None:
    async with kept(rings=False) as yard:
        await yard.clock.advance(60)
        yard.view = StoreError("disk full")
        await yard.clock.advance(60)
        assert yard.count(StoreFailed) > 0
        yard.view = seen()
        await yard.clock.advance(150)
        assert len(yard.letters) == 2
        assert yard.canary.trouble() == "The canary's mail was not heard of within 120 s."


async def test_a_canary_that_was_stopped_is_not_taken_for_a_healthy_one() -> None:
    async with kept() as yard:
        await yard.clock.advance(0)
    assert yard.canary.trouble() is None
    await yard.clock.advance(1_000)
    assert yard.canary.trouble() == "The canary has done nothing for 1000 s."
