//! Opening tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dazaar::cards::{Address, TermsHash};
use dazaar::folder::Folder;
use dazaar::log::Log;
use dazaar::validator::Validator;
use dazaar::wire::replication::Download;
use dazaar::wire::session::SecurityPolicy;
use dazaar::{BuyerOptions, Market, Order};
use dazaar_table::Schema;
use dazaar_table::header;
use dazaar_table::read::{Plan, Query, ReadError};

use crate::error::{OpenError, TableError};
use crate::find::{FindError, find_folder, find_seller, is_seller, seller_of};
use crate::rows::{RowStream, locate};
use crate::source::Source;

/// How to deal with sellers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where sellers may be besides what links, cards and the records say.
    pub addresses: Vec<Address>,
    /// Terms of use that are accepted.
    pub terms: Option<TermsHash>,
    /// How long to go on without a connection; none means for ever.
    pub patience: Option<Duration>,
    /// Whether to wait to be admitted when a seller refuses.
    pub waits: bool,
    /// Whether frames must be authenticated.
    pub security: SecurityPolicy,
    /// Who decides, again and again, whether to download from a seller; nobody if there is no doubt.
    pub vetting: Option<Arc<dyn Validator>>,
    /// Names for sellers and feeds.
    pub names: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            terms: None,
            patience: Some(Duration::from_secs(60)),
            waits: false,
            security: SecurityPolicy::Offer,
            vetting: None,
            names: BTreeMap::new(),
        }
    }
}

/// All tables that can be read: those of a market, and those of sellers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tables(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    market: Arc<Market>,
    settings: Settings,
}

/// A table that is being read. Cheap to clone; the connection to its seller ends with the last clone.
#[derive(Debug, Clone)]
pub struct Table {
    schema: Arc<Schema>,
    source: Arc<Source>,
}

impl Tables {
    /// The tables that a market holds or may read.
    pub fn new(market: Arc<Market>, settings: Settings) -> Self {
        Self(Arc::new(Shared { market, settings }))
    }

    pub(crate) fn market(&self) -> &Arc<Market> {
        &self.0.market
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn options(&self) -> BuyerOptions {
        let Settings { security, vetting, .. } = self.settings();
        let (download, vetting) = (Download::Sparse, vetting.clone());
        BuyerOptions { download, security: *security, vetting, payers: Vec::new(), share: None }
    }

    /// Opens the table that is meant: the name of a listing or purchase, the key of a feed or seller, the folder of a feed, a link,
    /// or the file of a card. A link or card asks the seller; anything else is read from the disk, and what is not there from
    /// its seller.
    ///
    /// # Errors
    /// Nothing is meant, it cannot be had, or it is no table.
    pub async fn open(&self, wanted: &str) -> Result<Table, OpenError> {
        let wanted = self.settings().names.get(wanted).map_or(wanted, String::as_str);
        let source = Arc::new(self.source(wanted)?);
        let block = source.block(0).await?.ok_or(ReadError::Gone { block: 0 }).map_err(TableError::from)?;
        let schema = header::decode(&block).map_err(|error| TableError::from(ReadError::from(error)))?;
        Ok(Table { schema: Arc::new(schema), source })
    }

    /// Where the blocks of what is meant come from.
    pub(crate) fn source(&self, wanted: &str) -> Result<Source, OpenError> {
        let Settings { addresses, terms, .. } = self.settings();
        let order = |seller: &str| {
            let order = find_seller(self.market(), seller, addresses)?;
            Ok::<_, FindError>(Order { terms: *terms, ..order })
        };
        let Some(folder) = self.folder(wanted)? else {
            return Ok(Source::new(None, Some((self.clone(), order(wanted)?))));
        };
        let disk = snapshot(&folder)?;
        // The feed says who sold it, whatever it was asked for by.
        let seller = match disk.is_writable() {
            true => None,
            false => seller_of(self.market(), &disk.key()).map_err(FindError::from)?,
        };
        let order = match seller.map(|seller| order(&seller.to_string())) {
            Some(Ok(order)) => Some(order),
            // What is here can be read wherever its seller is.
            None | Some(Err(FindError::NoAddress)) => None,
            Some(Err(error)) => return Err(error.into()),
        };
        // An empty feed says nothing of what there may be.
        let disk = Some(disk).filter(|log| log.length() > 0 || order.is_none());
        Ok(Source::new(disk, order.map(|order| (self.clone(), order))))
    }

    /// Where it is on the disk, if it is to be read from there.
    fn folder(&self, wanted: &str) -> Result<Option<PathBuf>, FindError> {
        let path = Path::new(wanted);
        if Folder::is_feed(path) {
            return Ok(Some(path.to_owned()));
        }
        if is_seller(wanted) {
            return Ok(None);
        }
        Ok(find_folder(self.market(), wanted)?)
    }
}

/// A feed in a folder, as it is now.
pub(crate) fn snapshot(folder: &Path) -> Result<Log<Folder>, OpenError> {
    let storage =
        Folder::snapshot(folder).map_err(|source| OpenError::Folder { folder: folder.to_owned(), source })?;
    Log::open(storage).map_err(|source| OpenError::Log { folder: folder.to_owned(), source })
}

impl Table {
    /// What its rows look like.
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Where the rows are that answer a question: the index has been read, the rows have not.
    ///
    /// # Errors
    /// The question does not fit, or the index cannot be had.
    pub async fn plan(&self, query: Query) -> Result<Plan, TableError> {
        locate(&self.source, query).await
    }

    /// The rows of a question.
    ///
    /// # Errors
    /// As those of [`Self::plan`].
    pub async fn rows(&self, query: Query) -> Result<RowStream, TableError> {
        Ok(self.read(self.plan(query).await?))
    }

    /// The rows of a plan.
    pub fn read(&self, plan: Plan) -> RowStream {
        RowStream::new(Arc::clone(&self.source), plan, false)
    }

    /// The rows of a question, and then new ones as they come. Of a table of one's own none come.
    ///
    /// # Errors
    /// As those of [`Self::plan`].
    pub async fn follow(&self, query: Query) -> Result<RowStream, TableError> {
        Ok(RowStream::new(Arc::clone(&self.source), self.plan(query).await?, true))
    }

    /// Bytes of blocks that came from the seller since the table was opened.
    pub fn downloaded(&self) -> u64 {
        self.source.downloaded()
    }

    /// Makes what was downloaded survive a power cut.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn flush(&self) -> Result<(), TableError> {
        self.source.flush().await
    }
}
