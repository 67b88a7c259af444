"""Where the canary stands, as a value. Pure; times are seconds of one monotonic clock.

========== =================== ===================== ====================== ==============
state      its mail is sent    its token is heard    it should be here      a stage failed
========== =================== ===================== ====================== ==============
NeverSent  Waiting                                                          Failed
Waiting                        Heard                 Late, or Failed        Failed
Heard      Waiting                                                          Failed
Late       Waiting             Heard                                        Failed
Failed     Waiting             Heard                                        Failed
========== =================== ===================== ====================== ==============

One mail is out at a time: what is heard of an older one is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

SPACING_SECONDS: Final = 60.0
"""Between two mails, and between two attempts, at least; after a failure it doubles up to ``every_seconds``."""


class Stage(StrEnum):
    """Where the chain broke."""

    SMTP = "smtp"
    """The submission server did not take the mail."""
    WATCH = "watch"
    """The account is not being watched."""
    DELIVERY = "delivery"
    """The mail was found, and its notification was not delivered."""

    @property
    def sentence(self) -> str:
        match self:
            case Stage.SMTP:
                return "The canary's mail was not taken by its SMTP server."
            case Stage.WATCH:
                return "The canary's account is not being watched."
            case Stage.DELIVERY:
                return "The canary's mail was found, and its notification was not delivered."


LATE: Final = "late"
"""Where a failure is counted that is no stage's: the server took the mail, the account is watched, and nothing came."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A mail every ``every_seconds``; one that is not heard after ``late_seconds`` is late."""

    every_seconds: float
    late_seconds: float

    @property
    def longest_silence(self) -> float:
        """Between two changes of state, while whoever makes them lives."""
        return max(self.every_seconds, self.late_seconds) + self.late_seconds + SPACING_SECONDS


@dataclass(frozen=True, slots=True)
class Mail:
    token: str
    sent_at: float
    """When its submission began: the chain is measured from there."""


@dataclass(frozen=True, slots=True)
class NeverSent:
    since: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """``trouble``: what the canary before came to, where it was no success; only a new success ends it."""

    since: float
    mail: Mail
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """``seconds``: from handing in the mail to its notification."""

    since: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Late:
    since: float
    mail: Mail


@dataclass(frozen=True, slots=True)
class Failed:
    """``mail``: one that may come all the same."""

    since: float
    stage: Stage
    mail: Mail | None = None


State: TypeAlias = NeverSent | Waiting | Heard | Late | Failed


def sent(state: State, mail: Mail, rhythm: Rhythm) -> State:
    """A mail that is still waited for was given up without a verdict, by a failing store or a bug: that counts as late."""
    before = trouble(state, mail.sent_at, rhythm)
    if before is None and isinstance(state, Waiting):
        before = trouble(Late(mail.sent_at, state.mail), mail.sent_at, rhythm)
    return Waiting(mail.sent_at, mail, before)


def heard(state: State, tokens: Iterable[str], now: float) -> State:
    """``state`` as it is where none of ``tokens`` is the one that is waited for."""
    match state:
        case Waiting(mail=mail) | Late(mail=mail) | Failed(mail=Mail() as mail) if mail.token in tokens:
            return Heard(now, now - mail.sent_at)
        case _:
            return state


def failed(state: State, stage: Stage, now: float) -> State:
    """What was heard was taken, even if the server never said so."""
    match state:
        case Heard() if stage is Stage.SMTP:
            return state
        case Waiting(mail=mail) | Late(mail=mail) | Failed(mail=mail):
            return Failed(now, stage, mail)
        case NeverSent() | Heard():
            return Failed(now, stage)
        case _:  # pragma: no cover
            assert_never(state)


def missed(state: State, now: float, *, watched: bool, found: bool) -> State:
    """``late_seconds`` are over. ``watched``: the account is being watched now; ``found``: mail was found since, and its
    notification not accepted."""
    if not isinstance(state, Waiting):
        return state
    if found:
        return Failed(now, Stage.DELIVERY, state.mail)
    if not watched:
        return Failed(now, Stage.WATCH, state.mail)
    return Late(now, state.mail)


def trouble(state: State, now: float, rhythm: Rhythm) -> str | None:
    """What is wrong with the chain, in a sentence that anybody may read; None: nothing."""
    if now - state.since > rhythm.longest_silence:
        return f"The canary has done nothing for {now - state.since:.0f} s."
    match state:
        case NeverSent():
            return None
        case Waiting():
            return state.trouble
        case Heard():
            if state.seconds <= rhythm.late_seconds:
                return None
            return f"The canary's last mail took {state.seconds:.0f} s; more than {rhythm.late_seconds:g} s is late."
        case Late():
            return f"The canary's mail was not heard of within {rhythm.late_seconds:g} s."
        case Failed():
            return state.stage.sentence
        case _:  # pragma: no cover
            assert_never(state)


def pause_seconds(state: State, rhythm: Rhythm, failures: int) -> float:
    """From the beginning of one round to the next. ``failures``: rounds in a row in which no mail was taken."""
    spacing = min(SPACING_SECONDS, rhythm.every_seconds)
    if failures:
        return min(rhythm.every_seconds, spacing * 2.0 ** min(failures - 1, 16))
    if isinstance(state, Heard) and state.seconds > rhythm.late_seconds:
        return spacing  # the jam is over, perhaps: the next one tells
    return rhythm.every_seconds
