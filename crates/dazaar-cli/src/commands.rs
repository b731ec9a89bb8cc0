//! One file for each verb.

mod actor;
pub(crate) mod bench;
pub(crate) mod buy;
mod by_hand;
pub(crate) mod card;
pub(crate) mod credit;
pub(crate) mod demo;
mod dialling;
pub(crate) mod doctor;
pub(crate) mod drive;
mod follow;
pub(crate) mod get;
pub(crate) mod grant;
pub(crate) mod import;
pub(crate) mod init;
mod iroh;
mod kept;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod map;
mod money;
mod network;
pub(crate) mod node;
mod paying;
pub(crate) mod preview;
pub(crate) mod purchase;
pub(crate) mod quote;
pub(crate) mod receipt;
pub(crate) mod refund;
pub(crate) mod relay;
pub(crate) mod revoke;
pub(crate) mod sales;
pub(crate) mod sell;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod tail;
pub(crate) mod wallet;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use dazaar::Market;
use dazaar::database::Listing;
use dazaar::folder::Folder;
use dazaar::log::Log;
use etcetera::BaseStrategy as _;

use crate::args::{Args, Command};
use crate::failure::Failure;
use crate::output::Output;
use crate::secrets;
use crate::wallets::Wallet;

/// What every command has at hand.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) dir: PathBuf,
    pub(crate) passphrase_file: Option<PathBuf>,
    pub(crate) output: Arc<Output>,
    /// Wallets that have to be closed.
    pub(crate) opened: Mutex<Vec<Arc<Wallet>>>,
}

impl Context {
    /// The market in the folder.
    pub(crate) fn market(&self) -> Result<Arc<Market>, Failure> {
        let passphrase = secrets::passphrase(&Market::keystore(&self.dir), self.passphrase_file.as_deref())?;
        Ok(Arc::new(Market::open(&self.dir, passphrase)?))
    }

    /// The market in the folder, made if there is none: a first `sell` or `buy` needs no ceremony.
    pub(crate) fn market_or_new(&self) -> Result<Arc<Market>, Failure> {
        if Market::keystore(&self.dir).exists() {
            return self.market();
        }
        let passphrase = secrets::new_passphrase(self.passphrase_file.as_deref(), false)?;
        let market = Market::create(&self.dir, None, passphrase)?;
        self.output.remark(&format!(
            "Created a market in {}; back up its key: dazaar key backup",
            self.dir.display()
        ));
        Ok(Arc::new(market))
    }
}

/// Carries out what was typed.
pub(crate) async fn run(args: Args, output: &Arc<Output>) -> Result<(), Failure> {
    let dir = match args.dir {
        Some(dir) => dir,
        None => etcetera::choose_base_strategy()
            .map_err(|error| Failure::input(error).hint("use --dir"))?
            .data_dir()
            .join("dazaar"),
    };
    // Records name folders within it, and must mean the same wherever the program is started.
    let dir = std::path::absolute(dir)?;
    let context = Context {
        dir,
        passphrase_file: args.passphrase_file,
        output: Arc::clone(output),
        opened: Mutex::default(),
    };
    let outcome = carry_out(&context, args.command).await;
    context.close_wallets().await;
    outcome
}

async fn carry_out(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Init(arguments) => init::run(context, &arguments),
        Command::Key(command) => key::run(context, &command),
        Command::Sell(arguments) => sell::run(context, arguments).await,
        Command::Share(arguments) => sell::run(context, arguments.free()?).await,
        Command::Serve(arguments) => serve::run(context, &arguments).await,
        Command::Card(command) => card::run(context, &command),
        Command::Buy(arguments) => buy::run(context, &arguments).await,
        Command::Get(arguments) => get::run(context, &arguments).await,
        Command::Show(arguments) => show::run(context, &arguments).await,
        Command::Quote(arguments) => quote::run(context, &arguments).await,
        Command::Preview(arguments) => preview::run(context, &arguments).await,
        Command::Sql(arguments) => sql::run(context, &arguments).await,
        Command::Tail(arguments) => tail::run(context, arguments).await,
        Command::Doctor(arguments) => doctor::run(context, &arguments).await,
        Command::Status(arguments) => status::run(context, &arguments),
        Command::Grant(arguments) => grant::run(context, &arguments),
        Command::Credit(command) => credit::run(context, &command),
        Command::Wallet(command) => wallet::run(context, &command).await,
        Command::Ledger(arguments) => ledger::run(context, &arguments),
        Command::Report(arguments) => ledger::report(context, &arguments),
        Command::Receipt(command) => receipt::run(context, &command),
        Command::Refund(arguments) => refund::run(context, &arguments).await,
        Command::Revoke(arguments) => revoke::run(context, &arguments),
        Command::Sales(arguments) => sales::run(context, &arguments),
        Command::Node(arguments) => node::run(context, &arguments).await,
        Command::Relay(arguments) => relay::run(context, &arguments).await,
        Command::Drive(command) => drive::run(context, &command).await,
        Command::Map(command) => map::run(context, &command).await,
        Command::Import(arguments) => import::run(context, &arguments),
        Command::Demo(arguments) => demo::run(context, &arguments).await,
        Command::Bench(arguments) => bench::run(context, &arguments).await,
    }
}

/// The feed in a folder as it is now, whether or not somebody else is writing it.
pub(crate) fn read_feed(folder: &Path) -> Result<Log<Folder>, Failure> {
    let storage = Folder::snapshot(folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Failure::input(format!("there is no feed in {}", folder.display())),
        _ => Failure::input(format!("{}: {error}", folder.display())),
    })?;
    Log::open(storage).map_err(|error| Failure::of_log(folder, &error))
}

/// The listing that is meant: by name, feed key or seller key, or the only one there is.
pub(crate) fn find_listing(market: &Market, wanted: Option<&str>) -> Result<Listing, Failure> {
    let mut listings = market.database().listings()?;
    let Some(wanted) = wanted else {
        let names: Vec<_> = listings.iter().map(|listing| listing.name.as_str()).collect();
        let names = names.join(", ");
        return match (listings.pop(), listings.is_empty()) {
            (Some(listing), true) => Ok(listing),
            (Some(_), false) => Err(Failure::input("several things are sold here")
                .hint(format!("say which one by its name: {names}"))),
            (None, _) => {
                Err(Failure::input("nothing is sold here").hint("list something: dazaar sell <file>"))
            }
        };
    };
    let is_meant = |listing: &Listing| {
        listing.name == wanted
            || listing.feed.to_string() == wanted
            || market.seller_identity(listing).public().to_string() == wanted
    };
    listings.into_iter().find(is_meant).ok_or_else(|| {
        Failure::input(format!("`{wanted}` is not sold here")).hint("see what is: dazaar status")
    })
}
