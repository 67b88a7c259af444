"""What the measurements of many mailboxes share: the simulated server, the gateway under them, what is read of a process."""
