-- Authorisations that buyers handed over, or that were found on the chain by their nonce.
CREATE TABLE authorisation (
    reference BLOB PRIMARY KEY,
    order_id BLOB NOT NULL,
    contract BLOB NOT NULL,
    authorizer BLOB NOT NULL,
    pay_to BLOB NOT NULL,
    nonce BLOB NOT NULL,
    -- x402's JSON of what was signed; NULL if it was found.
    signed TEXT,
    -- The last block before it was recorded: it is in none that is older.
    since INTEGER NOT NULL,
    -- Where it was seen last, and what came.
    block BLOB,
    units INTEGER
) STRICT;
CREATE INDEX authorisation_by_order ON authorisation (order_id);

-- Transactions that were signed, before they were sent.
CREATE TABLE submission (
    seq INTEGER PRIMARY KEY,
    purpose BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL,
    raw BLOB NOT NULL,
    tip INTEGER NOT NULL,
    max_fee INTEGER NOT NULL,
    signed_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX submission_by_purpose ON submission (purpose);

-- How far the chain was searched for something.
CREATE TABLE scan (
    name BLOB PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What is to be given back.
CREATE TABLE refund (
    name BLOB PRIMARY KEY,
    contract BLOB NOT NULL,
    pay_to BLOB NOT NULL,
    units INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Payments at addresses that were derived for buyers.
CREATE TABLE deposit (
    reference BLOB PRIMARY KEY,
    order_id BLOB NOT NULL,
    block BLOB NOT NULL,
    height INTEGER NOT NULL,
    units INTEGER NOT NULL,
    evidence BLOB NOT NULL
) STRICT;
CREATE INDEX deposit_by_order ON deposit (order_id);

-- Coins at such an address, as they were counted last: wei, big endian.
CREATE TABLE coins (
    address BLOB PRIMARY KEY,
    counted BLOB NOT NULL,
    payments INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
