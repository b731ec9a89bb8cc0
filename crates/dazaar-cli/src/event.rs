//! What the program reports: one line for a person, or one JSON object for a machine, from the same fields.
//!
//! The field names are a contract with scripts: they are added to, never changed.

mod drives;
#[cfg(feature = "ldk")]
mod lightning;
mod line;
mod maps;
mod words;

use dazaar::log::{FeedKey, IdentityKey, SignedHead};
use serde::Serialize;
use serde_json::Value;

use crate::commands::bench::Figures;
use crate::commands::map::value::Value as MapValue;

/// Something that happened, or a row of an answer.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A market was made.
    Initialised { dir: String, buyer: String },
    /// A key.
    Key { buyer: String, encrypted: bool },
    /// The master key in words.
    Backup { words: String },
    /// Rows became blocks.
    Imported { feed: String, rows: u64, skipped: u64, length: u64, bytes: u64 },
    /// A row was left out.
    Skipped { line: u64, error: String },
    /// A market of npm dazaar was taken over.
    MarketImported {
        listings: Vec<String>,
        buyers: usize,
        purchases: usize,
        settings: usize,
        missing: Vec<String>,
    },
    /// A listing can be reached.
    Listening { name: String, seller: String, feed: String, address: String, link: String },
    /// A seller can be found by its key: on the local network, and by so many nodes of the DHT.
    Announced { seller: String, nodes: usize },
    /// A node of the DHT runs.
    Node { address: String },
    /// How a node of the DHT is doing: others that it knows, and announcements that it keeps.
    NodeStatus { nodes: usize, records: usize, public: Option<String> },
    /// A relay of iroh runs.
    #[cfg(feature = "iroh")]
    Relay { address: String },
    /// A buyer proved who they are.
    BuyerConnected { buyer: String, authenticated: bool },
    /// A buyer is gone.
    BuyerDisconnected { buyer: Option<String>, reason: String },
    /// A buyer was admitted.
    BuyerValid { buyer: String, info: Value },
    /// A buyer was refused.
    BuyerInvalid {
        buyer: String,
        error: String,
        /// The command that admits this buyer, if one does.
        remedy: Option<String>,
    },
    /// A buyer's payment counts.
    BuyerPaid {
        buyer: String,
        method: String,
        /// Of time that was given; none if it was money, or admits until revoked.
        amount_ms: Option<i64>,
        asset: Option<String>,
        units: Option<u64>,
        again: bool,
    },
    /// A buyer wants to pay, and was told how.
    BuyerOrdered { buyer: String, method: String, asset: String, units: u64 },
    /// A buyer's payment does not count.
    BuyerPaymentRefused { buyer: String, error: String },
    /// A buyer signed the terms.
    TermsAccepted { buyer: String },
    /// A buyer holds another history of the feed, and nothing can be appended any more.
    Forked {
        feed: String,
        /// Who proved it; none if that was in an earlier run.
        buyer: Option<String>,
        length: u64,
        their_length: u64,
        /// The signed heads that prove it.
        ours: Option<String>,
        theirs: String,
    },
    /// The other side sent a message of its own.
    Message { from: String, name: String, message: Value },
    /// A seller was reached.
    Connected { seller: String, address: String, authenticated: bool },
    /// No seller could be reached, or the connection broke.
    Disconnected { address: String, error: String },
    /// Which run of the seller's program this is.
    SellerId { id: String },
    /// The seller asks for these terms to be accepted.
    Terms { text: String, hash: String },
    /// The seller gave us this feed.
    Feed { feed: String },
    /// A feed that comes with it, as the data names it, and the key under which we get it.
    Member { feed: String, key: String },
    /// The seller admits us.
    Valid { info: Value },
    /// The seller refuses us.
    Invalid { error: String },
    /// What the seller, who refuses us, asks, and the ways to pay that they take.
    Due { methods: Vec<String>, offers: Vec<String> },
    /// How a person can pay what was ordered.
    Pay { method: String, amount: String, request: String, expires: Option<String> },
    /// Money came into a wallet.
    #[cfg(any(feature = "cashu", feature = "ldk"))]
    Received { name: String, asset: String, units: u64 },
    /// Our wallet has paid; the seller is to say that it counts.
    Sent { method: String, asset: String, units: u64, fee: u64 },
    /// A wallet, and the ways to be paid and to pay with it.
    Wallet {
        name: String,
        kind: &'static str,
        receives: Option<String>,
        pays: Option<String>,
        /// What it says of itself, if it was asked.
        detail: Option<String>,
    },
    /// What a wallet holds; none if it does not say.
    Balance { name: String, asset: Option<String>, units: Option<u64> },
    /// How a Lightning node in this program is doing; amounts in units of the asset.
    #[cfg(feature = "ldk")]
    LightningNode {
        name: String,
        id: String,
        listening: Vec<String>,
        /// The last block that it has seen.
        height: u32,
        asset: String,
        on_chain: u64,
        spendable: u64,
    },
    /// One of its channels.
    #[cfg(feature = "ldk")]
    LightningChannel {
        channel: String,
        peer: String,
        state: &'static str,
        asset: String,
        capacity: u64,
        outbound: u64,
        inbound: u64,
    },
    /// Where bitcoins can be sent.
    #[cfg(feature = "ldk")]
    BitcoinAddress { address: String },
    /// Bitcoins were sent on the chain.
    #[cfg(feature = "ldk")]
    BitcoinSent { transaction: String },
    /// The transaction of a channel was sent.
    #[cfg(feature = "ldk")]
    ChannelOpened { channel: String },
    /// A channel is closed.
    #[cfg(feature = "ldk")]
    ChannelClosed { channel: String },
    /// How much may be spent, in units of the asset.
    Budget { asset: String, for_order: Option<u64>, for_seller: Option<u64>, for_day: Option<u64> },
    /// What is left at a seller of what I paid, and the ways that it can come back.
    Left { asset: String, units: u64, methods: Vec<String> },
    /// What a seller gave back.
    Refunded { asset: String, units: u64, proof: String },
    /// What was paid to a seller.
    Spent {
        order: String,
        seller: String,
        method: String,
        asset: String,
        units: u64,
        fee: u64,
        state: &'static str,
        time: String,
    },
    /// Our payment counts.
    Paid { method: String, asset: String, units: Option<u64>, again: bool, credit: Value },
    /// Our payment does not count.
    PaymentRefused { code: String, error: String },
    /// How far the download is.
    Progress { have: u64, length: u64, bytes: u64 },
    /// Blocks from `start` up to but not `end` cannot be had any more.
    Gone { start: u64, end: u64 },
    /// What a table is and has. Times are those of the first and the last row.
    Table {
        feed: String,
        rows: u64,
        from: Option<String>,
        to: Option<String>,
        bytes: u64,
        length: u64,
        schema: Value,
    },
    /// What a seller says that a range of time has.
    Quote {
        seller: String,
        from: Option<String>,
        to: Option<String>,
        rows: u64,
        bytes: u64,
        /// What they cost, and at which price.
        costs: Vec<[String; 2]>,
    },
    /// Rows that a seller marked free were shown; `free` says which ones are.
    Preview { rows: u64, free: Vec<String> },
    /// A span of time without rows, between two rows.
    Gap { after: String, before: String, seconds: f64 },
    /// A question in SQL was answered; `downloaded` counts bytes of blocks that came from sellers.
    #[cfg(feature = "sql")]
    Answered { rows: u64, downloaded: u64 },
    /// Rows from `start` up to but not `end` cannot be had any more.
    RowsGone { start: u64, end: u64 },
    /// All rows that there are were delivered; what comes now is new. `next_row` is the number of the first.
    CaughtUp { next_row: u64 },
    /// Everything that was asked for is here.
    Done { length: u64, have: u64 },
    /// A block that was asked for.
    Block { index: u64, bytes: usize, text: Option<String> },
    /// What a buyer may still use.
    Granted { buyer: String, feed: String, remaining_ms: Option<i64> },
    /// A voucher was made; its code is shown this once.
    VoucherMade { code: String, id: String, name: String, amount_ms: Option<i64>, expires: Option<String> },
    /// One of my vouchers.
    Voucher {
        id: String,
        name: String,
        state: &'static str,
        amount_ms: Option<i64>,
        made: String,
        expires: Option<String>,
        buyer: Option<String>,
        used: Option<String>,
    },
    /// A buyer's credit was taken back.
    Revoked { buyer: String, feed: String },
    /// One of my listings.
    Listing {
        name: String,
        seller: String,
        feed: String,
        length: u64,
        bytes: u64,
        buyers: u64,
        admission: Value,
        folder: String,
    },
    /// One of my purchases.
    Purchase {
        name: Option<String>,
        seller: String,
        feed: Option<String>,
        have: u64,
        length: u64,
        bytes: u64,
        addresses: Vec<String>,
    },
    /// One of my buyers.
    Sale {
        name: String,
        feed: String,
        buyer: String,
        unique_feed: String,
        blocks: i64,
        bytes: i64,
        since: String,
        seen: String,
    },
    /// A payment, refund or delivery.
    Ledger {
        time: String,
        name: Option<String>,
        buyer: Option<String>,
        kind: String,
        method: String,
        reference: String,
        asset: Option<String>,
        units: i64,
        change: i64,
    },
    /// What a listing comes to in one asset.
    Report {
        name: String,
        asset: String,
        buyers: i64,
        paid: i64,
        delivered: i64,
        refunded: i64,
        revoked: i64,
        short: i64,
        left: i64,
    },
    /// A receipt that its seller signed.
    Receipt { receipt: Value },
    /// Something is wrong with a file of a feed; `cure` says what can be done, or why nothing can.
    Finding { file: &'static str, fault: String, cure: String, repairable: bool, repaired: bool },
    /// Every file of a feed was looked at.
    Examined {
        folder: String,
        feed: Option<String>,
        writable: bool,
        length: u64,
        have: u64,
        findings: u64,
        repaired: bool,
    },
    /// What is to be said of a part of the network, or of one way to a seller.
    Way { part: String, fine: bool, detail: String },
    /// A card.
    Card { card: Value, signature: &'static str, offers: Vec<String> },
    /// How fast a workload was done; `ratio` says how many times as fast as the fastest other peer.
    Bench {
        workload: String,
        peer: &'static str,
        blocks: u64,
        seconds: f64,
        per_second: f64,
        bytes_per_second: f64,
        rss_bytes: Option<u64>,
        figures: Figures,
        ratio: Option<f64>,
    },
    /// A drive, and the names of its versions.
    Drive { key: String, content: String, version: u64, tags: Vec<(String, u64)> },
    /// A file, directory or link of a drive.
    DriveEntry {
        path: String,
        kind: &'static str,
        mode: String,
        size: u64,
        modified: String,
        target: Option<String>,
        mount: Option<String>,
    },
    /// What became of a file between a drive and the disk.
    DriveFile { path: String, action: &'static str, bytes: u64, error: Option<String> },
    /// How far the files are, between a drive and the disk.
    DriveProgress { entries: u64, of_entries: u64, bytes: u64, of_bytes: u64 },
    /// What many of them came to.
    DriveDone {
        key: String,
        version: u64,
        written: u64,
        unchanged: u64,
        deleted: u64,
        failed: u64,
        bytes: u64,
    },
    /// A drive is shown to browsers.
    Serving { key: String, url: String },
    /// A drive is seen in a folder.
    #[cfg(feature = "fuse")]
    Attached { key: String, folder: String },
    /// What has changed in a drive.
    DriveChange { path: String, kind: &'static str, size: Option<u64> },
    /// An entry of a map.
    MapEntry {
        key: String,
        #[serde(flatten)]
        value: MapValue,
        block: u64,
        /// Whose feed it is in, if several write the map.
        #[serde(skip_serializing_if = "Option::is_none")]
        writer: Option<String>,
        /// How many entries of the key are in conflict, if any are.
        #[serde(skip_serializing_if = "Option::is_none")]
        conflict: Option<usize>,
    },
    /// What has changed in a map.
    MapChange {
        key: String,
        kind: &'static str,
        #[serde(flatten)]
        value: Option<MapValue>,
        deleted: bool,
        /// How many entries of the key are in conflict, if any are.
        #[serde(skip_serializing_if = "Option::is_none")]
        conflict: Option<usize>,
    },
    /// A map was changed. Versions of one that several write are text.
    MapDone { key: String, version: Value, changed: u64 },
    /// A map that several write was made, or a copy of one; `writer` is the key of our own feed.
    MapMade { folder: String, key: String, writer: String },
    /// Somebody who writes a map, or did.
    MapWriter { writer: String, state: &'static str, own: bool, blocks: u64, faulty: bool },
    /// Writers of a map can connect.
    MapListening { key: String, address: String },
    /// A map was replicated with another writer, or a connection to one ended.
    MapSynced { key: String, address: String, version: String, error: Option<String> },
    /// Why the program ends early.
    Error { code: u8, error: String, hint: Option<String> },
    /// Text that stands for itself.
    Note { text: String },
}

impl Event {
    /// A fork, with the heads as anybody can verify them.
    pub(crate) fn forked(
        feed: FeedKey,
        buyer: Option<IdentityKey>,
        ours: Option<&SignedHead>,
        theirs: &SignedHead,
    ) -> Self {
        Self::Forked {
            feed: feed.to_string(),
            buyer: buyer.map(|buyer| buyer.to_string()),
            length: ours.map_or(0, SignedHead::length),
            their_length: theirs.length(),
            ours: ours.map(|head| hex::encode(head.encode())),
            theirs: hex::encode(theirs.encode()),
        }
    }

    /// A block's text if it is text, else only its length.
    pub(crate) fn block(index: u64, block: &[u8]) -> Self {
        Self::Block { index, bytes: block.len(), text: std::str::from_utf8(block).ok().map(str::to_owned) }
    }
}
