"""Filters, messages and what is to become of them: one table, read by the tests of the filter.

``MESSAGES``: by name. ``CASES``: (filter, message, rings). ``REFUSED``: (filter, JSON pointer, a word of what is said).
Where a comment says so the case is a sentence of RFC 8621 section 4.4.1 or RFC 8620 section 5.5.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from idlebell.imap.responses import BodyPart, FetchData, Multipart, Section

Json: TypeAlias = Any


def text(subtype: str = "PLAIN", encoding: str = "7BIT", charset: bytes = b"utf-8") -> BodyPart:
    return BodyPart("TEXT", subtype, (("CHARSET", charset),), None, None, encoding, 100, 3)


PDF: Final = BodyPart(
    "APPLICATION",
    "PDF",
    (),
    None,
    None,
    "BASE64",
    9_000,
    disposition="attachment",
    disposition_parameters=(("filename", b"a.pdf"),),
)


def message(
    header: str | bytes,
    *,
    body: BodyPart | Multipart | None = None,
    raw: bytes | None = b"",
    section: str = "1",
    size: int = 2_000,
    flags: tuple[str, ...] = (),
    at: datetime | None = datetime(2026, 11, 26, 8, 30, tzinfo=UTC),
) -> FetchData:
    fields = header.encode() if isinstance(header, str) else header
    sections = [Section("BODY[HEADER.FIELDS (FROM)]", 0, fields.replace(b"\n", b"\r\n") + b"\r\n\r\n")]
    if raw is not None:
        sections.append(Section(f"BODY[{section}]", 0, raw))
    return FetchData(1, uid=1, flags=flags, internal_date=at, size=size, body=body or text(), sections=tuple(sections))


MESSAGES: Final[dict[str, FetchData]] = {
    "lunch": message(
        "From: Boss <boss@example.org>\nTo: Ann Lee <ann@example.org>\nCc: team@example.org\nSubject: Lunch on Friday?",
        raw=b"Shall we meet at noon, in the usual place?\r\nBring the\r\nreport.",
    ),
    "list": message(
        "From: Pat via Users <users@lists.example.net>\nTo: users@lists.example.net\nSubject: [users] Release 2.0\n"
        "List-Id: Users of the thing <users.lists.example.net>\nPrecedence: list",
        raw=b"A new release is out.",
    ),
    "newsletter": message(
        "From: Shop <news@shop.example>\nTo: ann@example.org\nSubject: 50% off!\nPrecedence: bulk",
        body=Multipart((text(), text("HTML")), "ALTERNATIVE"),
        raw=b"Everything must go",
        size=60_000,
    ),
    "robot": message(
        "From: cron@example.org\nTo: root@example.org\nSubject: backup failed\nAuto-Submitted: auto-generated"
    ),
    "person": message(
        "From: Max <max@example.org>\nTo: ann@example.org\nSubject: Hi\nAuto-Submitted: no\nPrecedence: first-class"
    ),
    "reply": message("From: vacation@example.org\nSubject: Away\nAuto-Submitted: auto-replied; owner=x"),
    "accents": message(
        "From: =?utf-8?q?J=C3=B6rg_M=C3=BCller?= <jm@example.de>\nTo: =?iso-8859-1?q?Ren=E9?= <rene@example.fr>\n"
        "Subject: =?utf-8?b?UsOpc3Vtw6k=?= =?utf-8?q?_f=C3=BCr_Stra=C3=9Fe?=",
        raw="Grüße aus Köln".encode(),
    ),
    "invoice": message(
        "From: billing@example.com\nTo: ann@example.org\nSubject: Invoice 4711",
        body=Multipart((text(encoding="QUOTED-PRINTABLE", charset=b"iso-8859-1"), PDF), "MIXED"),
        raw=b"Your invoice f=FCr Novem=\r\nber",
        size=250_000,
        flags=("$Invoice", "\\Flagged"),
    ),
    "html": message(
        "From: a@b.example\nSubject: page",
        body=text("HTML"),
        raw=b"<html><head><title>hidden title</title><style>.secret{}</style></head><body class=secret><b>vis</b>ible"
        b' &amp; caf&eacute; <img src="x.png" alt="logo of us"><script>var hidden;</script></body></html>',
    ),
    "seen": message("From: a@b.example\nSubject: read", flags=("\\Seen", "\\Answered", "Work")),
    "draft": message("Subject: draft", flags=("\\Draft",)),
    "headers": message(
        "From: a@b.example\nSubject: x\nX-Priority: 1 (Highest)\nX-Empty:\n"
        "X-Twice: one\nX-Twice: two\nX-Long: folded\n\tover lines",
    ),
    "bare": message(""),
    "dateless": message("Subject: x", at=None),
    "unread-text": message("From: a@b.example\nSubject: x", raw=None),
    "group": message(
        'From: "Quoted, Name" <q@example.org>\nTo: Friends: ann@example.org, bob@example.net;\nBcc: me@example.org'
    ),
    "broken": message(b"From: \xe9cole <\xff@x>\nSubject: =?utf-8?b?broken?= =?nope?q?caf=E9?= =?utf-8?q?open"),
    "quotes": message("From: Tim O'Brien <tim@example.ie>\nSubject: He said \"maybe later\" \\ it's 'fine'"),
    "cyrillic": message("From: =?koi8-r?B?4M7J0w==?= <y@example.ru>\nSubject: =?windows-1251?q?=CF=F0=E8=E2=E5=F2?="),
    "japanese": message("From: a@b.example\nSubject: =?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?="),
    "spoof": message('From: "boss@example.org" <evil@attacker.example>\nSubject: pay'),
}

BOSS: Final = {"from": "boss@example.org"}
NOBODY: Final = {"from": "nobody@nowhere.example"}


def both(*conditions: Json) -> Json:
    return {"operator": "AND", "conditions": list(conditions)}


def either(*conditions: Json) -> Json:
    return {"operator": "OR", "conditions": list(conditions)}


def none_of(*conditions: Json) -> Json:
    return {"operator": "NOT", "conditions": list(conditions)}


CASES: Final[list[tuple[Json, str, bool]]] = [
    # --- the empty condition and operators (RFC 8620 section 5.5: AND all, OR at least one, NOT none) ---
    ({}, "lunch", True),
    ({}, "bare", True),
    (both(), "lunch", True),
    (either(), "lunch", False),
    (none_of(), "lunch", True),
    (both(BOSS), "lunch", True),
    (both(NOBODY), "lunch", False),
    (both(BOSS, {"subject": "lunch"}), "lunch", True),
    (both(BOSS, {"subject": "dinner"}), "lunch", False),
    (both(NOBODY, {"subject": "dinner"}), "lunch", False),
    (either(BOSS, NOBODY), "lunch", True),
    (either(NOBODY, BOSS), "lunch", True),
    (either(NOBODY, {"subject": "dinner"}), "lunch", False),
    (none_of(BOSS), "lunch", False),
    (none_of(NOBODY), "lunch", True),
    (none_of(NOBODY, {"subject": "dinner"}), "lunch", True),
    (none_of(NOBODY, BOSS), "lunch", False),
    (none_of(none_of(BOSS)), "lunch", True),
    (none_of(both(BOSS, {"subject": "dinner"})), "lunch", True),
    (none_of(either(BOSS, {"subject": "dinner"})), "lunch", False),
    (both(either(BOSS, NOBODY), none_of({"isBulk": True})), "lunch", True),
    (both(either(BOSS, NOBODY), none_of({"isBulk": False})), "lunch", False),
    (either(both(BOSS, NOBODY), both(BOSS, {"subject": "lunch"})), "lunch", True),
    (both({}, {}), "lunch", True),
    (either({}), "lunch", True),
    (none_of({}), "lunch", False),
    (none_of(either()), "lunch", True),
    (none_of(both()), "lunch", False),
    # RFC 8621: "If zero properties are specified on the FilterCondition, the condition MUST always evaluate to true. If
    # multiple properties are specified, ALL must apply".
    ({"from": "boss", "subject": "lunch"}, "lunch", True),
    ({"from": "boss", "subject": "dinner"}, "lunch", False),
    ({"from": "boss", "subject": "lunch", "to": "ann", "cc": "team", "isBulk": False}, "lunch", True),
    # --- from, to, cc, bcc, subject ---
    ({"from": "boss"}, "lunch", True),
    ({"from": "BOSS"}, "lunch", True),
    ({"from": "Boss <boss@example.org>"}, "lunch", True),
    ({"from": "example.org"}, "lunch", True),
    ({"from": "@example.org"}, "lunch", True),
    ({"from": "example.com"}, "lunch", False),
    ({"from": "ann"}, "lunch", False),
    ({"from": "o"}, "lunch", True),
    ({"to": "ann"}, "lunch", True),
    ({"to": "lee"}, "lunch", True),
    ({"to": "boss"}, "lunch", False),
    ({"to": "team"}, "lunch", False),
    ({"cc": "team"}, "lunch", True),
    ({"cc": "team"}, "list", False),
    ({"cc": "ann"}, "lunch", False),
    ({"bcc": "me@example.org"}, "group", True),
    ({"bcc": "me"}, "lunch", False),
    ({"to": "bob@example.net"}, "group", True),
    ({"to": "friends"}, "group", True),
    ({"from": "quoted, name"}, "group", True),
    ({"subject": "lunch"}, "lunch", True),
    ({"subject": "friday?"}, "lunch", True),
    ({"subject": "friday!"}, "lunch", False),
    ({"subject": "50%"}, "newsletter", True),
    ({"subject": "[users]"}, "list", True),
    ({"subject": "boss"}, "lunch", False),
    ({"subject": "x"}, "bare", False),
    ({"from": "x"}, "bare", False),
    # The address in a name is text of the header, as the RFC says; who must be sure asks for it with its brackets.
    ({"from": "boss@example.org"}, "spoof", True),
    ({"from": "<boss@example.org>"}, "spoof", False),
    ({"from": "<boss@example.org>"}, "lunch", True),
    # --- words and phrases (RFC 8621: "white space SHOULD be treated as dividing separate tokens that may be searched for
    # separately but MUST all be present", "matched single or double quotes SHOULD be treated as a phrase search") ---
    ({"subject": "lunch friday"}, "lunch", True),
    ({"subject": "friday lunch"}, "lunch", True),
    ({"subject": "friday dinner"}, "lunch", False),
    ({"subject": "  lunch   friday  "}, "lunch", True),
    ({"subject": "lunch\tfriday"}, "lunch", True),
    ({"subject": '"lunch on friday"'}, "lunch", True),
    ({"subject": "'lunch on friday'"}, "lunch", True),
    ({"subject": '"friday lunch"'}, "lunch", False),
    ({"subject": '"lunch  on"'}, "lunch", True),
    ({"subject": '"lunch on" friday'}, "lunch", True),
    ({"subject": '"lunch on" monday'}, "lunch", False),
    ({"subject": "\"on friday\" 'lunch on'"}, "lunch", True),
    # RFC 8621: "Within a phrase, to match one of the following characters you MUST escape it by prefixing it with a backslash".
    ({"subject": '"said \\"maybe later\\""'}, "quotes", True),
    ({"subject": '"said \\"never\\""'}, "quotes", False),
    ({"subject": "'it\\'s'"}, "quotes", True),
    ({"subject": '"\\\\ it"'}, "quotes", True),
    ({"from": "O'Brien"}, "quotes", True),
    ({"from": "o'brien tim"}, "quotes", True),
    ({"subject": "it's"}, "quotes", True),
    ({"subject": "'fine'"}, "quotes", True),
    ({"subject": '"maybe'}, "quotes", True),
    ({"subject": "\\"}, "quotes", True),
    # --- decoding (RFC 8621: "Any syntactically correct encoded sections [RFC2047] of header fields with a known encoding
    # SHOULD be decoded before attempting to match text") ---
    ({"from": "Jörg Müller"}, "accents", True),
    ({"from": "jorg muller"}, "accents", True),
    ({"from": "JÖRG"}, "accents", True),
    ({"from": "J\u006f\u0308rg"}, "accents", True),
    ({"from": "=C3=B6"}, "accents", False),
    ({"from": "utf-8"}, "accents", False),
    ({"to": "rené"}, "accents", True),
    ({"to": "rene"}, "accents", True),
    ({"subject": "résumé"}, "accents", True),
    ({"subject": "RESUME"}, "accents", True),
    ({"subject": '"résumé für"'}, "accents", True),
    ({"subject": "strasse"}, "accents", True),
    ({"subject": "STRAẞE"}, "accents", True),
    ({"subject": "stras"}, "accents", True),
    ({"subject": "привет"}, "cyrillic", True),
    ({"subject": "ПРИВЕТ"}, "cyrillic", True),
    ({"from": "юнис"}, "cyrillic", True),
    ({"subject": "こんにちは"}, "japanese", True),
    ({"subject": "ニチハ"}, "japanese", False),
    ({"subject": "café"}, "broken", True),
    ({"subject": "open"}, "broken", True),
    ({"from": "école"}, "broken", True),
    # --- header (RFC 8621: one element: it is there; two: its value has the text) ---
    ({"header": ["X-Priority"]}, "headers", True),
    ({"header": ["x-priority"]}, "headers", True),
    ({"header": ["X-PRIORITY"]}, "headers", True),
    ({"header": ["X-Missing"]}, "headers", False),
    ({"header": ["X-Empty"]}, "headers", True),
    ({"header": ["X-Empty", "a"]}, "headers", False),
    ({"header": ["X-Priority", "1"]}, "headers", True),
    ({"header": ["X-Priority", "highest"]}, "headers", True),
    ({"header": ["X-Priority", "5"]}, "headers", False),
    ({"header": ["X-Twice", "one"]}, "headers", True),
    ({"header": ["X-Twice", "two"]}, "headers", True),
    ({"header": ["X-Twice", '"one two"']}, "headers", False),
    ({"header": ["X-Long", '"folded over lines"']}, "headers", True),
    ({"header": ["Subject", "résumé"]}, "accents", True),
    ({"header": ["From", "boss"]}, "lunch", True),
    ({"header": ["List-Id"]}, "list", True),
    ({"header": ["List-Id"]}, "lunch", False),
    # --- text and body ---
    ({"text": "boss"}, "lunch", True),
    ({"text": "ann"}, "lunch", True),
    ({"text": "team"}, "lunch", True),
    ({"text": "friday"}, "lunch", True),
    ({"text": "noon"}, "lunch", True),
    ({"text": "midnight"}, "lunch", False),
    ({"text": "boss noon"}, "lunch", True),
    ({"text": "boss midnight"}, "lunch", False),
    ({"text": '"bring the report"'}, "lunch", True),
    ({"text": "me@example.org"}, "group", True),
    ({"text": "highest"}, "headers", False),
    ({"body": "noon"}, "lunch", True),
    ({"body": "NOON"}, "lunch", True),
    ({"body": "friday"}, "lunch", False),
    ({"body": "boss"}, "lunch", False),
    ({"body": "noon report"}, "lunch", True),
    ({"body": '"noon, in the usual"'}, "lunch", True),
    ({"body": '"bring the report"'}, "lunch", True),
    ({"body": '"usual noon"'}, "lunch", False),
    ({"body": "grusse koln"}, "accents", True),
    ({"body": "für november"}, "invoice", True),
    ({"body": "nothing"}, "bare", False),
    ({"body": "anything"}, "unread-text", False),
    ({"text": "a@b.example"}, "unread-text", True),
    # RFC 8621: "When searching inside a text/html body part, any text considered markup rather than content SHOULD be ignored,
    # including HTML tags and most attributes, anything inside the <head> tag, CSS, and JavaScript. Attribute content intended
    # for presentation to the user such as alt and title SHOULD be considered".
    ({"body": "ible"}, "html", True),
    ({"body": "café"}, "html", True),
    ({"body": '"logo of us"'}, "html", True),
    ({"body": "hidden"}, "html", False),
    ({"body": "secret"}, "html", False),
    ({"body": "x.png"}, "html", False),
    ({"body": "script"}, "html", False),
    ({"body": "&"}, "html", True),
    ({"body": "eacute"}, "html", False),
    # --- keywords ---
    ({"hasKeyword": "$seen"}, "seen", True),
    ({"hasKeyword": "$SEEN"}, "seen", True),
    ({"hasKeyword": "$answered"}, "seen", True),
    ({"hasKeyword": "$flagged"}, "seen", False),
    ({"hasKeyword": "work"}, "seen", True),
    ({"hasKeyword": "$flagged"}, "invoice", True),
    ({"hasKeyword": "$invoice"}, "invoice", True),
    ({"hasKeyword": "$draft"}, "draft", True),
    ({"notKeyword": "$draft"}, "draft", False),
    ({"notKeyword": "$seen"}, "seen", False),
    ({"notKeyword": "$seen"}, "lunch", True),
    ({"notKeyword": "$flagged"}, "seen", True),
    ({"hasKeyword": "$flagged", "notKeyword": "$seen"}, "invoice", True),
    # --- size (RFC 8621: minSize "equal or greater", maxSize "less than") ---
    ({"minSize": 2_000}, "lunch", True),
    ({"minSize": 1_999}, "lunch", True),
    ({"minSize": 2_001}, "lunch", False),
    ({"minSize": 0}, "lunch", True),
    ({"maxSize": 2_000}, "lunch", False),
    ({"maxSize": 2_001}, "lunch", True),
    ({"maxSize": 1_999}, "lunch", False),
    ({"maxSize": 0}, "lunch", False),
    ({"minSize": 2_000, "maxSize": 2_001}, "lunch", True),
    ({"minSize": 100_000}, "invoice", True),
    # --- dates (RFC 8621: before "before", after "the same or after") ---
    ({"before": "2026-11-26T08:30:00Z"}, "lunch", False),
    ({"before": "2026-11-26T08:30:01Z"}, "lunch", True),
    ({"after": "2026-11-26T08:30:00Z"}, "lunch", True),
    ({"after": "2026-11-26T08:30:01Z"}, "lunch", False),
    ({"after": "2026-11-26T08:29:59.999Z"}, "lunch", True),
    ({"after": "2026-01-01T00:00:00Z", "before": "2027-01-01T00:00:00Z"}, "lunch", True),
    ({"after": "2027-01-01T00:00:00Z"}, "lunch", False),
    ({"before": "2026-01-01T00:00:00Z"}, "lunch", False),
    ({"before": "9000-01-01T00:00:00Z"}, "dateless", False),
    ({"after": "1990-01-01T00:00:00Z"}, "dateless", False),
    # --- attachments ---
    ({"hasAttachment": True}, "invoice", True),
    ({"hasAttachment": False}, "invoice", False),
    ({"hasAttachment": True}, "lunch", False),
    ({"hasAttachment": False}, "lunch", True),
    ({"hasAttachment": True}, "newsletter", False),
    ({"hasAttachment": False}, "html", True),
    # --- mailboxes ---
    ({"inMailbox": "INBOX"}, "lunch", True),
    ({"inMailbox": "inbox"}, "lunch", True),
    ({"inMailbox": "Work"}, "lunch", False),
    ({"inMailboxOtherThan": ["Work", "Junk"]}, "lunch", True),
    ({"inMailboxOtherThan": ["Work", "Inbox"]}, "lunch", False),
    ({"inMailboxOtherThan": []}, "lunch", True),
    # --- listId and isBulk, ours ---
    ({"listId": "users.lists.example.net"}, "list", True),
    ({"listId": "<users.lists.example.net>"}, "list", True),
    ({"listId": "USERS"}, "list", True),
    ({"listId": '"users of the thing"'}, "list", True),
    ({"listId": "devel"}, "list", False),
    ({"listId": "users"}, "lunch", False),
    ({"isBulk": True}, "list", True),
    ({"isBulk": True}, "newsletter", True),
    ({"isBulk": True}, "robot", True),
    ({"isBulk": True}, "reply", True),
    ({"isBulk": True}, "person", False),
    ({"isBulk": True}, "lunch", False),
    ({"isBulk": False}, "lunch", True),
    ({"isBulk": False}, "person", True),
    ({"isBulk": False}, "list", False),
    ({"isBulk": False}, "robot", False),
    # --- as people would use them ---
    (either(BOSS, both({"to": "ann@example.org"}, {"isBulk": False})), "lunch", True),
    (either(BOSS, both({"to": "ann@example.org"}, {"isBulk": False})), "newsletter", False),
    (either(BOSS, both({"to": "ann@example.org"}, {"isBulk": False})), "invoice", True),
    (both({"subject": "invoice"}, either({"hasAttachment": True}, {"text": "attached"})), "invoice", True),
    (both(none_of({"listId": "users"}, {"from": "shop.example"}), {"maxSize": 1_000_000}), "newsletter", False),
    (both(none_of({"listId": "users"}, {"from": "shop.example"}), {"maxSize": 1_000_000}), "lunch", True),
    (either({"header": ["X-Priority", "1"]}, {"hasKeyword": "$flagged"}), "headers", True),
    (either({"header": ["X-Priority", "1"]}, {"hasKeyword": "$flagged"}), "invoice", True),
    (either({"header": ["X-Priority", "1"]}, {"hasKeyword": "$flagged"}), "lunch", False),
]

REFUSED: Final[list[tuple[Json, str, str]]] = [
    ("from boss", "", "object"),
    ([], "", "object"),
    (1, "", "object"),
    ({"form": "boss"}, "/form", "did you mean from?"),
    ({"From": "boss"}, "/From", "did you mean from?"),
    ({"isbulk": True}, "/isbulk", "did you mean isBulk?"),
    ({"hasAttachments": True}, "/hasAttachments", "did you mean hasAttachment?"),
    ({"zzz": 1}, "/zzz", "no condition"),
    ({"a/b~c": 1}, "/a~1b~0c", "no condition"),
    ({"operater": "AND", "conditions": []}, "/operater", "did you mean operator?"),
    ({"someInThreadHaveKeyword": "$seen"}, "/someInThreadHaveKeyword", "thread"),
    ({"from": 1}, "/from", "string"),
    ({"from": None}, "/from", "string"),
    ({"from": ""}, "/from", "empty"),
    ({"from": " \t"}, "/from", "empty"),
    ({"from": '""'}, "/from", "nothing to look for"),
    ({"from": "x" * 501}, "/from", "500"),
    ({"from": "x" * 100}, "/from", "99"),
    ({"from": "ß" * 50}, "/from", "99"),
    (
        {"from": " ".join("abcdefghijklmnopqrstuvwxyz"), "text": " ".join("abcdefghijklmnopqrstuvwxyz")},
        "/text",
        "32",
    ),
    ({"text": "a b c d", "body": "e f g h i"}, "/body", "8 words"),
    ({"header": "Subject"}, "/header", "list"),
    ({"header": []}, "/header", "list"),
    ({"header": ["a", "b", "c"]}, "/header", "list"),
    ({"header": ["Sub ject"]}, "/header/0", "name of a header field"),
    ({"header": ["Subject:"]}, "/header/0", "name of a header field"),
    ({"header": ["a\r\nb"]}, "/header/0", "name of a header field"),
    ({"header": ["x" * 77]}, "/header/0", "76"),
    ({"header": ["Subject", 1]}, "/header/1", "string"),
    ({"hasKeyword": "two words"}, "/hasKeyword", "keyword"),
    ({"hasKeyword": "\\Seen"}, "/hasKeyword", "keyword"),
    ({"notKeyword": True}, "/notKeyword", "string"),
    ({"minSize": -1}, "/minSize", "0 or more"),
    ({"minSize": "1"}, "/minSize", "number"),
    ({"minSize": True}, "/minSize", "number"),
    ({"maxSize": 2**53}, "/maxSize", "number"),
    ({"maxSize": 1.5}, "/maxSize", "number"),
    ({"before": "2026-11-26"}, "/before", "UTC"),
    ({"before": "2026-11-26T08:00:00+01:00"}, "/before", "UTC"),
    ({"after": "2026-13-26T08:00:00Z"}, "/after", "UTC"),
    ({"after": 1}, "/after", "UTC"),
    ({"hasAttachment": "yes"}, "/hasAttachment", "true or false"),
    ({"isBulk": 1}, "/isBulk", "true or false"),
    ({"inMailbox": ["INBOX"]}, "/inMailbox", "string"),
    ({"inMailboxOtherThan": "INBOX"}, "/inMailboxOtherThan", "list"),
    ({"inMailboxOtherThan": [1]}, "/inMailboxOtherThan/0", "string"),
    ({"operator": "XOR", "conditions": []}, "/operator", "AND, OR or NOT"),
    ({"operator": "and", "conditions": []}, "/operator", "AND, OR or NOT"),
    ({"operator": ["AND"], "conditions": []}, "/operator", "AND, OR or NOT"),
    ({"operator": "AND"}, "/conditions", "list"),
    ({"operator": "AND", "conditions": {}}, "/conditions", "list"),
    # RFC 8620 section 5.5: a FilterCondition "MUST NOT have an operator property".
    ({"operator": "AND", "conditions": [], "from": "boss"}, "/from", "beside operator"),
    (both({"from": "a"}, either({"form": "b"})), "/conditions/1/conditions/0/form", "did you mean from?"),
    (both(*[{"minSize": 1}] * 101), "/conditions", "100"),
    (both(both(*[{"minSize": 1}] * 60), both(*[{"minSize": 1}] * 60)), "/conditions/1/conditions/37", "100"),
    (both(*[{"header": [f"X-{number}"]} for number in range(31)]), "/conditions/30/header/0", "30"),
    (either(*[{"subject": f"*****{number}"} for number in range(9)]), "/conditions/8/subject", "repeat themselves"),
    (both(both(both(both(both(both(both(both({})))))))), "/conditions/0" * 8, "deeper"),
]
