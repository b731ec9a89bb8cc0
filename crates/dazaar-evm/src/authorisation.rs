//! An authorisation: an owner of tokens signs a transfer, and whoever has it submits it, once.
//!
//! Grade: plain. Source: EIP-3009, EIP-712. The token itself sees to it that a nonce is used once; ours says who pays whom for what.

use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use alloy_sol_types::{SolCall as _, SolStruct as _};
use dazaar_log::IdentityKey;
use serde::{Deserialize, Serialize};

use crate::abi::{Erc20, TransferWithAuthorization};
use crate::key::{Key, KeyError};
use crate::token::Token;

/// A transfer that is signed for. As JSON it is x402's: numbers are decimal texts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorisation {
    /// Who pays.
    pub from: Address,
    /// Who is paid.
    pub to: Address,
    /// How much, as the chain counts.
    #[serde(with = "crate::decimal")]
    pub value: U256,
    /// After which time: seconds since 1970.
    #[serde(with = "crate::decimal")]
    pub valid_after: U256,
    /// Before which time: seconds since 1970.
    #[serde(with = "crate::decimal")]
    pub valid_before: U256,
    /// Its name. The token takes each one of an owner's once.
    pub nonce: B256,
}

impl Authorisation {
    /// What is signed.
    pub fn hash(&self, token: &Token, chain: u64) -> B256 {
        let Self { from, to, value, valid_after, valid_before, nonce } = *self;
        TransferWithAuthorization {
            from,
            to,
            value,
            validAfter: valid_after,
            validBefore: valid_before,
            nonce,
        }
        .eip712_signing_hash(&token.domain(chain))
    }

    /// Signs it.
    ///
    /// # Errors
    /// [`KeyError::Unsignable`].
    pub fn sign(self, key: &Key, token: &Token, chain: u64) -> Result<SignedAuthorisation, KeyError> {
        let signature = key.sign(&self.hash(token, chain))?;
        Ok(SignedAuthorisation { signature: signature.as_bytes().into(), authorization: self })
    }
}

/// An authorisation and its signature, whoever it is from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct SignedAuthorisation {
    /// 65 bytes: r, s, and 27 or 28.
    pub signature: alloy_primitives::Bytes,
    /// What is signed.
    pub authorization: Authorisation,
}

impl SignedAuthorisation {
    /// Checks that the payer signed it for this token, in the only form that tokens take.
    ///
    /// # Errors
    /// [`SignatureFault`].
    pub fn verify(&self, token: &Token, chain: u64) -> Result<Signature, SignatureFault> {
        let bytes: &[u8; 65] = self.signature[..]
            .try_into()
            .map_err(|_| SignatureFault::Length { bytes: self.signature.len() })?;
        if !matches!(bytes[64], 0 | 1 | 27 | 28) {
            return Err(SignatureFault::Parity { byte: bytes[64] });
        }
        let signature = Signature::from_raw_array(bytes).map_err(|_| SignatureFault::Nobody)?;
        if signature.normalize_s().is_some() {
            return Err(SignatureFault::High);
        }
        let hash = self.authorization.hash(token, chain);
        let signer = signature.recover_address_from_prehash(&hash).map_err(|_| SignatureFault::Nobody)?;
        if signer != self.authorization.from {
            return Err(SignatureFault::Signer { signer, payer: self.authorization.from });
        }
        Ok(signature)
    }

    /// The call that carries it out.
    pub fn call(&self, signature: &Signature) -> Vec<u8> {
        let Authorisation { from, to, value, valid_after, valid_before, nonce } = self.authorization;
        let call = Erc20::transferWithAuthorizationCall {
            from,
            to,
            value,
            validAfter: valid_after,
            validBefore: valid_before,
            nonce,
            v: 27 + u8::from(signature.v()),
            r: signature.r().into(),
            s: signature.s().into(),
        };
        call.abi_encode()
    }
}

/// The nonce that binds an authorisation to one order of one buyer's at one seller.
pub fn bound_nonce(seller: &IdentityKey, buyer: &IdentityKey, order: &[u8; 16]) -> B256 {
    keccak256([&b"dazaar/evm/v1"[..], seller.as_bytes(), buyer.as_bytes(), order].concat())
}

/// What a payment is called for ever, whichever transaction and block carry it.
pub fn reference(chain: u64, contract: Address, from: Address, nonce: B256) -> B256 {
    let parts = [
        &b"dazaar/evm/payment/v1"[..],
        &chain.to_be_bytes(),
        contract.as_slice(),
        from.as_slice(),
        nonce.as_slice(),
    ];
    keccak256(parts.concat())
}

/// Why a signature is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureFault {
    /// Not one of a key. Wallets that are contracts sign in other forms.
    #[error("a signature has 65 bytes, not {bytes}: wallets that are contracts cannot pay like this")]
    Length {
        /// Bytes found.
        bytes: usize,
    },
    /// Another last byte.
    #[error("a signature ends with 27 or 28, not {byte}")]
    Parity {
        /// The byte found.
        byte: u8,
    },
    /// The higher of the two signatures that a key can make: tokens refuse it.
    #[error("the signature is not in its low form")]
    High,
    /// No key makes this signature.
    #[error("the signature belongs to nobody")]
    Nobody,
    /// Somebody else's, or for something else.
    #[error("the signature is {signer}'s for this, not {payer}'s")]
    Signer {
        /// Who would have signed this.
        signer: Address,
        /// Who should have.
        payer: Address,
    },
}
