"""Persistence: a contract of small protocols, a store in memory and one in SQLite that keep it."""
