from __future__ import annotations

from idlebell.front.notify import fetch_items
from idlebell.front.notify.bounds import HEADER_BYTES
from idlebell.imap.responses import FetchData, Section

WHOLE = "BODY.PEEK[HEADER.FIELDS (From To)]"
NAME = "BODY[HEADER.FIELDS (FROM TO)]"


def test_a_list_of_items_is_split_where_it_is_one_item_each() -> None:
    spelled = f"UID {WHOLE} {WHOLE}<0.512> FLAGS"
    assert fetch_items.split(spelled) == ("UID", WHOLE, f"{WHOLE}<0.512>", "FLAGS")
    assert fetch_items.split("") == ()


def test_a_header_is_asked_for_up_to_its_bound() -> None:
    assert fetch_items.upstream(WHOLE) == f"{WHOLE}<0.{HEADER_BYTES}>"
    assert fetch_items.upstream(f"{WHOLE}<10.512>") == f"{WHOLE}<10.512>"
    assert fetch_items.upstream(f"{WHOLE}<0.0>") is None
    assert fetch_items.upstream("UID") == "UID"
    assert fetch_items.upstream('BODY.PEEK[HEADER.FIELDS ("a b")]') is None


def fetched(content: bytes | None, origin: int | None = 0) -> FetchData:
    return FetchData(3, uid=7, sections=(Section(NAME, origin, content), Section("BODY[HEADER.FIELDS (X)]", 0, b"")))


def test_a_header_that_is_whole_is_given_as_it_was_asked_for() -> None:
    short, cut = b"From: a\r\n\r\n", b"x" * HEADER_BYTES
    assert fetch_items.as_asked(fetched(short), ("UID", WHOLE)).sections[0].origin is None
    assert fetch_items.as_asked(fetched(None), (WHOLE,)).sections[0].origin is None
    assert fetch_items.as_asked(fetched(cut), (WHOLE,)) == fetched(cut)  # the origin says that it is a part
    assert fetch_items.as_asked(fetched(short), (f"{WHOLE}<0.512>",)) == fetched(short)  # a part was asked for
    assert fetch_items.as_asked(fetched(short), ("UID",)) == fetched(short)
    assert fetch_items.as_asked(fetched(short), (WHOLE,)).sections[1].origin == 0  # another one
