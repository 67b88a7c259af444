"""From a mail address to its IMAP server. Pure.

In: what DNS, a domain's autoconfig file and the built-in table say. Out: targets in the order in which to try them. Nothing
here decides whether credentials may go there: that is the gateway's.
"""
