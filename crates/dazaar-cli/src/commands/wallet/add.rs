//! `dazaar wallet add`: each kind of wallet, and what it needs.

mod ldk;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use dazaar_pay::lightning::{Endpoint, FeeLimit, LightningSettings, Network, WalletSettings};
use dazaar_pay::{HookSettings, Secret};

use super::super::Context;
use super::tell;
use crate::failure::Failure;
use crate::secrets;
use crate::wallets::Settings;

/// Add a wallet; its secrets are encrypted with the market's key
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  dazaar wallet add shop lnbits https://lnbits.example.org --secret-file key.txt
  dazaar wallet add phone nwc --secret-file connection.txt
  dazaar wallet add mine ldk https://esplora.example.org/api
  dazaar wallet add coins cashu https://mint.example.org
  dazaar wallet add base erc20 https://node.example.org --chain 8453 --token 0x833589fcd6edb6e08f4c7c32d4f71b54bda02913
  dazaar wallet add bank command 'python3 bank-transfer.py statement.csv'")]
pub(crate) struct AddArguments {
    /// What to call it: lowercase letters, digits and hyphens
    name: String,

    #[command(subcommand)]
    kind: Kind,

    /// Add it even though it does not answer now
    #[arg(long, global = true)]
    unchecked: bool,

    /// File with the wallet's secret [otherwise: DAZAAR_WALLET_SECRET, or a prompt where one is needed]
    #[arg(long, global = true, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Which kind of wallet.
#[derive(Debug, Subcommand)]
enum Kind {
    /// Lightning: an account in an LNbits; the secret is its invoice key, or the admin key to pay too
    Lnbits(Node),
    /// Lightning: a node with LND, over REST; the secret is a macaroon in hex
    Lnd(Node),
    /// Lightning: a node with Core Lightning, over its plugin clnrest; the secret is a rune
    Cln(Node),
    /// Lightning: phoenixd; the secret is its password
    Phoenixd(Node),
    /// Lightning: a wallet behind a Nostr relay (NWC); the secret is its connection string
    Nwc {
        /// Which bitcoins
        #[arg(long, value_enum, default_value_t = Bitcoins::Bitcoin)]
        network: Bitcoins,
    },
    /// Lightning: a node in this program; what it needs is a look at the chain
    Ldk(ldk::LdkArguments),
    /// Ecash: coins of Cashu mints that you trust
    Cashu {
        /// Addresses of mints, the preferred one first
        #[arg(required = true, value_name = "URL")]
        mints: Vec<String>,
    },
    /// Stablecoins: an account on an Ethereum chain; the secret is its key, 64 hex digits
    Erc20 {
        /// Address of a node
        #[arg(value_name = "URL")]
        node: String,
        /// The chain's number
        #[arg(long, value_name = "NUMBER")]
        chain: u64,
        /// A token's contract; may be repeated
        #[arg(long, required = true, value_name = "CONTRACT")]
        token: Vec<String>,
    },
    /// Ether or a token, at the addresses that follow from the public key of a card of npm dazaar
    Deposits {
        /// Address of a node
        #[arg(value_name = "URL")]
        node: String,
        /// The chain's number
        #[arg(long, value_name = "NUMBER")]
        chain: u64,
        /// The card's `pubKey`, in hex
        #[arg(long, value_name = "KEY")]
        public_key: String,
        /// A token's contract [default: the chain's coin]
        #[arg(long, value_name = "CONTRACT")]
        token: Option<String>,
    },
    /// A command of your own says how buyers can pay, and what came: bank transfers, cards
    Command {
        /// For the shell; it reads a question in JSON and prints the answer
        command: String,
    },
    /// A web service of your own does the same; the secret is its token, if it has one
    Service {
        /// Where questions are posted
        url: String,
    },
}

/// A Lightning wallet that is reached over HTTP.
#[derive(Debug, Args)]
struct Node {
    /// Its address: https://..., or http:// on this machine
    url: String,

    /// File with its certificate (PEM), if it is not a public one
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Which bitcoins
    #[arg(long, value_enum, default_value_t = Bitcoins::Bitcoin)]
    network: Bitcoins,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Bitcoins {
    Bitcoin,
    Testnet,
    Signet,
    Regtest,
}

impl From<Bitcoins> for Network {
    fn from(bitcoins: Bitcoins) -> Self {
        match bitcoins {
            Bitcoins::Bitcoin => Self::Bitcoin,
            Bitcoins::Testnet => Self::Testnet,
            Bitcoins::Signet => Self::Signet,
            Bitcoins::Regtest => Self::Regtest,
        }
    }
}

pub(super) async fn run(context: &Context, arguments: &AddArguments) -> Result<(), Failure> {
    let market = context.market_or_new()?;
    market.check_new_wallet(&arguments.name)?;
    let settings = settings(arguments).await?;
    let value = serde_json::to_value(&settings).map_err(Failure::input)?;
    // What cannot be opened would stand in the way of every other command.
    let wallet = context.open_wallet(&market, arguments.name.clone(), settings)?;
    let detail = match wallet.check().await {
        Ok(detail) => Some(detail),
        Err(_) if arguments.unchecked => None,
        Err(failure) => return Err(failure.hint("it was not added; add it all the same with --unchecked")),
    };
    market.put_wallet(&arguments.name, &value)?;
    tell(context, &wallet, detail)
}

async fn settings(arguments: &AddArguments) -> Result<Settings, Failure> {
    let file = arguments.secret_file.as_deref();
    let lightning = |wallet, network: Bitcoins| {
        let (network, fee) = (network.into(), FeeLimit::default());
        Settings::Lightning(LightningSettings { wallet, network, fee })
    };
    Ok(match &arguments.kind {
        Kind::Command { command } => Settings::Hook(HookSettings::Command(command.clone())),
        Kind::Service { url } => {
            let token = secrets::wallet_secret(file)?;
            Settings::Hook(HookSettings::Service { url: url.clone(), token })
        }
        Kind::Lnbits(node) => {
            let wallet = WalletSettings::Lnbits { endpoint: node.endpoint()?, key: secret(file)? };
            lightning(wallet, node.network)
        }
        Kind::Lnd(node) => {
            let wallet = WalletSettings::Lnd { endpoint: node.endpoint()?, macaroon: secret(file)? };
            lightning(wallet, node.network)
        }
        Kind::Cln(node) => {
            let wallet = WalletSettings::Cln { endpoint: node.endpoint()?, rune: secret(file)? };
            lightning(wallet, node.network)
        }
        Kind::Phoenixd(node) => {
            let wallet = WalletSettings::Phoenixd { endpoint: node.endpoint()?, password: secret(file)? };
            lightning(wallet, node.network)
        }
        Kind::Nwc { network } => nwc(file, *network)?,
        Kind::Ldk(node) => ldk::settings(file, node)?,
        Kind::Cashu { mints } => cashu(mints)?,
        Kind::Erc20 { node, chain, token } => erc20(arguments, (node, *chain, token)).await?,
        Kind::Deposits { node, chain, public_key, token } => {
            deposits((node, *chain), public_key, token.as_deref()).await?
        }
    })
}

#[cfg(feature = "nwc")]
fn nwc(file: Option<&Path>, network: Bitcoins) -> Result<Settings, Failure> {
    Ok(Settings::Nwc(dazaar_nwc::NwcSettings { connection: secret(file)?, network: network.into() }))
}

#[cfg(not(feature = "nwc"))]
fn nwc(_: Option<&Path>, _: Bitcoins) -> Result<Settings, Failure> {
    Err(not_built("Nostr wallets", "nwc"))
}

#[cfg(feature = "cashu")]
fn cashu(mints: &[String]) -> Result<Settings, Failure> {
    Ok(Settings::Cashu(dazaar_cashu::Settings { mints: mints.to_vec(), ..dazaar_cashu::Settings::default() }))
}

#[cfg(not(feature = "cashu"))]
fn cashu(_: &[String]) -> Result<Settings, Failure> {
    Err(not_built("ecash", "cashu"))
}

#[cfg(feature = "erc20")]
async fn erc20(
    arguments: &AddArguments,
    (node, chain, contracts): (&str, u64, &[String]),
) -> Result<Settings, Failure> {
    let key = secrets::wallet_secret_or_typed(arguments.secret_file.as_deref())?;
    let node = dazaar_evm::Secret::new(node);
    let mut tokens = Vec::new();
    for text in contracts {
        tokens.push(dazaar_evm::read_token(&node, chain, contract(text)?).await.map_err(Failure::input)?);
    }
    Ok(Settings::Erc20(dazaar_evm::PayeeSettings {
        key: dazaar_evm::Secret::new(key),
        chain,
        tokens,
        node,
        pay_to: None,
        finality: None,
        max_fee_gwei: None,
        raise_fee_after_s: 180,
        // Where they are is known when the wallet is opened.
        records: PathBuf::new(),
    }))
}

#[cfg(feature = "erc20")]
async fn deposits(
    (node, chain): (&str, u64),
    public_key: &str,
    token: Option<&str>,
) -> Result<Settings, Failure> {
    let node = dazaar_evm::Secret::new(node);
    let token = match token {
        Some(text) => {
            let token = dazaar_evm::read_plain_token(&node, chain, contract(text)?).await;
            Some(token.map_err(Failure::input)?)
        }
        None => None,
    };
    Ok(Settings::Deposits(dazaar_evm::DepositSettings {
        public_key: public_key.to_owned(),
        chain,
        token,
        node,
        finality: None,
        records: PathBuf::new(),
    }))
}

#[cfg(feature = "erc20")]
fn contract(text: &str) -> Result<dazaar_evm::Address, Failure> {
    dazaar_evm::vet::address(text)
        .ok_or_else(|| Failure::input(format!("`{text}` is no contract: 0x and 40 hex digits")))
}

#[cfg(not(feature = "erc20"))]
async fn deposits(_: (&str, u64), _: &str, _: Option<&str>) -> Result<Settings, Failure> {
    Err(not_built("addresses for deposits", "erc20"))
}

#[cfg(not(feature = "erc20"))]
async fn erc20(_: &AddArguments, _: (&str, u64, &[String])) -> Result<Settings, Failure> {
    Err(not_built("stablecoins", "erc20"))
}

#[cfg(not(all(feature = "cashu", feature = "erc20", feature = "ldk", feature = "nwc")))]
pub(crate) fn not_built(what: &str, feature: &str) -> Failure {
    Failure::input(format!("this build has no {what}"))
        .hint(format!("build the program with it: --features {feature}"))
}

fn secret(file: Option<&Path>) -> Result<Secret, Failure> {
    Ok(Secret::new(&secrets::wallet_secret_or_typed(file)?))
}

impl Node {
    fn endpoint(&self) -> Result<Endpoint, Failure> {
        let certificate = self.certificate.as_deref().map(super::super::sell::read_text).transpose()?;
        Ok(Endpoint { url: self.url.clone(), certificate, plain_http: false })
    }
}
