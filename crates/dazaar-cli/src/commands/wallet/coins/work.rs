//! What a wallet of ecash is told to do.

use std::time::Duration;

use dazaar::cards::{Asset, Money};
use dazaar_cashu::{Ecash, EcashError};

use super::{CashOutArguments, Coins, FillArguments, ReceiveArguments, RestoreArguments};
use crate::commands::Context;
use crate::event::Event;
use crate::failure::Failure;
use crate::secrets;
use crate::signals::Interruption;
use crate::wallets::Inner;

/// Pause from one look whether an invoice is paid to the next.
const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// Bytes of a token.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

pub(super) async fn run(context: &Context, command: &Coins) -> Result<(), Failure> {
    match command {
        Coins::Fill(arguments) => fill(context, arguments).await,
        Coins::Receive(arguments) => receive(context, arguments).await,
        Coins::CashOut(arguments) => cash_out(context, arguments).await,
        Coins::Restore(arguments) => restore(context, arguments).await,
    }
}

async fn fill(context: &Context, arguments: &FillArguments) -> Result<(), Failure> {
    let wallet = Purse::named(context, &arguments.name)?;
    let Money { asset, units } = arguments.amount.clone();
    if asset != Asset::Bitcoin {
        return Err(Failure::input("coins are of satoshis, such as `2000 sats`"));
    }
    let interruption = Interruption::listen()?;
    let top_up = wallet.try_to(wallet.ecash.top_up(units.div_ceil(1000)).await)?;
    context.output.event(&Event::Pay {
        method: "bolt11".to_owned(),
        amount: Money { asset, units }.to_string(),
        request: top_up.invoice,
        expires: None,
    })?;
    let coming = async {
        loop {
            match wallet.try_to(wallet.ecash.collect().await)? {
                0 => tokio::time::sleep(LOOK_PAUSE).await,
                sat => return Ok::<_, Failure>(sat),
            }
        }
    };
    match interruption.or(coming).await? {
        Some(sat) => wallet.tell(context, sat),
        None => {
            context.output.remark("Once the invoice is paid, `dazaar wallet balance` gets the coins");
            Ok(())
        }
    }
}

async fn receive(context: &Context, arguments: &ReceiveArguments) -> Result<(), Failure> {
    let wallet = Purse::named(context, &arguments.name)?;
    let token = secrets::typed_within("Token: ", TOKEN_BYTES_MAX)?;
    let sat = wallet.try_to(wallet.ecash.receive(token.trim()).await)?;
    wallet.tell(context, sat)
}

async fn cash_out(context: &Context, arguments: &CashOutArguments) -> Result<(), Failure> {
    let wallet = Purse::named(context, &arguments.name)?;
    let paid = wallet.try_to(wallet.ecash.cash_out(&arguments.invoice, arguments.max_fee).await)?;
    Ok(context.output.event(&Event::Sent {
        method: "bolt11".to_owned(),
        asset: Asset::Bitcoin.to_string(),
        units: paid.sat.saturating_mul(1000),
        fee: paid.fee_sat.saturating_mul(1000),
    })?)
}

async fn restore(context: &Context, arguments: &RestoreArguments) -> Result<(), Failure> {
    let wallet = Purse::named(context, &arguments.name)?;
    let sat = wallet.try_to(wallet.ecash.restore().await)?;
    wallet.tell(context, sat)
}

/// A wallet of ecash, and its name.
struct Purse {
    name: String,
    ecash: Ecash,
}

impl Purse {
    fn named(context: &Context, name: &str) -> Result<Self, Failure> {
        let wallet = context.wallet(&*context.market()?, name.to_owned())?;
        match &wallet.inner {
            Inner::Cashu(ecash) => Ok(Self { name: wallet.name.clone(), ecash: ecash.clone() }),
            _ => Err(Failure::input(format!("`{name}` is no wallet of ecash"))),
        }
    }

    fn try_to<T>(&self, result: Result<T, EcashError>) -> Result<T, Failure> {
        result.map_err(|error| Failure::input(format!("wallet `{}`: {error}", self.name)))
    }

    fn tell(&self, context: &Context, sat: u64) -> Result<(), Failure> {
        let (asset, units) = (Asset::Bitcoin.to_string(), sat.saturating_mul(1000));
        Ok(context.output.event(&Event::Received { name: self.name.clone(), asset, units })?)
    }
}
