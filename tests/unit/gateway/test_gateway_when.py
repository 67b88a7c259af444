"""When mail may ring, as JSON says it."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, time
from typing import Any

import pytest

from idlebell.gateway.preferences import read_preferences, shown
from idlebell.gateway.reading import Faults
from idlebell.gateway.when import quiet_hours_json, read_quiet_hours
from idlebell.model.preferences import Preferences, QuietHours, Then
from idlebell.model.problem import ProblemError

NIGHT = {"tz": "Europe/Berlin", "from": "22:00", "to": "07:00"}
EVERY_DAY = frozenset(range(7))


def read(name: str, value: Any) -> Any:
    faults = Faults()
    (found,) = read_preferences(faults, {name: value}).values()
    faults.raise_any()
    return found


def faults_of(name: str, value: Any) -> dict[str, str]:
    faults = Faults()
    assert read_preferences(faults, {name: value}) == {}
    with pytest.raises(ProblemError) as caught:
        faults.raise_any()
    return {error.pointer: error.detail for error in caught.value.problem.errors}


def test_quiet_hours_are_every_day_and_counted_where_nothing_else_is_said() -> None:
    assert read("quiet_hours", NIGHT) == QuietHours("Europe/Berlin", EVERY_DAY, time(22), time(7), Then.COUNT)


def test_quiet_hours_are_shown_as_they_were_given() -> None:
    given = {**NIGHT, "days": ["mon", "sat"], "then": "drop"}
    quiet = read("quiet_hours", given)
    assert quiet.days == {0, 5}
    assert quiet_hours_json(quiet) == given
    view = shown(Preferences(quiet_hours=quiet))["quiet_hours"]
    assert (view.begin, view.end, view.days) == ("22:00", "07:00", ("mon", "sat"))


def test_null_within_quiet_hours_is_the_default() -> None:
    assert read("quiet_hours", {**NIGHT, "days": None, "then": None}) == read("quiet_hours", NIGHT)


def test_a_zone_that_is_not_known_is_refused_with_the_nearest_name() -> None:
    (detail,) = faults_of("quiet_hours", {**NIGHT, "tz": "Europe/Berlyn"}).values()
    assert detail.endswith("the nearest is Europe/Berlin")
    (detail,) = faults_of("quiet_hours", {**NIGHT, "tz": "?"}).values()
    assert "nearest" not in detail


@pytest.mark.parametrize("name", ["localtime", "Factory"])
def test_the_zone_of_the_machine_that_the_gateway_runs_on_is_none_of_a_user(name: str) -> None:
    assert list(faults_of("quiet_hours", {**NIGHT, "tz": name})) == ["/quiet_hours/tz"]


def test_a_long_name_of_a_zone_costs_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(difflib, "get_close_matches", lambda word, *_, **__: asked.append(word) or [])
    faults_of("quiet_hours", {**NIGHT, "tz": "x" * 50_000})
    assert [len(word) for word in asked] == [100]


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"tz": None}, {"/quiet_hours/tz"}),
        ({"tz": 7}, {"/quiet_hours/tz"}),
        ({"from": "24:00", "to": "7:00"}, {"/quiet_hours/from", "/quiet_hours/to"}),
        ({"from": None}, {"/quiet_hours/from"}),
        ({"to": "２２:00"}, {"/quiet_hours/to"}),
        ({"days": []}, {"/quiet_hours/days"}),
        ({"days": ["monday"]}, {"/quiet_hours/days"}),
        ({"days": "mon"}, {"/quiet_hours/days"}),
        ({"days": [{}]}, {"/quiet_hours/days"}),
        ({"then": "hold"}, {"/quiet_hours/then"}),
        ({"then": []}, {"/quiet_hours/then"}),
        ({"until": "07:00"}, {"/quiet_hours/until"}),
        ({"to": "22:00"}, {"/quiet_hours/to"}),
    ],
)
def test_every_member_of_quiet_hours_that_is_wrong_is_named(changed: dict[str, Any], pointers: set[str]) -> None:
    assert faults_of("quiet_hours", {**NIGHT, **changed}).keys() == pointers


def test_quiet_hours_must_be_an_object() -> None:
    faults = Faults()
    assert read_quiet_hours(faults, "22-07", "/quiet_hours") is None
    assert faults.count == 1


def test_a_whole_day_may_be_quiet_but_not_every_one() -> None:
    whole = {**NIGHT, "from": "00:00", "to": "00:00"}
    assert read("quiet_hours", {**whole, "days": ["sat", "sun"]}).days == {5, 6}
    assert faults_of("quiet_hours", whole).keys() == {"/quiet_hours/to"}


@pytest.mark.parametrize("given", ["2030-01-31T08:00:00+01:00", "2030-01-31T07:00:00Z", "2030-01-31t07:00:00.000z"])
def test_a_mute_ends_at_a_moment_of_any_offset(given: str) -> None:
    assert read("muted_until", given) == datetime(2030, 1, 31, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        "2030-01-31T07:00:00",
        "2030-01-31",
        "tomorrow",
        1_900_000_000,
        "2030-02-31T07:00:00Z",
        "0001-01-01T00:00:00+09:00",
    ],
)
def test_what_is_no_moment_ends_no_mute(given: Any) -> None:
    assert faults_of("muted_until", given).keys() == {"/muted_until"}


@pytest.mark.parametrize("given", [0, 1_441, True, "30", 1.5])
def test_a_digest_is_a_whole_number_of_minutes_up_to_a_day(given: Any) -> None:
    assert read("digest_minutes", 30) == 30
    assert faults_of("digest_minutes", given).keys() == {"/digest_minutes"}


@pytest.mark.parametrize("given", [-1, 3_601, True, "30", float("nan"), float("inf")])
def test_a_window_is_a_number_of_seconds_up_to_an_hour(given: Any) -> None:
    assert read("coalesce_seconds", 0) == 0
    assert read("coalesce_seconds", 1.5) == 1.5
    assert faults_of("coalesce_seconds", given).keys() == {"/coalesce_seconds"}


@pytest.mark.parametrize("given", [-1, 100_001, True, "30", 1.5])
def test_a_flood_is_a_whole_number_of_messages(given: Any) -> None:
    assert read("flood_per_minute", 0) == 0
    assert faults_of("flood_per_minute", given).keys() == {"/flood_per_minute"}


@pytest.mark.parametrize(
    "name", ["muted_until", "quiet_hours", "digest_minutes", "coalesce_seconds", "flood_per_minute"]
)
def test_null_is_none_of_it(name: str) -> None:
    assert read(name, None) is None
