"""``idlebell doctor``"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idlebell.cli.configured import config_option, run
from idlebell.cli.failure import Failure

if TYPE_CHECKING:
    from idlebell.cli.checkup import Finding
    from idlebell.config import Settings
    from idlebell.store.sqlite.examine import Examined


@click.command(short_help="Look for what is wrong with an installation.")
@click.option(
    "--bundle",
    "bundle_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a support bundle (JSON) that a stranger may read: no name, address, host, path or secret.",
)
@click.option(
    "--log",
    "log_file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    metavar="FILE",
    help="A log in text whose last lines go into the bundle, numbers and closed words only.",
)
@config_option
def doctor(bundle_file: Path | None, log_file: Path | None, config: Path | None) -> None:
    """Look for what is wrong with an installation: configuration, database, keys, certificate, clock, limits, confinement, and
    the gateway that serves. A line for each thing, with the mend. Nothing is changed.

    Exit status: 1 where something fails.
    """
    from idlebell.cli import checkup
    from idlebell.config import ConfigError, load

    settings: Settings | None = None
    findings: list[Finding] = []
    try:
        settings = load(config, os.environ)
        findings.append(checkup.ok("configuration", "understood"))
    except ConfigError as error:
        findings += [
            checkup.fail("configuration", line, "idlebell check --config FILE tells more") for line in error.lines
        ]
    examined: Examined | None = None
    metrics = ""
    if settings is not None:
        told, examined = _of_store(settings)
        findings += told
        findings += _of_machine(settings, examined)
        told, metrics = run(_of_gateway(settings, examined))
        findings += told
    for one in findings:
        click.echo(str(one))
    if bundle_file is not None:
        from idlebell.cli.bundle import bundle

        log = log_file.read_text("utf-8", "replace").splitlines() if log_file is not None else []
        rows = {} if examined is None else examined.rows
        made = bundle(settings, findings, checkup.versions(), rows, metrics, log)
        try:
            bundle_file.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
        except OSError as error:
            raise Failure(f"--bundle: {bundle_file} cannot be written: {error.strerror}") from None
        click.echo(f"{bundle_file} is written; look at it before you send it", err=True)
    if any(one.level is checkup.Level.FAIL for one in findings):
        raise SystemExit(1)


def _of_store(settings: Settings) -> tuple[list[Finding], Examined | None]:
    from idlebell.cli import checkup
    from idlebell.store.contract import StoreError
    from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
    from idlebell.store.sqlite.examine import examine

    path = settings.store.path
    key_path = settings.store.key_file or default_key_path(path)
    if not path.parent.is_dir():
        return [checkup.fail("database", f"there is no folder {path.parent}", "make it, writable by the gateway")], None
    if not path.exists():
        says, mend = f"there is no {path.absolute()} yet", "idlebell serve makes it; else give --config FILE as to it"
        return [checkup.warn("database", says, mend)], None
    found = [*checkup.of_mode("database file", path), *checkup.of_mode("key file", key_path)]
    try:
        examined = examine(path, Sealer(load_or_make_key(key_path, may_make=False)))
    except StoreError as error:
        return [*found, checkup.fail("database", str(error).rstrip("."), "see idlebell backup and restore")], None
    return [*found, *checkup.of_store(examined, path)], examined


def _of_machine(settings: Settings, examined: Examined | None) -> Iterator[Finding]:
    from idlebell.cli import checkup
    from idlebell.net.descriptors import descriptors, raise_limit

    now = datetime.now(UTC)
    yield checkup.of_clock(None if examined is None else examined.latest_us, now)
    yield from checkup.of_settings(settings)
    yield from checkup.of_certificate(settings.server.tls_certificate, now)
    yield from checkup.of_mode("certificate's key", settings.server.tls_key)
    yield from checkup.of_mode("vault's key", settings.credentials.vault_key_file)
    raise_limit()  # as serve does
    yield from checkup.of_limits(descriptors().sessions)


async def _of_gateway(settings: Settings, examined: Examined | None) -> tuple[list[Finding], str]:
    """And its metrics, where it serves."""
    from idlebell.cli import checkup
    from idlebell.net.clock import Clock
    from idlebell.net.dns import Resolver
    from idlebell.net.errors import TransportError
    from idlebell.net.own_door import ask

    found: list[Finding] = []
    resolver = Resolver(Clock())
    try:
        for host in () if examined is None else examined.hosts:
            try:
                await resolver.resolve(host)
            except TransportError as error:
                mend = "check the name and the machine's name server"
                found.append(checkup.warn("name resolution", f"{host}: {error.reason}", mend))
                break
        else:
            found.append(checkup.ok("name resolution", "the hosts of mail servers are found"))
    finally:
        await resolver.close()
    listen, path = settings.server.listen, settings.store.path
    healthy = await ask(listen.host, listen.port, "/healthz", tls=settings.server.tls)
    if healthy is None:
        mend = "start it by idlebell serve, and see its log where it ends"
        return [*found, checkup.warn("gateway", f"nobody answers at {listen}", mend)], ""
    ready = await ask(listen.host, listen.port, "/readyz", tls=settings.server.tls)
    if healthy[0] != 200 or ready is None or ready[0] != 200:
        found.append(
            checkup.fail("gateway", f"it answers at {listen} that it is not well", "see its log", status=healthy[0])
        )
    else:
        found.append(checkup.ok("gateway", f"it serves at {listen}"))
    pid = checkup.serving_process(path.with_name(path.name + ".lock"))
    if pid is not None:
        found += checkup.of_process(pid)
    metrics = await ask(listen.host, listen.port, "/metrics", tls=settings.server.tls)
    return found, metrics[1].decode("utf-8", "replace") if metrics is not None and metrics[0] == 200 else ""
