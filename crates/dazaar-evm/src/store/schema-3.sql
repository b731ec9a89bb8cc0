-- What is on record is not asked about again.
CREATE INDEX deposit_by_transaction ON deposit (evidence, block);
