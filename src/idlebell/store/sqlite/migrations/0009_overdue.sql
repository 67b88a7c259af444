-- What is of no use any more is found, though its turn never comes.
CREATE INDEX outbox_expiring ON outbox (expires_us);
