"""Sieve (RFC 5228) as a filter. In: a script. Out: a rule, or an error that names the line and the mend."""

from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.script import Script, read_sieve

__all__ = ["Script", "SieveError", "read_sieve"]
