-- Rows that a buyer was charged for by the row, from the first to before the end: none is paid twice. Runs that meet are one.
CREATE TABLE charged_rows (
    feed      BLOB NOT NULL REFERENCES listing (feed),
    buyer     BLOB NOT NULL,
    first_row INTEGER NOT NULL,
    end_row   INTEGER NOT NULL CHECK (end_row > first_row),
    PRIMARY KEY (feed, buyer, first_row)
) STRICT;
