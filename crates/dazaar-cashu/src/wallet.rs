//! The wallet: its secrets, its file and its mints.
//!
//! Grade: driver. All of it waits for disks and mints, so it runs on threads that may: see [`crate::Ecash`].

mod fill;
mod payee;
mod payer;
mod plan;
mod redeem;
mod restore;
mod run;

use std::fs::File;
use std::path::Path;
use std::sync::MutexGuard;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cashu::{Id, KeySet, MintUrl};
use dazaar_market::MasterKey;

pub use self::fill::{CashedOut, TopUp};
pub(crate) use self::payer::refunded_sat;
pub use self::redeem::Redeemed;
use crate::error::EcashError;
use crate::mint::{Mint, MintFault};
use crate::seed::Seed;
use crate::settings::Settings;
use crate::store::coins::Kind;
use crate::store::{Store, coins, keysets};

/// What a mint must be able to do: tell whether coins are spent, restore, lock coins, and prove its signatures.
const NUTS_NEEDED: [&str; 4] = ["7", "9", "11", "12"];

#[derive(Debug)]
pub(crate) struct Wallet {
    pub(crate) seed: Seed,
    settings: Settings,
    store: Store,
    mints: Vec<Mint>,
}

/// The right to ask a mint to do something.
struct Turn<'a> {
    _among_programs: File,
    _here: MutexGuard<'a, ()>,
}

/// What a mint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintReport {
    /// Its address.
    pub mint: String,
    /// What it calls itself.
    pub name: String,
    /// The software that it runs.
    pub version: String,
    /// What spending a coin costs there, in thousandths of a satoshi.
    pub fee_thousandths: u64,
}

/// What there is at a mint, in satoshis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Balance {
    /// Its address.
    pub mint: String,
    /// Can be spent.
    pub own_sat: u64,
    /// Was earned, and is not redeemed yet.
    pub earned_sat: u64,
    /// Is locked to sellers, and comes back if they do not redeem it.
    pub given_sat: u64,
}

impl Wallet {
    pub(crate) fn open(path: &Path, master: &MasterKey, settings: Settings) -> Result<Self, EcashError> {
        let timeout = Duration::from_secs(settings.answer_seconds);
        let mints = settings.mint_urls()?.into_iter().map(|url| Mint::new(url, timeout)).collect();
        Ok(Self { seed: Seed::new(master), settings, store: Store::open(path)?, mints })
    }

    /// Asks every mint what it is.
    pub(crate) fn check(&self) -> Result<Vec<MintReport>, EcashError> {
        self.mints.iter().map(|mint| self.check_one(mint)).collect()
    }

    fn check_one(&self, mint: &Mint) -> Result<MintReport, EcashError> {
        let info = mint.info().map_err(|fault| at(mint, fault))?;
        let lacks = |nut: &&str| info.nuts.get(*nut).is_none_or(|nut| nut["supported"] != true);
        let missing: Vec<&str> = NUTS_NEEDED.into_iter().filter(lacks).collect();
        if !missing.is_empty() {
            let missing = format!("NUT {}", missing.join(", "));
            return Err(at(mint, MintFault::Lacks { missing }));
        }
        self.refresh(mint)?;
        let active = active(mint, &self.keysets(mint)?)?;
        let text = |text: Option<String>| dazaar_market::display_text(&text.unwrap_or_default());
        Ok(MintReport {
            mint: mint.url.to_string(),
            name: text(info.name),
            version: text(info.version),
            fee_thousandths: active.input_fee_ppk,
        })
    }

    /// What there is at each mint. Asks nobody.
    pub(crate) fn balance(&self) -> Result<Vec<Balance>, EcashError> {
        self.store.read(|connection| {
            let balance = |mint: &Mint| {
                let sum = |kind| coins::sum(connection, &mint.url, kind);
                let (own_sat, earned_sat, given_sat) =
                    (sum(Kind::Own)?, sum(Kind::Earned)?, sum(Kind::Given)?);
                Ok(Balance { mint: mint.url.to_string(), own_sat, earned_sat, given_sat })
            };
            self.mints.iter().map(balance).collect()
        })
    }

    /// The mint of this address, if it is trusted.
    fn mint(&self, url: &MintUrl) -> Result<&Mint, EcashError> {
        let foreign = || EcashError::ForeignMint { mint: dazaar_market::display_text(&url.to_string()) };
        self.mints.iter().find(|mint| mint.url == *url).ok_or_else(foreign)
    }

    /// Waits until nobody else asks a mint to do something: here, or in another program, but for that no longer than for a mint's answer.
    fn turn<'a>(&self, mint: &'a Mint) -> Result<Turn<'a>, EcashError> {
        let here = mint.turn();
        let patience = Duration::from_secs(self.settings.answer_seconds);
        Ok(Turn { _among_programs: self.store.turn(&mint.url, patience)?, _here: here })
    }

    /// The keysets of a mint: those that are known, or what it says if none is.
    fn keysets(&self, mint: &Mint) -> Result<Vec<KeySet>, EcashError> {
        let known = self.store.read(|connection| keysets::all(connection, &mint.url))?;
        if !known.is_empty() {
            return Ok(known);
        }
        self.refresh(mint)?;
        self.store.read(|connection| keysets::all(connection, &mint.url))
    }

    /// Asks a mint for its keysets.
    fn refresh(&self, mint: &Mint) -> Result<(), EcashError> {
        let known = self.store.read(|connection| keysets::all(connection, &mint.url))?;
        let now = mint.keysets(&known).map_err(|fault| at(mint, fault))?;
        self.store.write(|connection| keysets::put(connection, &mint.url, &now))
    }
}

/// Says at which mint it happened.
fn at(mint: &Mint, fault: MintFault) -> EcashError {
    EcashError::Mint { mint: mint.url.to_string(), fault }
}

/// The keyset for new coins: the cheapest of those that are in use.
fn active(mint: &Mint, keysets: &[KeySet]) -> Result<KeySet, EcashError> {
    let in_use = keysets.iter().filter(|keyset| keyset.active == Some(true));
    let cheapest = in_use.min_by_key(|keyset| keyset.input_fee_ppk).cloned();
    cheapest.ok_or_else(|| at(mint, MintFault::Lacks { missing: "coins of satoshis".to_owned() }))
}

/// What spending a coin of this keyset costs, in thousandths of a satoshi.
fn fee_of(keysets: &[KeySet], id: &Id) -> Result<u64, EcashError> {
    let keyset = keysets.iter().find(|keyset| keyset.id == *id);
    keyset.map(|keyset| keyset.input_fee_ppk).ok_or(EcashError::Damaged { what: "a coin without its keyset" })
}

/// Seconds since 1970 UTC.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
