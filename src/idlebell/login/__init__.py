"""Logging in: the only part that holds credentials.

In: an account and credentials. Out: an authenticated :class:`~idlebell.net.imap_connection.ImapConnection`, or
:class:`~idlebell.login.door.LoginFailed` with a classified fault. It imports nothing of the watch and is imported by the
gateway only, so that it can become a process of its own.
"""
