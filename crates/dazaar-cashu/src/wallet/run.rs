//! Operations that are carried out: asked of the mint, and settled by what became of them.
//!
//! Grade: driver. A mint that does not answer leaves the operation as it is; the next who needs it asks the same again, which the mint
//! carries out once. If the mint refuses, it may be because it did so before: then it tells the signatures again (NUT-09). If it signed
//! the same outputs for something else, the file of coins is an old copy, and the operation gets others. Only if it did not sign is
//! the operation given up, and what it would have spent is looked at (NUT-07).

use cashu::{BlindSignature, BlindedMessage, MeltRequest, Proof, PublicKey, State, SwapRequest};

use super::{Wallet, at};
use crate::amounts::total;
use crate::error::EcashError;
use crate::mint::{MeltQuote, Mint, MintFault};
use crate::outputs::{self, Output};
use crate::store::operations::{self, Melted, Operation, Step};
use crate::store::{coins, keysets};

/// How often an operation is asked for, with other outputs each time.
const ATTEMPTS_MAX: u32 = 4;

/// What became of an operation that the mint refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolved {
    /// It is done.
    Settled,
    /// It has other outputs, and is to be asked for again.
    Renewed,
}

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
        let _turn = self.turn(mint)?;
        for _ in 0..ATTEMPTS_MAX {
            // Somebody else may have settled it meanwhile.
            let Some((_, operation)) = find()? else { return Ok(()) };
            match ask(mint, &operation) {
                Ok(made) => return self.finish(mint, id, &operation, made),
                Err(EcashError::Mint { fault: fault @ MintFault::Refused { .. }, .. }) => {
                    if self.resolve(mint, id, &operation, fault)? == Resolved::Settled {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(at(mint, MintFault::Reused))
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
    ) -> Result<Resolved, EcashError> {
        let paid = match &operation.step {
            Step::Melt { quote } => {
                let state = mint.melt_state(quote).map_err(|fault| at(mint, fault))?;
                if !state.is_paid() && !state.is_unpaid() {
                    return Err(at(mint, MintFault::Pending));
                }
                Some(state).filter(MeltQuote::is_paid)
            }
            Step::Swap | Step::Issue { .. } => None,
        };
        let signed = signed(mint, operation)?;
        if let Some(state) = paid {
            let signatures =
                state.change.clone().unwrap_or_else(|| signed.into_iter().map_while(|one| one).collect());
            self.finish(mint, id, operation, Made { signatures, melted: Some(state) })?;
            return Ok(Resolved::Settled);
        }
        let gone = spent(mint, operation)?;
        let is_done = match &operation.step {
            Step::Swap => gone.len() == operation.inputs.len(),
            // It may have signed the same for another invoice.
            Step::Issue { quote } => mint.issue_state(quote).map_err(|fault| at(mint, fault))?.is_issued(),
            Step::Melt { .. } => false,
        };
        let is_asked = |(output, signature): (&Output, &Option<BlindSignature>)| {
            signature.as_ref().is_some_and(|signature| u64::from(signature.amount) == output.sat)
        };
        if is_done && operation.outputs.iter().zip(&signed).all(is_asked) {
            let signatures = signed.into_iter().flatten().collect();
            self.finish(mint, id, operation, Made { signatures, melted: None })?;
            return Ok(Resolved::Settled);
        }
        if !is_done && gone.is_empty() && signed.iter().any(Option::is_some) {
            return self.renew(mint, id, operation).map(|()| Resolved::Renewed);
        }
        self.give_up(mint, id, &gone, refusal).map(|()| Resolved::Settled)
    }

    /// Gives an operation outputs that the mint never signed, and finds on the way what it signed of those after.
    fn renew(&self, mint: &Mint, id: i64, operation: &Operation) -> Result<(), EcashError> {
        let Some(output) = operation.outputs.first() else { return Ok(()) };
        let keysets = self.keysets(mint)?;
        let keyset = keysets.iter().find(|keyset| keyset.id == output.keyset);
        let keyset = keyset.ok_or(EcashError::Damaged { what: "an operation without its keyset" })?;
        let sat = self.restore_keyset(mint, keyset)?;
        tracing::warn!(
            sat,
            "the file of coins is an old copy; this was found again, and used numbers are left out"
        );
        self.store.write(|connection| {
            let first = keysets::take_counters(connection, &keyset.id, operation.outputs.len())?;
            let outputs = outputs::renewed(&self.seed, &operation.outputs, first)?;
            operations::change(connection, id, &Operation { outputs, ..operation.clone() })
        })
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

/// The signatures that the mint gave for these outputs before, in their order: none for those that it did not sign.
fn signed(mint: &Mint, operation: &Operation) -> Result<Vec<Option<BlindSignature>>, EcashError> {
    let blinded = operation.outputs.iter().map(Output::blinded).collect::<Result<Vec<_>, _>>()?;
    if blinded.is_empty() {
        return Ok(Vec::new());
    }
    let signed = mint.restore(blinded.clone()).map_err(|fault| at(mint, fault))?;
    let signature_of = |asked: &BlindedMessage| {
        let found = signed.iter().find(|(message, _)| message.blinded_secret == asked.blinded_secret);
        found.map(|(_, signature)| signature.clone())
    };
    Ok(blinded.iter().map(signature_of).collect())
}
