"""Servers are recognised by greeting, capability or name."""

import pytest

from idlebell.imap import quirks
from idlebell.imap.quirks import QUIRKS, Quirk, detect


@pytest.mark.parametrize(
    ("greeting", "capabilities", "host", "expected"),
    [
        ("Coremail System IMap Server Ready(163com)", set(), "203.0.113.4", {quirks.ID_BEFORE_SELECT}),
        ("ready", set(), "imap.163.com", {quirks.ID_BEFORE_SELECT}),
        ("ready", {"XAPPLEPUSHSERVICE"}, "p01-imap.example", {quirks.ENABLE_WITHOUT_ENABLED}),
        ("ready", set(), "IMAP.Yandex.ru.", {quirks.BYE_REPEATED}),
        ("The Microsoft Exchange IMAP4 service is ready.", set(), "mail.example", {quirks.AUTHENTICATED_NOT_CONNECTED}),
        ("Courier-IMAP ready. Copyright", set(), "mail.example", {quirks.NO_UIDNEXT}),
        ("Dovecot (Debian) ready.", {"IMAP4REV1"}, "mail.example", {quirks.BADEVENT_WITHOUT_LIST}),
        ("ready", set(), "imap.gmx.net", {quirks.NIL_FOR_STRING}),
        ("ready", {"IMAP4REV1"}, "mail.example", set()),
    ],
)
def test_a_server_is_recognised_by_any_one_mark(
    greeting: str, capabilities: set[str], host: str, expected: set[Quirk]
) -> None:
    assert detect(greeting, frozenset(capabilities), host) == expected


def test_a_domain_does_not_match_inside_another() -> None:
    assert not detect("", frozenset(), "not163.com")
    assert not detect("", frozenset(), "163.com.example")


@pytest.mark.parametrize("quirk", QUIRKS)
def test_each_quirk_says_who_what_and_against_which_rule(quirk: Quirk) -> None:
    assert quirk.servers
    assert quirk.sentence.endswith(".")
    assert quirk.against


def test_names_are_unique() -> None:
    assert len({quirk.name for quirk in QUIRKS}) == len(QUIRKS)
