"""As much of SIP (RFC 3261) as telling a phone something takes: one request outside of any dialog, and its answer.

In: a URI, a request, bytes, a time. Out: bytes, answers, times. Pure.
"""
