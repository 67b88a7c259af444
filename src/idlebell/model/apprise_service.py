"""Which of Apprise's services may be used, by the schema of their URLs, and which of them reach a person or cost money.

Only services that are spoken to by HTTPS are here, for of them the gateway can say what they can reach. Left out on purpose:
what shows things on the machine itself (dbus, gnome, syslog, ...), reads key files (fcm, vapid, mailto with PGP), or speaks
another protocol (SMTP, SMPP, MQTT, XMPP, IRC, ...), or posts to any URL (jsons, forms, xmls, apprises: a webhook does that,
after it was asked whether it wants to). An operator may name all but the first two (:data:`FORBIDDEN`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Reaches(StrEnum):
    """Whom a notification reaches."""

    APP = "app"
    """An app, a chat or a program: it costs nothing by the piece."""
    PERSON = "person"
    """A person, or a purse: mail, calls, paid messages."""
    SMS = "sms"
    """As PERSON, and paid by the segment."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SMS: Final = _names("""
46elks elks atalk bulksms bulkvs burstsms kudosity clickatell clicksend cm d7sms eight00com exotel freemobile httpsms infobip
kaleyra klr kavenegar mobilemessage mobilemsg msg91 msgbird nexmo vonage notifyre octopush plivo ringc serwersms seven sinch
smpp smpps smsc smseagle smseagles smsmanager smsmgr smstunnel sns telesign telnyx twilio voipms
""")

_PERSON: Final = _names("""
acs awswhatsapp brevo dapnet evolutions groundmail gupshup mailersend mailgun mailto mailtos o365 azure pingram postmark resend
sendgrid sendpulse ses smtp2go sparkpost threema whapi whatsapp
""")

_APP: Final = _names("""
bale barks betterstack bluesky bsky chanify cliq zcliq zohocliq dingtalk discord dot emby embys enigma2s feishu
firehydrant flock flowtriqs fluxers gchat github goalerts gorushs gotifys groupme guilded hassios humhubs ifttt ilert
incidentio jellyfins jira join kakao kakaotalk kodis kook kumulos lametrics lark lauther lfg line mastodons toots matrixs
misskeys mmosts nclouds nctalks noticas notifiarr notificos notifyapp ntfys onebots onesignal opsgenie opsimates pagerduty
pagertree parseps pbul pinglets pjets pover prowl psafers push pushdeers pushed pushplus wecom pushward pushy qq reddit revolt
rockets ryver schan signalgrid signals signl4 slack spike splunk victorops spugpush spush squadcast stackfield strmlabs
synologys tgram trigvs twist viber webex wxteams wechat wecombot workflow workflows wpush wxpusher xmatters youlmk zalo
zoom zulip
""")

_OTHER_PROTOCOLS: Final = frozenset({"mailto", "mailtos", "smpp", "smpps"})
_REACHES: Final = {
    **dict.fromkeys(_APP, Reaches.APP),
    **dict.fromkeys(_PERSON, Reaches.PERSON),
    **dict.fromkeys(_SMS, Reaches.SMS),
}
USUAL: Final = frozenset(_REACHES) - _OTHER_PROTOCOLS
"""What is offered where the operator says nothing else."""
FORBIDDEN: Final = frozenset(
    _names("blink1 dbus exec fcm file gio glib gnome growl kde macosx python qt rsyslog syslog vapid windows")
)
"""Offered by nobody: they act on the machine itself, or read its files."""


def reaches(schema: str) -> Reaches:
    """A service that is not known here may cost anything."""
    return _REACHES.get(schema) or _REACHES.get(schema + "s") or Reaches.PERSON


def offered(named: tuple[str, ...], *, allow_plaintext: bool) -> frozenset[str]:
    """The schemas that ``named`` stands for: ``"usual"`` and single ones. With ``allow_plaintext`` those without TLS, too,
    of services that have both (``ntfys``, ``ntfy``)."""
    found: set[str] = set()
    for one in named:
        found |= USUAL if one == "usual" else {one}
    if allow_plaintext:
        found |= {one[:-1] for one in found if one.endswith("s") and one[:-1] not in found}
    return frozenset(found) - FORBIDDEN
