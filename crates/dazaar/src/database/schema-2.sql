-- What a listing keeps of the past; null keeps everything.
ALTER TABLE listing ADD COLUMN keep_ms INTEGER;
ALTER TABLE listing ADD COLUMN keep_bytes INTEGER;

-- How long a feed was at a time: its blocks carry none.
CREATE TABLE mark (
    feed    BLOB NOT NULL REFERENCES listing (feed),
    length  INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    PRIMARY KEY (feed, length)
) STRICT;
