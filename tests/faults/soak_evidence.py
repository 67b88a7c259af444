"""What became of every message of a soak, as far as anybody can tell: sent, lying in a mailbox now, announced. Where these
differ the report says of each message when it was sent, where it lies, when it rang, and what happened around that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from idlebell.testing.push_service import Received

AROUND = timedelta(seconds=4)
"""Before and after each moment of a message that is in doubt."""
MESSAGES_SHOWN = 12
LINES_SHOWN = 120
"""Of an account each; the logs beside the report have the rest."""
LINE_CHARS = 300


@dataclass(frozen=True, order=True)
class Seat:
    """Where a message lies (RFC 9051 section 2.3.1.1)."""

    mailbox: str
    uid_validity: int
    uid: int

    def __str__(self) -> str:
        return f"{self.mailbox} {self.uid_validity}/{self.uid}"


@dataclass(frozen=True)
class Sent:
    at: datetime
    """When the sender was done with it."""
    mailbox: str
    failure: str | None = None
    """What the sender was told instead of 250; the message may have been delivered all the same."""


@dataclass(frozen=True)
class Ring:
    seat: Seat
    message_id: str
    at: datetime
    webhook_id: str


@dataclass(frozen=True)
class Evidence:
    """Of one account. ``lying`` is without what lay there before anybody watched."""

    sent: Mapping[str, Sent]
    lying: Mapping[Seat, str]
    """Message-IDs."""
    rings: tuple[Ring, ...]
    undescribed: int
    """Announced by a count alone."""

    @property
    def announced(self) -> int:
        return len(self.rings) + self.undescribed


@dataclass(frozen=True)
class Doubt:
    """A message that is not where it should be, with the moments at which to look for the reason."""

    message_id: str
    what: str
    moments: tuple[datetime, ...] = field(default=())


def rings_of(bells: Iterable[Received]) -> tuple[Ring, ...]:
    """In the order in which they rang."""
    return tuple(
        Ring(
            Seat(bell.payload["mailbox"], bell.payload["uid_validity"], message["uid"]),
            message["message_id"],
            bell.at,
            bell.headers["webhook-id"],
        )
        for bell in bells
        if bell.payload
        for message in bell.payload["messages"]
    )


def undescribed(bells: Iterable[Received]) -> int:
    return sum(bell.payload["count"] - len(bell.payload["messages"]) for bell in bells if bell.payload)


def doubts(evidence: Evidence) -> list[Doubt]:
    """Empty: what lies there was announced, each once and as what it is, but for what is undescribed."""
    rung: dict[str, list[Ring]] = defaultdict(list)
    for ring in evidence.rings:
        rung[ring.message_id].append(ring)
    seats: dict[str, list[Seat]] = defaultdict(list)
    for seat, message_id in sorted(evidence.lying.items()):
        seats[message_id].append(seat)
    found = []
    for message_id in dict.fromkeys((*rung, *seats, *evidence.sent)):
        what = [*_wrong(rung[message_id], seats[message_id], evidence.sent.get(message_id))]
        if what:
            sent = evidence.sent.get(message_id)
            moments = [ring.at for ring in rung[message_id]] + ([sent.at] if sent is not None else [])
            told = [
                f"sent {_sent(sent)}",
                *(f"rang {_time(one.at)} as {one.seat} ({one.webhook_id})" for one in rung[message_id]),
            ]
            there = ", ".join(map(str, seats[message_id])) or "nowhere"
            found.append(Doubt(message_id, "; ".join([*what, *told, f"lies {there}"]), tuple(sorted(moments))))
    unexplained = sum(not rung[one] for one in evidence.lying.values())
    if unexplained == evidence.undescribed and len(found) == unexplained:
        return []  # more came at once than is described
    return found


def report(evidence: Evidence, found: list[Doubt], happened: Iterable[tuple[datetime, str]]) -> str:
    """``happened``: what may be the reason, from whatever source, in any order."""
    unsure = sum(one.failure is not None for one in evidence.sent.values())
    sums = f"{len(evidence.sent)} sent, {unsure} of them without a 250; {len(evidence.lying)} lie there"
    lines = [f"{sums}; {evidence.announced} announced, {evidence.undescribed} of them by a count alone"]
    lines += [f"  {doubt.message_id}: {doubt.what}" for doubt in found[:MESSAGES_SHOWN]]
    if len(found) > MESSAGES_SHOWN:
        lines.append(f"  and {len(found) - MESSAGES_SHOWN} more")
    moments = [moment for doubt in found[:MESSAGES_SHOWN] for moment in doubt.moments]
    around = sorted(one for one in happened if any(abs(one[0] - moment) <= AROUND for moment in moments))
    lines += [f"    {_time(at)} {what[:LINE_CHARS]}" for at, what in around[:LINES_SHOWN]]
    return "\n".join(lines)


def log_lines(log: Path, mentions: str, source: str) -> Iterator[tuple[datetime, str]]:
    """The lines that begin with a time and match ``mentions``; a time without a zone is a local one."""
    wanted = re.compile(mentions)
    for line in log.read_text(errors="replace").splitlines():
        stamp, _, rest = line.partition(" ")
        if wanted.search(line):
            try:
                yield datetime.fromisoformat(stamp).astimezone(UTC), f"{source}: {rest}"
            except ValueError:
                continue


def _wrong(rings: list[Ring], seats: list[Seat], sent: Sent | None) -> Iterator[str]:
    if len(rings) > 1:
        again = "by one notification that came again" if len({one.webhook_id for one in rings}) == 1 else ""
        yield f"announced {len(rings)} times {again}".rstrip()
    if len(seats) > 1:
        yield "lies there twice"
    if seats and not rings:
        yield "never announced"
    if not seats and (rings or (sent is not None and sent.failure is None)):
        yield "is gone"
    if seats and any(one.seat not in seats for one in rings):
        yield "has another UID now"


def _sent(sent: Sent | None) -> str:
    if sent is None:
        return "never"
    return f"{_time(sent.at)} to {sent.mailbox}" + (f", answered {sent.failure}" if sent.failure is not None else "")


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
