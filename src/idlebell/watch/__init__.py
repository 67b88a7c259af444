"""Watching: from a session to the commit of what it found. The watcher fits a screen; what it decides is pure.

``detect cadence recovery diagnose strategy`` are pure; ``mailbox_session watcher fleet`` do the I/O.
"""
