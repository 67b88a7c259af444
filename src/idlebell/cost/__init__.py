"""What it costs a phone to be told of mail, each way: bytes, wake-ups and delay a day. Pure.

In: mails a day and intervals. Out: figures, sentences, pictures. What one exchange moves was measured once and stands in
:mod:`~idlebell.cost.measured`; the rest is arithmetic.
"""
