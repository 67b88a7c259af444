"""``idlebell cost``"""

from __future__ import annotations

import re
from collections.abc import Callable

import click

UNITS = {"s": 1, "m": 60, "h": 3_600}
SERVERS = ("dovecot", "cyrus", "courier")
PICTURES = ("bytes", "wake-ups")
MOST_MAILS = 10_000


def duration(
    least_seconds: int, most_seconds: int
) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """Reads ``90s``, ``15m``, ``1h``; None stays None."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> int | None:
        if value is None:
            return None
        found = re.fullmatch(r"([0-9]{1,6})([smh])", value)
        if found is None:
            raise click.BadParameter(f"{value!r} is no duration; such are 90s, 15m and 1h")
        seconds = int(found[1]) * UNITS[found[2]]
        if not least_seconds <= seconds <= most_seconds:
            raise click.BadParameter(f"{value} is not from {least_seconds} to {most_seconds} seconds")
        return seconds

    return read


@click.command(short_help="What being told of mail costs a phone: IDLE, polling, push.")
@click.option(
    "--mails-per-day",
    type=click.FloatRange(0, MOST_MAILS),
    default=10,
    show_default=True,
    help="Mails that come a day.",
)
@click.option(
    "--keepalive",
    metavar="TIME",
    callback=duration(60, 1_740),
    default="15m",
    show_default=True,
    help="How often the phone ends IDLE and begins anew, so that the network does not forget the connection. "
    "At most 29m: a server may log out after 30.",
)
@click.option(
    "--poll",
    metavar="TIME",
    callback=duration(60, 86_400),
    default="15m",
    show_default=True,
    help="How often a phone that polls asks.",
)
@click.option(
    "--server", type=click.Choice(SERVERS), default="dovecot", show_default=True, help="Which server it asks."
)
@click.option(
    "--server-keepalive",
    metavar="TIME",
    callback=duration(0, 86_400),
    help="How often the server speaks in IDLE by itself; 0s: never. Left out: as it comes (Dovecot 2m, others never).",
)
@click.option(
    "--push-ping",
    metavar="TIME",
    callback=duration(60, 86_400),
    default="30m",
    show_default=True,
    help="How often the phone pings its push service.",
)
@click.option(
    "--reconnects",
    type=click.IntRange(0, 1_000),
    default=4,
    show_default=True,
    help="How many times a day the phone changes its network and must connect anew.",
)
@click.option("--shared", is_flag=True, help="The phone has its connection to the push service for other apps anyway.")
@click.option("--json", "as_json", is_flag=True, help="Print an object for programs: bytes and seconds.")
@click.option("--picture", type=click.Choice(PICTURES), help="Print a picture (SVG) instead.")
def cost(
    mails_per_day: float,
    keepalive: int,
    poll: int,
    server: str,
    server_keepalive: int | None,
    push_ping: int,
    reconnects: int,
    shared: bool,
    as_json: bool,
    picture: str | None,
) -> None:
    """Print what it costs a phone to be told of mail: bytes and wake-ups a day and delay, for IDLE held by the phone, for
    polling, and for push by a gateway such as this one; and where two of them break even.

    It reckons from what was measured on real servers, TLS and TCP headers included (./run bench data_cost), and asks
    nothing of any network. Polls that find a mail and pushes are counted with what a notification shows; the mail itself
    is not.

    \b
    idlebell cost --mails-per-day 10 --keepalive 15m
    idlebell cost --server cyrus --poll 1h --json
    """
    import json

    from idlebell.cost import picture as pictures
    from idlebell.cost import told
    from idlebell.cost.ways import SERVER_KEEPALIVE_SECONDS, Habits, ways

    habits = Habits(
        server=server,
        keepalive_seconds=keepalive,
        poll_seconds=poll,
        push_ping_seconds=push_ping,
        reconnects_a_day=reconnects,
        server_keepalive_seconds=(
            SERVER_KEEPALIVE_SECONDS.get(server, 0) if server_keepalive is None else server_keepalive
        ),
        shared=shared,
    )
    if picture == "bytes":
        click.echo(pictures.bytes_a_day(ways(habits), told.break_evens(habits)), nl=False)
    elif picture == "wake-ups":
        click.echo(pictures.wakes_a_day(ways(habits), mails_per_day), nl=False)
    elif as_json:
        click.echo(json.dumps(told.for_programs(habits, mails_per_day), indent=2))
    else:
        click.echo(f"{mails_per_day:g} mails a day\n")
        for line in told.for_terminal(habits, mails_per_day):
            click.echo(line)
