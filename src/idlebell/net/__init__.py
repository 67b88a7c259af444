"""The rim towards the network: sockets, TLS, names, addresses, HTTP, and what a process does to protect itself.

In: targets, protocol objects and requests as values. Out: bytes and values, and :mod:`~idlebell.net.errors` where it goes
wrong. Everything that dials asks :class:`~idlebell.net.egress.Egress` first.
"""
