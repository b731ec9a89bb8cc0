-- Where an authorisation was seen: how many blocks are before, and whether it counted there.
ALTER TABLE authorisation ADD COLUMN height INTEGER NOT NULL DEFAULT 0;
ALTER TABLE authorisation ADD COLUMN is_final INTEGER NOT NULL DEFAULT 0;

-- After which block coins were counted last: what a node says of an older one is old news.
ALTER TABLE coins ADD COLUMN height INTEGER NOT NULL DEFAULT 0;
