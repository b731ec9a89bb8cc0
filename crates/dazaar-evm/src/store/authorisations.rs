//! Authorisations: on record before they are submitted.

use alloy_primitives::{Address, B256};
use dazaar::database::OrderId;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, StoreError, bytes, signed, unsigned};
use crate::authorisation::SignedAuthorisation;

/// An authorisation for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The payment's name.
    pub(crate) reference: B256,
    /// What it pays for.
    pub(crate) order: OrderId,
    /// In which token.
    pub(crate) contract: Address,
    /// Who pays.
    pub(crate) authorizer: Address,
    /// Who is paid.
    pub(crate) pay_to: Address,
    /// The authorisation's name.
    pub(crate) nonce: B256,
    /// What can be submitted; none if somebody else did.
    pub(crate) signed: Option<SignedAuthorisation>,
    /// It is in no block before this one.
    pub(crate) since: u64,
    /// Where it was seen last.
    pub(crate) seen: Option<Sighting>,
}

/// An authorisation in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    /// Which block.
    pub(crate) block: B256,
    /// How many blocks are before that.
    pub(crate) height: u64,
    /// How many units came.
    pub(crate) units: u64,
    /// Whether it counted there.
    pub(crate) is_final: bool,
}

const SELECT: &str = "SELECT reference, order_id, contract, authorizer, pay_to, nonce, signed, since, block, height, units, is_final FROM authorisation";

impl Store {
    /// Records an authorisation. One that was signed anew takes the place of the one before: the chain takes only one of them.
    ///
    /// # Errors
    /// [`StoreError::Differs`] if it was handed over for another order.
    pub(crate) fn put_authorisation(&self, entry: &Entry) -> Result<(), StoreError> {
        let signed_json = entry.signed.as_ref().map(serde_json::to_string).transpose();
        let signed_json = signed_json.map_err(|_| StoreError::Damaged { column: "authorisation.signed" })?;
        let sql = "INSERT INTO authorisation (reference, order_id, contract, authorizer, pay_to, nonce, signed, since)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (reference) DO UPDATE SET signed = coalesce(excluded.signed, signed)
            WHERE order_id = excluded.order_id";
        let row = params![
            entry.reference.as_slice(),
            entry.order,
            entry.contract.as_slice(),
            entry.authorizer.as_slice(),
            entry.pay_to.as_slice(),
            entry.nonce.as_slice(),
            signed_json,
            signed(entry.since),
        ];
        if self.connection().execute(sql, row)? == 0 {
            return Err(StoreError::Differs { what: "order's payment" });
        }
        Ok(())
    }

    /// The authorisation of this name.
    pub(crate) fn authorisation(&self, reference: &B256) -> Result<Option<Entry>, StoreError> {
        let sql = format!("{SELECT} WHERE reference = ?1");
        let entry = self.connection().query_row(&sql, [reference.as_slice()], read).optional()?;
        entry.map(complete).transpose()
    }

    /// An order's authorisations, the first one first.
    pub(crate) fn authorisations(&self, order: &OrderId) -> Result<Vec<Entry>, StoreError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached(&format!("{SELECT} WHERE order_id = ?1 ORDER BY rowid"))?;
        let entries = statement.query_map([order], read)?.collect::<Result<Vec<_>, _>>()?;
        entries.into_iter().map(complete).collect()
    }

    /// Records where an authorisation was seen, before anybody hears of it.
    pub(crate) fn see_authorisation(&self, reference: &B256, seen: &Sighting) -> Result<(), StoreError> {
        let sql = "UPDATE authorisation SET block = ?2, height = ?3, units = ?4, is_final = ?5 WHERE reference = ?1";
        let Sighting { block, height, units, is_final } = seen;
        let row = params![reference.as_slice(), block.as_slice(), signed(*height), signed(*units), is_final];
        self.connection().execute(sql, row)?;
        Ok(())
    }
}

/// An entry whose signed part is still text.
fn read(row: &Row<'_>) -> rusqlite::Result<(Entry, Option<String>)> {
    let block: Option<[u8; 32]> = row.get(8)?;
    let seen = match block {
        Some(block) => Some(Sighting {
            block: block.into(),
            height: unsigned(row, 9)?,
            units: unsigned(row, 10)?,
            is_final: row.get(11)?,
        }),
        None => None,
    };
    let entry = Entry {
        reference: bytes(row, 0)?.into(),
        order: bytes(row, 1)?,
        contract: bytes(row, 2)?.into(),
        authorizer: bytes(row, 3)?.into(),
        pay_to: bytes(row, 4)?.into(),
        nonce: bytes(row, 5)?.into(),
        signed: None,
        since: unsigned(row, 7)?,
        seen,
    };
    Ok((entry, row.get(6)?))
}

fn complete((entry, signed): (Entry, Option<String>)) -> Result<Entry, StoreError> {
    let signed = signed.map(|json| serde_json::from_str(&json)).transpose();
    let signed = signed.map_err(|_| StoreError::Damaged { column: "authorisation.signed" })?;
    Ok(Entry { signed, ..entry })
}
