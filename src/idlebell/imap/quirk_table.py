"""The oddities of real servers that are known, one by one. What each field means is said in :mod:`.quirks`.

Where the code meets one it names it in a comment, so that it can be found and deleted one day.
"""

from __future__ import annotations

from typing import Final

from idlebell.imap.quirk import Quirk

_DOVECOT: Final = ("Dovecot",)
_EXCHANGE_GREETING: Final = ("Microsoft Exchange IMAP4",)
_EXCHANGE_HOSTS: Final = ("outlook.com", "office365.com", "hotmail.com")
_ICLOUD: Final = frozenset({"XAPPLEPUSHSERVICE"})
_ICLOUD_HOSTS: Final = ("mail.me.com", "icloud.com")
_GMAIL: Final = frozenset({"X-GM-EXT-1"})
_GMAIL_HOSTS: Final = ("gmail.com", "googlemail.com")
_GMX_HOSTS: Final = ("gmx.net", "gmx.com", "gmx.de", "web.de")
_NETEASE_HOSTS: Final = ("163.com", "126.com", "yeah.net", "188.com", "vip.163.com")
_YAHOO_HOSTS: Final = ("yahoo.com", "yahoodns.net", "aol.com", "ymail.com")
_YANDEX_HOSTS: Final = ("yandex.ru", "yandex.com", "yandex.net")
_COURIER: Final = ("Courier-IMAP",)

QUIRKS: Final[tuple[Quirk, ...]] = (
    # --- at the login ---
    Quirk(
        "no-greeting-at-limit",
        "Courier",
        "A connection beyond its limit (40 in all, 4 an address) is accepted and never greeted; the greeting has a deadline.",
        "RFC 9051 section 7.1: a connection begins with a greeting",
        greeting=_COURIER,
    ),
    Quirk(
        "alert-before-preauth",
        "Courier's imapd started without a login",
        "An untagged OK with ALERT comes before the PREAUTH greeting; the first one counts, and PREAUTH after it is an error.",
        "RFC 9051 section 3: the greeting is the first line",
    ),
    Quirk(
        "app-password",
        "iCloud, Gmail, Yahoo, AOL, QQ Mail, NetEase; GMX, web.de and Yandex with two factors",
        "The account's own password is refused as wrong; an app password or authorization code is wanted in its place.",
        "none; RFC 5530 has no code that tells it from a wrong password",
        capabilities=_ICLOUD | _GMAIL,
        hosts=(*_ICLOUD_HOSTS, *_GMAIL_HOSTS, *_YAHOO_HOSTS, *_NETEASE_HOSTS, "qq.com"),
    ),
    Quirk(
        "refusal-without-code",
        "Cyrus, Courier, hoodiecrow",
        "A refused login is NO without a response code; it counts as a wrong password, but after logins that worked once more.",
        "RFC 5530 section 3: AUTHENTICATIONFAILED; optional",
        greeting=("Cyrus IMAP", *_COURIER),
    ),
    Quirk(
        "authenticated-not-connected",
        "Exchange Online, Outlook.com",
        "A login succeeds and the next command is refused with 'User is authenticated but not connected', for throttling, a"
        " wrong mailbox or a wrong password alike; wait long before the next try.",
        "RFC 9051 section 6.2.2: OK means that the user may go on",
        greeting=_EXCHANGE_GREETING,
        hosts=_EXCHANGE_HOSTS,
    ),
    Quirk(
        "login-for-backslash",
        "Exchange",
        "A user name with / or \\ is taken by LOGIN and refused by AUTHENTICATE PLAIN.",
        "RFC 4616 section 2: any name may be sent",
        greeting=_EXCHANGE_GREETING,
        hosts=_EXCHANGE_HOSTS,
    ),
    Quirk(
        "unavailable-at-random",
        "iCloud",
        "A right password is now and then answered NO with UNAVAILABLE, 'Unexpected exception'; it is tried again soon.",
        "none; RFC 5530 section 3 allows it",
        capabilities=_ICLOUD,
        hosts=_ICLOUD_HOSTS,
    ),
    Quirk(
        "id-before-select",
        "NetEase (163.com, 126.com, yeah.net, 188.com)",
        "Without ID after the login SELECT and EXAMINE are refused with 'Unsafe Login'.",
        "RFC 2971 section 2: a server must not refuse service for a missing ID",
        greeting=("Coremail",),
        hosts=_NETEASE_HOSTS,
    ),
    Quirk(
        "enable-without-enabled",
        "iCloud",
        "ENABLE is answered OK without an ENABLED response; all that was asked for and is listed counts as enabled.",
        "RFC 5161 section 3.2: ENABLED lists what was enabled",
        capabilities=_ICLOUD,
        hosts=_ICLOUD_HOSTS,
    ),
    # --- how things are spelled ---
    Quirk(
        "nil-for-string",
        "GMX, web.de",
        "NIL stands where the grammar has a string; it counts as the empty one.",
        "RFC 9051 section 9: string is not nstring",
        hosts=_GMX_HOSTS,
    ),
    Quirk(
        "trailing-spaces",
        "GMX, web.de",
        "Lists and lines end with a space; it is skipped.",
        "RFC 9051 section 9: no production allows one",
        hosts=_GMX_HOSTS,
    ),
    Quirk(
        "no-text-after-code",
        "hoodiecrow",
        "An untagged OK ends with its response code; the text is empty.",
        "RFC 3501 section 9: resp-text has a text (RFC 9051 lets it be missing)",
        greeting=("Hoodiecrow",),
    ),
    Quirk(
        "text-not-utf8",
        "NetEase",
        "Texts are GB18030; what is no UTF-8 in a text is replaced, and names of mailboxes are never texts.",
        "RFC 9051 section 9: text is UTF-8",
        hosts=_NETEASE_HOSTS,
    ),
    Quirk(
        "quoted-header-names",
        "Courier",
        "Header names in BODY[HEADER.FIELDS (...)] come back quoted; they are compared without the quotes.",
        "none; RFC 9051 section 9 has them as astring, and clients compare the text",
        greeting=_COURIER,
    ),
    Quirk(
        "badevent-without-list",
        "Dovecot",
        "BADEVENT names the events that are not supported, without parentheses.",
        "RFC 5465 section 8: it lists the supported ones in parentheses",
        greeting=_DOVECOT,
    ),
    Quirk(
        "bare-unavailable-line",
        "Exchange Online",
        "Overloaded it sends the line 'Server Unavailable. 15' without a tag and answers nothing more; it counts as BYE.",
        "RFC 9051 section 2.2.2: a response begins with a tag, * or +",
        greeting=_EXCHANGE_GREETING,
        hosts=_EXCHANGE_HOSTS,
    ),
    Quirk(
        "short-command-lines",
        "Yahoo, AOL",
        "A command line over 1000 octets is refused; sets of UIDs are cut in pieces.",
        "none; RFC 2683 section 3.2.1.5 tells servers to take 8000 and clients to keep to 1000",
        hosts=_YAHOO_HOSTS,
    ),
    # --- the open mailbox ---
    Quirk(
        "no-uidnext",
        "Courier, NetEase",
        "SELECT and EXAMINE give no UIDNEXT; it is found by UID FETCH of the last message.",
        "RFC 9051 section 6.3.2 requires UIDNEXT; RFC 3501 let it be missing",
        greeting=(*_COURIER, "Coremail"),
    ),
    Quirk(
        "status-of-selected-clientbug",
        "Dovecot",
        "STATUS of the selected mailbox is answered, with CLIENTBUG in the tagged OK; the figures count.",
        "none; RFC 9051 section 6.3.11 discourages such a STATUS",
        greeting=_DOVECOT,
    ),
    Quirk(
        "labels",
        "Gmail",
        "Mailboxes are labels: one message is in several at once, with a UID in each and one X-GM-MSGID; it rings once.",
        "RFC 9051 section 2.3: a message is in one mailbox",
        capabilities=_GMAIL,
        hosts=_GMAIL_HOSTS,
    ),
    Quirk(
        "all-mail",
        "Gmail",
        "The mailbox with \\All holds every message but Spam and Trash, sent and archived ones too; it is not watched for"
        " what arrives.",
        "none; RFC 6154 section 2 has \\All",
        capabilities=_GMAIL,
        hosts=_GMAIL_HOSTS,
    ),
    Quirk(
        "newest-only",
        "Yahoo, AOL",
        "Only the newest 10,000 messages or so of a mailbox can be seen; EXISTS need not grow when one arrives, so UIDs tell.",
        "RFC 9051 section 2.3.1: all messages have a number",
        hosts=_YAHOO_HOSTS,
    ),
    Quirk(
        "header-search-unavailable",
        "Yandex",
        "SEARCH by a header is answered NO with UNAVAILABLE, and BODYSTRUCTURE may be short or wrong; neither is needed.",
        "RFC 9051 section 6.4.4",
        greeting=("Yandex",),
        hosts=_YANDEX_HOSTS,
    ),
    # --- IDLE and the end of sessions ---
    Quirk(
        "no-idle",
        "SFR; Yahoo and AOL for years",
        "IDLE is not offered; the session polls.",
        "none; RFC 2177 is an extension",
        hosts=("sfr.fr",),
    ),
    Quirk(
        "idle-wants-noop",
        "o2.pl, iCloud, Exchange Online",
        "Sessions in IDLE are dropped unless a command comes now and then; the cycle of IDLE has a NOOP in it.",
        "RFC 9051 section 5.4: IDLE counts as activity for 30 minutes",
        hosts=("o2.pl", *_ICLOUD_HOSTS, *_EXCHANGE_HOSTS),
    ),
    Quirk(
        "silent-drop",
        "GMX, web.de, IONOS",
        "An idle session is gone after 10 to 15 minutes without a word and without a TCP error; the cycle is shorter.",
        "RFC 9051 section 5.4: not before 30 minutes, and with BYE",
        hosts=(*_GMX_HOSTS, "ionos.de", "ionos.com", "1und1.de"),
    ),
    Quirk(
        "drops-sessions",
        "Seznam, NetEase",
        "Sessions are closed often; the next one resumes from the cursor.",
        "RFC 9051 section 5.4: not before 30 minutes",
        hosts=("seznam.cz", *_NETEASE_HOSTS),
    ),
    Quirk(
        "session-of-a-day",
        "Gmail",
        "A session ends with 'Session expired' after a day, with OAuth about when its access token does.",
        "none; RFC 9051 section 7.1.5 allows BYE",
        capabilities=_GMAIL,
        hosts=_GMAIL_HOSTS,
    ),
    Quirk(
        "few-sessions",
        "Zoho (3), iCloud (5), Dovecot as it comes (10), Gmail (15)",
        "More sessions of one account are refused, with or without LIMIT, and dead ones count for a while; fewer are used.",
        "none; RFC 5530 section 3 has LIMIT",
        hosts=("zoho.com", "zoho.eu", *_ICLOUD_HOSTS, *_GMAIL_HOSTS),
    ),
    Quirk(
        "bye-repeated",
        "Yandex",
        "BYE is sent again and again until the client closes; the first one is the end.",
        "RFC 9051 section 7.1.5: the server closes after BYE",
        greeting=("Yandex",),
        hosts=_YANDEX_HOSTS,
    ),
    Quirk(
        "bye-and-linger",
        "Dovecot",
        "After BYE at its shutdown the connection stays open for 10 s; the first BYE is the end.",
        "RFC 9051 section 7.1.5: the server closes after BYE",
        greeting=_DOVECOT,
    ),
    Quirk(
        "local-bridge",
        "Proton Mail Bridge",
        "The server is a program on the user's own computer, with a certificate of its own and a password of its own.",
        "none",
        capabilities=frozenset({"XSTOP"}),
    ),
    # --- NOTIFY ---
    Quirk(
        "notify-needs-idle",
        "Dovecot 2.3",
        "With NOTIFY nothing is said of the selected mailbox outside IDLE but at NOOP; the session idles too.",
        "RFC 5465 section 5.2: events are sent at once",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-mutes-selected",
        "Dovecot",
        "Without a clause for it the selected mailbox is mute under NOTIFY, in IDLE and at NOOP as well; one always stands.",
        "RFC 9051 section 5.2: NOOP tells what is new; RFC 5465 section 6.1 mutes only what is unasked",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-none-mutes",
        "Dovecot",
        "After NOTIFY NONE the selected mailbox stays mute in IDLE, also a newly opened one, until SET with selected comes.",
        "RFC 5465 section 3.1: NONE asks for no events, IDLE still for its own",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-set-again-loses",
        "Dovecot 2.4",
        "A second SET without NONE between them loses the events of mailboxes that are not selected; NONE goes before it.",
        "RFC 5465 section 3.1: a SET replaces the one before",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-misses-external",
        "Dovecot",
        "Mail that a program writes into the Maildir itself is told of the selected mailbox in IDLE, and of no other; a STATUS"
        " now and then finds it.",
        "RFC 5465 section 5.2: MessageNew, however it came",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-repeats",
        "Dovecot",
        "The first event brings STATUS of unchanged mailboxes, and duplicates; UIDNEXT is compared with what is known.",
        "RFC 5465 section 4: events of changes",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-fetches-again",
        "Dovecot",
        "Messages that IDLE told of before NOTIFY was set are told again with the next new one; UIDs tell what is new.",
        "RFC 5465 section 5.2: a FETCH for each new message",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-fetch-without-uid",
        "Dovecot 2.3",
        "A FETCH for a change of flags has no UID; nothing is concluded from it.",
        "RFC 5465 section 5.2: UID is always sent",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-loses-events",
        "Dovecot",
        "'NOTIFY error, some events may have got lost' comes as an untagged NO; all mailboxes are looked at.",
        "RFC 5465 section 5.8: NOTIFICATIONOVERFLOW says so",
        greeting=_DOVECOT,
    ),
    Quirk(
        "deleted-under-us",
        "Dovecot",
        "Of an open mailbox that was deleted and made again a session may hear only '* NO Internal error occurred', and STATUS"
        " of what was there before; the mailbox is opened anew at such a complaint.",
        "RFC 9051 section 7.1.2: an untagged NO is a warning; section 7.1.5: BYE ends a session that cannot go on",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-names-break-list",
        "Dovecot 2.3",
        "A session that asked for MailboxName loses its list of mailboxes at a rename within half a second of another change:"
        " NOTIFY falls silent, LIST leaves mailboxes out, and the session may crash. MailboxName is not asked for.",
        "RFC 5465 section 5.4: a rename is told by LIST",
        greeting=_DOVECOT,
    ),
    Quirk(
        "notify-dies-with-idled",
        "Cyrus 3.12",
        "When its notifier process dies NOTIFY says nothing any more, without a word, while NOOP shows the mail; a look now"
        " and then finds it.",
        "RFC 5465 section 5.8: NOTIFICATIONOVERFLOW says so",
        greeting=("Cyrus IMAP",),
    ),
)
"""In the order in which a session may meet them."""
