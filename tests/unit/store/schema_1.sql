-- A database of schema 1 as its program left it, sealed with a key of zeros: two subscriptions, one of them paused, a cursor,
-- a notification that waits.
BEGIN TRANSACTION;
CREATE TABLE accounts (
    id       TEXT PRIMARY KEY,
    host     TEXT NOT NULL,
    port     INTEGER NOT NULL,
    tls      TEXT NOT NULL,
    username BLOB NOT NULL,
    UNIQUE (host, port, username)
) STRICT;
INSERT INTO "accounts" VALUES('acc_aaaaaaaaaaaaaaaaaaaaaaab','imap.example.org',993,'implicit',X'616C696365406578616D706C652E6F7267');
CREATE TABLE activity (
    subscription  TEXT PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    detected      INTEGER NOT NULL DEFAULT 0,
    accepted      INTEGER NOT NULL DEFAULT 0,
    coalesced     INTEGER NOT NULL DEFAULT 0,
    expired       INTEGER NOT NULL DEFAULT 0,
    refused       INTEGER NOT NULL DEFAULT 0,
    last_event_us INTEGER,
    push_us       INTEGER,
    push_version  INTEGER,
    push_status   INTEGER,
    push_outcome  TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO "activity" VALUES('sub_aaaaaaaaaaaaaaaaaaaaaaab',1,0,0,0,0,1795320000123456,NULL,NULL,NULL,NULL);
CREATE TABLE api_keys (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    scopes     TEXT NOT NULL,      -- JSON
    created_us INTEGER NOT NULL,
    expires_us INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE cursors (
    account         TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    mailbox         BLOB NOT NULL,
    uid_validity    INTEGER NOT NULL,
    uid_next        INTEGER NOT NULL,
    highest_mod_seq INTEGER,
    count           INTEGER,
    PRIMARY KEY (account, mailbox)
) STRICT, WITHOUT ROWID;
INSERT INTO "cursors" VALUES('acc_aaaaaaaaaaaaaaaaaaaaaaab',X'494E424F58',7,11,5,3);
CREATE TABLE outbox (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    subscription TEXT NOT NULL REFERENCES subscriptions (id),
    type         TEXT NOT NULL,
    messages     INTEGER NOT NULL, -- of new mail: how many it tells of; of anything else 0
    endpoint     BLOB NOT NULL,
    lane         BLOB NOT NULL,
    collapses    INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    at_us        INTEGER NOT NULL,
    due_us       INTEGER NOT NULL,
    expires_us   INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    leased_us    INTEGER,          -- until when it is leased
    content      BLOB NOT NULL
) STRICT;
INSERT INTO "outbox" VALUES(1,'ntf_aaaaaaaaaaaaaaaaaaaaaaac','sub_aaaaaaaaaaaaaaaaaaaaaaab','new_mail',1,X'84EAF069A2686BAD49FF72D4A88CFE67',X'6364C104F1E00A47DA7D4930C15FE8E1',0,1795320000123,1795320000123456,1795320000123456,1795406400123456,0,NULL,X'013B9382FEB60AFE226498AB3C9548F682C3D199EDE82260AFC908B50404CE85C6548F898A9B40C7576955103A6130C6F1FA6972817193C49393C7C48385C8470C81872B7B562FBE9D834BF1E154679A200BA3D876CBAD62527DF82DFFC20A0201897B64B9848B78E31F11DC6BC6EEABB3A5B0F42685DF2F040A022B68E9D2');
CREATE TABLE probes (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE queues (
    endpoint BLOB PRIMARY KEY,
    lane     BLOB NOT NULL,
    ready_us INTEGER NOT NULL,
    held_us  INTEGER,              -- when the latest retry is due; nothing of a kind that collapses is ready before
    leased   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "queues" VALUES(X'84EAF069A2686BAD49FF72D4A88CFE67',X'6364C104F1E00A47DA7D4930C15FE8E1',1795320000123456,NULL,0);
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "secrets" VALUES('proof',X'01F243A544884A39C945DBDC86948643F68EE5BADAF67100D4B0D2A3C7D839D8A52DB46A87');
CREATE TABLE subscriptions (
    id          TEXT PRIMARY KEY,
    account     TEXT NOT NULL REFERENCES accounts (id),
    key_digest  BLOB NOT NULL UNIQUE,
    owner       TEXT,
    phase       TEXT NOT NULL,
    paused      INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    created_us  INTEGER NOT NULL,
    lapses_us   INTEGER,          -- when its lease ends; NULL: over, or without a lease
    ended_us    INTEGER,          -- since when it has been over
    reminder_us INTEGER,          -- when the next reconnect is due
    mailboxes   TEXT NOT NULL,    -- JSON
    fresh       TEXT,             -- JSON: mailboxes without a floor, of an active one; NULL: none
    routes      BLOB NOT NULL,    -- digests by role, so that enqueueing opens no seal
    endpoints   BLOB NOT NULL,
    details     TEXT NOT NULL     -- JSON: what no query asks for
) STRICT;
INSERT INTO "subscriptions" VALUES('sub_aaaaaaaaaaaaaaaaaaaaaaab','acc_aaaaaaaaaaaaaaaaaaaaaaab',X'6B65792031',NULL,'active',0,1,1795320001123456,1797912000123456,NULL,NULL,'["INBOX","Lists"]','["Lists"]',X'000084EAF069A2686BAD49FF72D4A88CFE6718D981E58FC93EAFDDA402408D0D653A6364C104F1E00A47DA7D4930C15FE8E1010084EAF069A2686BAD49FF72D4A88CFE6718D981E58FC93EAFDDA402408D0D653A6364C104F1E00A47DA7D4930C15FE8E1020084EAF069A2686BAD49FF72D4A88CFE6718D981E58FC93EAFDDA402408D0D653A6364C104F1E00A47DA7D4930C15FE8E1030084EAF069A2686BAD49FF72D4A88CFE6718D981E58FC93EAFDDA402408D0D653A6364C104F1E00A47DA7D4930C15FE8E1',X'017141E5E1BE5650C2569C634B95274E729EBB65B46A9E9AC1258ED43F55A0DC4AEF18047726BB636C19A3D71B8975CAF02CE67FD8F22663887027758F9E28F7F1665F27292A623867D352D7826E2266F73C9959CEC12290E4BD40A06A917331CAA3D7F1996CE30A2902399261858889730468D3612474B2888B3AC582F112779106157C478DB2890DFF0E7975610C4CF42C99CAACA41839D1DE6B6332F8649F2BF30DD147279FC6168303E029','{"v":1,"payload":"alert","retention":"session","lease":2592000,"expires":1797912000123456,"over":null,"paused":false,"declared":false,"expiring_sent":false,"loss":null,"problem":null,"floors":[["INBOX",7,10]],"tokens":[]}');
INSERT INTO "subscriptions" VALUES('sub_aaaaaaaaaaaaaaaaaaaaaaac','acc_aaaaaaaaaaaaaaaaaaaaaaab',X'6B65792032',NULL,'active',1,1,1795320002123456,1797912000123456,NULL,NULL,'["INBOX"]','["INBOX"]',X'0001B6C8E8B48FBF1FA6BFEAA48F4B3FA0D7E2DD4FFD17CF720858F43F7FA7C10075750A9A979CEACBA00DE492D32C24776D010182E205EBC997A83B1470BEC3A32177D41C147B40B5C2CA501B18D1BC88850140750A9A979CEACBA00DE492D32C24776D030182E205EBC997A83B1470BEC3A32177D41C147B40B5C2CA501B18D1BC88850140750A9A979CEACBA00DE492D32C24776D',X'0148E96B9A71B3D378C931C3B91F037957D7284988B4832973BBF718D95A3F54441BC767C843496DE17B6BF4AB70748D2EA36469765B28140216AAE2DB1C6BB3007A2E73D2029F344095C58E196A33FA220995A0C69AA631A1E2C0CC8ED124711ABF9D8F90F5CE36CC4F7819B3958612ED988F4EAB9B2C92D52C514F25930A254EB35E2C40933AD494BAB6198056486A54AB27E1DE2F0E1BB56F73A4E6DD13866CF347F3FDAE570B1FE560B94738DFAE6DF532669FD1DB296997D9F1','{"v":1,"payload":"alert","retention":"session","lease":2592000,"expires":1797912000123456,"over":null,"paused":true,"declared":false,"expiring_sent":false,"loss":null,"problem":null,"floors":[],"tokens":[]}');
CREATE TABLE versions (
    url  BLOB PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "versions" VALUES(X'18D981E58FC93EAFDDA402408D0D653A',1795320000123);
CREATE INDEX subscriptions_of_account ON subscriptions (account, created_us, id);
CREATE INDEX subscriptions_of_owner ON subscriptions (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX subscriptions_in_phase ON subscriptions (phase, account);
CREATE INDEX subscriptions_lapsing ON subscriptions (lapses_us) WHERE lapses_us IS NOT NULL;
CREATE INDEX subscriptions_ended ON subscriptions (ended_us) WHERE ended_us IS NOT NULL;
CREATE INDEX subscriptions_reminded ON subscriptions (reminder_us) WHERE reminder_us IS NOT NULL;
CREATE INDEX outbox_of_endpoint ON outbox (endpoint, version, due_us, attempts);
CREATE INDEX outbox_of_subscription ON outbox (subscription, messages);
CREATE INDEX outbox_leased ON outbox (endpoint, leased_us) WHERE leased_us IS NOT NULL;
CREATE INDEX queues_of_lane ON queues (lane, ready_us);
CREATE INDEX queues_ready ON queues (leased, ready_us);
CREATE INDEX versions_by_age ON versions (last);
COMMIT;
