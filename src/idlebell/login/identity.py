"""What a mail server is told of us. Pure."""

from __future__ import annotations

from idlebell import __version__


def identity(support_url: str) -> tuple[tuple[str, str], ...]:
    """What a server's staff sees of us (RFC 2971 section 3.3), so that it knows whom to ask. Nothing of the user."""
    fields = [("name", "Idlebell"), ("version", __version__), ("vendor", "Idlebell")]
    # RFC 2971 section 3.3: a value has at most 1,024 octets. A URL in other than ASCII is not one yet (RFC 3987).
    if not support_url.isascii() or len(support_url) > 1_024:
        return tuple(fields)
    if support_url:
        fields.append(("support-url", support_url))
    if support_url.startswith("mailto:"):
        # NetEase wants an address under this name, which RFC 2971 does not list.
        fields.append(("support-email", support_url.removeprefix("mailto:").partition("?")[0]))
    return tuple(fields)
