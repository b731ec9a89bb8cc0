//! The wallets of a market: what they can do, whatever they are.

#[cfg(feature = "ldk")]
pub(crate) mod node;
mod settings;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use dazaar::cards::{Asset, Method, Money};
use dazaar::payment::{Payee, Payer, PaymentError};
use dazaar::{Market, NamedPayee, NamedPayer};
#[cfg(feature = "erc20")]
use dazaar_evm::{DepositPayee, PayerSettings, TokenPayee, TokenPayer};
use dazaar_pay::Hook;
use dazaar_pay::lightning::{Bolt11, Purpose};

use crate::commands::Context;
use crate::failure::{Failure, Kind};
use crate::output::Output;

pub(crate) use settings::Settings;

/// How often a wallet does what need not be done at once.
const UPKEEP_EVERY: Duration = Duration::from_secs(600);

/// A wallet that is ready to be used.
pub(crate) struct Wallet {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) payee: Option<Arc<dyn Payee>>,
    pub(crate) payer: Option<Arc<dyn Payer>>,
    pub(crate) inner: Inner,
}

/// What each kind of wallet can do besides.
pub(crate) enum Inner {
    Hook(Arc<Hook>),
    Lightning(Arc<Bolt11>),
    #[cfg(feature = "ldk")]
    Node(Arc<Bolt11>, dazaar_ldk::LdkNode),
    #[cfg(feature = "cashu")]
    Cashu(dazaar_cashu::Ecash),
    #[cfg(feature = "erc20")]
    Erc20(Arc<TokenPayee>),
    #[cfg(feature = "erc20")]
    Deposits(Arc<DepositPayee>),
}

/// What a wallet is made of: the seller's half, the buyer's half, and the rest.
type Halves = (Option<Arc<dyn Payee>>, Option<Arc<dyn Payer>>, Inner);

/// A Lightning wallet may be on both sides.
fn lightning(wallet: Bolt11) -> Halves {
    let wallet = Arc::new(wallet);
    (Some(Arc::clone(&wallet) as _), Some(Arc::clone(&wallet) as _), Inner::Lightning(wallet))
}

impl Context {
    /// All wallets of a market, by name.
    pub(crate) fn wallets(&self, market: &Market) -> Result<Vec<Arc<Wallet>>, Failure> {
        market.wallets()?.into_iter().map(|name| self.wallet(market, name)).collect()
    }

    /// The wallet of this name. Nobody is asked anything yet.
    pub(crate) fn wallet(&self, market: &Market, name: String) -> Result<Arc<Wallet>, Failure> {
        let settings: Settings = serde_json::from_value(market.wallet(&name)?).map_err(|_| {
            Failure::input(format!("wallet `{name}` has settings that this build does not know"))
                .hint("another version of the program, or one with more features, wrote them")
        })?;
        self.open_wallet(market, name, settings)
    }

    /// The wallet of these settings. It is closed when the command ends.
    pub(crate) fn open_wallet(
        &self,
        market: &Market,
        name: String,
        settings: Settings,
    ) -> Result<Arc<Wallet>, Failure> {
        let wallet = Arc::new(Wallet::open(market, name, settings)?);
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&wallet));
        Ok(wallet)
    }

    /// Closes all wallets that were opened: a node that runs in this program wants to end before it.
    pub(crate) async fn close_wallets(&self) {
        let opened = std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner));
        for wallet in opened {
            wallet.close().await;
        }
    }
}

impl Wallet {
    /// The wallet of these settings.
    fn open(market: &Market, name: String, settings: Settings) -> Result<Self, Failure> {
        let kind = settings.kind();
        // Only some wallets keep anything in the market's folder.
        let _ = market;
        let wrong = |error: &dyn fmt::Display| Failure::input(format!("wallet `{name}`: {error}"));
        let (payee, payer, inner): Halves = match settings {
            Settings::Hook(settings) => {
                let hook = Arc::new(Hook::new(settings).map_err(|error| wrong(&error))?);
                (Some(Arc::clone(&hook) as _), None, Inner::Hook(hook))
            }
            Settings::Lightning(settings) => lightning(settings.open().map_err(|error| wrong(&error))?),
            #[cfg(feature = "nwc")]
            Settings::Nwc(settings) => lightning(settings.open().map_err(|error| wrong(&error))?),
            #[cfg(feature = "ldk")]
            Settings::Ldk(settings) => {
                // A market can be moved: only its own folder is known.
                let folder = market.wallets_folder()?.join(format!("{name}.node"));
                let node = dazaar_ldk::LdkNode::new(settings, folder, market.master().lightning(&name));
                let bolt11 = Arc::new(node.bolt11());
                (Some(Arc::clone(&bolt11) as _), Some(Arc::clone(&bolt11) as _), Inner::Node(bolt11, node))
            }
            #[cfg(feature = "cashu")]
            Settings::Cashu(settings) => {
                let path = market.wallets_folder()?.join(format!("{name}.coins"));
                let wallet = dazaar_cashu::Ecash::open(&path, market.master(), settings)
                    .map_err(|error| wrong(&error))?;
                let (payee, payer) = (Arc::new(wallet.clone()), Arc::new(wallet.clone()));
                (Some(payee), Some(payer), Inner::Cashu(wallet))
            }
            #[cfg(feature = "erc20")]
            Settings::Erc20(mut settings) => {
                // A market can be moved: only its own folder is known.
                settings.records = market.wallets_folder()?.join(format!("{name}.payments"));
                let payer = TokenPayer::new(PayerSettings {
                    key: settings.key.clone(),
                    chain: settings.chain,
                    tokens: settings.tokens.clone(),
                    node: Some(settings.node.clone()),
                });
                let payer = Arc::new(payer.map_err(|error| wrong(&error))?);
                let payee = Arc::new(TokenPayee::open(settings).map_err(|error| wrong(&error))?);
                (Some(Arc::clone(&payee) as _), Some(payer), Inner::Erc20(payee))
            }
            #[cfg(feature = "erc20")]
            Settings::Deposits(mut settings) => {
                settings.records = market.wallets_folder()?.join(format!("{name}.payments"));
                let payee = Arc::new(DepositPayee::open(settings).map_err(|error| wrong(&error))?);
                (Some(Arc::clone(&payee) as _), None, Inner::Deposits(payee))
            }
        };
        Ok(Self { name, kind, payee, payer, inner })
    }

    /// Asks whether it works, and who it is.
    pub(crate) async fn check(&self) -> Result<String, Failure> {
        match &self.inner {
            Inner::Hook(hook) => hook.check().await.map(|()| "it answers".to_owned()),
            Inner::Lightning(wallet) => check_lightning(wallet).await,
            #[cfg(feature = "ldk")]
            Inner::Node(wallet, _) => {
                // An invoice would ask a provider of channels, who sells none for a sum as small as is tried.
                wallet.check(Purpose::Pay).await.map(|about| format!("{}, may pay", about.name))
            }
            #[cfg(feature = "cashu")]
            Inner::Cashu(wallet) => wallet.check().await.map_err(PaymentError::from).map(|mints| {
                let names = mints.into_iter().map(|mint| format!("{} ({})", mint.name, mint.mint));
                names.collect::<Vec<_>>().join(", ")
            }),
            #[cfg(feature = "erc20")]
            Inner::Erc20(wallet) => wallet.check().await.map(|standing| standing.to_string()),
            #[cfg(feature = "erc20")]
            Inner::Deposits(wallet) => wallet.check().await.map(|standing| standing.to_string()),
        }
        .map_err(|error| self.failed(&error))
    }

    /// What it holds; empty if it does not say.
    pub(crate) async fn balance(&self) -> Result<Vec<Money>, Failure> {
        match &self.inner {
            Inner::Hook(_) => Ok(Vec::new()),
            // Each buyer pays to another address.
            #[cfg(feature = "erc20")]
            Inner::Deposits(_) => Ok(Vec::new()),
            Inner::Lightning(wallet) => lightning_balance(wallet).await,
            #[cfg(feature = "ldk")]
            Inner::Node(wallet, _) => lightning_balance(wallet).await,
            #[cfg(feature = "cashu")]
            Inner::Cashu(wallet) => wallet.balance().await.map_err(PaymentError::from).map(|mints| {
                let sat: u64 = mints.iter().map(|mint| mint.own_sat + mint.earned_sat).sum();
                vec![Money { asset: Asset::Bitcoin, units: sat.saturating_mul(1000) }]
            }),
            #[cfg(feature = "erc20")]
            Inner::Erc20(wallet) => wallet.balance().await,
        }
        .map_err(|error| self.failed(&error))
    }

    /// What a payment of mine remembers of it, if it pays.
    pub(crate) fn named_payer(&self) -> Option<NamedPayer> {
        Some(NamedPayer { name: self.name.clone(), payer: self.payer.clone()? })
    }

    /// What an order remembers of it, if it takes payments.
    pub(crate) fn named_payee(&self) -> Option<NamedPayee> {
        Some(NamedPayee::new(self.name.clone(), self.payee.clone()?))
    }

    /// Does, for as long as it is awaited, what wallets must do to be paid, and now and then.
    pub(crate) async fn upkeep_of(wallets: &[Arc<Self>], output: &Output) -> Infallible {
        let mut awake = BTreeSet::new();
        loop {
            for wallet in wallets {
                if wallet.wake(output, !awake.contains(&wallet.name)).await {
                    awake.insert(&wallet.name);
                }
            }
            tokio::time::sleep(UPKEEP_EVERY).await;
            for wallet in wallets {
                wallet.settle().await;
            }
        }
    }

    /// Does what need not be done at once: coins are redeemed.
    pub(crate) async fn settle(&self) {
        match &self.inner {
            Inner::Hook(_) | Inner::Lightning(_) => {}
            #[cfg(feature = "ldk")]
            Inner::Node(..) => {}
            #[cfg(feature = "erc20")]
            Inner::Erc20(_) | Inner::Deposits(_) => {}
            #[cfg(feature = "cashu")]
            Inner::Cashu(wallet) => redeem(wallet).await,
        }
    }

    /// Starts what can only be paid while it runs, if it does not run, and tells about it. Whether it runs now.
    #[cfg(feature = "ldk")]
    async fn wake(&self, output: &Output, tells: bool) -> bool {
        let Inner::Node(_, node) = &self.inner else { return true };
        match node.ready().await {
            Ok(running) if tells => {
                if let Err(failure) = node::tell(output, &self.name, &running).await {
                    tracing::warn!(wallet = self.name, %failure, "a wallet does not say how it is doing");
                }
                true
            }
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(wallet = self.name, %error, "nobody can pay to a wallet now; it is tried again");
                false
            }
        }
    }

    #[cfg(not(feature = "ldk"))]
    async fn wake(&self, _: &Output, _: bool) -> bool {
        true
    }

    async fn close(&self) {
        #[cfg(feature = "ldk")]
        if let Inner::Node(_, node) = &self.inner
            && let Err(error) = node.stop().await
        {
            tracing::warn!(wallet = self.name, %error, "a wallet does not close");
        }
    }

    /// The ways to be paid with it, and to pay.
    pub(crate) fn methods(&self) -> (Option<Method>, Option<Method>) {
        (self.payee.as_ref().map(|payee| payee.method()), self.payer.as_ref().map(|payer| payer.method()))
    }

    pub(crate) fn failed(&self, error: &impl fmt::Display) -> Failure {
        Failure::new(Kind::Unreachable, format!("wallet `{}`: {error}", self.name))
    }
}

impl fmt::Debug for Wallet {
    /// What is in it is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

async fn check_lightning(wallet: &Bolt11) -> Result<String, PaymentError> {
    let about = match wallet.check(Purpose::Receive).await {
        // A key that may only pay is a buyer's.
        Err(PaymentError::Refused { .. }) => wallet.check(Purpose::Pay).await,
        about => about,
    };
    about.map(|about| {
        let pays = if about.can_pay { "may pay" } else { "can only be paid" };
        format!("{}, {pays}", about.name)
    })
}

async fn lightning_balance(wallet: &Bolt11) -> Result<Vec<Money>, PaymentError> {
    wallet.balance().await.map(|units| vec![Money { asset: Asset::Bitcoin, units }])
}

/// Redeems coins that were earned, and takes back those that no seller redeemed.
#[cfg(feature = "cashu")]
async fn redeem(wallet: &dazaar_cashu::Ecash) {
    if let Err(error) = wallet.collect().await {
        tracing::warn!(%error, "a mint gives no coins for an invoice now; it is tried again");
    }
    for settled in [wallet.redeem().await, wallet.take_back().await] {
        if let Err(error) = settled {
            tracing::warn!(%error, "a mint does not redeem coins now; it is tried again");
        }
    }
}
