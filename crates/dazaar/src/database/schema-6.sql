-- The listing of an order, as its account has it: open orders are counted for each.
ALTER TABLE orders ADD COLUMN feed BLOB REFERENCES listing (feed);

UPDATE orders SET feed = (SELECT feed FROM account WHERE account.id = orders.account);

DROP INDEX orders_open;

CREATE INDEX orders_open ON orders (feed, made_ms) WHERE closed = 0;

-- What the seller counted of it, as the receipts say.
ALTER TABLE spending ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
