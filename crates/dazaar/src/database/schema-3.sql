-- What a buyer paid, used and has left under one price. Amounts are units of the asset.
CREATE TABLE account (
    id          INTEGER PRIMARY KEY,
    feed        BLOB NOT NULL REFERENCES listing (feed),
    buyer       BLOB NOT NULL,
    asset       TEXT NOT NULL,
    price       TEXT NOT NULL,            -- JSON
    forever     INTEGER NOT NULL DEFAULT 0,
    closed      INTEGER NOT NULL DEFAULT 0, -- the seller took everything back, and nothing was paid since
    balance     INTEGER NOT NULL DEFAULT 0 CHECK (balance >= 0),
    paid        INTEGER NOT NULL DEFAULT 0,
    delivered   INTEGER NOT NULL DEFAULT 0,
    refunded    INTEGER NOT NULL DEFAULT 0,
    revoked     INTEGER NOT NULL DEFAULT 0,
    short       INTEGER NOT NULL DEFAULT 0 CHECK (short >= 0), -- delivered for a payment that was reversed
    carry       INTEGER NOT NULL DEFAULT 0,
    trial_used  INTEGER NOT NULL DEFAULT 0,
    free_window INTEGER NOT NULL DEFAULT 0,
    window_used INTEGER NOT NULL DEFAULT 0,
    clock_ms    INTEGER,                  -- if it runs by the clock: when it was charged last, by the program's and the wall clock
    wall_ms     INTEGER,
    opened_ms   INTEGER NOT NULL,
    UNIQUE (feed, buyer, asset, price),
    CHECK (balance = paid - delivered - refunded - revoked + short)
) STRICT;

-- What a buyer is about to pay. The buyer chose the id: asking twice is asking once.
CREATE TABLE orders (
    id         BLOB PRIMARY KEY,
    account    INTEGER NOT NULL REFERENCES account (id),
    method     TEXT NOT NULL,
    units      INTEGER NOT NULL,
    made_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;

-- Every movement but deliveries, never changed. `reference` is the payment's own name; `block` is where a chain has it.
CREATE TABLE entry (
    seq         INTEGER PRIMARY KEY,
    method      TEXT NOT NULL,
    reference   BLOB NOT NULL,
    kind        TEXT NOT NULL,
    block       BLOB NOT NULL,
    incarnation INTEGER NOT NULL DEFAULT 0, -- how often it had gone from this block before
    account     INTEGER REFERENCES account (id), -- null: nobody knows for what it was paid
    order_id    BLOB,
    units       INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    evidence    BLOB,
    UNIQUE (method, reference, kind, block, incarnation)
) STRICT;

-- What was delivered, by day: days since 1970 UTC.
CREATE TABLE delivery (
    account INTEGER NOT NULL REFERENCES account (id),
    day     INTEGER NOT NULL,
    units   INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT;

-- How far the reports of a method were taken in.
CREATE TABLE method_cursor (
    method   TEXT PRIMARY KEY,
    position BLOB NOT NULL
) STRICT;

-- Codes that give credit once. Only their hashes are here.
CREATE TABLE voucher (
    hash       BLOB PRIMARY KEY,
    feed       BLOB NOT NULL REFERENCES listing (feed),
    amount_ms  INTEGER,                   -- null: until revoked
    made_ms    INTEGER NOT NULL,
    expires_ms INTEGER,
    revoked_ms INTEGER,
    buyer      BLOB,
    used_ms    INTEGER
) STRICT;

-- Receipts that sellers signed for what I paid.
CREATE TABLE receipt (
    seller    BLOB NOT NULL,
    method    TEXT NOT NULL,
    reference TEXT NOT NULL,
    receipt   TEXT NOT NULL,              -- JSON, as the seller signed it
    stored_ms INTEGER NOT NULL,
    PRIMARY KEY (seller, method, reference)
) STRICT;

-- Granted time becomes accounts whose asset is time. Sums beyond a thousand years are cut: nobody can add to them. How much of the
-- time that is gone was delivered, and how much taken back, is not known any more: it counts as delivered.
INSERT INTO account (feed, buyer, asset, price, forever, balance, paid, delivered, opened_ms)
SELECT feed, buyer, 'time', '{"amount":"1","asset":"time","interval":"1","per":"millisecond"}', forever, left_ms,
    CASE WHEN granted > left_ms THEN granted ELSE left_ms END,
    CASE WHEN granted > left_ms THEN granted - left_ms ELSE 0 END,
    opened_ms
FROM (
    SELECT credit.feed, credit.buyer, credit.forever,
        CASE WHEN credit.left_ms > 31557600000000 THEN 31557600000000 ELSE credit.left_ms END AS left_ms,
        (SELECT coalesce(sum(CASE WHEN amount_ms > 31557600000000 THEN 31557600000000
                                  WHEN amount_ms < 0 THEN 0 ELSE amount_ms END), 0)
         FROM time_grant WHERE time_grant.feed = credit.feed AND time_grant.buyer = credit.buyer) AS granted,
        (SELECT coalesce(min(granted_ms), 0)
         FROM time_grant WHERE time_grant.feed = credit.feed AND time_grant.buyer = credit.buyer) AS opened_ms
    FROM credit
) AS old;

-- When it was delivered is not known either.
INSERT INTO delivery (account, day, units) SELECT id, opened_ms / 86400000, delivered FROM account WHERE delivered > 0;

INSERT INTO entry (method, reference, kind, block, account, units, at_ms)
SELECT 'grant', CAST(time_grant.id AS BLOB), CASE WHEN amount_ms IS NULL THEN 'admit' ELSE 'credit' END, x'', account.id,
    CASE WHEN amount_ms IS NULL OR amount_ms < 0 THEN 0
         WHEN amount_ms > 31557600000000 THEN 31557600000000 ELSE amount_ms END,
    granted_ms
FROM time_grant JOIN account ON account.feed = time_grant.feed AND account.buyer = time_grant.buyer
ORDER BY granted_ms, time_grant.id;

DROP TABLE credit;
DROP TABLE time_grant;

-- The time that is believed to have passed, and when the program was alive last. One row.
CREATE TABLE program_clock (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    run        INTEGER NOT NULL,
    running_ms INTEGER NOT NULL,
    wall_ms    INTEGER NOT NULL,
    clock_ms   INTEGER NOT NULL
) STRICT;
