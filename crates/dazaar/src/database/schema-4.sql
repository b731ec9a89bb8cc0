-- How an order can be paid: what the buyer was told, and what the wallet wants to be reminded of. Null as long as no wallet was asked.
ALTER TABLE orders ADD COLUMN memo TEXT NOT NULL DEFAULT '';
ALTER TABLE orders ADD COLUMN wallet TEXT;
ALTER TABLE orders ADD COLUMN request TEXT;
ALTER TABLE orders ADD COLUMN handle TEXT;

-- Paid, or expired long ago: nobody looks for its payment any more.
ALTER TABLE orders ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;

CREATE INDEX orders_open ON orders (made_ms) WHERE closed = 0 AND request IS NOT NULL;

CREATE INDEX entry_of_order ON entry (order_id) WHERE order_id IS NOT NULL;

-- What I pay: on record before the seller is asked how.
CREATE TABLE spending (
    id         BLOB PRIMARY KEY,          -- of the order
    seller     BLOB NOT NULL,
    method     TEXT NOT NULL,
    asset      TEXT NOT NULL,
    price      TEXT NOT NULL,             -- JSON
    units      INTEGER NOT NULL,
    pay_to     TEXT,                      -- whom the card says to pay
    wallet     TEXT,                      -- which of mine pays
    fee        INTEGER NOT NULL DEFAULT 0,
    state      TEXT NOT NULL,             -- open, sent, done, failed, refused
    request    TEXT,                      -- how the seller says it can be paid
    memo       TEXT,                      -- what npm dazaar calls the payment where others may read it
    expires_ms INTEGER,
    reference  TEXT,                      -- the payment's own name, once it was sent
    proof      TEXT,                      -- what the seller is to be handed over
    at_ms      INTEGER NOT NULL
) STRICT;

CREATE INDEX spending_at ON spending (asset, at_ms);

-- How much I want to spend at most, in an asset's units.
CREATE TABLE budget (
    asset      TEXT PRIMARY KEY,
    for_order  INTEGER,
    for_seller INTEGER,
    for_day    INTEGER
) STRICT;
