"""The configuration: TOML and environment in, frozen settings out, or a :class:`ConfigError` with every fault at once."""

from idlebell.config.imap_url import ImapUrl, parse_imap_url
from idlebell.config.loader import ConfigError, load
from idlebell.config.settings import Settings, Watch
from idlebell.config.values import Address

__all__ = ["Address", "ConfigError", "ImapUrl", "Settings", "Watch", "load", "parse_imap_url"]
