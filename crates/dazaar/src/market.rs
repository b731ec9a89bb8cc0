//! A market folder: who I am, what I sell, what I buy.
//!
//! ```text
//! master.key       everything that can be derived from one secret
//! market.db        records: listings, sales, purchases, grants, acceptances
//! feeds/<feed>/    feeds that I made
//! drives/<drive>/  drives that I made, two feeds each
//! buys/<feed>/     feeds that I bought
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use dazaar_log::{FeedKey, FeedKeyPair, IdentityKey, IdentityKeyPair, Log, LogError};
use dazaar_market::limits::ADDRESSES_MAX;
use dazaar_market::{Address, Card, CardError, IrohAddress, Link, MasterKey, TermsError};
use serde_json::{Map, Value};

use crate::database::{Admission, Database, DatabaseError, Listing, Retention};
use crate::discovery::{Discovery, DiscoverySettings};
use crate::folder::Folder;
use crate::keystore::{Keystore, KeystoreError, SecretString};
use crate::shared_log::SharedLog;
use crate::transport::{BoxedStream, Dialer, Tcp};

/// An open market folder.
#[derive(Debug)]
pub struct Market {
    dir: PathBuf,
    master: MasterKey,
    buyer: Arc<IdentityKeyPair>,
    database: Arc<Database>,
    logs: Mutex<BTreeMap<PathBuf, Weak<SharedLog>>>,
    discoverable: OnceLock<DiscoverySettings>,
    discovery: OnceLock<Option<Discovery>>,
    dialers: OnceLock<Vec<Arc<dyn Dialer>>>,
}

impl Market {
    /// The keystore of the market in `dir`.
    pub fn keystore(dir: &Path) -> Keystore {
        Keystore::new(dir.join("master.key"))
    }

    /// Makes a market with this master key, or a new one.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] if there is one already.
    pub fn create(
        dir: &Path,
        master: Option<MasterKey>,
        passphrase: Option<SecretString>,
    ) -> Result<Self, MarketError> {
        let master = master.unwrap_or_else(|| MasterKey::new(&rand::random()));
        Self::keystore(dir).store(&master, passphrase)?;
        Self::with_master(dir, master)
    }

    /// Opens the market in `dir`.
    ///
    /// # Errors
    /// [`KeystoreError::Missing`] if there is none, [`KeystoreError::PassphraseNeeded`].
    pub fn open(dir: &Path, passphrase: Option<SecretString>) -> Result<Self, MarketError> {
        let master = Self::keystore(dir).load(passphrase)?;
        Self::with_master(dir, master)
    }

    fn with_master(dir: &Path, master: MasterKey) -> Result<Self, MarketError> {
        let database = Arc::new(Database::open(&dir.join("market.db"))?);
        let buyer = Arc::new(master.buyer());
        Ok(Self {
            dir: dir.to_owned(),
            master,
            buyer,
            database,
            logs: Mutex::default(),
            discoverable: OnceLock::new(),
            discovery: OnceLock::new(),
            dialers: OnceLock::new(),
        })
    }

    /// Where the market is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The records.
    pub const fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// From now on sellers are found, and mine can be found, in this way too. What is set first stays.
    pub fn discover_by(&self, settings: DiscoverySettings) {
        // Whoever sets something else later keeps the first.
        let _ = self.discoverable.set(settings);
    }

    /// Whether sellers are found in other ways than by the addresses of links.
    pub fn can_discover(&self) -> bool {
        self.discoverable.get().is_some_and(DiscoverySettings::is_any)
    }

    /// How sellers are found besides by the addresses of links: it begins when it is first needed, within a tokio runtime.
    pub fn discovery(&self) -> Option<&Discovery> {
        let settings = self.discoverable.get().filter(|settings| settings.is_any())?;
        let start = || {
            let started = Discovery::start(settings.clone());
            started
                .inspect_err(|error| tracing::warn!(%error, "sellers are found by their addresses only"))
                .ok()
        };
        self.discovery.get_or_init(start).as_ref()
    }

    /// From now on sellers are dialled in these ways, each address in the first that can, and in no other; by TCP if nothing is set. What
    /// is set first stays.
    pub fn dial_by(&self, dialers: Vec<Arc<dyn Dialer>>) {
        // Whoever sets something else later keeps the first.
        let _ = self.dialers.set(dialers);
    }

    /// What dials an address, if anything does.
    pub(crate) fn dialer(&self, address: &Address) -> Option<&dyn Dialer> {
        match self.dialers.get() {
            None => Some(&Tcp as &dyn Dialer).filter(|tcp| tcp.dials(address)),
            Some(dialers) => dialers.iter().map(Arc::as_ref).find(|dialer| dialer.dials(address)),
        }
    }

    /// Connects to an address.
    pub(crate) async fn dial(&self, address: &Address) -> io::Result<BoxedStream> {
        match self.dialer(address) {
            Some(dialer) => dialer.dial(address).await,
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The secret from which all keys derive.
    pub const fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Who I am to sellers.
    pub const fn buyer(&self) -> &Arc<IdentityKeyPair> {
        &self.buyer
    }

    /// Who I am to the buyers of a listing.
    pub fn seller_identity(&self, listing: &Listing) -> IdentityKeyPair {
        match &listing.seller_secret {
            Some(secret) => IdentityKeyPair::from_secret(secret),
            None => self.master.seller(&listing.feed),
        }
    }

    /// The pair that signs a buyer's feed: the one on record, or else the derived one.
    pub fn unique_feed(&self, feed: &FeedKey, buyer: &IdentityKey) -> Result<FeedKeyPair, MarketError> {
        let secret = self.database.sale(feed, buyer)?.and_then(|sale| sale.secret);
        Ok(match secret {
            Some(secret) => FeedKeyPair::from_secret_bytes(&secret)
                .map_err(|_| DatabaseError::Damaged { column: "sale.secret" })?,
            None => self.master.unique_feed(feed, buyer),
        })
    }

    /// Folder of a feed that I made.
    pub fn feed_folder(&self, feed: &FeedKey) -> PathBuf {
        self.dir.join("feeds").join(feed.to_string())
    }

    /// Folder of a drive that I made under this name.
    pub fn drive_folder(&self, name: &str) -> PathBuf {
        self.dir.join("drives").join(self.master.feed(name).public().to_string())
    }

    /// Folder of a feed that I buy.
    pub fn purchase_folder(&self, feed: &FeedKey) -> PathBuf {
        self.dir.join("buys").join(feed.to_string())
    }

    /// The log in a folder, opened once for the whole process.
    ///
    /// # Errors
    /// [`MarketError::Busy`] if another process has it open.
    pub fn log(&self, folder: &Path) -> Result<Arc<SharedLog>, MarketError> {
        self.log_with(folder, Log::open)
    }

    /// A feed of my own with this name: made when it is first asked for, the same ever after.
    pub fn own_feed(&self, name: &str) -> Result<Arc<SharedLog>, MarketError> {
        let pair = self.master.feed(name);
        let folder = self.feed_folder(&pair.public());
        let exists = Folder::is_begun(&folder);
        self.log_with(&folder, |storage| if exists { Log::open(storage) } else { Log::create(storage, pair) })
    }

    /// The log of a feed that I buy: made when it is first asked for.
    pub fn purchased_feed(&self, feed: &FeedKey) -> Result<Arc<SharedLog>, MarketError> {
        let folder = self.purchase_folder(feed);
        let exists = Folder::is_begun(&folder);
        self.log_with(
            &folder,
            |storage| if exists { Log::open(storage) } else { Log::create_reader(storage, *feed) },
        )
    }

    /// The listings with which I sell a feed, alone or with others, and where it lies.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn listed(&self, feed: &FeedKey) -> Result<Vec<(Listing, PathBuf)>, DatabaseError> {
        let mut listed = Vec::new();
        for listing in self.database.listings()? {
            let members = self.database.listing_members(&listing.feed)?;
            let folder = match members.into_iter().find(|member| member.feed == *feed) {
                _ if listing.feed == *feed => listing.folder.clone(),
                Some(member) => member.folder,
                None => continue,
            };
            listed.push((listing, folder));
        }
        Ok(listed)
    }

    /// Takes a log that is open already for that of a folder, as long as somebody uses it.
    pub fn adopt(&self, folder: &Path, log: &Arc<SharedLog>) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        logs.insert(folder.to_owned(), Arc::downgrade(log));
    }

    fn log_with(
        &self,
        folder: &Path,
        open: impl FnOnce(Folder) -> Result<Log<Folder>, LogError>,
    ) -> Result<Arc<SharedLog>, MarketError> {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs.get(folder).and_then(Weak::upgrade) {
            return Ok(log);
        }
        let storage = Folder::open(folder).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => MarketError::Busy { folder: folder.to_owned() },
            _ => MarketError::Folder { folder: folder.to_owned(), source: error },
        })?;
        let log = open(storage).map_err(|source| MarketError::Log { folder: folder.to_owned(), source })?;
        let log = SharedLog::new(log);
        logs.insert(folder.to_owned(), Arc::downgrade(&log));
        Ok(log)
    }

    /// Lists a feed, or changes what is listed; see [`draft`](Self::draft).
    pub fn list(&self, offer: Offer, now_ms: i64) -> Result<Listing, MarketError> {
        let listing = self.draft(offer, now_ms)?;
        self.database.put_listing(&listing)?;
        Ok(listing)
    }

    /// What listing a feed, or changing what is listed, would record. The card is the stored one unless a newer one is given; it always
    /// names this seller and carries this seller's signature.
    pub fn draft(&self, offer: Offer, now_ms: i64) -> Result<Listing, MarketError> {
        let stored = self.database.listing(&offer.feed)?;
        let mut listing = Listing {
            feed: offer.feed,
            name: offer.name,
            folder: offer.folder,
            seller_secret: stored.as_ref().and_then(|stored| stored.seller_secret),
            card: String::new(),
            terms: offer.terms,
            unsigned_terms: offer.unsigned_terms,
            admission: offer.admission,
            listen: offer.listen,
            created_ms: stored.as_ref().map_or(now_ms, |stored| stored.created_ms),
            keep: offer.keep,
        };
        let identity = self.seller_identity(&listing);
        let given = offer.card.map(|fields| Card::of_seller(identity.public(), fields)).transpose()?;
        let stored_card = stored.map(|stored| Card::parse(stored.card.as_bytes())).transpose()?;
        let card = match (stored_card, given) {
            (Some(stored), Some(new)) if new.replaces(&stored) => new,
            (Some(stored), _) => stored,
            (None, Some(new)) => new,
            (None, None) => Card { name: Some(listing.name.clone()), ..Card::new(identity.public()) },
        };
        listing.card = Self::signed(card, &identity)?;
        Ok(listing)
    }

    /// Says something of a listing in a field of its card, and signs that anew if it is news.
    ///
    /// # Errors
    /// [`MarketError::Card`] if the card gets too large.
    pub fn describe(&self, listing: &mut Listing, field: &str, value: Value) -> Result<(), MarketError> {
        let mut card = Card::parse(listing.card.as_bytes())?;
        if card.fields.get(field) != Some(&value) {
            card.fields.insert(field.to_owned(), value);
            listing.card = Self::signed(card, &self.seller_identity(listing))?;
        }
        Ok(())
    }

    /// Says on the card of a listing at which endpoint of iroh it is sold, in the place of what was said of that endpoint before; whether
    /// that is news. A card with as many addresses as it may have stays as it is.
    ///
    /// # Errors
    /// [`MarketError::Card`] if the card gets too large.
    pub fn advertise(&self, listing: &mut Listing, endpoint: IrohAddress) -> Result<bool, MarketError> {
        let mut card = Card::parse(listing.card.as_bytes())?;
        let before = card.addresses.clone();
        card.addresses.retain(|known| known.iroh().is_none_or(|known| known.id() != endpoint.id()));
        card.addresses.push(Address::Iroh(endpoint));
        if card.addresses == before || card.addresses.len() > ADDRESSES_MAX {
            return Ok(false);
        }
        listing.card = Self::signed(card, &self.seller_identity(listing))?;
        Ok(true)
    }

    /// The text of a card, signed by its seller.
    pub(crate) fn signed(mut card: Card, seller: &IdentityKeyPair) -> Result<String, MarketError> {
        card.sign(seller, &rand::random())?;
        Ok(card.to_json().to_string())
    }

    /// The link of a listing that can be reached at these addresses.
    pub fn link(&self, listing: &Listing, addresses: Vec<Address>) -> Link {
        let seller = self.seller_identity(listing).public();
        Link { seller, addresses, name: Some(listing.name.clone()) }
    }
}

/// What to sell, and on which conditions.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The feed.
    pub feed: FeedKey,
    /// What I call it.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// A card to show from now on; whatever `id` it has, it gets mine.
    pub card: Option<Map<String, Value>>,
    /// Terms of use.
    pub terms: Option<String>,
    /// Whether peers that cannot sign the terms are served.
    pub unsigned_terms: bool,
    /// What admits a buyer.
    pub admission: Admission,
    /// Address to listen on.
    pub listen: Option<String>,
    /// How much of the past is kept.
    pub keep: Retention,
}

impl Offer {
    /// Sells a feed without terms, with a card that the market makes, and keeps all of it.
    pub fn new(feed: FeedKey, name: &str, folder: PathBuf, admission: Admission) -> Self {
        Self {
            feed,
            name: name.to_owned(),
            folder,
            card: None,
            terms: None,
            unsigned_terms: false,
            admission,
            listen: None,
            keep: Retention::default(),
        }
    }
}

/// Why the market could not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// No wallet can pay so.
    #[error("no wallet of mine can pay by {method}")]
    NoPayer {
        /// How.
        method: dazaar_market::Method,
    },
    /// The master key.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The records.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A card.
    #[error("the card: {0}")]
    Card(#[from] CardError),
    /// Terms of use.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// Another process has the feed open.
    #[error("the feed in {} is in use", folder.display())]
    Busy {
        /// The feed's folder.
        folder: PathBuf,
    },
    /// The feed's folder cannot be used.
    #[error("{}: {source}", folder.display())]
    Folder {
        /// The feed's folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The feed itself.
    #[error("the feed in {}: {source}", folder.display())]
    Log {
        /// The feed's folder.
        folder: PathBuf,
        /// What is wrong.
        source: LogError,
    },
}
