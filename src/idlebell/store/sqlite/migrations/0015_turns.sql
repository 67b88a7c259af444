-- Accounts take turns in a lane, and what was never tried comes before what was. Both indexes leave out what is leased as it
-- comes, so that an ordinary mail pays nothing for them.
ALTER TABLE queues ADD COLUMN account TEXT;

UPDATE queues SET account = (
    SELECT subscriptions.account FROM outbox JOIN subscriptions ON subscriptions.id = outbox.subscription
    WHERE outbox.endpoint = queues.endpoint ORDER BY outbox.version LIMIT 1
);

CREATE INDEX queues_of_account ON queues (account, lane, ready_us) WHERE leased = 0;
CREATE INDEX queues_tried ON queues (lane) WHERE held_us IS NOT NULL;
