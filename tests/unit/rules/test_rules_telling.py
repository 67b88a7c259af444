"""What a report tells, beside what a rule needs."""

from __future__ import annotations

from idlebell.model.source import Form
from idlebell.rules.rule import NO_NEEDS, Needs
from idlebell.rules.telling import untold


def test_what_needs_nothing_is_told_by_all() -> None:
    assert [untold(form, NO_NEEDS) for form in Form] == [(), (), ()]


def test_each_need_that_is_not_met_is_named() -> None:
    needs = Needs(frozenset({"from", "list-id", "cc"}), size=True, flags=True, structure=True, text=True)
    assert untold(Form.OX, needs) == ("the header fields cc, list-id", "flags and keywords", "the size", "the text")
    assert untold(Form.LUA, needs) == ("the header fields cc, list-id", "the size", "the text")
    assert untold(Form.SIGNED, needs) == ("the text",)
    assert untold(Form.SIGNED, Needs(structure=True)) == ("the structure",)
