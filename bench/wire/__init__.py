"""What the measurements of traffic share: a line that is far away, and what is counted of a connection on it."""
