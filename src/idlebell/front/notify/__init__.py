"""NOTIFY (RFC 5465) for an upstream that has none.

In: a client's NOTIFY, the upstream's responses that pass, and what a look at the mailboxes has found. Out: what the client is
told. Read in this order: :mod:`.wanted` (may it be asked for), :mod:`.matching` (which mailboxes are meant), :mod:`.plan` (how
they are asked about), :mod:`.look` and :mod:`.known` (what has changed), :mod:`.standing` and :mod:`.names` (how that is told),
:mod:`.selected` and :mod:`.fetch_items` (the mailbox that is open); the numbers stand in :mod:`.bounds`.
"""
