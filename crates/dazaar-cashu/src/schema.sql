-- Keys are 33-byte points, times are seconds since 1970 UTC, amounts are satoshis.

-- The keys of mints. They never change, but a keyset can be retired.
CREATE TABLE keyset (
    mint TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (mint, id)
);

-- How many coins were ever derived for a keyset (NUT-13).
CREATE TABLE counter (
    keyset TEXT PRIMARY KEY,
    next INTEGER NOT NULL
);

-- What a mint is about to be asked, with all that is needed to ask again. Gone once it is settled.
CREATE TABLE operation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mint TEXT NOT NULL,
    body TEXT NOT NULL
);

-- Coins: `own` are ours to spend, `earned` are locked to us and not redeemed, `given` are locked to others and may come back.
CREATE TABLE coin (
    y BLOB PRIMARY KEY,
    mint TEXT NOT NULL,
    keyset TEXT NOT NULL,
    sat INTEGER NOT NULL CHECK (sat > 0),
    kind TEXT NOT NULL CHECK (kind IN ('own', 'earned', 'given')),
    body TEXT NOT NULL,
    -- The name of the key that spends it, if it is locked.
    key TEXT,
    -- From when it can be taken back.
    back_s INTEGER,
    -- What it is about to be spent in.
    operation INTEGER REFERENCES operation ON DELETE SET NULL
);
CREATE INDEX coin_kind ON coin (mint, kind, operation);

-- Coins that came together for an order: one payment. `counts` once they are ours for certain.
CREATE TABLE batch (
    id INTEGER PRIMARY KEY,
    order_id BLOB NOT NULL,
    reference BLOB NOT NULL UNIQUE,
    sat INTEGER NOT NULL CHECK (sat > 0),
    counts INTEGER NOT NULL,
    operation INTEGER REFERENCES operation ON DELETE SET NULL
);
CREATE INDEX batch_order ON batch (order_id);

-- Every coin that was ever handed over, for ever.
CREATE TABLE seen (
    y BLOB PRIMARY KEY,
    batch INTEGER NOT NULL REFERENCES batch ON DELETE CASCADE
);

-- What was paid or given back, by the name of the order or refund. `token` is missing as long as the mint has not answered.
CREATE TABLE outgoing (
    name TEXT PRIMARY KEY,
    terms TEXT NOT NULL,
    spent INTEGER NOT NULL,
    token TEXT,
    reference BLOB,
    operation INTEGER REFERENCES operation ON DELETE SET NULL
);

-- Lightning invoices that fill the wallet (`in`) and empty it (`out`).
CREATE TABLE invoice (
    quote TEXT PRIMARY KEY,
    mint TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    request TEXT NOT NULL,
    sat INTEGER NOT NULL,
    -- What it cost on top, once it is settled.
    fee INTEGER,
    preimage TEXT,
    is_settled INTEGER NOT NULL DEFAULT 0,
    operation INTEGER REFERENCES operation ON DELETE SET NULL
);
