"""What is counted and logged: a fact is a value emitted once, and the sinks talk about it."""
