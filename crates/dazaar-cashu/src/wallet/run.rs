//! Operations that are carried out: asked of the mint, and settled by what became of them.
//!
//! Grade: driver. A mint that does not answer leaves the operation as it is; the next who needs it asks the same again, which the mint
//! carries out once. If the mint refuses, it may be because it did so before: then it tells the signatures again (NUT-09). Only if
//! it did not sign is the operation given up, and what it would have spent is looked at (NUT-07).

use cashu::{BlindSignature, MeltRequest, Proof, PublicKey, State, SwapRequest};

use super::{Wallet, at};
use crate::amounts::total;
use crate::error::EcashError;
use crate::mint::{MeltQuote, Mint, MintFault};
use crate::outputs::{self, Output};
use crate::store::coins;
use crate::store::operations::{self, Melted, Operation, Step};

/// What a mint gave.
struct Made {
    signatures: Vec<BlindSignature>,
    melted: Option<MeltQuote>,
}

impl Wallet {
    /// Carries an operation out, if it is not settled. An error that may pass leaves it on record.
    pub(super) fn run(&self, id: i64) -> Result<(), EcashError> {
        let find = || self.store.read(|connection| operations::find(connection, id));
        let Some((url, _)) = find()? else { return Ok(()) };
        let url = url.parse().map_err(|_| EcashError::Damaged { what: "a mint without an address" })?;
        let mint = self.mint(&url)?;
        let _turn = mint.turn();
        // Somebody else may have settled it meanwhile.
        let Some((_, operation)) = find()? else { return Ok(()) };
        match ask(mint, &operation) {
            Ok(made) => self.finish(mint, id, &operation, made),
            Err(EcashError::Mint { fault: fault @ MintFault::Refused { .. }, .. }) => {
                self.resolve(mint, id, &operation, fault)
            }
            Err(error) => Err(error),
        }
    }

    fn finish(&self, mint: &Mint, id: i64, operation: &Operation, made: Made) -> Result<(), EcashError> {
        let keysets = self.keysets(mint)?;
        let keyset_of = |id: &cashu::Id| keysets.iter().find(|keyset| keyset.id == *id).cloned();
        let coins = outputs::coins(&operation.outputs, &made.signatures, keyset_of)
            .ok_or_else(|| at(mint, MintFault::Answer { what: "a signature" }))?;
        let change: u64 = coins.iter().map(|(_, coin)| u64::from(coin.amount)).sum();
        let melted = made.melted.map_or_else(Melted::default, |quote| Melted {
            fee_sat: total(&operation.inputs).saturating_sub(quote.amount).saturating_sub(change),
            preimage: quote.payment_preimage,
        });
        self.store.write(|connection| operations::finish(connection, &mint.url, id, coins, &melted))
    }

    /// Finds out why the mint refuses.
    fn resolve(
        &self,
        mint: &Mint,
        id: i64,
        operation: &Operation,
        refusal: MintFault,
    ) -> Result<(), EcashError> {
        if let Step::Melt { quote } = &operation.step {
            let state = mint.melt_state(quote).map_err(|fault| at(mint, fault))?;
            if state.is_paid() {
                let signatures =
                    state.change.clone().map_or_else(|| restored(mint, operation), |some| Ok(Some(some)));
                let signatures = signatures?.unwrap_or_default();
                return self.finish(mint, id, operation, Made { signatures, melted: Some(state) });
            }
            if !state.is_unpaid() {
                return Err(at(mint, MintFault::Pending));
            }
            let gone = spent(mint, operation)?;
            return self.give_up(mint, id, &gone, refusal);
        }
        let signatures = restored(mint, operation)?;
        let gone = spent(mint, operation)?;
        match signatures {
            Some(signatures) if gone.len() == operation.inputs.len() => {
                self.finish(mint, id, operation, Made { signatures, melted: None })
            }
            Some(_) if gone.is_empty() => self.give_up(mint, id, &[], MintFault::Reused),
            _ => self.give_up(mint, id, &gone, refusal),
        }
    }

    /// Gives an operation up, and says why. Coins that are gone are forgotten; the others are free again.
    fn give_up(&self, mint: &Mint, id: i64, gone: &[PublicKey], fault: MintFault) -> Result<(), EcashError> {
        self.store.write(|connection| {
            gone.iter().try_for_each(|y| coins::forget(connection, y))?;
            operations::cancel(connection, id)
        })?;
        if !gone.is_empty() {
            return Err(EcashError::Spent);
        }
        if fault.is_about_keys() {
            self.refresh(mint)?;
        }
        Err(at(mint, fault))
    }
}

/// The inputs of an operation that are spent.
fn spent(mint: &Mint, operation: &Operation) -> Result<Vec<PublicKey>, EcashError> {
    let mut ys: Vec<PublicKey> = operation.inputs.iter().map(coins::name).collect::<Result<_, _>>()?;
    if ys.is_empty() {
        return Ok(ys);
    }
    let states = mint.states(&ys).map_err(|fault| at(mint, fault))?;
    if states.iter().any(|state| !matches!(state, State::Spent | State::Unspent)) {
        return Err(at(mint, MintFault::Pending));
    }
    let mut states = states.iter();
    ys.retain(|_| states.next() == Some(&State::Spent));
    Ok(ys)
}

/// Asks the mint.
fn ask(mint: &Mint, operation: &Operation) -> Result<Made, EcashError> {
    let blinded = operation.outputs.iter().map(Output::blinded).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<Proof> = operation.inputs.clone();
    let fault = |fault| at(mint, fault);
    let plain = |signatures| Made { signatures, melted: None };
    match &operation.step {
        Step::Swap => mint.swap(&SwapRequest::new(inputs, blinded)).map(plain).map_err(fault),
        Step::Issue { quote } => mint.issue(quote, blinded).map(plain).map_err(fault),
        Step::Melt { quote } => {
            let blanks = Some(blinded).filter(|blinded| !blinded.is_empty());
            let answer = mint.melt(&MeltRequest::new(quote.clone(), inputs, blanks)).map_err(fault)?;
            if !answer.is_paid() {
                return Err(fault(if answer.is_unpaid() {
                    MintFault::Refused {
                        code: LIGHTNING_FAILED,
                        detail: "the invoice was not paid".to_owned(),
                    }
                } else {
                    MintFault::Pending
                }));
            }
            Ok(Made { signatures: answer.change.clone().unwrap_or_default(), melted: Some(answer) })
        }
    }
}

/// The standard's number for an invoice that could not be paid.
const LIGHTNING_FAILED: u64 = 20_004;

/// The signatures that the mint gave for these outputs before; none if it did not sign all of them. Of outputs whose amounts it
/// decides it signs as many as it needs.
fn restored(mint: &Mint, operation: &Operation) -> Result<Option<Vec<BlindSignature>>, EcashError> {
    let blinded = operation.outputs.iter().map(Output::blinded).collect::<Result<Vec<_>, _>>()?;
    if blinded.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let signed = mint.restore(blinded.clone()).map_err(|fault| at(mint, fault))?;
    let signature_of = |asked: &cashu::BlindedMessage| {
        let found = signed.iter().find(|(message, _)| message.blinded_secret == asked.blinded_secret);
        found.map(|(_, signature)| signature.clone())
    };
    let decides = operation.outputs.iter().all(|output| output.sat == 0);
    let signatures = blinded.iter().map(signature_of);
    Ok(if decides { signatures.take_while(Option::is_some).collect() } else { signatures.collect() })
}
