"""A host as it stands in URLs and before a port (RFC 3986 section 3.2.2). Pure."""

from __future__ import annotations


def bracketed(host: str) -> str:
    """A literal of IPv6 in brackets, everything else as it is."""
    return f"[{host}]" if ":" in host else host


def host_port(host: str, port: int) -> str:
    return f"{bracketed(host)}:{port}"
