"""How many pushes each push service gets at once, so that none delays another. Pure: ``now`` is a monotonic second."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idlebell.deliver.settings import LANES_KEPT, DeliverySettings

SILENT_MAX = 4
"""Requests in a row without an answer before a service counts as unproven again: one endpoint that hangs at a large service
does not slow down its others."""


@dataclass(slots=True)
class _Lane:
    in_flight: int = 0
    answered: bool = False
    accepted: bool = False
    silent: int = 0
    paused_until: float = 0.0

    @property
    def proven(self) -> bool:
        return self.answered and self.silent < SILENT_MAX


@dataclass(frozen=True, slots=True)
class Sharing:
    """How many pushes may be begun: in all, at services that are unproven, and by lane with whether it is proven."""

    left: int
    left_unproven: int
    room: Mapping[bytes, tuple[int, bool]]
    room_of_unknown: int

    def shares(self, due: Sequence[bytes]) -> dict[bytes, int]:
        """How many to lease from each lane: one from each in turn, the longest waiting first, until the bounds are met."""
        left, left_unproven = self.left, self.left_unproven
        known = {name: self.room.get(name, (self.room_of_unknown, False)) for name in due}
        shares: dict[bytes, int] = {}
        turn = [name for name in due if known[name][0] > 0]
        while turn and left > 0:
            again: list[bytes] = []
            for name in turn:
                room, proven = known[name]
                if left <= 0 or not (proven or left_unproven > 0):
                    continue
                left -= 1
                left_unproven -= not proven
                shares[name] = shares.get(name, 0) + 1
                if room > shares[name]:
                    again.append(name)
            turn = again
        return shares


class Lanes:
    """What is known of each lane: pushes in flight, how it answers, until when it asked to be left alone."""

    def __init__(self, settings: DeliverySettings) -> None:
        self._settings = settings
        self._lanes: OrderedDict[bytes, _Lane] = OrderedDict()
        self._settling = 0  # answered, and the store does not have it yet

    def blocked(self, now: float) -> int:
        """How many lanes can take nothing now by their own bounds."""
        return sum(self._room(lane, now) == 0 for lane in self._lanes.values())

    def sharing(self, now: float) -> Sharing:
        """As the lanes stand now; it does not change with them, so it can be asked anywhere."""
        return Sharing(
            left=self._settings.in_flight - self._settling - sum(lane.in_flight for lane in self._lanes.values()),
            left_unproven=max(1, self._settings.in_flight // 2)
            - sum(lane.in_flight for lane in self._lanes.values() if not lane.proven),
            room={name: (self._room(lane, now), lane.proven) for name, lane in self._lanes.items()},
            room_of_unknown=self._room(_Lane(), now),
        )

    def started(self, name: bytes) -> None:
        lane = self._lanes.setdefault(name, _Lane())
        lane.in_flight += 1
        self._lanes.move_to_end(name)
        self._forget_idle()

    def finished(self, name: bytes) -> None:
        self._lanes[name].in_flight -= 1

    def settling(self, name: bytes) -> None:
        """Answered: the next may go to the service while the store takes this one in, but it still counts in all, so that a
        failing store does not gather more and more."""
        self.finished(name)
        self._settling += 1

    def settled(self) -> None:
        self._settling -= 1

    def heard(self, name: bytes, *, answered: bool, accepted: bool = False) -> None:
        """A request was ``answered``, whatever the answer, or was not."""
        lane = self._lanes[name]
        lane.answered |= answered
        lane.accepted |= accepted
        lane.silent = 0 if answered else lane.silent + 1

    def pause(self, name: bytes, until: float) -> None:
        """The service asks for a pause: nothing new is sent to it before ``until``."""
        self._lanes[name].paused_until = max(until, self._lanes[name].paused_until)

    def accepts(self, name: bytes) -> bool:
        """Has the service taken anything since we remember it?"""
        return name in self._lanes and self._lanes[name].accepted

    def __len__(self) -> int:
        return len(self._lanes)

    def _room(self, lane: _Lane, now: float) -> int:
        if now < lane.paused_until:
            return 0
        most = self._settings.in_flight_per_lane if lane.proven else self._settings.in_flight_per_unproven_lane
        return max(0, most - lane.in_flight)

    def _forget_idle(self) -> None:
        if len(self._lanes) > LANES_KEPT:
            idle = next((name for name, lane in self._lanes.items() if lane.in_flight == 0), None)
            if idle is not None:
                del self._lanes[idle]
