//! A purchase as several commands make one: whom from, how to connect, and until when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use dazaar::cards::{Address, Card, Method, PriceTerms, TermsHash, Wish};
use dazaar::validator::Validator;
use dazaar::wire::replication::Download;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{Buyer, BuyerOptions, Market, NamedPayer, Order, validator};
use dazaar_data::{Question, Settings, ask, find_seller};

use super::Context;
use super::by_hand::ByHand;
use super::dialling::DialArguments;
use super::follow::{Deliver, Follow};
use super::money::wished_money;
use super::paying::{Paying, Plan};
use crate::failure::{Failure, Kind};
use crate::secrets;

/// How to deal with a seller.
#[derive(Debug, Args)]
#[command(next_help_heading = "The seller")]
pub(crate) struct SellerArguments {
    /// Where the seller is, if the card or link does not say; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<Address>,

    /// Accept the seller's terms of use: the file with the terms, or their hash
    #[arg(long, value_name = "FILE|HASH")]
    accept_terms: Option<String>,

    /// Refuse sellers whose frames are not authenticated, as those of npm dazaar are not
    #[arg(long)]
    require_authenticated: bool,

    /// Ask a command, again and again, whether to download from this seller: exit code 0 means yes
    #[arg(long, value_name = "COMMAND")]
    vet_command: Option<String>,

    /// End with exit code 4 when the seller refuses, instead of waiting to be admitted
    #[arg(long)]
    no_wait: bool,

    /// Seconds without a connection after which to give up; 0 never does
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=31_536_000))]
    timeout: u64,

    #[command(flatten)]
    dialling: DialArguments,
}

/// How to pay.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Paying")]
pub(crate) struct PaymentArguments {
    /// Redeem a voucher of the seller's: its code is taken from DAZAAR_VOUCHER, asked for, or read from a pipe; others on this
    /// machine can read a command line
    #[arg(long, conflicts_with = "voucher_file")]
    voucher: bool,

    /// Redeem the voucher in this file
    #[arg(long, value_name = "FILE")]
    voucher_file: Option<PathBuf>,

    /// Pay when the seller asks: for so much (1h, 2GB), so much money (5000 sats), a range of time that is for sale (2024-01-01 to
    /// 2025-01-01), or the one price that is asked (once); with anything but money, --max-spend says how much that may cost
    #[arg(long, value_name = "AMOUNT")]
    pay: Option<Wish>,

    /// Pay in this way only: bolt11, cashu, erc20, eth, transfer
    #[arg(long, value_name = "WAY", requires = "pay", value_parser = method)]
    pay_by: Option<Method>,

    /// Spend at most so much in all
    #[arg(long, value_name = "MONEY", requires = "pay", value_parser = wished_money)]
    max_spend: Option<Wish>,

    /// Pay again whenever little is left, up to --max-spend
    #[arg(long, requires = "max_spend")]
    top_up: bool,
}

impl PaymentArguments {
    /// What is to be paid, if anything is.
    fn plan(&self) -> Result<Option<Plan>, Failure> {
        let Some(wish) = self.pay.clone() else { return Ok(None) };
        if !matches!(wish, Wish::Money { .. }) && self.max_spend.is_none() {
            return Err(Failure::new(Kind::Usage, format!("what `{wish}` costs is for the seller to say"))
                .hint("say how much it may cost: --max-spend '5000 sats'"));
        }
        let Self { pay_by: by, max_spend: most, top_up, .. } = self.clone();
        Ok(Some(Plan { wish, by, most, top_up }))
    }

    /// Says that a voucher was not used, if one was to be: nothing had to be asked of the seller.
    pub(super) fn remark_unused(&self, context: &Context) {
        if self.voucher || self.voucher_file.is_some() {
            context.output.remark("the voucher was not used: all of it is here already");
        }
    }
}

/// Somebody buys from somebody.
#[derive(Debug)]
pub(super) struct Purchase<'a> {
    buyer: Buyer,
    arguments: &'a SellerArguments,
    /// What the card asks, if there is one.
    asked: Vec<PriceTerms>,
    plan: Option<Plan>,
    /// Whether this command pays, and so is about what becomes of that.
    pays: bool,
}

impl<'a> Purchase<'a> {
    /// Buys from `seller`: a card's file, a link, a key, or the name of an earlier purchase.
    pub(super) fn new(
        market: &Arc<Market>,
        seller: &str,
        arguments: &'a SellerArguments,
        download: Download,
    ) -> Result<Self, Failure> {
        let options = BuyerOptions { download, ..BuyerOptions::default() };
        Self::with_options(market, seller, arguments, options)
    }

    /// The same, and pays as `payment` says once there is a connection.
    pub(super) fn paying(
        context: &Context,
        market: &Arc<Market>,
        seller: &str,
        (arguments, payment): (&'a SellerArguments, &PaymentArguments),
        (download, share): (Download, Option<SocketAddr>),
    ) -> Result<Self, Failure> {
        let plan = payment.plan()?;
        let wallets = context.wallets(market)?;
        let wallets = wallets.iter().filter_map(|wallet| wallet.named_payer());
        let methods = [Method::Bolt11, Method::Transfer, Method::Ether, Method::Erc20];
        let by_hand = methods.map(|method| NamedPayer {
            // No wallet has a name with a space in it.
            name: format!("{method} by hand"),
            payer: Arc::new(ByHand { method, output: Arc::clone(&context.output) }),
        });
        let payers = wallets.chain(by_hand).collect();
        let options = BuyerOptions { download, payers, share, ..BuyerOptions::default() };
        let purchase = Self::with_options(market, seller, arguments, options)?;
        let code = secrets::voucher(payment.voucher, payment.voucher_file.as_deref())?;
        if let Some(code) = &code {
            purchase.buyer.redeem(code);
        }
        Ok(Self { pays: plan.is_some() || code.is_some(), plan, ..purchase })
    }

    fn with_options(
        market: &Arc<Market>,
        seller: &str,
        arguments: &'a SellerArguments,
        options: BuyerOptions,
    ) -> Result<Self, Failure> {
        let proxy = arguments.dialling.join(market)?;
        let order = find_seller(market, seller, &arguments.connect)?;
        let (security, vetting) = (arguments.security(), arguments.vetting());
        let card = order.card.as_deref().and_then(|card| Card::parse(card.as_bytes()).ok());
        let offers = card.map(|card| card.offers()).unwrap_or_default();
        let asked = offers.into_iter().filter_map(|offer| offer.terms.ok()).collect();
        // Who hides behind a proxy is not to be found beside it, and who vets a seller downloads nothing before.
        let share = options.share.filter(|_| proxy.is_none() && vetting.is_none());
        let options = BuyerOptions { security, vetting, share, ..options };
        let buyer = Buyer::new(Arc::clone(market), Order { terms: arguments.terms()?, ..order }, options)?;
        Ok(Self { buyer, arguments, asked, plan: None, pays: false })
    }

    /// Who buys.
    pub(super) const fn buyer(&self) -> &Buyer {
        &self.buyer
    }

    /// Goes on until `delivery` is complete.
    pub(super) async fn follow(&self, context: &Context, delivery: impl Deliver) -> Result<(), Failure> {
        let SellerArguments { no_wait, .. } = *self.arguments;
        let patience = self.arguments.patience();
        let paying = self.plan.clone().map(|plan| Paying::new(plan, &self.buyer, &self.asked));
        let follow = Follow::new(&context.output, &self.buyer, no_wait, patience);
        follow.paying(paying, self.pays).until(delivery).await
    }

    /// Asks the seller something that is answered to everybody.
    pub(super) async fn ask<Q: Question>(&self, question: &Q) -> Result<Q::Answer, Failure> {
        ask(&self.buyer, question).await.map_err(|error| (&error).into())
    }

    /// How long the user waits.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.arguments.patience()
    }

    /// Makes what was downloaded survive a power cut.
    pub(super) async fn flush(&self) -> Result<(), Failure> {
        for feed in self.buyer.feed().into_iter().cloned().chain(self.buyer.members().into_values()) {
            feed.log().flush().await?;
        }
        Ok(())
    }
}

impl SellerArguments {
    /// How to deal with sellers of tables that go by these names, for this market.
    pub(super) fn settings(
        &self,
        market: &Market,
        names: BTreeMap<String, String>,
    ) -> Result<Settings, Failure> {
        self.dialling.join(market)?;
        Ok(Settings {
            addresses: self.connect.clone(),
            terms: self.terms()?,
            patience: self.patience(),
            // Nobody would see what it waits for.
            waits: false,
            security: self.security(),
            vetting: self.vetting(),
            names,
        })
    }

    fn terms(&self) -> Result<Option<TermsHash>, Failure> {
        self.accept_terms.as_deref().map(accepted_terms).transpose()
    }

    fn patience(&self) -> Option<Duration> {
        (self.timeout > 0).then(|| Duration::from_secs(self.timeout))
    }

    const fn security(&self) -> SecurityPolicy {
        if self.require_authenticated { SecurityPolicy::Require } else { SecurityPolicy::Offer }
    }

    fn vetting(&self) -> Option<Arc<dyn Validator>> {
        let command = self.vet_command.as_ref()?;
        Some(validator::command(["sh", "-c", command].map(str::to_owned).to_vec()))
    }
}

/// A way to pay, by its name.
pub(super) fn method(text: &str) -> Result<Method, String> {
    Method::by_name(text).ok_or_else(|| "not a way to pay: bolt11, cashu, erc20, eth or transfer".to_owned())
}

/// The terms that are accepted: by their hash, or by their text in a file.
fn accepted_terms(text: &str) -> Result<TermsHash, Failure> {
    match text.parse() {
        Ok(hash) => Ok(hash),
        Err(_) => match std::fs::read_to_string(text) {
            Ok(terms) => Ok(TermsHash::of(&terms)),
            Err(error) => Err(Failure::input(format!(
                "`{text}` is neither the hash of terms nor a file with them: {error}"
            ))),
        },
    }
}
