"""``idlebell watch``"""

from __future__ import annotations

from pathlib import Path

import click

from idlebell.cli.configured import config_option, configure_log, loaded, run
from idlebell.cli.passwords import from_prompt, password_options, password_source

EXEC_HELP = (
    "Run a command for each new message: IDLEBELL_FROM, IDLEBELL_SUBJECT and others are in its environment, the "
    "notification's JSON is on its standard input."
)
NOTIFY_HELP = (
    "Ring this endpoint; may be given several times. https://…#whsec_… is a webhook, signed with the secret behind the #; "
    "simplepush+https://… is SimplePush."
)


@click.command(short_help="Watch one account from this terminal.")
@click.argument("url", metavar="imaps://USER@HOST[/MAILBOX]")
@click.option("--exec", "exec_command", metavar="CMD", help=EXEC_HELP)
@click.option("--notify", metavar="URL", multiple=True, help=NOTIFY_HELP)
@click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Remember here what was announced, so that a restart misses nothing.",
)
@password_options
@config_option
def watch(
    url: str,
    exec_command: str | None,
    notify: tuple[str, ...],
    state: Path | None,
    password_file: Path | None,
    password_command: str | None,
    config: Path | None,
) -> None:
    """Watch one account from this terminal, without a server: a line for each new message.

    imap:// is STARTTLS. The password comes from a prompt unless an option names another source.
    """
    from idlebell.config import parse_imap_url
    from idlebell.config.values import push_urls

    try:
        account = parse_imap_url(url)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None
    try:
        push_urls(list(notify))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--notify") from None
    credentials = password_source(password_file, password_command)
    settings = loaded(config)
    configure_log(settings)
    if credentials is None:
        credentials = from_prompt(f"Password of {account.username} at {account.target}")
    from idlebell import compose

    run(
        compose.watch_one(
            settings,
            url,
            credentials,
            notify=list(notify),
            exec_command=exec_command,
            state=state,
            on_line=click.echo,
        )
    )
