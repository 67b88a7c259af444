"""How many pushes each push service gets at once, so that none delays another. Pure: ``now`` is a monotonic second.

A lane is a push service. Its :class:`~idlebell.deliver.window.Window` says how much it bears, its
:class:`~idlebell.deliver.breaker.Breaker` whether it is there at all. What there is room for is shared out so that the lane
with the fewest pushes in flight comes first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from idlebell.deliver.breaker import Breaker, Reply, State
from idlebell.deliver.settings import LANES_KEPT, DeliverySettings
from idlebell.deliver.window import Window

SLOW_SECONDS: Final = 1.0
"""A service that takes longer than this is slow: whatever window it has, together with all others that are, or have not
answered yet, it has half of the pushes in flight."""
SMOOTHING: Final = 8
"""Of how long answers take: one counts for an eighth."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an attempt tells of its lane. ``endpoint`` tells endpoints apart; ``asked_seconds``: the service wants a pause of
    that length; ``share`` (0 to 1): for the jitter."""

    reply: Reply
    endpoint: int
    begun_at: float
    now: float
    accepted: bool = False
    asked_seconds: float = 0.0
    share: float = 0.0


@dataclass(slots=True)
class _Lane:
    window: Window
    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0
    reserved: int = 0
    returned: int = 0
    answered: bool = False
    accepted: bool = False
    took_seconds: float = 0.0

    @property
    def engaged(self) -> int:
        """Places that are taken."""
        return self.in_flight + self.reserved - self.returned

    @property
    def quick(self) -> bool:
        return self.answered and self.took_seconds <= SLOW_SECONDS and self.breaker.state is State.CLOSED


class Room(NamedTuple):
    """``free``: pushes that may be begun in a lane where ``in_flight`` are. ``silent``: it was asked, and never answered."""

    free: int
    in_flight: int
    quick: bool
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Sharing:
    """How many pushes may be begun: in all, at services that are not quick, and by lane."""

    left: int
    left_slow: int
    room: Mapping[bytes, Room]
    room_of_unknown: Room

    def shares(self, due: Sequence[bytes], tried: Collection[bytes] = ()) -> dict[bytes, int]:
        """How many to lease from each lane: each next one from where the fewest are in flight, among equals those that were
        silent last, then the longest waiting first, until the bounds are met. ``tried``: of those of which nothing is known,
        something waits that was tried before we were there; it says as much as silence."""
        left, left_slow = self.left, self.left_slow
        unknown = self.room_of_unknown
        rooms = [self.room.get(name) or unknown._replace(silent=name in tried) for name in due]
        shares: dict[bytes, int] = {}
        turn = [(room.in_flight, room.silent, order) for order, room in enumerate(rooms) if room.free > 0]
        heapify(turn)
        while turn and left > 0:
            in_flight, silent, order = heappop(turn)
            room, name = rooms[order], due[order]
            if not room.quick and left_slow <= 0:
                continue
            left -= 1
            left_slow -= not room.quick
            shares[name] = shares.get(name, 0) + 1
            if room.free > shares[name]:
                heappush(turn, (in_flight + 1, silent, order))
        return shares


class Lanes:
    """What is known of each lane: pushes in flight, how many it bears, whether it is there."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._lanes: OrderedDict[bytes, _Lane] = OrderedDict()
        self._settling = 0  # answered, and the store does not have it yet
        self._in_flight = 0
        # Counted apart, as in each lane: places are reserved in another thread, and two of them must not write one number.
        self._reserved = 0
        self._returned = 0

    def blocked(self, now: float) -> int:
        """How many lanes can take nothing now by their own bounds."""
        return sum(self._room(lane, now).free == 0 for lane in self._lanes.values())

    def sharing(self, now: float) -> Sharing:
        """As the lanes stand now; it does not change with them, so it can be asked anywhere."""
        rooms = {name: self._room(lane, now) for name, lane in self._lanes.items()}
        return Sharing(
            left=self._left(),
            left_slow=max(1, self._settings.in_flight // 2)
            - sum(room.in_flight for room in rooms.values() if not room.quick),
            room=rooms,
            room_of_unknown=self._room(self._new(), now),
        )

    def reserve(self, now: float, name: bytes) -> bool:
        """A place at a service that is known to be quick; each is returned, and then perhaps started. It may be called in
        another thread, but in one at a time: it writes nothing that anything else does."""
        lane = self._lanes.get(name)
        if lane is None or not lane.quick or self._left() <= 0 or self._room(lane, now).free <= 0:
            return False
        lane.reserved += 1
        self._reserved += 1
        return True

    def returned(self, name: bytes) -> None:
        """A place that was reserved."""
        self._returned += 1
        lane = self._lanes.get(name)
        if lane is not None and lane.reserved > lane.returned:  # it may have been forgotten meanwhile
            lane.returned += 1

    def started(self, name: bytes) -> None:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = self._new()
        lane.in_flight += 1
        self._in_flight += 1
        self._lanes.move_to_end(name)
        self._forget_idle()

    def finished(self, name: bytes) -> None:
        self._lanes[name].in_flight -= 1
        self._in_flight -= 1

    def settling(self, name: bytes) -> None:
        """Answered: the next may go to the service while the store takes this one in, but it still counts in all, so that a
        failing store does not gather more and more."""
        self.finished(name)
        self._settling += 1

    def settled(self) -> None:
        self._settling -= 1

    def heard(self, name: bytes, heard: Heard) -> Breaker | None:
        """An attempt is over, and still counts as in flight. Its lane's breaker, where that has opened or closed by it."""
        lane = self._lanes[name]
        took_seconds = heard.now - heard.begun_at
        lane.took_seconds += (took_seconds - lane.took_seconds) / (SMOOTHING if lane.answered else 1)
        lane.answered |= heard.reply is not Reply.SILENT
        lane.accepted |= heard.accepted
        if heard.reply is not Reply.ANSWERED:
            lane.window.cut(heard.begun_at, heard.now)
        elif heard.accepted:
            full = lane.in_flight >= int(lane.window.size)
            lane.window.accepted(took_seconds, heard.begun_at, heard.now, full=full)
        before = lane.breaker
        lane.breaker = before.heard(
            heard.reply,
            heard.endpoint,
            heard.begun_at,
            heard.now,
            asked_seconds=heard.asked_seconds,
            share=heard.share,
        )
        if lane.breaker.state is State.OPEN:
            lane.window.begin_again()
        return None if lane.breaker.opened == before.opened else lane.breaker

    def accepts(self, name: bytes) -> bool:
        """Has the service taken anything since we remember it?"""
        return name in self._lanes and self._lanes[name].accepted

    def states(self, now: float) -> dict[str, int]:
        """How many lanes are in each state."""
        return {**dict.fromkeys(State, 0), **Counter(lane.breaker.at(now).state for lane in self._lanes.values())}

    def windows(self) -> list[int]:
        """How many pushes each lane may have at once."""
        return [int(lane.window.size) for lane in self._lanes.values()]

    def __len__(self) -> int:
        return len(self._lanes)

    def _new(self) -> _Lane:
        return _Lane(Window(float(self._settings.in_flight_per_lane), float(self._settings.in_flight_per_lane_max)))

    def _room(self, lane: _Lane, now: float) -> Room:
        match lane.breaker.at(now).state:
            case State.OPEN:
                most = 0
            case State.HALF_OPEN:
                most = 1
            case State.CLOSED:
                most = int(lane.window.size)
        if not lane.answered:
            most = min(most, self._settings.in_flight_per_unproven_lane)
        silent = not lane.answered and lane.took_seconds > 0
        return Room(max(0, most - lane.engaged), lane.engaged, lane.quick, silent)

    def _left(self) -> int:
        """Of all places."""
        return self._settings.in_flight - self._settling - self._in_flight - (self._reserved - self._returned)

    def _forget_idle(self) -> None:
        if len(self._lanes) > LANES_KEPT:
            idle = next((name for name, lane in self._lanes.items() if lane.engaged == 0), None)
            if idle is not None:
                del self._lanes[idle]
