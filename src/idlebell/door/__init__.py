"""The door: a process of its own in front of the gateway, which alone sees credentials.

It takes requests, keeps what is secret in them and lets the rest through with tickets in its place; it logs in with what a
ticket stands for and hands the session over; it renews tokens. When, for whom and how often is the gateway's to say, which is
the other end of one link and knows tickets only. What goes over the link is :mod:`.frames`; :mod:`.process` is the door's side,
:mod:`.neighbour` the gateway's.
"""
