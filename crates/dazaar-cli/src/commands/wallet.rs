//! `dazaar wallet`: what I am paid with, what I pay with, and how much I may spend.

mod add;
mod coins;
mod node;

use std::sync::Arc;

use clap::{Args, Subcommand};
use dazaar::Market;
use dazaar::cards::{Asset, Money};
use dazaar::database::{Budget, Spending, SpendingState};

#[cfg(not(all(feature = "cashu", feature = "ldk")))]
pub(super) use add::not_built;

use super::Context;
use super::money::{currency, money};
use crate::event::Event;
use crate::failure::Failure;
use crate::times::utc;
use crate::wallets::Wallet;

/// Wallets: to be paid as a seller, to pay as a buyer
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Add(add::AddArguments),
    List(ListArguments),
    /// Ask wallets whether they answer, and what they may do
    Check(NameArguments),
    /// Ask wallets what they hold
    Balance(NameArguments),
    #[command(flatten)]
    Coins(coins::Coins),
    Node(node::NodeArguments),
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

    /// Even though orders, refunds or payments are under way with it: nobody will go on with them
    #[arg(long)]
    force: bool,
}

/// Set how much may be spent at most, or show it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  dazaar wallet budget --order '5000 sats' --day '20000 sats'")]
pub(crate) struct BudgetArguments {
    /// With one order
    #[arg(long, value_name = "MONEY", value_parser = money)]
    order: Option<Money>,

    /// With one seller, ever
    #[arg(long, value_name = "MONEY", value_parser = money)]
    seller: Option<Money>,

    /// In any 24 hours
    #[arg(long, value_name = "MONEY", value_parser = money)]
    day: Option<Money>,

    /// Lift all limits on this currency
    #[arg(long, value_name = "CURRENCY", conflicts_with_all = ["order", "seller", "day"], value_parser = currency)]
    lift: Option<Asset>,
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
        Command::Coins(command) => coins::run(context, command).await,
        Command::Node(arguments) => node::run(context, arguments).await,
        Command::Remove(arguments) => remove(context, arguments),
        Command::Budget(arguments) => budget(context, arguments),
        Command::Spent(_) => spent(context),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let market = context.market()?;
    all(context, &market)?.iter().try_for_each(|wallet| tell(context, wallet, None))
}

/// All wallets; if there is none, that is said.
fn all(context: &Context, market: &Market) -> Result<Vec<Arc<Wallet>>, Failure> {
    let wallets = context.wallets(market)?;
    if wallets.is_empty() {
        context.output.remark("There is no wallet yet: dazaar wallet add");
    }
    Ok(wallets)
}

/// Forgets a wallet, unless something is under way with it.
fn remove(context: &Context, arguments: &RemoveArguments) -> Result<(), Failure> {
    let market = context.market()?;
    let RemoveArguments { name, force } = arguments;
    let mut waiting = 0;
    for listing in market.database().listings()? {
        let orders = market.database().open_orders(&listing.feed)?;
        waiting += orders.iter().filter(|order| order.wallet.as_ref() == Some(name)).count();
    }
    let refunds = market.database().refunds_waiting(name)?;
    let is_paying = |spending: &Spending| {
        let wallet = spending.request.as_ref().map(|request| &request.wallet);
        spending.state == SpendingState::Open && wallet == Some(name)
    };
    let payments = market.database().spendings(None)?.iter().filter(|spending| is_paying(spending)).count();
    let busy = [
        (waiting, "orders of buyers may still be paid to it"),
        (refunds, "refunds are still to be given by it"),
        (payments, "payments of mine are still being made by it"),
    ];
    let busy: Vec<String> = busy
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{what}: {count}"))
        .collect();
    if !busy.is_empty() && !force {
        return Err(Failure::input(format!("`{name}` is needed: {}", busy.join("; ")))
            .hint("nobody will go on with them if it is removed all the same: --force"));
    }
    market.remove_wallet(name)?;
    if market.wallets_folder()?.join(format!("{name}.node")).exists() {
        context.output.remark(
            "Channels of its node stay as they are, and nobody watches them: added again under its name it is the same node",
        );
    }
    Ok(())
}

async fn check(context: &Context, arguments: &NameArguments) -> Result<(), Failure> {
    for wallet in chosen(context, arguments)? {
        let detail = wallet.check().await?;
        tell(context, &wallet, Some(detail))?;
    }
    Ok(())
}

async fn balance(context: &Context, arguments: &NameArguments) -> Result<(), Failure> {
    for wallet in chosen(context, arguments)? {
        // What is to come, comes now.
        wallet.settle().await;
        let balance = wallet.balance().await?;
        let name = &wallet.name;
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

fn chosen(context: &Context, arguments: &NameArguments) -> Result<Vec<Arc<Wallet>>, Failure> {
    let market = context.market()?;
    match &arguments.name {
        Some(name) => Ok(vec![context.wallet(&market, name.clone())?]),
        None => all(context, &market),
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
    let BudgetArguments { order, seller, day, lift } = arguments;
    let limits = [order, seller, day];
    let mut assets = limits.iter().filter_map(|limit| Some(&limit.as_ref()?.asset));
    let asset = assets.next().cloned();
    if assets.any(|other| Some(other) != asset.as_ref()) {
        return Err(Failure::input("a budget is in one currency; set one after the other"));
    }
    let [for_order, for_seller, for_day] = limits.map(|limit| limit.as_ref().map(|money| money.units));
    if let Some(asset) = lift.clone() {
        market.database().put_budget(&Budget { asset, for_order: None, for_seller: None, for_day: None })?;
    }
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
    let mut budgets = market.database().budgets()?;
    budgets
        .retain(|budget| [budget.for_order, budget.for_seller, budget.for_day].iter().any(Option::is_some));
    if budgets.is_empty() {
        context.output.remark("There is no limit yet, but for --max-spend of each command");
    }
    for budget in budgets {
        let Budget { asset, for_order, for_seller, for_day } = budget;
        let asset = asset.to_string();
        context.output.event(&Event::Budget { asset, for_order, for_seller, for_day })?;
    }
    Ok(())
}

fn spent(context: &Context) -> Result<(), Failure> {
    let spendings = context.market()?.database().spendings(None)?;
    if spendings.is_empty() {
        context.output.remark("Nothing was paid yet");
    }
    for spending in spendings {
        let units = spending.came_to();
        let Spending { order, seller, method, price, fee, state, time_ms, .. } = spending;
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
