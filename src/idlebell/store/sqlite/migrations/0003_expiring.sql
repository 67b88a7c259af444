ALTER TABLE subscriptions ADD COLUMN expiring_us INTEGER; -- when it is to be told that its lease ends; NULL: not, or told

-- As for a lease of a month and more: the earliest there is. What comes too early is reckoned anew when its turn comes.
UPDATE subscriptions SET expiring_us = lapses_us - 3 * 86400 * 1000000 WHERE lapses_us IS NOT NULL;

CREATE INDEX subscriptions_expiring ON subscriptions (expiring_us) WHERE expiring_us IS NOT NULL;
