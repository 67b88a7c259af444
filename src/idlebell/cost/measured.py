"""What was measured, as ``./run bench data_cost --record`` wrote it. Not to be changed by hand.

IMAP: what each step moves between a phone and a server, packets with IPv4 and TCP headers, TLS 1.3. PLAYED: the same between
a push service and a phone that are both played; FIREFOX: to a real Firefox. PUSH: Firefox's, and what it cannot do as played.
CPU: milliseconds of the server and of the gateway's session for one time of each; ``hold`` is an hour in IDLE, untouched.
EXISTS_SECONDS: from the delivery to the phone in IDLE. PUSH_SECONDS: from the push service to the phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idlebell.cost.exchange import Exchange, Spent

IMAP: Final[Mapping[str, Mapping[str, Exchange]]] = {
    "dovecot": {
        "fresh": Exchange(1215, 4459, 10, 11),
        "resumed": Exchange(1150, 1927, 8, 9),
        "fresh, QRESYNC": Exchange(1230, 4589, 9, 12),
        "resumed, QRESYNC": Exchange(1269, 2109, 9, 11),
        "logout": Exchange(241, 267, 4, 3),
        "status": Exchange(183, 246, 2, 2),
        "noop": Exchange(136, 171, 2, 2),
        "fetch": Exchange(180, 509, 2, 2),
        "idle": Exchange(268, 315, 4, 4),
        "mail in IDLE": Exchange(396, 924, 5, 7),
        "keep-alive": Exchange(52, 91, 1, 1),
    },
    "cyrus": {
        "fresh": Exchange(1866, 5285, 12, 13),
        "resumed": Exchange(1823, 2596, 9, 11),
        "fresh, QRESYNC": Exchange(1985, 5457, 13, 15),
        "resumed, QRESYNC": Exchange(2046, 2820, 12, 14),
        "logout": Exchange(265, 322, 4, 5),
        "status": Exchange(183, 217, 2, 2),
        "noop": Exchange(136, 144, 2, 2),
        "fetch": Exchange(180, 494, 2, 2),
        "idle": Exchange(268, 280, 4, 4),
        "mail in IDLE": Exchange(396, 874, 5, 7),
    },
    "courier": {
        "fresh": Exchange(1163, 3577, 9, 11),
        "logout": Exchange(293, 371, 5, 5),
        "status": Exchange(183, 226, 2, 2),
        "noop": Exchange(136, 149, 2, 2),
        "fetch": Exchange(180, 489, 2, 2),
        "idle": Exchange(268, 306, 4, 4),
        "mail in IDLE": Exchange(396, 895, 5, 7),
    },
}
PLAYED: Final[Mapping[str, Exchange]] = {
    "push connection": Exchange(1727, 3845, 10, 10),
    "push ping": Exchange(134, 130, 2, 2),
    "Web Push, alert": Exchange(420, 883, 1, 2),
    "Web Push, summary": Exchange(420, 1328, 1, 2),
    "SimplePush": Exchange(190, 247, 1, 2),
}
FIREFOX: Final[Mapping[str, Exchange]] = {
    "push connection": Exchange(3102, 3793, 9, 9),
    "push registration": Exchange(308, 473, 2, 2),
    "Web Push, alert": Exchange(420, 883, 1, 2),
    "Web Push, summary": Exchange(420, 1328, 1, 2),
    "push ping": Exchange(134, 130, 2, 2),
}
PUSH: Final[Mapping[str, Exchange]] = {**PLAYED, **FIREFOX}
CPU: Final[Mapping[str, Mapping[str, Spent]]] = {
    "dovecot": {
        "login": Spent(10.625, 4.583),
        "status": Spent(0.493, 0.559),
        "noop": Spent(0.403, 0.487),
        "idle": Spent(0.739, 0.949),
        "hold": Spent(4.655, 13.300),
    },
    "cyrus": {
        "login": Spent(12.472, 8.067),
        "status": Spent(0.949, 0.710),
        "noop": Spent(0.961, 0.609),
        "idle": Spent(1.398, 0.973),
        "hold": Spent(16.427, 2.218),
    },
    "courier": {
        "login": Spent(18.319, 7.263),
        "status": Spent(0.572, 0.494),
        "noop": Spent(0.567, 0.391),
        "idle": Spent(1.260, 0.666),
        "hold": Spent(7.703, 1.592),
    },
}
EXISTS_SECONDS: Final[Mapping[str, float]] = {"dovecot": 0.53, "cyrus": 0.02, "courier": 0.26}
PUSH_SECONDS: Final = 0.026
