-- The minute in which a flood is counted: when it began, and how many new messages have come in it.
ALTER TABLE activity ADD COLUMN minute_us INTEGER;
ALTER TABLE activity ADD COLUMN minute_came INTEGER NOT NULL DEFAULT 0;

-- Of its messages, how many came to it while an earlier one was tried again: when it is accepted, they are coalesced.
ALTER TABLE outbox ADD COLUMN joined INTEGER NOT NULL DEFAULT 0;
