-- Until when a code can be read back of which it is not known that it was sent.
ALTER TABLE subscriptions ADD COLUMN code_us INTEGER;

CREATE INDEX subscriptions_code ON subscriptions (code_us) WHERE code_us IS NOT NULL;
