//! Transactions with a fee market.
//!
//! Grade: plain. Source: EIP-1559, EIP-2718.

use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::{Encodable, Header};

use crate::key::{Key, KeyError};

/// The first byte of this kind of transaction.
const KIND: u8 = 2;

/// A call of a contract that an account pays the gas for. No coins are sent along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) chain: u64,
    /// How many the account had made before.
    pub(crate) nonce: u64,
    /// Wei for the block's maker, for a unit of gas.
    pub(crate) tip: u128,
    /// Wei in all, for a unit of gas.
    pub(crate) max_fee: u128,
    pub(crate) gas: u64,
    pub(crate) to: Address,
    pub(crate) data: Vec<u8>,
}

/// A transaction, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Its name.
    pub(crate) hash: B256,
    /// What nodes take.
    pub(crate) raw: Vec<u8>,
}

impl Transaction {
    /// Signs it.
    pub(crate) fn sign(&self, key: &Key) -> Result<Signed, KeyError> {
        let signature = key.sign(&keccak256(self.encode(&[])))?;
        let [r, s] = [signature.r(), signature.s()].map(|number| number.to_be_bytes_trimmed_vec());
        let raw = self.encode(&[&signature.v(), &&r[..], &&s[..]]);
        Ok(Signed { hash: keccak256(&raw), raw })
    }

    /// The kind, and a list of the fields with `more` at the end.
    fn encode(&self, more: &[&dyn Encodable]) -> Vec<u8> {
        let (no_value, no_access_list) = (0_u64, Vec::<u64>::new());
        let fields: [&dyn Encodable; 9] = [
            &self.chain,
            &self.nonce,
            &self.tip,
            &self.max_fee,
            &self.gas,
            &self.to.as_slice(),
            &no_value,
            &self.data.as_slice(),
            &no_access_list,
        ];
        let mut payload = Vec::new();
        fields.iter().chain(more).for_each(|field| field.encode(&mut payload));
        let mut encoded = vec![KIND];
        Header { list: true, payload_length: payload.len() }.encode(&mut encoded);
        encoded.extend(payload);
        encoded
    }
}
