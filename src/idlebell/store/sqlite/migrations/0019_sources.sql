-- The mail server that tells of a subscription's mail in place of a session, and what a cursor has passed without a decision.
ALTER TABLE subscriptions ADD COLUMN source TEXT;
ALTER TABLE cursors ADD COLUMN gaps TEXT; -- JSON; null: none
