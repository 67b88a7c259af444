-- Messages that rang and may be withdrawn; of a mailbox and a subscription the newest are kept.
CREATE TABLE rung (
    subscription TEXT NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    mailbox      BLOB NOT NULL,
    uid          INTEGER NOT NULL,
    uid_validity INTEGER NOT NULL,
    PRIMARY KEY (subscription, mailbox, uid)
) STRICT, WITHOUT ROWID;

ALTER TABLE activity ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0;
