"""Watching: from a session to the commit of what it found. The watcher fits a screen; what it decides is pure.

``detect identity census cadence lapses recovery diagnose strategy`` are pure; the others do the I/O.
"""
