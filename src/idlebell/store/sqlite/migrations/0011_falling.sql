-- What waits for an endpoint that has others behind it: for how long, and from when on the next is tried.
ALTER TABLE outbox ADD COLUMN patience_us INTEGER;
ALTER TABLE outbox ADD COLUMN falls_us INTEGER;

CREATE INDEX outbox_patient ON outbox (patience_us) WHERE patience_us IS NOT NULL AND falls_us IS NULL;
CREATE INDEX outbox_falls ON outbox (falls_us) WHERE falls_us IS NOT NULL;

-- When an endpoint that was passed over is tried again.
ALTER TABLE subscriptions ADD COLUMN probe_us INTEGER;

CREATE INDEX subscriptions_probe ON subscriptions (probe_us) WHERE probe_us IS NOT NULL;
