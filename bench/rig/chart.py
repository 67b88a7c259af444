"""Small multiples as SVG, light and dark: one panel a quantity over the number of mailboxes, each line with its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from idlebell.cost.picture import WIDTH

_LEFT: Final = 62
_RIGHT: Final = 380
_PANEL_PIXELS: Final = 170
_HEIGHT_PIXELS: Final = 100
_COLOURS: Final = (("#0969da", "#58a6ff"), ("#b7791f", "#e3b341"))
_STEPS: Final = (1, 2, 5, 10)


@dataclass(frozen=True, slots=True)
class Panel:
    """``lines``: a value for each of the sizes, by name."""

    title: str
    lines: dict[str, Sequence[float]]


def picture(title: str, sizes: Sequence[int], panels: Sequence[Panel]) -> str:
    return "".join(_picture(title, sizes, panels))


def _picture(title: str, sizes: Sequence[int], panels: Sequence[Panel]) -> Iterator[str]:
    told = "; ".join(
        f"{panel.title}, {name}: {', '.join(f'{value:.3g}' for value in values)}"
        for panel in panels
        for name, values in panel.lines.items()
    )
    height = _PANEL_PIXELS * len(panels) + 20
    yield _head(height, title, f"At {', '.join(f'{size:,}' for size in sizes)} mailboxes. {told}.")
    for row, panel in enumerate(panels):
        yield from _panel(panel, sizes, 30 + _PANEL_PIXELS * row)
    yield _text((_LEFT + _RIGHT) / 2, height - 4, "mailboxes", "note middle")
    yield "</svg>\n"


def _panel(panel: Panel, sizes: Sequence[int], top: float) -> Iterator[str]:
    most = max(max(values) for values in panel.lines.values()) or 1.0
    step = _tick(most)
    ceiling = step * -(-most // step)
    bottom = top + _HEIGHT_PIXELS

    def x(size: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * size / sizes[-1]

    def y(value: float) -> float:
        return bottom - _HEIGHT_PIXELS * value / ceiling

    yield _text(4, top - 14, panel.title, "name")
    level = 0.0
    while level <= ceiling * 1.001:
        yield f'  <path class="grid" d="M{_LEFT} {y(level):.1f}H{_RIGHT}"/>\n'
        yield _text(_LEFT - 8, y(level) + 5, f"{level:g}", "note end")
        level += step
    for size in (0, sizes[-1] / 3, sizes[-1] * 2 / 3, sizes[-1]):
        yield _text(x(size), bottom + 20, f"{size:,.0f}", "note middle")
    ends: list[float] = []
    for number, (name, values) in enumerate(panel.lines.items()):
        points = list(zip(sizes, values, strict=True))
        path = "L".join(f"{x(size):.1f} {y(value):.1f}" for size, value in points)
        yield f'  <path class="line c{number}" d="M{path}"/>\n'
        for size, value in points:
            yield f'  <circle class="t{number}" cx="{x(size):.1f}" cy="{y(value):.1f}" r="3.5"/>\n'
        height = y(points[-1][1]) + 5
        while any(abs(height - other) < 17 for other in ends):
            height -= 17
        ends.append(height)
        yield _text(_RIGHT + 8, height, name, f"name t{number}")


def _head(height: int, title: str, description: str) -> str:
    light, dark = (
        " ".join(
            f".c{number} {{ stroke: {one[shade]} }} .t{number} {{ fill: {one[shade]} }}"
            for number, one in enumerate(_COLOURS)
        )
        for shade in (0, 1)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">
  <title id="t">{escape(title)}</title>
  <desc id="d">{escape(description)}</desc>
  <style>
    text {{ font: 15px system-ui, -apple-system, "Segoe UI", sans-serif }}
    .name {{ fill: #1f2328; font-weight: 600 }} .note {{ fill: #57606a }}
    .end {{ text-anchor: end }} .middle {{ text-anchor: middle }}
    .grid {{ stroke: #d0d7de; fill: none }} .line {{ fill: none; stroke-width: 2.5 }}
    {light}
    @media (prefers-color-scheme: dark) {{
      .name {{ fill: #e6edf3 }} .note {{ fill: #9da7b1 }} .grid {{ stroke: #30363d }}
      {dark}
    }}
  </style>
"""


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'  <text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>\n'


def _tick(most: float) -> float:
    """A round step of which at most four reach ``most``."""
    size = 10.0**-4
    while True:
        for factor in _STEPS:
            if most <= 4 * size * factor:
                return size * factor
        size *= 10
