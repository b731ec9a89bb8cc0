//! Refunds: on record before their transaction is.

use alloy_primitives::Address;
use rusqlite::params;

use super::{Store, StoreError, signed};

impl Store {
    /// Records a refund, once.
    ///
    /// # Errors
    /// [`StoreError::Differs`] if another refund has this name.
    pub(crate) fn put_refund(
        &self,
        name: &[u8],
        contract: Address,
        to: Address,
        units: u64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO refund (name, contract, pay_to, units) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (name) DO UPDATE SET units = units
            WHERE contract = excluded.contract AND pay_to = excluded.pay_to AND units = excluded.units";
        let row = params![name, contract.as_slice(), to.as_slice(), signed(units)];
        if self.connection().execute(sql, row)? == 0 {
            return Err(StoreError::Differs { what: "refund" });
        }
        Ok(())
    }
}
