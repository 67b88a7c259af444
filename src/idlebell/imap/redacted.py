"""What broke the protocol, for the operator's log, without what could be secret.

In: the bytes that :class:`~idlebell.imap.errors.RemoteProtocolError` keeps. Out: their structure. A server may echo a
password, a token or a mail anywhere, also where the grammar has a word, so nothing is judged by what it looks like: what is
shown is the words of IMAP, our own tags, short numbers where the grammar has one, and the marks between them. Everything
else is its length: ``A3 NO [ALERT] <7>``, ``* LIST () "<1>" {5}``, ``A1 LOGIN <3> "<8>"``.
"""

from __future__ import annotations

import re
from typing import Final

from idlebell.imap.errors import RemoteProtocolError

DIGITS_SHOWN: Final = 5
"""Of a number. Longer ones could be a code that somebody was sent; of them the count is told, and bounds are about that."""

_VOCABULARY: Final = r"""
* + OK NO BAD BYE PREAUTH NIL INBOX
APPEND AUTHENTICATE CAPABILITY CHECK CLOSE COMPRESS COPY CREATE DELETE DONE ENABLE ENABLED ESEARCH EXAMINE EXISTS EXPUNGE FETCH
FLAGS GENURLAUTH GETACL GETMETADATA GETQUOTA ID IDLE LIST LOGIN LOGOUT LSUB METADATA MOVE NAMESPACE NOOP NOTIFY QUOTA QUOTAROOT
RECENT RENAME SEARCH SELECT SORT STARTTLS STATUS STORE SUBSCRIBE THREAD UID UNAUTHENTICATE UNSELECT UNSUBSCRIBE VANISHED XLIST
EARLIER RETURN TAG ALL COUNT MIN MAX SAVE PARTIAL
ALERT APPENDUID AUTHENTICATIONFAILED AUTHORIZATIONFAILED BADCHARSET BADEVENT CANNOT CLIENTBUG CLOSED CONTACTADMIN COPYUID
CORRUPTION EXPIRED EXPUNGEISSUED HIGHESTMODSEQ INUSE LIMIT MAILBOXID MODIFIED NOMODSEQ NONEXISTENT NOPERM NOTIFICATIONOVERFLOW
NOTSAVED OVERQUOTA PARSE PERMANENTFLAGS PRIVACYREQUIRED READ-ONLY READ-WRITE REFERRAL SERVERBUG THROTTLED TRYCREATE UIDNEXT
UIDNOTSTICKY UIDVALIDITY UNAVAILABLE UNKNOWN-CTE UNSEEN WEBALERT
BODY BODY.PEEK BODYSTRUCTURE BINARY BINARY.PEEK BINARY.SIZE EMAILID ENVELOPE HEADER HEADER.FIELDS HEADER.FIELDS.NOT INTERNALDATE
MIME MODSEQ PREVIEW RFC822 RFC822.HEADER RFC822.SIZE RFC822.TEXT SAVEDATE TEXT THREADID X-GM-LABELS X-GM-MSGID X-GM-THRID
CHANGEDSINCE CHILDINFO DELETED MESSAGES OLDNAME SIZE
\ANSWERED \DELETED \DRAFT \FLAGGED \RECENT \SEEN \* \HASCHILDREN \HASNOCHILDREN \MARKED \NOINFERIORS \NONEXISTENT \NOSELECT
\REMOTE \SUBSCRIBED \UNMARKED \ALL \ARCHIVE \DRAFTS \JUNK \SENT \TRASH
ACL APPENDLIMIT AUTH=GSSAPI AUTH=LOGIN AUTH=OAUTHBEARER AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-256 AUTH=XOAUTH2 CATENATE
CHILDREN COMPRESS=DEFLATE CONDSTORE CONTEXT=SEARCH ESORT I18NLEVEL=1 IMAP4 IMAP4REV1 IMAP4REV2 LIST-EXTENDED LIST-METADATA
LIST-MYRIGHTS LIST-STATUS LITERAL+ LITERAL- LOGINDISABLED LOGIN-REFERRALS MAILBOX-REFERRALS MULTIAPPEND MULTISEARCH OBJECTID
PREVIEW=FUZZY QRESYNC QUOTASET REPLACE RIGHTS SASL-IR SEARCHRES SPECIAL-USE STATUS=SIZE UIDONLY UIDPLUS URLAUTH
UTF8=ACCEPT WITHIN HTTP/1.0 HTTP/1.1 HTTP/2.0 ESMTP SMTP POP3 +OK -ERR
"""
"""What the parsers know, the codes of RFC 5530, capabilities that servers list, and how other protocols begin."""

_WORDS: Final = frozenset(re.findall(r"\S+", _VOCABULARY))

_CREDENTIALS_FOLLOW: Final = frozenset({"LOGIN", "AUTHENTICATE", "+"})
"""Whatever comes after one of these is masked, words of IMAP as well. ``+`` is a SASL challenge, or our own answer echoed."""

_NUMBER_FOLLOWS: Final = frozenset(
    {
        "*",
        "UID",
        "UIDNEXT",
        "UIDVALIDITY",
        "UNSEEN",
        "HIGHESTMODSEQ",
        "MESSAGES",
        "RECENT",
        "RFC822.SIZE",
        "SIZE",
        "COUNT",
    }
    | {"MIN", "MAX", "MODSEQ", "HTTP/1.0", "HTTP/1.1"}
)

_TOKEN: Final = re.compile(
    rb"""(?P<quoted> "(?P<inner>(?:[^"\\\r\n]++|\\[^\r\n])*+)(?P<end>"?+))
       | (?P<announced> \{(?P<size>[0-9]++)[+-]?+\})(?P<literal>\r\n)?+
       | (?P<word> [^\x00-\x20"()\[\]{}<>\x7f-\xff]++)
       | (?P<mark> [()\[\]{}<>\x20\t\r\n\x00])
       | (?P<other> [^\x20-\x7e\t\r\n\x00]++ | .)""",
    re.VERBOSE | re.DOTALL,
)
_OUR_TAG: Final = re.compile(r"[Aa][0-9]{1,5}")
_MARKS: Final = {b"\r": "\\r", b"\n": "\\n", b"\t": "\\t", b"\x00": "\\0"}


def offence(error: RemoteProtocolError) -> str:
    """The rule that was broken, and by what. Only for the operator's log: the user is told the rule alone."""
    return f"{error.reason}: {error.detail}" + (f": {redacted(error.where)}" if error.where else "")


def redacted(raw: bytes) -> str:
    """Printable ASCII on one line. ``raw`` may begin and end anywhere in a response."""
    shown: list[str] = []
    word_before = ""
    at_start = True
    credentials = False
    place = 0
    while (found := _TOKEN.match(raw, place)) is not None:
        place = found.end()
        match found.lastgroup:
            case "quoted":
                shown.append(f'"<{len(found["inner"])}>' + found["end"].decode())
                word_before = ""
            case "announced" | "literal":
                size = found["size"]
                shown.append("{" + _digits(size) + found["announced"][1 + len(size) :].decode())
                if found["literal"]:
                    content = raw[place : place + int(size[:DIGITS_SHOWN])]
                    place += len(content)
                    shown.append(f"\\r\\n<{len(content)}>")
                word_before = ""
            case "word":
                word = found["word"].decode()
                shown.append(_word(word, word_before, at_start=at_start, credentials=credentials))
                word_before = word.upper()
                credentials = credentials or word_before in _CREDENTIALS_FOLLOW or (at_start and word.startswith("+"))
            case "mark":
                mark = found["mark"]
                shown.append(_MARKS.get(mark) or mark.decode())
            case _:
                shown.append(f"<{len(found[0])} bytes>")
                word_before = ""
        at_start = raw[place - 1 : place] == b"\n"
    return "".join(shown)


def _word(word: str, word_before: str, *, at_start: bool, credentials: bool) -> str:
    if credentials:
        return f"<{len(word)}>"
    if word.upper() in _WORDS or (at_start and _OUR_TAG.fullmatch(word)):
        return word
    if word.isdigit() and word_before in _NUMBER_FOLLOWS:
        return _digits(word.encode())
    return f"<{len(word)}>"


def _digits(digits: bytes) -> str:
    return digits.decode() if len(digits) <= DIGITS_SHOWN else f"<{len(digits)} digits>"
