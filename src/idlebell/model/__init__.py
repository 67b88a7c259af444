"""The nouns: values that every other package shares. Pure; imports nothing of the house but :mod:`idlebell.imap`."""
