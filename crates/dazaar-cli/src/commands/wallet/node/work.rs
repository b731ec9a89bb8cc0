//! What a Lightning node in this program is told to do.

use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{Asset, Money};
use dazaar::payment::PaymentError;
use dazaar_ldk::LdkWallet;
use dazaar_pay::lightning::{
    FeeLimit, Incoming, LightningWallet as _, Network, NewInvoice, Outgoing, Spend, read_invoice,
};

use super::{InvoiceArguments, NodeArguments, PayArguments, What};
use crate::commands::Context;
use crate::event::Event;
use crate::failure::{Failure, Kind};
use crate::signals::Interruption;
use crate::wallets::node::{SAT, tell};
use crate::wallets::{Inner, Wallet};

/// How long an invoice can be paid.
const EXPIRY: Duration = Duration::from_secs(3600);

/// Pause from one look whether an invoice is paid to the next.
const LOOK_PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn run(context: &Context, arguments: &NodeArguments) -> Result<(), Failure> {
    let interruption = Interruption::listen()?;
    let interrupted = || Failure::new(Kind::Interrupted, "interrupted; what has begun may go on");
    interruption.or(work(context, arguments)).await?.ok_or_else(interrupted)
}

async fn work(context: &Context, arguments: &NodeArguments) -> Result<(), Failure> {
    let node = Node::named(context, &arguments.name).await?;
    match &arguments.what {
        None => tell(&context.output, &arguments.name, &node.running).await,
        Some(What::Address) => {
            let address = node.try_to(node.running.address().await)?;
            Ok(context.output.event(&Event::BitcoinAddress { address })?)
        }
        Some(What::Open(open)) => {
            let peer = node.try_to(open.peer.parse())?;
            let sat = satoshis(&open.amount)?;
            context.output.remark("The channel is agreed upon");
            let channel = node.try_to(node.running.open(&peer, sat).await)?;
            Ok(context.output.event(&Event::ChannelOpened { channel })?)
        }
        Some(What::Close(close)) => {
            node.try_to(node.running.close(&close.channel, close.force).await)?;
            let channel = close.channel.clone();
            Ok(context.output.event(&Event::ChannelClosed { channel })?)
        }
        Some(What::Send(send)) => {
            let sat = send.amount.as_ref().map(satoshis).transpose()?;
            let transaction = node.try_to(node.running.send_on_chain(&send.address, sat).await)?;
            Ok(context.output.event(&Event::BitcoinSent { transaction })?)
        }
        Some(What::Invoice(invoice)) => node.be_paid(context, invoice).await,
        Some(What::Pay(pay)) => node.pay(context, pay).await,
    }
}

/// A node that runs.
struct Node {
    wallet: Arc<Wallet>,
    running: LdkWallet,
    network: Network,
}

impl Node {
    async fn named(context: &Context, name: &str) -> Result<Self, Failure> {
        let wallet = context.wallet(&*context.market()?, name.to_owned())?;
        let Inner::Node(_, node) = &wallet.inner else {
            return Err(Failure::input(format!("`{name}` is no Lightning node in this program")));
        };
        let (network, running) = (node.network(), node.ready().await);
        let running = running.map_err(|error| wallet.failed(&error))?;
        Ok(Self { wallet, running, network })
    }

    fn try_to<T>(&self, result: Result<T, PaymentError>) -> Result<T, Failure> {
        result.map_err(|error| match error {
            PaymentError::Refused { .. } => Failure::input(format!("wallet `{}`: {error}", self.wallet.name)),
            error => self.wallet.failed(&error),
        })
    }

    async fn be_paid(&self, context: &Context, arguments: &InvoiceArguments) -> Result<(), Failure> {
        let msat = bitcoins(&arguments.amount)?;
        let wanted =
            NewInvoice { order: rand::random(), msat, memo: self.wallet.name.clone(), expiry: EXPIRY };
        let invoice = self.try_to(self.running.invoice(&wanted).await)?;
        let hash = read_invoice(&invoice).map_err(Failure::input)?.hash;
        context.output.event(&Event::Pay {
            method: "bolt11".to_owned(),
            amount: arguments.amount.to_string(),
            request: invoice,
            expires: None,
        })?;
        let units = loop {
            match self.try_to(self.running.incoming(&hash).await)? {
                Incoming::Nothing => tokio::time::sleep(LOOK_PAUSE).await,
                Incoming::Settled { msat, .. } => break msat,
            }
        };
        let (name, asset) = (self.wallet.name.clone(), Asset::Bitcoin.to_string());
        Ok(context.output.event(&Event::Received { name, asset, units })?)
    }

    async fn pay(&self, context: &Context, arguments: &PayArguments) -> Result<(), Failure> {
        let request = read_invoice(&arguments.invoice).and_then(|request| request.on(self.network));
        let request = request.map_err(Failure::input)?;
        let fee_max_msat = match &arguments.max_fee {
            Some(fee) => bitcoins(fee)?,
            None => FeeLimit::default().of(request.msat),
        };
        let spend = Spend { invoice: request.invoice, hash: request.hash, msat: request.msat, fee_max_msat };
        let reason = match self.try_to(self.running.pay(&spend).await)? {
            Outgoing::Paid { fee_msat, .. } => {
                return Ok(context.output.event(&Event::Sent {
                    method: "bolt11".to_owned(),
                    asset: Asset::Bitcoin.to_string(),
                    units: spend.msat,
                    fee: fee_msat,
                })?);
            }
            Outgoing::Failed { reason } => reason,
            Outgoing::Pending | Outgoing::Unknown => {
                "it is on its way, and may still arrive: type the same again to see".to_owned()
            }
        };
        Err(self.wallet.failed(&reason))
    }
}

fn satoshis(amount: &Money) -> Result<u64, Failure> {
    match bitcoins(amount)? {
        units if units.is_multiple_of(SAT) => Ok(units / SAT),
        _ => Err(Failure::input("the chain counts whole satoshis")),
    }
}

/// Thousandths of a satoshi.
fn bitcoins(amount: &Money) -> Result<u64, Failure> {
    match amount {
        Money { asset: Asset::Bitcoin, units } => Ok(*units),
        _ => Err(Failure::input("a Lightning node has satoshis, such as `5000 sats`")),
    }
}
