CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What I sell.
CREATE TABLE listing (
    feed           BLOB PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE,
    folder         TEXT NOT NULL,
    seller_secret  BLOB,                  -- only if it is not the one that the master key gives
    card           TEXT NOT NULL,
    terms          TEXT,
    unsigned_terms INTEGER NOT NULL,      -- serve peers that cannot sign the terms
    admission      TEXT NOT NULL,
    listen         TEXT,
    created_ms     INTEGER NOT NULL
) STRICT;

-- Who bought, and what was delivered.
CREATE TABLE sale (
    feed        BLOB NOT NULL REFERENCES listing (feed),
    buyer       BLOB NOT NULL,
    unique_feed BLOB NOT NULL,
    secret      BLOB,                     -- only if it is not the one that the master key gives
    since_ms    INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    blocks      INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (feed, buyer)
) STRICT;

-- What I buy.
CREATE TABLE purchase (
    seller     BLOB PRIMARY KEY,
    feed       BLOB,
    name       TEXT,
    card       TEXT,
    addresses  TEXT NOT NULL,
    terms_hash BLOB,
    since_ms   INTEGER NOT NULL
) STRICT;

-- Signed acceptances of my terms. Never deleted.
CREATE TABLE acceptance (
    feed       BLOB NOT NULL REFERENCES listing (feed),
    buyer      BLOB NOT NULL,
    terms_hash BLOB NOT NULL,
    record     BLOB NOT NULL,
    stored_ms  INTEGER NOT NULL,
    PRIMARY KEY (feed, buyer, terms_hash)
) STRICT;

-- Time that a buyer may still use. A grant is recorded once, under an id of its own.
CREATE TABLE time_grant (
    id         TEXT PRIMARY KEY,
    feed       BLOB NOT NULL REFERENCES listing (feed),
    buyer      BLOB NOT NULL,
    amount_ms  INTEGER,                   -- null: for ever; negative: taken back
    granted_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE credit (
    feed    BLOB NOT NULL REFERENCES listing (feed),
    buyer   BLOB NOT NULL,
    left_ms INTEGER NOT NULL,
    forever INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (feed, buyer)
) STRICT;
