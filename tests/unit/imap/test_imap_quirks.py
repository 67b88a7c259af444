"""Servers are recognised by greeting, capability or name."""

import pytest

from idlebell.imap.quirks import BY_NAME, QUIRKS, Quirk, detect


@pytest.mark.parametrize(
    ("greeting", "capabilities", "host", "expected"),
    [
        ("Coremail System IMap Server Ready(163com)", set(), "203.0.113.4", {"id-before-select", "no-uidnext"}),
        ("ready", set(), "imap.163.com", {"id-before-select", "text-not-utf8", "drops-sessions", "app-password"}),
        (
            "ready",
            {"XAPPLEPUSHSERVICE"},
            "p01-imap.example",
            {"enable-without-enabled", "app-password", "unavailable-at-random"},
        ),
        ("ready", set(), "IMAP.Yandex.ru.", {"bye-repeated", "header-search-unavailable"}),
        (
            "The Microsoft Exchange IMAP4 service is ready.",
            set(),
            "mail.example",
            {"authenticated-not-connected", "login-for-backslash", "bare-unavailable-line"},
        ),
        (
            "Courier-IMAP ready. Copyright",
            set(),
            "mail.example",
            {"no-uidnext", "no-greeting-at-limit", "refusal-without-code", "quoted-header-names"},
        ),
        ("ready", set(), "imap.gmx.net", {"nil-for-string", "trailing-spaces", "silent-drop"}),
        ("ready", {"IMAP4REV1", "XSTOP"}, "127.0.0.1", {"local-bridge"}),
        ("ready", set(), "imap.mail.yahoo.com", {"short-command-lines", "newest-only", "app-password"}),
        ("ready", {"IMAP4REV1"}, "mail.example", set()),
    ],
)
def test_a_server_is_recognised_by_any_one_mark(
    greeting: str, capabilities: set[str], host: str, expected: set[str]
) -> None:
    assert {quirk.name for quirk in detect(greeting, frozenset(capabilities), host)} == expected


def test_the_traps_of_notify_are_dovecots() -> None:
    found = detect("Dovecot (Debian) ready.", frozenset({"IMAP4REV1"}), "mail.example")
    assert BY_NAME["badevent-without-list"] in found
    assert {quirk for quirk in QUIRKS if quirk.name.startswith("notify-")} - found == {
        BY_NAME["notify-dies-with-idled"]
    }


def test_a_domain_does_not_match_inside_another() -> None:
    assert not detect("", frozenset(), "not163.com")
    assert not detect("", frozenset(), "163.com.example")


@pytest.mark.parametrize("quirk", QUIRKS, ids=lambda quirk: quirk.name)
def test_each_quirk_says_who_what_and_against_which_rule(quirk: Quirk) -> None:
    assert quirk.servers
    assert quirk.sentence.endswith(".")
    assert quirk.against.startswith(("RFC ", "none"))
    assert all(mark == mark.upper() for mark in quirk.capabilities)
    assert all(domain == domain.lower() for domain in quirk.hosts)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(QUIRKS)
