"""``idlebell why``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from idlebell.cli.configured import config_option, loaded
from idlebell.cli.failure import Failure
from idlebell.cli.stored import with_store

if TYPE_CHECKING:
    from idlebell.config.imap_url import ImapUrl
    from idlebell.gateway.trail_shapes import FateView, WhyView
    from idlebell.model.ids import SubscriptionId
    from idlebell.model.subscription import Subscription
    from idlebell.store.contract import Store

_PAGE = 1_000
"""Subscriptions read at once."""


@click.command(short_help="Why a message did or did not ring.")
@click.argument("who", metavar="SUBSCRIPTION|imaps://USER@HOST")
@click.argument("message_id", metavar="[MESSAGE-ID]", required=False)
@click.option("--uid", type=click.IntRange(1, 2**32 - 1), help="In place of the Message-ID: its UID.")
@click.option("--mailbox", help="In which that UID is. Left out: the subscription's first.")
@click.option("--json", "as_json", is_flag=True, help="As the REST API answers, one subscription a line.")
@config_option
def why(
    who: str, message_id: str | None, uid: int | None, mailbox: str | None, as_json: bool, config: Path | None
) -> None:
    """Say why a message did or did not ring: for one subscription (sub_…), or for all of an account.

    Reads the store, also beside a gateway that serves from it. Days are kept, without content.
    """
    if (message_id is None) == (uid is None):
        raise click.UsageError("either MESSAGE-ID or --uid is needed")
    import msgspec

    from idlebell.gateway import trails
    from idlebell.model.problem import ProblemError
    from idlebell.net.clock import Clock

    settings = loaded(config)
    where = settings.store.path.absolute()

    async def work(store: Store) -> list[tuple[Subscription, WhyView]]:
        asked = {"message_id": message_id, "mailbox": mailbox, "uid": None if uid is None else str(uid)}
        try:
            return [(one, await trails.why(store, Clock(), one, **asked)) for one in await _meant(store, who, where)]
        except ProblemError as error:
            raise Failure(*(each.detail for each in error.problem.errors)) from None

    for subscription, view in with_store(settings, work, may_make=False):
        if as_json:
            click.echo(msgspec.json.encode({"subscription": subscription.id, **msgspec.to_builtins(view)}))
        else:
            click.echo("\n".join(_lines(subscription, view)))


async def _meant(store: Store, who: str, where: Path) -> tuple[Subscription, ...]:
    from idlebell.config.imap_url import parse_imap_url
    from idlebell.model.ids import SubscriptionId

    if "://" not in who:
        found = await store.get(SubscriptionId(who))
        if found is None:
            raise Failure(f"there is no subscription {who[:60]!r} in {where}")
        return (found,)
    url = parse_imap_url(who)
    subscriptions = await _of_account(store, url)
    if not subscriptions:
        raise Failure(
            f"nobody has subscribed to {who[:200]!r} in {where}; host, port and user have to be as registered"
        )
    return subscriptions


async def _of_account(store: Store, url: ImapUrl) -> tuple[Subscription, ...]:
    """Of all accounts with this host, port and user name: those that trust other keys are others."""
    found: list[Subscription] = []
    after: SubscriptionId | None = None
    while page := await store.page(None, after, _PAGE):
        after = page[-1].id
        for one in page:
            account = None if one.phase.over else await store.account_by_id(one.account_id)
            if account is not None and account.username == url.username:
                target = account.target
                if (target.host, target.port) == (url.target.host, url.target.port):
                    found.append(one)
    return tuple(sorted(found, key=lambda one: one.created_at))


def _lines(subscription: Subscription, view: WhyView) -> list[str]:
    lines = [f"{subscription.id}: {view.answer}"]
    for fate in view.messages:
        lines += _of_message(fate)
    return lines


def _of_message(fate: FateView) -> list[str]:
    return [
        f"  {one.at:%Y-%m-%d %H:%M:%S}.{one.at.microsecond // 1000:03d}  {one.step:<12}  {one.outcome}: {one.detail}"
        for one in fate.steps
    ]
