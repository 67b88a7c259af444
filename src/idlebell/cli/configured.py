"""What commands that read the configuration share: the option, the settings, the log, the event loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from idlebell.cli.failure import Failure

if TYPE_CHECKING:
    from idlebell.config import Settings

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    return click.option(
        "--config",
        "config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="IDLEBELL_CONFIG",
        metavar="FILE",
        help="The configuration, TOML. Left out: the defaults, and IDLEBELL_SECTION__KEY of the environment.",
    )(command)


def loaded(config: Path | None) -> Settings:
    """The settings, or a Failure that names every fault."""
    from idlebell.config import ConfigError, load

    try:
        return load(config, os.environ)
    except ConfigError as error:
        raise Failure(*error.lines) from None


def exposed_lines(settings: Settings, config: Path | None) -> list[str]:
    """A sentence for each file of secrets that everybody on the machine can read."""
    from idlebell.config.exposed import exposed
    from idlebell.config.loader import line_of

    source = config.name if config is not None else "environment"
    return [line_of(verdict, source).lstrip(": ") for verdict in exposed(settings, config)]


def configure_log(settings: Settings, *, names: bool = False) -> None:
    """``names``: who reads it is whom it names."""
    from idlebell.telemetry import log_sink

    log_sink.configure(settings.log.format, settings.log.level, names=names or settings.log.names)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs ``work`` on uvloop where it is there, and makes one line of what an operator can mend."""
    import asyncio

    from idlebell.store.contract import StoreError

    try:
        import uvloop

        new_loop: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    except ImportError:
        new_loop = asyncio.new_event_loop
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            return runner.run(work)
    except StoreError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{where}{error.strerror or error}") from None
    except ValueError as error:
        raise Failure(str(error)) from None
