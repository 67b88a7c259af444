"""The figures in words: a table for a terminal, one for the manual, an object for programs, and where ways break even."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, Final

from idlebell.cost.break_even import BreakEven, break_even
from idlebell.cost.exchange import Exchange
from idlebell.cost.holding import Held
from idlebell.cost.ways import DAY_SECONDS, Habits, Way, by_name, spelled, ways

COMPARED: Final = (
    ("push", "idle"),
    ("push and fetch", "idle"),
    ("push", "noop"),
    ("push and fetch", "noop"),
    ("idle", "noop"),
)
PUBLISHED_SECONDS: Final = 2 * DAY_SECONDS
"""Between two mails: what has been published, as a guess, as the break-even of IDLE and push."""
_TITLES: Final = {"dovecot": "Dovecot", "cyrus": "Cyrus", "courier": "Courier"}
_KIB: Final = 1_024
PAGE_COLUMNS: Final = 128
TERMINAL_COLUMNS: Final = 100


def break_evens(habits: Habits) -> tuple[BreakEven, ...]:
    found = by_name(habits)
    return tuple(break_even(found[one], found[other]) for one, other in COMPARED if {one, other} <= found.keys())


def for_terminal(habits: Habits, mails: float) -> Iterator[str]:
    """Lines."""
    found = ways(habits)
    wide = max(len(way.title) for way in found)
    yield f"{'':<{wide}}  {'KiB a day':>10}  {'wake-ups a day':>14}  a mail is known after"
    for way in found:
        moved, wakes = way.bytes_for(mails) / _KIB, way.wakes_for(mails)
        yield f"{way.title:<{wide}}  {moved:>10,.1f}  {wakes:>14,.0f}  {way.known_after}"
    for words in ((sentence(one) for one in break_evens(habits)), assumptions(habits)):
        yield ""
        for one in words:
            yield from textwrap.wrap(one, TERMINAL_COLUMNS, subsequent_indent="  ")


def sentence(one: BreakEven) -> str:
    few, many = one.few.title, one.many.title
    if one.mails_a_day is None or (between := one.seconds_between_mails) is None:
        return f"{few} moves less than {many}, however many mails come."
    return f"{few} moves less than {many} up to {_count(one.mails_a_day)} mails a day: one every {spelled(between)}."


def assumptions(habits: Habits) -> Iterator[str]:
    speaks = habits.server_keepalive_seconds
    yield (
        f"Reckoned from what was measured with {_TITLES[habits.server]} over TLS 1.3, packet headers included (IPv4). "
        f"{f'In IDLE the server speaks every {spelled(speaks)}' if speaks else 'In IDLE the server says nothing by itself'}; "
        f"a connection that is held is made anew {habits.reconnects_a_day} times a day."
    )
    if habits.shared:
        yield "The connection to the push service is there for other apps anyway, and is not counted."
    else:
        yield (
            f"The connection to the push service is counted whole, with a ping every {spelled(habits.push_ping_seconds)}; "
            "on most phones it is there anyway (--shared)."
        )
    yield "The mail itself is fetched in no way; a notification's worth is: sender, subject, date."


def for_programs(habits: Habits, mails: float) -> dict[str, Any]:
    return {
        "mails_per_day": mails,
        "server": habits.server,
        "ways": [
            {
                "name": way.name,
                "title": way.title,
                "bytes_per_day": round(way.bytes_for(mails)),
                "bytes_per_day_without_mail": round(way.bytes_a_day),
                "bytes_per_mail": round(way.bytes_a_mail),
                "wake_ups_per_day": round(way.wakes_for(mails), 1),
                "known_after_seconds": {"half": _rounded(way.half_seconds, 2), "all": _rounded(way.most_seconds, 2)},
            }
            for way in ways(habits)
        ],
        "break_even": [
            {
                "between": [one.few.name, one.many.name],
                "cheaper_below": one.few.name,
                "cheaper_above": None if one.mails_a_day is None else one.many.name,
                "mails_per_day": None if one.mails_a_day is None else round(one.mails_a_day, 2),
                "seconds_between_mails": _rounded(one.seconds_between_mails),
            }
            for one in break_evens(habits)
        ],
    }


# --- the manual ---


def correction(usual: Habits, kindest: Habits) -> str:
    """What was published, and what was measured: as servers come, and where all is as IDLE likes it."""
    found, rare = by_name(usual), by_name(kindest)
    all_told, fetched = (break_even(found[name], found["idle"]) for name in ("push", "push and fetch"))
    kind_told, kind_fetched = (break_even(rare[name], rare["idle"]) for name in ("push", "push and fetch"))
    return _wrapped(
        f"A break-even of {spelled(PUBLISHED_SECONDS)} has been published, as a guess: push for those who get less than one "
        f"mail in that time, IDLE for the rest. **Measured, with {_TITLES[usual.server]} as it comes and IDLE begun "
        f"anew every {spelled(usual.keepalive_seconds)}: {_gap(all_told)}** where the push tells sender and subject, and "
        f"**{_gap(fetched)}** where the app logs in and fetches after each push. In the case that is kindest to IDLE "
        f"({_TITLES[kindest.server]}, which says nothing by itself, and a network that forgets nothing for "
        f"{spelled(kindest.keepalive_seconds)}) it is {_gap(kind_told)} and {_gap(kind_fetched)}. Below that rate push moves "
        f"fewer bytes; above it IDLE does."
    )


def _wrapped(words: str) -> str:
    return textwrap.fill(words, PAGE_COLUMNS, break_long_words=False, break_on_hyphens=False) + "\n"


def _gap(one: BreakEven) -> str:
    if one.mails_a_day is None or (between := one.seconds_between_mails) is None:
        return f"{one.few.title} always moves less"
    return f"one mail every {spelled(between)} ({_count(one.mails_a_day)} a day)"


def days_table(habits: Habits, counts: Sequence[int]) -> str:
    """KiB a day for each way and count of mails; wake-ups and delay."""
    head = " | ".join(f"{count} mails" if count != 1 else "1 mail" for count in counts)
    rows = [
        f"| {way.title} | {' | '.join(f'{way.bytes_for(count) / _KIB:,.0f}' for count in counts)} "
        f"| {_wakes(way)} | {way.known_after} |\n"
        for way in ways(habits)
    ]
    return f"| KiB a day | {head} | wake-ups a day | a mail is known after |\n{'|---' * (len(counts) + 3)}|\n{''.join(rows)}"


def steps_table(columns: dict[str, dict[str, Exchange]]) -> str:
    """Bytes of each step (packets), a column a server."""
    names = dict.fromkeys(name for steps in columns.values() for name in steps)
    rows = [f"| {name} | {' | '.join(_moved(steps.get(name)) for steps in columns.values())} |\n" for name in names]
    return f"| step | {' | '.join(columns)} |\n{'|---' * (len(columns) + 1)}|\n{''.join(rows)}"


def break_even_table(habits: Sequence[tuple[str, Habits]]) -> str:
    """For each of ``habits``, by what it is called, the mails a day at which ways break even."""
    rows = []
    for title, one in habits:
        cells = [_crossing(break_even(by_name(one)[few], by_name(one)["idle"])) for few in ("push", "push and fetch")]
        rows.append(f"| {title} | {' | '.join(cells)} |\n")
    return (
        "| IDLE on the phone | against push that tells all | against push, then log in and fetch |\n|---|---|---|\n"
        + "".join(rows)
    )


def hours_table(columns: dict[str, tuple[Held, ...]]) -> str:
    """CPU seconds of 1,000 mailboxes in an hour, server and gateway, a row a way."""
    head = " | ".join(f"{title}: server | gateway" for title in columns)
    rows = [
        f"| {row[0].title} | {' | '.join(f'{one.spent.server_ms:,.1f} | {one.spent.gateway_ms:,.1f}' for one in row)} |\n"
        for row in zip(*columns.values(), strict=True)
    ]
    return f"| an hour of 1,000 mailboxes, CPU s | {head} |\n{'|---' * (2 * len(columns) + 1)}|\n{''.join(rows)}"


def _crossing(one: BreakEven) -> str:
    if one.mails_a_day is None or (between := one.seconds_between_mails) is None:
        return f"{one.few.name} is cheaper always"
    return f"{_count(one.mails_a_day)} mails a day, one every {spelled(between)}"


def _count(mails: float) -> str:
    return f"{mails:,.0f}" if mails >= 10 else f"{mails:.1f}"


def _wakes(way: Way) -> str:
    return f"{way.wakes_a_day:,.0f}" + (" + 1 a mail" if way.wakes_a_mail else "")


def _moved(one: Exchange | None) -> str:
    return "–" if one is None else f"{one.total_bytes:,} ({one.packets})"


def _rounded(seconds: float | None, digits: int | None = None) -> float | None:
    return None if seconds is None else round(seconds, digits)
