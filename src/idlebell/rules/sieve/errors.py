from __future__ import annotations


class SieveError(Exception):
    """A script that cannot be run. ``line`` counts from 1; ``detail`` says what is wrong there and how it is mended."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(f"line {line}: {detail}")
        self.line = line
        self.detail = detail


class RunError(Exception):
    """A run that ends where it is (RFC 5228 section 2.10.6); the text is a sentence for the user."""
