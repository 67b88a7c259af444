"""``idlebell watch``"""

from __future__ import annotations

from pathlib import Path

import click

from idlebell.cli.configured import config_option, configure_log, loaded, run
from idlebell.cli.passwords import (
    certificate_of,
    certificate_options,
    from_prompt,
    password_options,
    password_source,
    pin_option,
    trust_of,
)

EXEC_HELP = (
    "Run a command for each new message: IDLEBELL_FROM, IDLEBELL_SUBJECT and others are in its environment, the "
    "notification's JSON is on its standard input."
)
NOTIFY_HELP = (
    "Ring this endpoint; may be given several times. https://…#whsec_… is a webhook, signed with the secret behind the #; "
    "simplepush+https://… is SimplePush."
)
BEARER_HELP = (
    "The first line that this command prints is an access token (OAuth 2), or it prints a token endpoint's JSON; run again "
    "whenever another one is needed."
)

FILTER_HELP = (
    """Only what this filter of JMAP (RFC 8621) lets through, for example '{"from": "boss@example.org"}'; or @ and the name """
    "of a file that holds one."
)


@click.command(short_help="Watch one account from this terminal.")
@click.argument("url", metavar="imaps://USER@HOST[/MAILBOX]")
@click.option("--exec", "exec_command", metavar="CMD", help=EXEC_HELP)
@click.option("--notify", metavar="URL", multiple=True, help=NOTIFY_HELP)
@click.option("--filter", "filter_given", metavar="JSON|@FILE", help=FILTER_HELP)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Remember here what was announced, so that a restart misses nothing.",
)
@pin_option
@click.option("--token-command", metavar="CMD", help=BEARER_HELP)
@certificate_options
@password_options
@config_option
def watch(
    url: str,
    exec_command: str | None,
    notify: tuple[str, ...],
    filter_given: str | None,
    state: Path | None,
    password_file: Path | None,
    password_command: str | None,
    token_command: str | None,
    client_certificate: Path | None,
    client_key: Path | None,
    pins: tuple[str, ...],
    config: Path | None,
) -> None:
    """Watch one account from this terminal, without a server: a line for each new message.

    imap:// is STARTTLS. The password comes from a prompt unless an option names another source, a token or a certificate.
    """
    from idlebell.config import parse_imap_url
    from idlebell.config.values import push_urls

    try:
        account = parse_imap_url(url)
    except ValueError as error:
        found = f"; idlebell check {url} finds the server of an address" if "@" in url and "/" not in url else ""
        raise click.BadParameter(f"{error}{found}", param_hint="URL") from None
    try:
        push_urls(list(notify))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--notify") from None
    filter_text = _filter(filter_given) if filter_given is not None else None
    trust = trust_of(pins)
    certificate = certificate_of(client_certificate, client_key)
    credentials = password_source(password_file, password_command)
    settings = loaded(config)
    configure_log(settings, names=True)
    if token_command is not None and (credentials is not None or certificate is not None):
        raise click.UsageError("give --token-command, or a password or a certificate, not both")
    if credentials is None and certificate is None and token_command is None:
        credentials = from_prompt(f"Password of {account.username} at {account.target}")
    from idlebell import compose

    run(
        compose.watch_one(
            settings,
            url,
            credentials,
            notify=list(notify),
            exec_command=exec_command,
            filter_text=filter_text,
            state=state,
            trust=trust,
            certificate=certificate,
            token_command=token_command or "",
            on_line=click.echo,
        )
    )


def _filter(given: str) -> str | None:
    """The text to keep, of JSON or of the file that is named."""
    from idlebell.config.values import mail_filter

    try:
        return mail_filter(Path(given[1:]).read_text("utf-8") if given.startswith("@") else given)
    except OSError as error:
        raise click.BadParameter(f"the file cannot be read: {error.strerror}", param_hint="--filter") from None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--filter") from None
