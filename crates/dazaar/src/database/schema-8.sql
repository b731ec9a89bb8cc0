-- Buyers who may pay without an order, each to a place of their own: their payments are looked for. Strangers give way to others.
CREATE TABLE unordered (
    feed     BLOB NOT NULL REFERENCES listing (feed),
    buyer    BLOB NOT NULL,
    wallet   TEXT NOT NULL,
    handle   TEXT NOT NULL,               -- what the wallet wants to be reminded of
    seen_ms  INTEGER NOT NULL,            -- when the buyer was here last
    has_paid INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (feed, buyer, wallet)
) STRICT;
