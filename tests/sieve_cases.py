"""Sieve scripts and messages: one table, read by the tests of the rule and by those that ask Dovecot's Pigeonhole the same.

``SCRIPTS``: by name. ``TESTS``: by name, each with what it requires; in a script of its own the
message rings where it is true. Each is run on every message; which ring stands in ``tests/golden/sieve.txt``, and that is what
Pigeonhole says but for :data:`DIFFERENCES`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Final, TypeAlias

from idlebell.rules.evidence import Evidence
from idlebell.rules.needs import rule_items, text_item
from idlebell.rules.rule import Judgement
from idlebell.rules.sieve import read_sieve
from idlebell.rules.structure import text_part
from idlebell.testing.fetch_items import describe
from idlebell.testing.mailbox import Message
from sieve_messages import CAME_AT, MESSAGES

Case: TypeAlias = tuple[str, tuple[str, ...]]
"""A test and what it requires."""


def when(test: str, *extensions: str) -> str:
    """The message rings where ``test`` is true."""
    required = "".join(f'require "{one}";\n' for one in extensions)
    return f"{required}if {test} {{ keep; }} else {{ discard; }}\n"


def _case(test: str, *extensions: str) -> Case:
    return test, extensions


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _headers() -> Iterable[tuple[str, Case]]:
    keys = {
        "subject": ("Lunch?", "lunch", "release", "Résumé für", "*e*", "?*", ""),
        "x-tag": ("two", "TWO", "t*"),
        "x-empty": ("", "*"),
        "from": ("boss", "*@example.org*", "nobody"),
    }
    for (header, texts), how, comparator in product(
        keys.items(), ("is", "contains", "matches"), ("octet", "ascii-casemap")
    ):
        test = f'anyof (header :{how} :comparator "i;{comparator}" "{header}" KEY)'
        for text in texts:
            yield f"header-{how}-{comparator}-{header}-{text}", _case(test.replace("KEY", _quoted(text)))


def _globs() -> Iterable[tuple[str, Case]]:
    for pattern in (
        *(
            "*",
            "?",
            "Lunch?",
            "Lunch\\?",
            "L?nch*",
            "*\\*Everything\\**",
            "*must*go?",
            "*(exit ?)",
            "*(*(*",
            "??????",
            "*?a*?e*",
        ),
        *("[users]*", "*2.0", "*e*e*e*", "***", "*second", "R?sum? f?r*", "*Stelle", "50%*", "B*f*(*2)", "\\B*"),
    ):
        yield f"glob {pattern}", _case(f'header :matches "subject" {_quoted(pattern)}')


def _captures() -> Iterable[tuple[str, str]]:
    for pattern in ("*", "* *", "*e*", "?*", "*? ?*", "[*] *", "*(* ?)", "*e*e*", "?u?c*", "*\\?"):
        yield (
            f"captures {pattern}",
            (
                'require ["fileinto", "variables"];\n'
                f'if header :matches "subject" {_quoted(pattern)} {{ fileinto "0${{0}}1${{1}}2${{2}}3${{3}}4${{4}}"; }}'
            ),
        )


def _addresses() -> Iterable[tuple[str, Case]]:
    for part, key, header in product(
        ("all", "localpart", "domain", "user", "detail"),
        (
            "boss@example.org",
            "boss",
            "example.org",
            "lists",
            "jane.doe",
            "jane.doe+lists@lists.example.com",
            "work",
            "nobody",
        ),
        ('"from"', '["to", "cc"]'),
    ):
        extensions = ("subaddress",) if part in ("user", "detail") else ()
        yield f"address-{part}-{key}-{header}", _case(f"address :{part} {header} {_quoted(key)}", *extensions)
    yield "address-contains", _case('address :contains ["from", "to", "cc"] ["EXAMPLE.NET", "shop"]')
    yield "address-matches", _case('address :domain :matches "from" "*.example*"')
    yield "address-default-part", _case('address "from" "jm@example.de"')
    yield "address-octet", _case('address :comparator "i;octet" :domain :is "from" "lists.example.com"')
    yield "address-group", _case('address :localpart "cc" "dave"')
    yield "address-comment", _case('address :all "from" "cron@example.org"')
    yield "address-count", _case('address :count "ge" :comparator "i;ascii-numeric" ["to", "cc"] "2"', *_NUMERIC)


_NUMERIC: Final = ("relational", "comparator-i;ascii-numeric")


def _relational() -> Iterable[tuple[str, Case]]:
    for how, relation in product(("value", "count"), ("gt", "ge", "lt", "le", "eq", "ne")):
        numeric = ':comparator "i;ascii-numeric"'
        yield f"{how}-{relation}-score", _case(f'header :{how} "{relation}" {numeric} "x-spam-score" "3"', *_NUMERIC)
        yield f"{how}-{relation}-tag", _case(f'header :{how} "{relation}" {numeric} "x-tag" "3"', *_NUMERIC)
        yield f"{how}-{relation}-num", _case(f'header :{how} "{relation}" {numeric} "x-num" "7"', *_NUMERIC)
        yield f"{how}-{relation}-word", _case(f'header :{how} "{relation}" "subject" "lunch?"', "relational")
        yield (
            f"{how}-{relation}-octet",
            _case(f'header :{how} "{relation}" :comparator "i;octet" "subject" "[users"', "relational"),
        )
    yield "numeric-is", _case('header :is :comparator "i;ascii-numeric" "x-num" "0012"', "comparator-i;ascii-numeric")
    yield (
        "numeric-infinite",
        _case('header :is :comparator "i;ascii-numeric" "subject" "infinite"', "comparator-i;ascii-numeric"),
    )
    yield (
        "count-of-two-names",
        _case('header :count "eq" :comparator "i;ascii-numeric" ["x-tag", "to"] "4"', *_NUMERIC),
    )


def _dates() -> Iterable[tuple[str, Case]]:
    values = {
        "year": "2026",
        "month": "11",
        "day": "26",
        "date": "2026-11-26",
        "julian": "61370",
        "hour": "08",
        "minute": "28",
        "second": "07",
        "time": "08:28:07",
        "iso8601": "2026-11-26T08:28:07+00:00",
        "std11": "Thu, 26 Nov 2026 08:28:07 +0000",
        "zone": "+0000",
        "weekday": "4",
    }
    for part, value in values.items():
        for zone in ("", ":originalzone ", ':zone "-0500" '):
            yield f"date-{part}-{zone}", _case(f'date {zone}"date" "{part}" "{value}"', "date")
        yield f"date-{part}-ge", _case(f'date :value "ge" "date" "{part}" "{value}"', "date", "relational")
    yield "date-original-hour", _case('date :originalzone "date" "hour" ["09", "23", "12"]', "date")
    yield "date-original-zone", _case('date :originalzone "date" "zone" ["+0100", "-0800"]', "date")
    yield "date-std11-original", _case('date :originalzone "date" "std11" "Thu, 26 Nov 2026 09:28:07 +0100"', "date")
    yield "date-iso-original", _case('date :originalzone "date" "iso8601" "2026-11-25T23:05:59-08:00"', "date")
    yield "date-leap-day", _case('date :zone "+0000" "date" "date" "2028-02-29"', "date")
    yield "date-est", _case('date :zone "+0000" "date" "hour" "17"', "date")
    yield "date-matches", _case('date :matches "date" "date" "2026-??-*"', "date")
    yield "date-received", _case('date :zone "+0000" "received" "minute" "30"', "date")
    yield "date-received-2", _case('date :index 2 :zone "+0000" "received" "minute" "29"', "date", "index")
    yield "date-broken", _case('not date :matches "date" "year" "*"', "date")
    yield "date-count", _case('date :count "eq" :comparator "i;ascii-numeric" "date" "year" "0"', "date", *_NUMERIC)
    yield "weekend", _case('date :originalzone "date" "weekday" ["0", "6"]', "date")
    yield "currentdate-any", _case('currentdate :matches "date" "20??-??-??"', "date")
    yield "currentdate-ge", _case('currentdate :value "ge" "year" "2024"', "date", "relational")


_SCRIPT: Final = (
    'require ["fileinto", "variables", "imap4flags", "copy", "enotify", "date", "relational", "body", "subaddress"];\n'
)

_HAND: Final[dict[str, str]] = {
    "nothing": "",
    "only-comments": "# nothing\n/* at\n all */\n",
    "keep": "keep;",
    "discard": "discard;",
    "keep-discard": "keep; discard;",
    "discard-keep": "discard; keep;",
    "stop": "stop; discard;",
    "stop-in-block": 'if header "x-priority" "1" { stop; } discard;',
    "redirect": 'redirect "else@example.net";',
    "redirect-keep": 'redirect "else@example.net"; keep;',
    "redirect-copy": 'require "copy"; redirect :copy "else@example.net";',
    "reject": 'require "reject"; if size :over 2K { reject "too much"; }',
    "reject-multiline": 'require "reject"; if exists "precedence" { reject text:\nNo.\n..\n.\n; }',
    "vacation": 'require "vacation"; vacation :days 7 :subject "away" :addresses ["a@example.org"] "I am away";',
    "fileinto": 'require "fileinto"; fileinto "Work";',
    "fileinto-inbox": 'require "fileinto"; fileinto "INBOX";',
    "fileinto-inbox-lower": 'require "fileinto"; fileinto "Inbox";',
    "fileinto-keep": 'require "fileinto"; fileinto "Work"; keep;',
    "fileinto-copy": 'require ["fileinto", "copy"]; fileinto :copy "Work";',
    "fileinto-some": 'require "fileinto"; if header :contains "list-id" "users" { fileinto "Lists/users"; }',
    "fileinto-create": 'require ["fileinto", "mailbox"]; fileinto :create "New";',
    "seen": 'require "imap4flags"; addflag "\\\\Seen";',
    "seen-keep": 'require "imap4flags"; addflag "\\\\Seen"; keep;',
    "seen-removed": 'require "imap4flags"; addflag "\\\\Seen"; removeflag "\\\\seen"; keep;',
    "seen-tagged": 'require "imap4flags"; keep :flags "\\\\Seen";',
    "seen-tagged-else": 'require "imap4flags"; addflag "\\\\Seen"; keep :flags "\\\\Flagged";',
    "seen-after-keep": 'require "imap4flags"; keep; addflag "\\\\Seen";',
    "flagged": 'require "imap4flags"; addflag ["\\\\Flagged", "$work"]; keep;',
    "deleted": 'require ["imap4flags", "fileinto"]; fileinto :flags "\\\\Deleted" "INBOX";',
    "hasflag-set": 'require "imap4flags"; setflag "a b"; addflag "c"; if not hasflag :is ["b", "x"] { discard; }',
    "hasflag-contains": 'require "imap4flags"; setflag "Alpha"; if hasflag :contains "lph" { discard; }',
    "hasflag-matches": 'require "imap4flags"; setflag "Alpha Beta"; if hasflag :matches "b*a" { discard; }',
    "hasflag-count": (
        'require ["imap4flags", "relational", "comparator-i;ascii-numeric"]; setflag "a b A";'
        'if hasflag :count "eq" :comparator "i;ascii-numeric" "2" { discard; }'
    ),
    "hasflag-variable": (
        'require ["imap4flags", "variables"]; setflag "mine" "a b"; removeflag "mine" "a";'
        'if hasflag :is "mine" "a" { discard; } if not hasflag "mine" "b" { discard; }'
    ),
    "flags-of-one-string": 'require "imap4flags"; addflag "a b  c"; removeflag "b"; if hasflag "b" { discard; }',
    "notify": 'require "enotify"; notify "mailto:me@example.org";',
    "notify-discard": 'require "enotify"; notify "mailto:me@example.org"; discard;',
    "notify-some": 'require "enotify"; if header :contains "from" "boss" { notify "mailto:me@example.org"; }',
    "notify-not-reached": 'require "enotify"; stop; notify "mailto:me@example.org";',
    "notify-all-tags": (
        'require ["enotify", "variables"]; if header :matches "subject" "*e*" { set "x" "${1}";'
        ' notify :from "a@example.org" :importance "1" :message "${x}!" "mailto:me@example.org"; }'
    ),
    "notify-valid": 'require "enotify"; if valid_notify_method "mailto:a@example.org" { notify "mailto:a@example.org"; }',
    "notify-invalid": 'require "enotify"; if valid_notify_method "nothing" { discard; }',
    "notify-capability": (
        'require "enotify"; if notify_method_capability "mailto:a@example.org" "Online" ["maybe", "no"] { discard; }'
    ),
    "notify-yes": 'require "enotify"; if notify_method_capability "mailto:a@example.org" "online" "yes" { discard; }',
    "encodeurl": 'require ["enotify", "variables", "fileinto"]; set :encodeurl "x" "a b&ü~.-_"; fileinto "${x}";',
    "elsif": (
        'if exists "x-tag" { discard; } elsif exists "precedence" { keep; } elsif exists "auto-submitted" { discard; }'
        ' else { stop; } if exists "auto-submitted" { stop; } discard; keep;'
    ),
    "case-of-words": 'IF HEADER :CONTAINS "SUBJECT" "lunch" { DISCARD; } ELSE { Keep; }',
    "comments-within": 'if /* a */ header # b\n :is "subject" /* c */ ["Lunch?" # d\n, "x"] { discard; }',
    "list-in-two-lines": 'require ["fileinto",\n "copy"];\nif not header :contains ["from",\n"to"] "example.org" { discard; }',
    "set": _SCRIPT + 'set "a" "Work"; set "B" "${a}/${A}"; fileinto "${b}";',
    "set-unknown": _SCRIPT + 'fileinto "x${nothing}y";',
    "set-not-a-reference": _SCRIPT + 'fileinto "x${no-thing}$y${";',
    "set-lower": _SCRIPT + 'set :lower "a" "ÄBC Def"; fileinto "${a}";',
    "set-upper": _SCRIPT + 'set :upper "a" "äbc Def"; fileinto "${a}";',
    "set-upperfirst": _SCRIPT + 'set :upperfirst :lower "a" "aBC DEF"; fileinto "${a}";',
    "set-lowerfirst": _SCRIPT + 'set :lowerfirst "a" "ABC"; fileinto "${a}";',
    "set-length": _SCRIPT + 'set :length "a" "für"; fileinto "${a}";',
    "set-quotewildcard": _SCRIPT + 'set :quotewildcard "a" "a*b?c"; fileinto "${a}";',
    "quoted-wildcard-matches": (
        _SCRIPT + 'if header :matches "subject" "*\\\\**" { set :quotewildcard "a" "*Every"; }'
        ' if header :matches "subject" "*${a}thing*" { keep; } else { discard; }'
    ),
    "string": _SCRIPT + 'set "a" "Work"; if not string :is "${a}" "work" { discard; }',
    "string-empty": _SCRIPT + 'if string :is "${a}" "" { discard; }',
    "string-count": _SCRIPT + 'set "a" "x"; if string :count "eq" ["${a}", "${b}", "y"] "2" { discard; }',
    "string-matches": _SCRIPT + 'if string :matches "a.b.c" "*.*" { fileinto "${2}+${1}"; }',
    "captures-stay": (
        _SCRIPT
        + 'if header :matches "subject" "*[*]*" { if header :matches "to" "nobody*" { keep; } fileinto "${2}x"; }'
    ),
    "captures-of-list": _SCRIPT + 'if header :matches "x-tag" ["f*", "t*"] { fileinto "${1}x"; }',
    "captures-of-address": _SCRIPT + 'if address :matches "from" "*@*.*" { fileinto "${1} ${2} ${3}"; }',
    "variable-in-list-of-keys": _SCRIPT + 'set "b" "lunch"; if header :contains "subject" ["x", "${b}"] { discard; }',
    "detail": _SCRIPT + 'if address :matches :detail "to" "*" { fileinto "d ${1}"; }',
    "everyday": (
        _SCRIPT
        + 'if anyof (exists "list-id", header :contains "precedence" ["list", "bulk"]) {\n  fileinto "Lists";\n  stop;\n}\n'
        'if address :domain "from" "example.org" {\n  addflag "\\\\Flagged";\n'
        '  notify :importance "1" :message "from ${1}" "mailto:me@example.org";\n}\n'
    ),
}

_MORE: Final[dict[str, Case]] = {
    "hasflag": _case('hasflag "\\\\Seen"', "imap4flags"),
    "exists": _case('exists ["to", "x-tag"]'),
    "exists-empty": _case('exists "x-empty"'),
    "not-exists": _case('not exists "list-id"'),
    "size-over": _case("size :over 1K"),
    "size-under": _case("size :under 1K"),
    "size-exact": _case(f"anyof (size :over {len(MESSAGES['a'])}, size :under {len(MESSAGES['a'])})"),
    "true": _case("true"),
    "false": _case("false"),
    "not-not": _case("not not true"),
    "allof": _case('allof (exists "subject", not header "subject" "", size :under 10M)'),
    "anyof": _case('anyof (false, header :contains "subject" "failed", address "to" "rene@example.fr")'),
    "nested": _case('anyof (allof (true, not allof (true, exists "cc")), false)'),
    "many-keys": _case('header :is ["x-tag", "x-num", "x-priority"] ["1", "two", "007"]'),
    "escapes": _case('header :contains "from" "\\"Doe, J\\ane\\""'),
    "unknown-header": _case('header :contains "x-nothing" ""'),
    "decoded-from": _case('header :contains "from" "Jörg MÜller"'),
    "decoded-from-case": _case('header :contains "from" "Jörg Müller"'),
    "folded": _case('header :contains "subject" "für die"'),
    "hex": _case('header :contains "subject" "${hex:4c 75}nch"', "encoded-character"),
    "unicode": _case('header :contains "subject" "${unicode:52 e9}sum"', "encoded-character"),
    "unicode-invalid-form": _case('header :contains "subject" "${unicode:}"', "encoded-character"),
    "not-encoded": _case('header :contains "subject" "${hex:4c}"'),
    "index-1": _case('header :index 1 "x-tag" "one"', "index"),
    "index-2": _case('header :index 2 "x-tag" ["one", "three"]', "index"),
    "index-last": _case('header :index 1 :last "x-tag" "three"', "index"),
    "index-2-last": _case('header :index 2 :last "x-tag" "two"', "index"),
    "index-beyond": _case('header :index 4 "x-tag" "three"', "index"),
    "index-subject": _case('header :index 2 "subject" "second"', "index"),
    "body": _case('body :contains "noon"', "body"),
    "body-decoded": _case('body :contains ["Grüße", "Gerät"]', "body"),
    "body-text": _case('body :text :contains "MUST GO"', "body"),
    "body-two-lines": _case('body :text :matches "*noon*report*"', "body"),
    "body-nothing": _case('body :contains "nowhere"', "body"),
    "body-empty-key": _case('body :contains ""', "body"),
}

SCRIPTS: Final[dict[str, str]] = {**_HAND, **dict(_captures())}
TESTS: Final[dict[str, Case]] = {
    **_MORE,
    **dict(_headers()),
    **dict(_globs()),
    **dict(_addresses()),
    **dict(_relational()),
    **dict(_dates()),
}

_CASEMAP: Final = "i;ascii-casemap orders by capital letters (RFC 4790 section 9.2.1), Pigeonhole by small ones"
_ONE_CHARACTER: Final = "? is one character (RFC 5228 section 2.7.1), in Pigeonhole one octet of its UTF-8"
DIFFERENCES: Final[dict[str, tuple[str, str]]] = {
    "string": (
        "abcdefg",
        "without :comparator string takes i;ascii-casemap (RFC 5228 section 2.7.3), in Pigeonhole i;octet",
    ),
    "glob R?sum? f?r*": ("c", _ONE_CHARACTER),
    "captures *? ?*": ("c", _ONE_CHARACTER),
    "captures ?u?c*": ("b", "Pigeonhole 0.5.19 forgets the first letter behind a second ?"),
    "value-gt-word": ("b", _CASEMAP),
    "value-ge-word": ("b", _CASEMAP),
    "value-lt-word": ("b", _CASEMAP),
    "value-le-word": ("b", _CASEMAP),
    "date-received-2": ("a", "date heeds :index (RFC 5260 section 6), in Pigeonhole it takes the first field always"),
}
"""Where Pigeonhole decides otherwise: by script or test, on which messages, and why. The manual's table says the same."""
GOLDEN: Final = Path(__file__).parent / "golden" / "sieve.txt"


def golden() -> str:
    """What rings: a line for each script and test, its name and the letters of the messages."""
    scripts = SCRIPTS | {name: when(test, *extensions) for name, (test, extensions) in TESTS.items()}
    return "".join(
        f"{name}: {''.join(letter for letter in MESSAGES if decide(script, letter).rings)}\n"
        for name, script in scripts.items()
    )


def evidence(script: str, letter: str, mailbox: str = "INBOX") -> Evidence:
    """Of a message as far as ``script`` has it fetched."""
    needs = read_sieve(script).needs
    message = Message(1, MESSAGES[letter], CAME_AT)
    found = describe(1, message, ("FLAGS", "INTERNALDATE", *rule_items(needs)))
    part = text_part(found.body)
    if needs.text and part is not None:
        items = ("FLAGS", "INTERNALDATE", *rule_items(needs), text_item(part.section))
        found = describe(1, message, items)
    return Evidence(found, mailbox)


def decide(script: str, letter: str, mailbox: str = "INBOX") -> Judgement:
    return read_sieve(script).decide(evidence(script, letter, mailbox))
