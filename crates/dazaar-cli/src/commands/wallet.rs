//! `dazaar wallet`: what I am paid with, what I pay with, and how much I may spend.

mod add;
#[cfg(feature = "cashu")]
mod coins;

use clap::{Args, Subcommand};
use dazaar::Market;
use dazaar::cards::{Asset, Decimal, Money, Wish};
use dazaar::database::{Budget, Spending};

use super::Context;
use crate::event::Event;
use crate::failure::Failure;
use crate::times::utc;
use crate::wallets::{Wallet, asset_of};

/// Wallets: to be paid as a seller, to pay as a buyer
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(add::AddArguments),
    List(ListArguments),
    Check(NameArguments),
    Balance(NameArguments),
    #[cfg(feature = "cashu")]
    Fill(coins::FillArguments),
    #[cfg(feature = "cashu")]
    Receive(coins::ReceiveArguments),
    #[cfg(feature = "cashu")]
    CashOut(coins::CashOutArguments),
    Remove(RemoveArguments),
    Budget(BudgetArguments),
    Spent(SpentArguments),
}

/// List the wallets
#[derive(Debug, Args)]
pub(crate) struct ListArguments {}

/// One wallet, or all.
#[derive(Debug, Args)]
pub(crate) struct NameArguments {
    /// Only this wallet
    name: Option<String>,
}

/// Forget a wallet; what it holds is not touched
#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// Which
    name: String,
}

/// Set how much may be spent at most, or show it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar wallet budget --order '5000 sats' --day '20000 sats'")]
pub(crate) struct BudgetArguments {
    /// With one order
    #[arg(long, value_name = "MONEY")]
    order: Option<Wish>,

    /// With one seller, ever
    #[arg(long, value_name = "MONEY")]
    seller: Option<Wish>,

    /// In any 24 hours
    #[arg(long, value_name = "MONEY")]
    day: Option<Wish>,
}

/// List what was paid to sellers
#[derive(Debug, Args)]
pub(crate) struct SpentArguments {}

pub(crate) async fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Add(arguments) => add::run(context, arguments).await,
        Command::List(_) => list(context),
        Command::Check(arguments) => check(context, arguments).await,
        Command::Balance(arguments) => balance(context, arguments).await,
        #[cfg(feature = "cashu")]
        Command::Fill(arguments) => coins::fill(context, arguments).await,
        #[cfg(feature = "cashu")]
        Command::Receive(arguments) => coins::receive(context, arguments).await,
        #[cfg(feature = "cashu")]
        Command::CashOut(arguments) => coins::cash_out(context, arguments).await,
        Command::Remove(arguments) => Ok(context.market()?.remove_wallet(&arguments.name)?),
        Command::Budget(arguments) => budget(context, arguments),
        Command::Spent(_) => spent(context),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    Wallet::all(&*context.market()?)?.iter().try_for_each(|wallet| tell(context, wallet, None))
}

async fn check(context: &Context, arguments: &NameArguments) -> Result<(), Failure> {
    for wallet in chosen(&*context.market()?, arguments)? {
        let detail = wallet.check().await?;
        tell(context, &wallet, Some(detail))?;
    }
    Ok(())
}

async fn balance(context: &Context, arguments: &NameArguments) -> Result<(), Failure> {
    for wallet in chosen(&*context.market()?, arguments)? {
        // What is to come, comes now.
        wallet.settle().await;
        let balance = wallet.balance().await?;
        let name = wallet.name;
        if balance.is_empty() {
            context.output.event(&Event::Balance { name: name.clone(), asset: None, units: None })?;
        }
        for Money { asset, units } in balance {
            let (asset, units) = (Some(asset.to_string()), Some(units));
            context.output.event(&Event::Balance { name: name.clone(), asset, units })?;
        }
    }
    Ok(())
}

fn chosen(market: &Market, arguments: &NameArguments) -> Result<Vec<Wallet>, Failure> {
    match &arguments.name {
        Some(name) => Ok(vec![Wallet::named(market, name.clone())?]),
        None => Wallet::all(market),
    }
}

fn tell(context: &Context, wallet: &Wallet, detail: Option<String>) -> Result<(), Failure> {
    let (receives, pays) = wallet.methods();
    Ok(context.output.event(&Event::Wallet {
        name: wallet.name.clone(),
        kind: wallet.kind,
        receives: receives.map(|method| method.to_string()),
        pays: pays.map(|method| method.to_string()),
        detail,
    })?)
}

fn budget(context: &Context, arguments: &BudgetArguments) -> Result<(), Failure> {
    let market = context.market_or_new()?;
    let BudgetArguments { order, seller, day } = arguments;
    let mut asset = None;
    let [for_order, for_seller, for_day] = [order, seller, day].map(|wish| match wish {
        None => Ok(None),
        Some(wish) => {
            let money = money(wish)?;
            if asset.get_or_insert_with(|| money.asset.clone()) != &money.asset {
                return Err(Failure::input("a budget is in one currency; set one after the other"));
            }
            Ok(Some(money.units))
        }
    });
    let (for_order, for_seller, for_day) = (for_order?, for_seller?, for_day?);
    if let Some(asset) = asset {
        let kept = market.database().budgets()?.into_iter().find(|budget| budget.asset == asset);
        let kept = kept.unwrap_or(Budget { asset, for_order: None, for_seller: None, for_day: None });
        market.database().put_budget(&Budget {
            for_order: for_order.or(kept.for_order),
            for_seller: for_seller.or(kept.for_seller),
            for_day: for_day.or(kept.for_day),
            ..kept
        })?;
    }
    for budget in market.database().budgets()? {
        let Budget { asset, for_order, for_seller, for_day } = budget;
        let asset = asset.to_string();
        context.output.event(&Event::Budget { asset, for_order, for_seller, for_day })?;
    }
    Ok(())
}

fn spent(context: &Context) -> Result<(), Failure> {
    for spending in context.market()?.database().spendings(None)? {
        let Spending { order, seller, method, price, units, fee, state, time_ms, .. } = spending;
        context.output.event(&Event::Spent {
            order: hex::encode(order),
            seller: seller.to_string(),
            method: method.to_string(),
            asset: price.asset.to_string(),
            units,
            fee,
            state: state.name(),
            time: utc(time_ms),
        })?;
    }
    Ok(())
}

/// An amount of money, whatever is sold.
pub(super) fn money(wish: &Wish) -> Result<Money, Failure> {
    let Wish::Money { amount, currency } = wish else {
        return Err(Failure::input(format!(
            "`{wish}` is no amount of money, such as `5000 sats` or `10 EUR`"
        )));
    };
    let asset = asset_of(currency)?;
    let units = units(*amount, &asset, currency)
        .ok_or_else(|| Failure::input(format!("`{wish}` is finer than can be counted, or too much")))?;
    Ok(Money { asset, units })
}

fn units(amount: Decimal, asset: &Asset, currency: &str) -> Option<u64> {
    match asset {
        Asset::Bitcoin if currency.eq_ignore_ascii_case("btc") => amount.whole(11),
        Asset::Bitcoin => amount.whole(3),
        _ => amount.whole(2),
    }
}
