"""How the scripted server is when nothing is planned: what it offers, and what it does differently from the RFCs.

Each of its fields is one way in which real servers differ; :mod:`.server_kinds` has those of known servers together.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

ALWAYS = ("IMAP4rev1", "LITERAL+", "ID", "ENABLE", "IDLE")
BEFORE_LOGIN = ("SASL-IR", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256", "AUTH=XOAUTH2", "AUTH=OAUTHBEARER")
AFTER_LOGIN = ("NAMESPACE", "UNSELECT", "UIDPLUS", "ESEARCH", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE", "PREVIEW")

NOTIFY_EVENTS = ("MessageNew", "MessageExpunge", "FlagChange", "MailboxName", "SubscriptionChange")


@dataclass(frozen=True, slots=True)
class Habits:
    """Change them with :meth:`ImapServer.behave <idlebell.testing.imap_server.ImapServer.behave>`.

    What it can do besides: CONDSTORE, QRESYNC, NOTIFY, OBJECTID, X-GM-EXT-1; see ``ImapServer.offer``.
    """

    tls_context: ssl.SSLContext | None = None
    """None: neither implicit TLS nor STARTTLS."""
    greeting: str = "idlebell testing ready"
    greets_at_most: int | None = None
    """Sessions that are greeted at a time; a further one is accepted and hears nothing, as at Courier's limit."""
    sessions_per_user: int | None = None
    """A login beyond it is ``NO [LIMIT]``."""
    always: tuple[str, ...] = ALWAYS
    """Capabilities in every state."""
    before_login: tuple[str, ...] = BEFORE_LOGIN
    after_login: tuple[str, ...] = AFTER_LOGIN
    login_disabled_in_clear: bool = False
    refusal_code: str | None = "AUTHENTICATIONFAILED"
    """Of a refused login (RFC 5530); None: no code, as Cyrus and Courier."""
    identity: tuple[tuple[str, str | None], ...] | None = (("name", "idlebell-testing"),)
    """What ID answers."""
    looks_at_token_names: bool = True
    """False: a token opens its own user's mailboxes whatever name stands beside it, as at Stalwart."""
    needs_id: bool = False
    """EXAMINE and SELECT are refused before an ID that was sent after the login, as by NetEase."""
    says_enabled: bool = True
    """False: ENABLE has its effect and is answered OK without an ENABLED response, as by iCloud."""
    line_bytes: int | None = None
    """A longer command line ends the session with BYE, as at Yahoo."""
    respell: tuple[Callable[[bytes], bytes], ...] = ()
    """Change what goes out, whole responses at a time; see :mod:`.respelling`."""

    # --- mailboxes ---
    delimiter: str = "/"
    prefix: str = ""
    """Of the personal namespace: ``INBOX.`` on Courier."""
    shared_prefix: str | None = None
    """Of a namespace of shared mailboxes."""
    uid_next: bool = True
    """False: neither EXAMINE nor STATUS tells UIDNEXT, as Courier."""
    clock_offset: timedelta = timedelta()
    """How the INTERNALDATE of what is delivered differs from our clock."""
    fetches_lag: int = 0
    """So many FETCHes do not find a message that was delivered; EXISTS, STATUS and SEARCH do."""

    # --- what it says of news in the open mailbox ---
    speaks_in_idle: bool = True
    """False: IDLE is accepted and nothing is ever said in it, as servers without a notifier."""
    noop_tells: bool = True
    """False: neither NOOP nor FETCH and SEARCH show what is new."""
    status_tells: bool = True
    """False: STATUS of the open mailbox tells what the session knew of it already."""
    reopening_tells: bool = True
    """False: nor does a second EXAMINE in the session show more than the first."""

    # --- NOTIFY (RFC 5465) ---
    notify_events: tuple[str, ...] = NOTIFY_EVENTS
    """Those that it supports."""
    badevent_names_unsupported: bool = False
    """BADEVENT lists what it does not support, as Dovecot, instead of what it does."""
    notify_limit: int | None = None
    """More mailboxes than these are NOTIFICATIONOVERFLOW."""
    notify_wants_both: bool = True
    """MessageNew without MessageExpunge is BAD (section 5.2); False: is accepted, as by Dovecot 2.3."""
    notify_mutes: frozenset[str] = frozenset()
    """Mailboxes that NOTIFY never speaks of."""
    notify_sees_external: bool = True
    """False: not of what was delivered behind the server's back either; IDLE does, of the selected mailbox."""
    notify_repeats: bool = False
    """The first event after SET brings a STATUS of every mailbox, changed or not, and each STATUS comes twice."""
    notify_fetches_again: bool = False
    """With the first new message after SET all that came since the mailbox was opened are told again."""
    notify_selected_needs_idle: bool = False
    """Of the selected mailbox nothing is said but in IDLE and at NOOP, as by Dovecot 2.3."""
    notify_set_again_loses: bool = False
    """A SET after a SET without NONE between them loses all events of mailboxes that are not selected, as in Dovecot 2.4."""
    notify_names_fall_silent: bool = False
    """A session that asked for MailboxName is told of nothing any more once a mailbox is renamed, as by Dovecot 2.3 where
    another change came just before."""
    notify_none_mutes: bool = False
    """After NOTIFY NONE the selected mailbox is silent in IDLE and at NOOP too, until a SET with ``selected``."""
