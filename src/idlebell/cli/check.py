"""``idlebell check``"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from idlebell.cli.configured import config_option, exposed_lines, loaded, run
from idlebell.cli.failure import Failure
from idlebell.cli.passwords import (
    certificate_of,
    certificate_options,
    password_options,
    password_source,
    pin_option,
    trust_of,
)

if TYPE_CHECKING:
    from idlebell.config import Settings


@click.command(short_help="What is wrong with a configuration, what a server can do.")
@click.argument("server", required=False, metavar="[imaps://[USER@]HOST | USER@DOMAIN]")
@click.option("--commands", is_flag=True, help="Which IMAP commands are ever sent, and why.")
@click.option("--providers", is_flag=True, help="What mail providers see of this gateway, and what it keeps to.")
@click.option("--canary", is_flag=True, help="With --config: try [canary] too, by one login and one mail.")
@pin_option
@certificate_options
@password_options
@config_option
def check(
    server: str | None,
    commands: bool,
    providers: bool,
    canary: bool,
    password_file: Path | None,
    password_command: str | None,
    client_certificate: Path | None,
    client_key: Path | None,
    pins: tuple[str, ...],
    config: Path | None,
) -> None:
    """Say what is wrong with a configuration, or what a server can do and how it would be watched.

    A server is asked for what it tells everybody; with a password option or a client certificate also for what it tells its
    user. The server of a
    mail address is found as for an app that leaves it out.
    """
    if commands:
        _print_commands()
        return
    trust = trust_of(pins)
    certificate = certificate_of(client_certificate, client_key)
    password = password_source(password_file, password_command)
    settings = loaded(config)
    if providers:
        from idlebell.cli import outbound

        run(outbound.report(settings, click.echo))
        return
    if server is None:
        if config is None:
            raise click.UsageError("name a server or an address, or say --config FILE, --commands or --providers")
        _check_files(settings, config)
        for line in (*exposed_lines(settings, config), *_ending(settings, config), *_idle(settings, config)):
            click.echo(f"warning: {line}", err=True)
        if canary:
            from idlebell.cli.canary import try_canary

            run(try_canary(settings, click.echo))
        from idlebell.compose.clients import redirect_uris

        for name, uri in redirect_uris(settings):
            click.echo(f"[oauth.{name}] the redirect URI to register there: {uri}")
        click.echo(f"{config}: all is well")
        return
    from idlebell.cli.reach import report, report_address
    from idlebell.config import parse_imap_url

    if "://" not in server and "@" in server:
        run(report_address(settings, server, password, click.echo, trust, certificate))
        return
    try:
        url = parse_imap_url(server, needs_user=password is not None or certificate is not None)
    except ValueError as error:
        raise click.BadParameter(f"{error}; or name a mail address", param_hint="server") from None
    run(report(settings, url.under(trust), password, click.echo, certificate))


def _ending(settings: Settings, config: Path) -> Iterator[str]:
    """Client certificates that end soon."""
    from datetime import UTC, datetime

    from idlebell.config.loader import line_of
    from idlebell.config.rules import Broken, client_certificates
    from idlebell.login.certificates import ends_soon
    from idlebell.net.certificate import read_certificate_file

    for place, certificate in client_certificates(settings):
        found = read_certificate_file(certificate.certificate)
        if found is not None and ends_soon(found, datetime.now(UTC)):
            told = f"{certificate.certificate} is valid until {found.not_after}"
            yield line_of(Broken((f"{place}.client_certificate",), told), config.name)


def _print_commands() -> None:
    from idlebell.imap.permitted import PERMITTED_NAMES

    click.echo("Every IMAP command that Idlebell may ever send. None of them changes a mailbox.\n")
    for name, reason in PERMITTED_NAMES:
        click.echo(f"{name:<14}{reason}")


def _idle(settings: Settings, config: Path) -> Iterator[str]:
    from idlebell.config.loader import line_of
    from idlebell.config.rules import without_effect

    return (line_of(verdict, config.name) for verdict in without_effect(settings))


def _check_files(settings: Settings, config: Path) -> None:
    from idlebell.config.loader import line_of
    from idlebell.config.rules import foreign, unheard, unreadable

    found = (*foreign(settings), *unreadable(settings), *unheard(settings))
    lines = [line_of(verdict, config.name) for verdict in found]
    if lines:
        raise Failure(*lines)
