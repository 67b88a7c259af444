"""What a list says and implies, and that one copy of it is kept."""

import pytest

from idlebell.imap.capabilities import SharedCapabilities, has, speaks_utf8


def test_what_is_listed_is_had_in_any_case() -> None:
    assert has(frozenset({"IDLE"}), "idle")
    assert not has(frozenset({"IMAP4REV1"}), "IDLE")


@pytest.mark.parametrize(
    "name", ["IDLE", "ENABLE", "NAMESPACE", "SASL-IR", "LIST-EXTENDED", "LIST-STATUS", "UNSELECT", "ESEARCH"]
)
def test_imap4rev2_implies_what_it_folded_in(name: str) -> None:
    """RFC 9051 appendix E."""
    assert has(frozenset({"IMAP4REV2"}), name)


def test_imap4rev2_does_not_imply_condstore() -> None:
    assert not has(frozenset({"IMAP4REV2"}), "CONDSTORE")


def test_qresync_implies_condstore() -> None:
    """RFC 7162 section 3.2.3."""
    assert has(frozenset({"IMAP4REV1", "QRESYNC"}), "CONDSTORE")


def test_nothing_known_is_nothing_had() -> None:
    assert not has(frozenset(), "IDLE")


@pytest.mark.parametrize(
    ("listed", "enabled", "utf8"),
    [
        ({"IMAP4REV1", "UTF8=ACCEPT"}, set(), False),
        ({"IMAP4REV1", "UTF8=ACCEPT"}, {"UTF8=ACCEPT"}, True),
        ({"IMAP4REV1", "IMAP4REV2"}, set(), False),
        ({"IMAP4REV1", "IMAP4REV2"}, {"IMAP4REV2"}, True),
        ({"IMAP4REV2"}, set(), True),
        ({"IMAP4REV1"}, {"QRESYNC"}, False),
    ],
)
def test_utf8_needs_enabling_unless_the_server_knows_nothing_older(
    listed: set[str], enabled: set[str], utf8: bool
) -> None:
    assert speaks_utf8(frozenset(listed), frozenset(enabled)) is utf8


def test_equal_lists_become_one_object() -> None:
    share = SharedCapabilities()
    first = share(frozenset({"A", "B"}))
    assert share(frozenset({"B", "A"})) is first
    assert len(share) == 1


def test_the_oldest_list_makes_room() -> None:
    share = SharedCapabilities(bound=2)
    first = share(frozenset({"A"}))
    share(frozenset({"B"}))
    share(frozenset({"C"}))
    assert len(share) == 2
    assert share(frozenset({"A"})) == first
    assert len(share) == 2


@pytest.mark.parametrize(
    "oversized",
    [frozenset(map(str, range(SharedCapabilities.NAMES + 1))), frozenset({"X" * (SharedCapabilities.LENGTH + 1)})],
)
def test_an_oversized_list_is_given_back_but_not_kept(oversized: frozenset[str]) -> None:
    share = SharedCapabilities()
    assert share(oversized) is oversized
    assert len(share) == 0
