"""Idlebell: a self-hosted push gateway for IMAP.

In comes an IMAP account and a push endpoint; out goes a ring the moment mail arrives.
"""

__version__ = "0.1.0"
