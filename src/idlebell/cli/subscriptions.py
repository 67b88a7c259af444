"""``idlebell subscriptions``"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from idlebell.cli.configured import config_option, loaded
from idlebell.cli.failure import Failure
from idlebell.cli.stored import with_store

if TYPE_CHECKING:
    from idlebell.model.account import Account
    from idlebell.model.subscription import Subscription
    from idlebell.store.contract import Store

PAGE: Final = 200
"""Read in one step."""
TRIES: Final = 5
"""To end one that is being changed."""


@click.group()
def subscriptions() -> None:
    """Subscriptions: list, show, end. Reads and writes the store, also beside a gateway that serves from it."""


@subscriptions.command("list")
@click.option("--json", "as_json", is_flag=True, help="An object a line.")
@config_option
def list_(as_json: bool, config: Path | None) -> None:
    """List all subscriptions with their accounts."""

    async def work(store: Store) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = await store.page(None, None, PAGE)
        while page:
            found += [_summary(one, await store.account_by_id(one.account_id)) for one in page]
            page = await store.page(None, page[-1].id, PAGE)
        return found

    settings = loaded(config)
    listed = with_store(settings, work, may_make=False)
    if not listed:
        click.echo(f"no subscriptions in {settings.store.path.absolute()}", err=True)
    for one in listed:
        if as_json:
            click.echo(json.dumps(one))
        else:
            until = "declared" if one["declared"] else f"until {one['expires_at'][:16]}"
            # Quoted as Python does: a user name is an app's word, and moves no cursor.
            who = ascii(one["username"])[1:-1]
            click.echo(f"{one['id']}  {one['phase']:<8}  {until:<22}  {who} at {one['host']}:{one['port']}")


@subscriptions.command()
@click.argument("subscription", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As one object.")
@config_option
def show(subscription: str, as_json: bool, config: Path | None) -> None:
    """Show what is kept of one: no secret, no token, of endpoints the kind and the host."""

    async def work(store: Store) -> dict[str, Any]:
        one = await _found(store, subscription)
        activity = await store.activity(one.id)
        counts = {name: getattr(activity.counts, name) for name in activity.counts.__slots__}
        return {
            **_summary(one, await store.account_by_id(one.account_id)),
            "mailboxes": list(one.mailboxes),
            "endpoints": [f"{role.value}: {own.kind} at {own.url.host or '-'}" for role, own in one.endpoints],
            "payload": one.payload.value,
            "retention": one.retention.value,
            "counts": counts,
            "lost_since": None if one.loss is None else _time(one.loss.since),
            "problem": None if one.problem is None else {"code": one.problem.code, "since": _time(one.problem.since)},
        }

    shown = with_store(loaded(config), work, may_make=False)
    if as_json:
        click.echo(json.dumps(shown))
        return
    for name, value in shown.items():
        click.echo(f"{name:<12}{value if isinstance(value, str) and value.isprintable() else json.dumps(value)}")


@subscriptions.command(short_help="End subscriptions, as the end of their lease would.")
@click.argument("which", metavar="ID...", nargs=-1, required=True)
@config_option
def end(which: tuple[str, ...], config: Path | None) -> None:
    """End subscriptions as the end of their lease would: credentials are wiped, what waits is dropped, the session is logged
    out where nobody else needs it, and the app sees the state "expired".

    A gateway that serves takes it up within half a minute, else one does when it starts. An app that may register can do so
    again: see idlebell keys revoke.
    """

    async def work(store: Store) -> list[str]:
        for one in which:  # all or none, as far as names go
            _refuse_declared(await _found(store, one))
        return [await _ended(store, one) for one in which]

    for line in with_store(loaded(config), work, may_make=False):
        click.echo(line, err=True)


async def _ended(store: Store, subscription: str) -> str:
    from idlebell.store.contract import ConflictError

    for _ in range(TRIES):
        one = await _found(store, subscription)
        if one.phase.over:
            return f"{one.id} is over already"
        try:
            await store.put(replace(one, expires_at=min(one.expires_at, datetime.now(UTC))))
        except ConflictError:
            continue  # it was changed meanwhile
        return f"{one.id} ends"
    raise Failure(f"{subscription} is being changed again and again; try once more")


async def _found(store: Store, subscription: str) -> Subscription:
    from idlebell.model.ids import SubscriptionId

    found = await store.get(SubscriptionId(subscription))
    if found is None:
        raise Failure(f"there is no subscription {subscription[:60]!r}; see idlebell subscriptions list")
    return found


def _refuse_declared(one: Subscription) -> None:
    if one.declared:
        raise Failure(f"{one.id} is declared: take it out of [[watch]], and send SIGHUP to the gateway")


def _summary(one: Subscription, account: Account | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "phase": "paused" if one.paused and not one.phase.over else one.phase.value,
        "account": one.account_id,
        "username": "" if account is None else account.username,
        "host": "" if account is None else account.target.host,
        "port": 0 if account is None else account.target.port,
        "owner": one.owner,
        "declared": one.declared,
        "created_at": _time(one.created_at),
        "expires_at": _time(one.expires_at),
    }


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
