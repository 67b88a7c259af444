"""Deliveries that mail servers report by themselves.

In: a request's head and body, as the listener of the REST API has taken them. Out: a verb of the gateway, or a ProblemError.
Two forms are read: that of Dovecot's push_notification drivers (:mod:`.dovecot`) and a signed one of our own
(:mod:`.signed`).
"""
