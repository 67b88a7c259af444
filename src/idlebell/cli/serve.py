"""``idlebell serve``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from idlebell.cli.configured import config_option, configure_log, exposed_lines, loaded, run

if TYPE_CHECKING:
    from idlebell.config import Settings


@click.command()
@config_option
def serve(config: Path | None) -> None:
    """Run the gateway: REST API, watchers, delivery. Ends on SIGTERM or Ctrl-C; SIGHUP reads [[watch]] and the
    certificate again."""
    settings = loaded(config)
    configure_log(settings)
    from idlebell import compose

    run(
        compose.serve(
            settings,
            ready=_say_where,
            reload=lambda: _reloaded(config),
            warnings=lambda taken: exposed_lines(taken, config),
        )
    )


def _say_where(url: str) -> None:
    click.echo(f"Idlebell listens on {url}; in a browser: {_for_browsers(url)}", err=True)


def _for_browsers(url: str) -> str:
    """The web client's address as one opens it on this machine: browsers ring pages of https and of localhost, and an
    address that stands for all (0.0.0.0, ::) is none to open."""
    scheme, _, rest = url.partition("://")
    host, _, port = rest.rpartition(":")
    return f"{scheme}://localhost:{port}/" if host in ("127.0.0.1", "[::1]", "0.0.0.0", "[::]") else f"{url}/"  # noqa: S104


def _reloaded(config: Path | None) -> Settings:
    """ConfigError where the new configuration is not valid: the old one goes on."""
    import os

    from idlebell.config import load

    settings = load(config, os.environ)
    configure_log(settings)
    return settings
