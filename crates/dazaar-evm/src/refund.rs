//! Refunds: a plain transfer from the account that is paid, once for each name.
//!
//! Grade: driver.

use alloy_primitives::{Address, keccak256};
use alloy_sol_types::SolCall as _;
use dazaar::payment::PaymentError;
use dazaar_market::Asset;

use crate::abi::Erc20;
use crate::jsonrpc::Receipt;
use crate::outbox::{Job, Progress};
use crate::payee::TokenPayee;
use crate::transfers::transfer;
use crate::vet;

impl TokenPayee {
    /// Gives units back; the transaction, once it is final. Until then it is not there yet, and asking again helps.
    pub(crate) async fn give_back(
        &self,
        name: &[u8],
        asset: &Asset,
        units: u64,
        to: &str,
    ) -> Result<String, PaymentError> {
        let token = self.token(asset)?;
        let to = vet::address(to).ok_or_else(|| PaymentError::refused("an address has 40 hex digits"))?;
        self.may_give_back()?;
        let account = self.outbox.account();
        if [Address::ZERO, account, token.contract].contains(&to) {
            return Err(PaymentError::refused(format!("nobody is paid at {to}")));
        }
        let head = self.chain.head(self.finality).await?;
        let call = Erc20::transferCall { to, value: token.amount(units) }.abi_encode();
        let purpose = keccak256([&b"refund"[..], name].concat());
        if self.store.submissions(purpose.as_slice())?.is_empty() {
            self.rehearse(token.contract, call.clone()).await?;
        }
        self.store.put_refund(name, token.contract, to, units)?;
        let job = Job { purpose: purpose.as_slice(), to: token.contract, data: &call, is_once: false };
        let Progress::Done(receipt) = self.outbox.drive(&job, &head).await? else {
            return Err(PaymentError::unavailable("the refund is on its way, and in no block yet"));
        };
        let height = receipt.block_number.to();
        if height > head.last_final || !self.chain.has_block(receipt.block_hash, height).await? {
            return Err(PaymentError::unavailable("the refund is in a block that may still go away"));
        }
        if !has_moved(&receipt, token.contract, account, to) {
            return Err(PaymentError::refused("the token did not carry the refund out"));
        }
        Ok(receipt.transaction_hash.to_string())
    }

    /// Money that is elsewhere cannot be given back.
    pub(crate) fn may_give_back(&self) -> Result<(), PaymentError> {
        if self.outbox.account() == self.pay_to {
            return Ok(());
        }
        Err(PaymentError::refused("the wallet has no key for the account that is paid"))
    }

    /// Some tokens do not fail, they say no.
    async fn rehearse(&self, contract: Address, call: Vec<u8>) -> Result<(), PaymentError> {
        let answer = self.chain.simulate(self.outbox.account(), contract, call).await;
        match answer {
            // Some old tokens say nothing.
            Ok(answer) if answer.is_empty() => Ok(()),
            Ok(answer) if Erc20::transferCall::abi_decode_returns(&answer) == Ok(true) => Ok(()),
            Ok(_) => Err(PaymentError::refused("the token refuses the refund")),
            Err(error) => Err(match error.revert() {
                Some(reason) => PaymentError::refused(format!("the token refuses the refund: {reason}")),
                None => error.into(),
            }),
        }
    }
}

/// Whether the token tells that it moved something.
fn has_moved(receipt: &Receipt, contract: Address, from: Address, to: Address) -> bool {
    let ours = receipt.logs.iter().filter(|log| log.address == contract).filter_map(transfer);
    ours.into_iter().any(|moved| moved.from == from && moved.to == to)
}
