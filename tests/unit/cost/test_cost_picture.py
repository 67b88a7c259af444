from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

from idlebell.cost import picture, told
from idlebell.cost.ways import Habits, Way, ways

USUAL = Habits()
SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)


def test_there_is_a_line_for_each_way_and_a_ring_where_two_break_even():
    root = drawn(picture.bytes_a_day(ways(USUAL), told.break_evens(USUAL)))
    lines = [one for one in root.iter(f"{SVG}path") if one.attrib["class"].startswith("line")]
    rings = [one for one in told.break_evens(USUAL) if one.mails_a_day is not None and one.mails_a_day <= 100]
    assert len(lines) == len(ways(USUAL))
    assert len(list(root.iter(f"{SVG}circle"))) == len(rings)


def test_a_line_goes_up_as_the_way_does():
    one = Way("push", "push", 0, 1_024, 0, 1, 1, 1)
    root = drawn(picture.bytes_a_day((one,), ()))
    (line,) = [path for path in root.iter(f"{SVG}path") if path.attrib["class"].startswith("line")]
    left, right = (float(y) for y in re.findall(r"[\d.]+ ([\d.]+)", line.attrib["d"]))
    assert left > right, "y grows downwards"


def test_no_two_labels_stand_over_each_other():
    alike = tuple(Way(name, name, 1_000, 100, 1, 1, 1, 1) for name in ("idle", "noop", "push", "sms", "push and fetch"))
    root = drawn(picture.bytes_a_day(alike, ()))
    heights = sorted(float(one.attrib["y"]) for one in root.iter(f"{SVG}text") if "name" in one.attrib["class"])
    assert len(heights) == 5
    assert all(lower - upper >= 18.9 for upper, lower in pairwise(heights))


def test_a_bar_is_as_long_as_the_wake_ups_are_many():
    root = drawn(picture.wakes_a_day(ways(USUAL), 10))
    widths = [float(one.attrib["width"]) for one in root.iter(f"{SVG}rect")]
    by_wakes = [way.wakes_for(10) for way in ways(USUAL)]
    assert sorted(range(len(widths)), key=widths.__getitem__) == sorted(range(len(widths)), key=by_wakes.__getitem__)


def test_pictures_say_in_words_what_they_show_and_know_the_dark():
    for text in (picture.bytes_a_day(ways(USUAL), ()), picture.wakes_a_day(ways(USUAL), 10)):
        root = drawn(text)
        assert root.attrib["role"] == "img"
        said = root.findtext(f"{SVG}desc") or ""
        assert all(way.title in said for way in ways(USUAL))
        assert "prefers-color-scheme: dark" in text
