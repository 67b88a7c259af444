"""What each way to hear of mail costs a phone in a day: a straight line, so much for the day and so much for each mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from idlebell.cost import measured
from idlebell.cost.exchange import Exchange

DAY_SECONDS: Final = 86_400
LOGGED_OUT_SECONDS: Final = 1_800
"""A server may log out who asks nothing for so long (RFC 9051 section 5.4); IDLE does not count (RFC 2177 section 3)."""
SERVER_KEEPALIVE_SECONDS: Final[Mapping[str, int]] = {"dovecot": 120}
"""How often a server speaks to a client in IDLE by itself (Dovecot: ``imap_idle_notify_interval``)."""
GATEWAY_SECONDS: Final = 0.013
"""From EXISTS to the push service (``./run bench first_bell``, half of 300)."""
SMS_OCTETS: Final = 140 + 43
"""Of one short message: the most text that it carries (TP-User-Data, 3GPP TS 23.040), and, counted by hand and not measured,
what lies around it: 19 of TPDU, 15 of RP-DATA and CP-DATA (3GPP TS 24.011), both numbers of twelve digits, and 9 of the three
acknowledgements."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a phone does. ``reconnects_a_day``: how often a connection that is held must be made anew, because the phone
    has changed its network. ``server_keepalive_seconds``: 0 is never. ``shared``: the phone holds its connection to the push
    service for other apps anyway, so that it costs mail nothing."""

    server: str = "dovecot"
    keepalive_seconds: int = 900
    poll_seconds: int = 900
    push_ping_seconds: int = 1_800
    reconnects_a_day: int = 4
    server_keepalive_seconds: int = SERVER_KEEPALIVE_SECONDS["dovecot"]
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """``wakes_a_mail`` is 0 where a mail waits for the next poll. ``half_seconds``: half of the mails are known after so
    long; ``most_seconds``: all. None: it was not measured."""

    name: str
    title: str
    bytes_a_day: float
    bytes_a_mail: float
    wakes_a_day: float
    wakes_a_mail: float
    half_seconds: float | None
    most_seconds: float | None

    @property
    def known_after(self) -> str:
        if self.half_seconds is None or self.most_seconds is None:
            return "not measured"
        half = spelled(self.half_seconds)
        return half if self.half_seconds == self.most_seconds else f"{half}, {spelled(self.most_seconds)} at most"

    def bytes_for(self, mails: float) -> float:
        return self.bytes_a_day + mails * self.bytes_a_mail

    def wakes_for(self, mails: float) -> float:
        return self.wakes_a_day + mails * self.wakes_a_mail


def ways(habits: Habits) -> tuple[Way, ...]:
    """In the order in which they are told. What the server or the intervals do not allow is left out."""
    steps = measured.IMAP[habits.server]
    found = [_idle(habits, steps)]
    if habits.poll_seconds < LOGGED_OUT_SECONDS:
        found.append(_noop(habits, steps))
    found.append(_logins(habits, steps, "fresh"))
    if "resumed" in steps:
        found.append(_logins(habits, steps, "resumed"))
    found += [_push(habits, fetch=None), _push(habits, fetch=steps), _sms()]
    return tuple(found)


def by_name(habits: Habits) -> dict[str, Way]:
    return {way.name: way for way in ways(habits)}


def _idle(habits: Habits, steps: Mapping[str, Exchange]) -> Way:
    restarts = DAY_SECONDS / habits.keepalive_seconds
    moved = restarts * steps["idle"].total_bytes + habits.reconnects_a_day * steps["fresh"].total_bytes
    wakes = restarts + habits.reconnects_a_day
    if habits.server_keepalive_seconds:
        spoken = DAY_SECONDS / habits.server_keepalive_seconds
        # Dovecot's words stand for those that another server would say: a line of OK is a line of OK.
        moved += spoken * steps.get("keep-alive", measured.IMAP["dovecot"]["keep-alive"]).total_bytes
        wakes += spoken
    told = measured.EXISTS_SECONDS[habits.server]
    title = f"IDLE, begun anew every {spelled(habits.keepalive_seconds)}"
    return Way("idle", title, moved, steps["mail in IDLE"].total_bytes, wakes, 1, told, told)


def _noop(habits: Habits, steps: Mapping[str, Exchange]) -> Way:
    polls = DAY_SECONDS / habits.poll_seconds
    moved = polls * steps["noop"].total_bytes + habits.reconnects_a_day * steps["fresh"].total_bytes
    title = f"NOOP every {spelled(habits.poll_seconds)}, connection held"
    return _poll(habits, "noop", title, moved, polls + habits.reconnects_a_day, steps)


def _logins(habits: Habits, steps: Mapping[str, Exchange], kind: str) -> Way:
    polls = DAY_SECONDS / habits.poll_seconds
    moved = polls * (steps[kind] + steps["logout"]).total_bytes
    resumed = ", TLS resumed" if kind == "resumed" else ""
    title = f"log in every {spelled(habits.poll_seconds)}{resumed}"
    return _poll(habits, f"login {kind}", title, moved, polls, steps)


def _poll(habits: Habits, name: str, title: str, moved: float, wakes: float, steps: Mapping[str, Exchange]) -> Way:
    a_mail = steps["fetch"].total_bytes
    return Way(name, title, moved, a_mail, wakes, 0, habits.poll_seconds / 2, habits.poll_seconds)


def _push(habits: Habits, fetch: Mapping[str, Exchange] | None) -> Way:
    pings = DAY_SECONDS / habits.push_ping_seconds
    moved = pings * measured.PUSH["push ping"].total_bytes
    moved += habits.reconnects_a_day * measured.PUSH["push connection"].total_bytes
    wakes = pings + habits.reconnects_a_day
    if habits.shared:
        moved = wakes = 0.0
    told = measured.EXISTS_SECONDS[habits.server] + GATEWAY_SECONDS + measured.PUSH_SECONDS
    if fetch is None:
        a_mail, name, title = measured.PUSH["Web Push, summary"], "push", "push that tells sender and subject"
    else:
        again = fetch.get("resumed", fetch["fresh"])
        a_mail = measured.PUSH["Web Push, alert"] + again + fetch["fetch"] + fetch["logout"]
        name, title = "push and fetch", "push, then log in and fetch"
    return Way(name, title, moved, a_mail.total_bytes, wakes, 1, told, told)


def _sms() -> Way:
    return Way("sms", "SMS (counted by hand)", 0, SMS_OCTETS, 0, 1, None, None)


def spelled(seconds: float) -> str:
    """``90 s``, ``15 min``, ``7.5 min``, ``2.4 h``, ``1.5 days``."""
    for unit, size in (("days", DAY_SECONDS), ("h", 3_600), ("min", 60)):
        if seconds >= size * (1.5 if size > 60 else 2) or (seconds >= size and seconds % size == 0):
            return f"{_digits(seconds / size)} {unit if seconds != DAY_SECONDS else 'day'}"
    return f"{_digits(seconds)} s"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
