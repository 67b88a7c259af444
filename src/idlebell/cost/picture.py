"""Pictures of it as SVG, light and dark, to be read on a narrow screen too: labels stand at their lines, no colour alone tells
anything, and nothing is smaller than 11 pixels on a screen of 360."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from idlebell.cost.break_even import BreakEven
from idlebell.cost.ways import Way, spelled

WIDTH: Final = 480
_FONT: Final = 'system-ui, -apple-system, "Segoe UI", sans-serif'
_COLOURS: Final = (  # light, dark, dashes
    ("#b7791f", "#e3b341", ""),
    ("#0969da", "#58a6ff", ""),
    ("#57606a", "#9da7b1", ""),
    ("#57606a", "#9da7b1", "7 4"),
    ("#1a7f37", "#3fb950", ""),
    ("#1a7f37", "#3fb950", "7 4"),
    ("#8250df", "#bc8cff", "2 4"),
)
_NAMES: Final = ("idle", "noop", "login fresh", "login resumed", "push", "push and fetch", "sms")
"""In the order of their colours."""
_SHORT: Final = {
    "idle": "IDLE",
    "noop": "NOOP",
    "login fresh": "log in",
    "login resumed": "log in, resumed",
    "push": "push",
    "push and fetch": "push and fetch",
    "sms": "SMS",
}
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 340, 34, 352
_LABEL_PIXELS: Final = 19
_BAR_PIXELS: Final = 265
_ROW_PIXELS: Final = 52
_STEPS: Final = (1, 2, 2.5, 5, 10)
_KIB: Final = 1_024


def bytes_a_day(ways: Sequence[Way], crossings: Sequence[BreakEven], mails: int = 100) -> str:
    """A line for each way from no mail to ``mails`` a day; a ring where two of ``crossings`` meet."""
    return "".join(_lines_picture(ways, crossings, mails))


def wakes_a_day(ways: Sequence[Way], mails: float) -> str:
    """A bar for each way: how often the phone wakes for it, and how late a mail is known."""
    return "".join(_bars_picture(ways, mails))


def _lines_picture(ways: Sequence[Way], crossings: Sequence[BreakEven], mails: int) -> Iterator[str]:
    step = _tick(max(way.bytes_for(mails) for way in ways) / _KIB)
    top = step * -(-max(way.bytes_for(mails) for way in ways) // (step * _KIB))

    def x(count: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * count / mails

    def y(size: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * size / _KIB / top

    told = "; ".join(f"{way.title}: {_kib(way.bytes_for(0))} to {_kib(way.bytes_for(mails))}" for way in ways)
    yield _head(400, "What a day of being told of mail moves", f"KiB a day for 0 to {mails} mails a day. {told}.")
    yield _text(4, 18, "KiB a day", "note")
    level = 0.0
    while level <= top:
        yield f'  <path class="grid" d="M{_LEFT} {y(level * _KIB):.1f}H{_RIGHT}"/>\n'
        yield _text(_LEFT - 8, y(level * _KIB) + 5, f"{level:,.0f}", "note end")
        level += step
    for count in range(0, mails + 1, mails // 4):
        yield _text(x(count), _BOTTOM + 22, str(count), "note middle")
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 42, "mails a day", "note middle")
    for way in ways:
        number = _NAMES.index(way.name)
        yield f'  <path class="line c{number}" d="M{x(0):.1f} {y(way.bytes_for(0)):.1f}L{x(mails):.1f} '
        yield f'{y(way.bytes_for(mails)):.1f}"/>\n'
    for crossing in crossings:
        if crossing.mails_a_day is not None and crossing.mails_a_day <= mails:
            height = y(crossing.few.bytes_for(crossing.mails_a_day))
            yield f'  <circle class="ring" cx="{x(crossing.mails_a_day):.1f}" cy="{height:.1f}" r="6"/>\n'
    ends = _apart([(y(way.bytes_for(mails)), way) for way in ways])
    for height, way in ends:
        yield _text(_RIGHT + 8, height + 5, _SHORT[way.name], f"name t{_NAMES.index(way.name)}")
    yield "</svg>\n"


def _bars_picture(ways: Sequence[Way], mails: float) -> Iterator[str]:
    most = max(way.wakes_for(mails) for way in ways)
    told = "; ".join(f"{way.title}: {way.wakes_for(mails):,.0f}{_delay(way)}" for way in ways)
    yield _head(
        _ROW_PIXELS * len(ways), "How often a phone wakes for mail", f"Wake-ups a day with {mails:g} mails. {told}."
    )
    for row, way in enumerate(ways):
        top = _ROW_PIXELS * row
        number = _NAMES.index(way.name)
        wide = max(2.0, _BAR_PIXELS * way.wakes_for(mails) / most)
        yield _text(4, top + 20, way.title, "name")
        yield f'  <rect class="bar b{number}" x="4" y="{top + 28}" width="{wide:.1f}" height="18" rx="3"/>\n'
        yield _text(wide + 12, top + 43, f"{way.wakes_for(mails):,.0f}{_delay(way)}", "note")
    yield "</svg>\n"


def _delay(way: Way) -> str:
    return "" if way.half_seconds is None else f", known after {spelled(way.half_seconds)}"


def _head(height: int, title: str, description: str) -> str:
    light = "".join(
        f".c{number} {{ stroke: {one[0]}{f'; stroke-dasharray: {one[2]}' if one[2] else ''} }} "
        f".t{number}, .b{number} {{ fill: {one[0]} }}\n    "
        for number, one in enumerate(_COLOURS)
    )
    dark = "".join(
        f".c{number} {{ stroke: {one[1]} }} .t{number}, .b{number} {{ fill: {one[1]} }}\n      "
        for number, one in enumerate(_COLOURS)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">
  <title id="t">{escape(title)}</title>
  <desc id="d">{escape(description)}</desc>
  <style>
    text {{ font: 15px {_FONT} }}
    .name {{ fill: #1f2328; font-weight: 600 }} .note {{ fill: #57606a }}
    .end {{ text-anchor: end }} .middle {{ text-anchor: middle }}
    .grid {{ stroke: #d0d7de; fill: none }} .line {{ fill: none; stroke-width: 2.5 }}
    .ring {{ fill: none; stroke: #1f2328; stroke-width: 2 }}
    {light}@media (prefers-color-scheme: dark) {{
      .name {{ fill: #e6edf3 }} .note {{ fill: #9da7b1 }} .grid {{ stroke: #30363d }} .ring {{ stroke: #e6edf3 }}
      {dark.rstrip()}
    }}
  </style>
"""


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'  <text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>\n'


def _apart(ends: list[tuple[float, Way]]) -> list[tuple[float, Way]]:
    """Labels from the top down, each at least its own height below the last; then pushed up from the axis, if need be."""
    placed: list[tuple[float, Way]] = []
    for height, way in sorted(ends, key=lambda end: end[0]):
        placed.append((max(height, placed[-1][0] + _LABEL_PIXELS if placed else height), way))
    floor = float(_BOTTOM)
    for index in range(len(placed) - 1, -1, -1):
        height, way = placed[index]
        placed[index] = (min(height, floor), way)
        floor = placed[index][0] - _LABEL_PIXELS
    return placed


def _tick(most: float) -> float:
    """A round step of which at most eight reach ``most``."""
    size = 1.0
    while True:
        for factor in _STEPS:
            if most <= 8 * size * factor:
                return size * factor
        size *= 10


def _kib(size: float) -> str:
    return f"{size / _KIB:,.0f} KiB"
