"""The front: an IMAP proxy between mail clients and the servers that the operator names, which adds push and NOTIFY.

In: a client's connection. Out: verbs of the gateway, and everything else to the upstream and back, byte for byte. What we
answer ourselves is written in families (:class:`~idlebell.front.own.Own`), one a file; what becomes of an upstream session
whose client has gone is :class:`~idlebell.front.own.Keeping`'s.
"""
