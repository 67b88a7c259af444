"""Push kinds, one file each: ``build`` makes a request of a notification, ``read`` an outcome of the answer. Pure."""
