-- Feeds that come with one that I sell: a drive is two.
CREATE TABLE listing_member (
    listing BLOB NOT NULL REFERENCES listing (feed),
    feed    BLOB NOT NULL,
    folder  TEXT NOT NULL,
    PRIMARY KEY (listing, feed)
) STRICT;

-- Everybody gets this feed, and may pass it on.
ALTER TABLE purchase ADD COLUMN free INTEGER NOT NULL DEFAULT 0;

-- Feeds that come with one that I buy.
CREATE TABLE purchase_member (
    seller BLOB NOT NULL REFERENCES purchase (seller),
    feed   BLOB NOT NULL,                 -- as the data names it
    key    BLOB NOT NULL,                 -- as I get it
    PRIMARY KEY (seller, feed)
) STRICT;
