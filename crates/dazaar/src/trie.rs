//! Hypertries in feeds: one of our own in its folder, or somebody else's of which only some blocks are here.

mod inquiry;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dazaar_log::{Feed, FeedKey, LogError};
use dazaar_trie::Blocks;
use dazaar_trie::hypertrie::{
    Along, Batch, EXTENSION, ExtensionMessage, Header, Iter, IterOptions, Lack, Node, Options, Query,
    Responder, Trie, TrieError, Watch, wanted_blocks,
};
use dazaar_trie::limits::{MAX_EXTENSION_BLOCKS, MAX_HELD_RANGES};
use dazaar_wire::replication::{self, Download};
use tokio::sync::Notify;

use self::inquiry::Inquiry;
use crate::expected::Expected;
use crate::peer::{self, Answer, FeedExtension, FeedSet, Reaction};
use crate::replicator::Replicator;
use crate::shared_log::SharedLog;

/// Blocks that are believed to be on the way to one key, so that looking it up does not fetch what it does not need.
const LOOKUP_BLOCKS: usize = 128;

/// The blocks of a feed that others may use too.
#[derive(Debug, Clone)]
pub struct FeedBlocks(Arc<SharedLog>);

impl FeedBlocks {
    /// The blocks of this feed.
    pub const fn new(log: Arc<SharedLog>) -> Self {
        Self(log)
    }
}

impl Blocks for FeedBlocks {
    fn length(&self) -> u64 {
        self.0.lock().length()
    }

    fn block(&self, seq: u64) -> Result<Option<Bytes>, LogError> {
        self.0.lock().block(seq)
    }
}

/// A hypertrie in a feed. What is missing is fetched from whoever is connected.
#[derive(Debug, Clone)]
pub struct TrieFeed {
    core: Arc<Core>,
    feeds: Arc<FeedSet>,
    /// Held while a batch is made and appended.
    writing: Arc<tokio::sync::Mutex<()>>,
}

/// The trie in a feed that is replicated.
#[derive(Debug)]
pub(crate) struct Core {
    log: Arc<SharedLog>,
    trie: Mutex<Trie<FeedBlocks>>,
    replicator: Arc<Replicator>,
    /// What the answers to our questions may bring.
    expected: Expected,
}

impl TrieFeed {
    /// The trie in a feed. Connections that replicate `feeds` serve it, and fetch what is missing.
    pub fn new(log: Arc<SharedLog>, feeds: &Arc<FeedSet>) -> Self {
        let download = if log.lock().is_writable() { Download::None } else { Download::Sparse };
        let options = replication::Options { download, seed: 0 };
        let replicator = Replicator::new(Arc::clone(&log), Feed::own(log.key()), options);
        let core = Arc::new(Core::new(&replicator));
        feeds.add(replicator, Some(Arc::clone(&core) as Arc<dyn FeedExtension>));
        Self { core, feeds: Arc::clone(feeds), writing: Arc::default() }
    }

    /// The key of the feed.
    pub fn key(&self) -> FeedKey {
        self.core.log.key()
    }

    /// The version that is here: the length of the feed, as far as it was proved.
    pub fn version(&self) -> u64 {
        self.core.trie().version()
    }

    /// Waits until a peer has told what there is, proves the newest version, and returns it. A peer that claims more than it can
    /// prove is waited for until its connection ends for that.
    pub async fn update(&self) -> u64 {
        let changed = self.core.listen();
        while !self.core.is_newest() {
            changed.notified().await;
        }
        self.version()
    }

    /// Whether a peer has told of more than is here.
    pub(crate) fn is_behind(&self) -> bool {
        let Core { log, replicator, .. } = &*self.core;
        let here = log.lock().length();
        replicator.is_informed() && here < replicator.progress().length
    }

    /// Asks the trie, fetching each block that it lacks. Waits for as long as nobody has a block.
    ///
    /// # Errors
    /// Those of the question, but for missing blocks.
    pub async fn ask<T>(
        &self,
        ask: impl FnMut(&Trie<FeedBlocks>) -> Result<T, TrieError>,
    ) -> Result<T, TrieError> {
        self.ask_peers(&mut Inquiry::default(), ask).await
    }

    /// The same, of what is in the trie.
    pub(crate) async fn ask_of<T, E: Lack>(
        &self,
        ask: impl FnMut(&Trie<FeedBlocks>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.ask_peers(&mut Inquiry::default(), ask).await
    }

    /// Asks the trie once, whether or not every block that it takes is here.
    pub(crate) fn ask_here<T>(&self, ask: impl FnOnce(&Trie<FeedBlocks>) -> T) -> T {
        ask(&self.core.trie())
    }

    /// The same. If a block is missing, the question goes to a peer, so that it names the blocks that will be needed.
    async fn ask_peers<T, E: Lack>(
        &self,
        inquiry: &mut Inquiry,
        mut ask: impl FnMut(&Trie<FeedBlocks>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut listener = None;
        loop {
            let answer = ask(&self.core.trie());
            let Some(seq) = answer.as_ref().err().and_then(Lack::missing) else { return answer };
            let changed = listener.get_or_insert_with(|| self.core.listen());
            self.core.replicator.want(seq..seq + 1);
            inquiry.begin(self, seq);
            while !self.core.log.lock().has(seq) {
                inquiry.wait(self, seq, changed).await;
            }
        }
    }

    /// The entry of a key, in the version that is here.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn get(&self, query: Query<'_>) -> Result<Option<Arc<Node>>, TrieError> {
        let version = self.version();
        let question = version.checked_sub(1).filter(|_| !query.is_hidden);
        let question = question.map(|head| ExtensionMessage::Get { head, key: query.key.to_owned() });
        let mut inquiry = question.map(Inquiry::about).unwrap_or_default();
        self.ask_peers(&mut inquiry, |trie| trie.checkout(version).get(query)).await
    }

    /// The entries at and below a prefix, in the version that is here.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn list(&self, options: &IterOptions<'_>) -> Result<Vec<Arc<Node>>, TrieError> {
        let version = self.version();
        let Some(head) = version.checked_sub(1) else { return Ok(Vec::new()) };
        let mut iter = Iter::new(version, options);
        let mut inquiry = Inquiry::about(ExtensionMessage::iterator(head, options));
        let mut entries = Vec::new();
        while let Some(node) = self.ask_peers(&mut inquiry, |trie| iter.next(trie)).await? {
            entries.push(node);
            if entries.len().is_multiple_of(MAX_EXTENSION_BLOCKS) {
                inquiry = Inquiry::about(ExtensionMessage::rest_of(&iter, head));
            }
        }
        Ok(entries)
    }

    /// Makes changes and appends them at once; they survive the end of this process. `change` is called again, with a new batch, after
    /// each block that was missing.
    ///
    /// # Errors
    /// What `change` returns, or why nothing was appended.
    pub async fn write<T>(
        &self,
        change: impl FnMut(&mut Batch, &Trie<FeedBlocks>) -> Result<T, TrieError>,
    ) -> Result<T, TrieError> {
        self.write_as(&Header::default(), change).await
    }

    /// The same, of what is in the trie. If it has no block yet, `header` is the first.
    pub(crate) async fn write_as<T, E: Lack>(
        &self,
        header: &Header,
        mut change: impl FnMut(&mut Batch, &Trie<FeedBlocks>) -> Result<T, E>,
    ) -> Result<T, E> {
        let _one_at_a_time = self.writing.lock().await;
        loop {
            let make = |trie: &_| {
                let mut batch = Batch::with_header(trie, header);
                let changed = change(&mut batch, trie)?;
                Ok::<_, E>((batch, changed))
            };
            let (batch, changed) = self.ask_of(make).await?;
            if batch.blocks().is_empty() {
                return Ok(changed);
            }
            // Whoever else has the log may have appended: then the changes are made anew, to what there is now.
            if self.core.log.append_at_length(batch.version(), batch.blocks()).map_err(TrieError::from)? {
                self.core.trie().keep(batch);
                return Ok(changed);
            }
        }
    }

    /// Writes one entry, and returns its block.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn put(&self, key: &str, value: Option<&[u8]>, options: Options) -> Result<u64, TrieError> {
        self.write(|batch, trie| batch.put(trie, key, value, options)).await
    }

    /// Deletes one entry; none if there was none.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn delete(&self, query: Query<'_>) -> Result<Option<u64>, TrieError> {
        self.write(|batch, trie| batch.delete(trie, query)).await
    }

    /// Waits until something at or below the prefix that `watch` watches changes, here or at a peer.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub async fn changed(&self, watch: &mut Watch) -> Result<(), TrieError> {
        let changed = self.core.listen();
        loop {
            let version = self.version();
            if self.ask(|trie| watch.has_changed(trie, version)).await? {
                return Ok(());
            }
            self.core.is_newest();
            changed.notified().await;
        }
    }
}

impl Core {
    pub(crate) fn new(replicator: &Arc<Replicator>) -> Self {
        let log = Arc::clone(replicator.log());
        let trie = Mutex::new(Trie::new(FeedBlocks(Arc::clone(&log))));
        Self { log, trie, replicator: Arc::clone(replicator), expected: Expected::default() }
    }

    /// Whether a peer has told what there is, and that is here as far as its newest block. Otherwise that block is fetched.
    fn is_newest(&self) -> bool {
        if !self.replicator.is_informed() {
            return false;
        }
        let newest = self.replicator.progress().length;
        if self.log.lock().length() < newest {
            self.replicator.want(newest - 1..newest);
            return false;
        }
        true
    }

    /// The trie, for a question. Never hold it across an `await`.
    fn trie(&self) -> MutexGuard<'_, Trie<FeedBlocks>> {
        self.trie.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is woken at every change of the feed.
    fn listen(&self) -> Arc<Notify> {
        let changed = Arc::new(Notify::new());
        self.log.listen(&changed);
        changed
    }
}

impl FeedExtension for Core {
    fn name(&self) -> &'static str {
        EXTENSION
    }

    fn handle_asked(&self, question: &[u8]) {
        let is_lookup = matches!(ExtensionMessage::decode(question), Ok(Some(ExtensionMessage::Get { .. })));
        self.expected.ask(if is_lookup { LOOKUP_BLOCKS } else { MAX_EXTENSION_BLOCKS });
    }

    fn react(&self, payload: &[u8]) -> Reaction {
        // Hypertrie ignores what it does not understand, and so do we.
        let Some((message, along)) = decode(payload) else { return Reaction::default() };
        if !matches!(message, ExtensionMessage::Cache { .. }) {
            return answering(answers(&self.trie(), &message, &along));
        }
        // What peers have told of may not have been proved yet.
        let told = self.replicator.progress().length;
        let length = self.log.lock().length().max(told);
        let named = self.expected.take(wanted_blocks(message, length));
        if along.is_sent {
            return Reaction { expected: named, is_answer: true, ..Reaction::default() };
        }
        named.into_iter().for_each(|block| self.replicator.want(block..block + 1));
        Reaction { is_answer: true, ..Reaction::default() }
    }
}

/// A question, and which blocks are here, so that the others come along; but for one that was asked for by its number.
pub(crate) fn question(question: &ExtensionMessage, log: &SharedLog, wanted: Option<u64>) -> Vec<u8> {
    let mut payload = question.encode();
    let log = log.lock();
    let mut held: Vec<_> = log.have().runs(0..log.length()).collect();
    if let Some(wanted) = wanted.filter(|wanted| !log.has(*wanted)) {
        let place = held.partition_point(|range| range.start < wanted);
        held.insert(place, wanted..wanted + 1);
    }
    // What is not said might come again, and be paid again: then nothing comes along.
    if held.len() <= MAX_HELD_RANGES {
        Along::all_but(held).append_to(&mut payload);
    }
    payload
}

const fn answering(answers: Vec<Answer>) -> Reaction {
    Reaction { answers, expected: Vec::new(), is_answer: false }
}

fn decode(payload: &[u8]) -> Option<(ExtensionMessage, Along)> {
    Some((ExtensionMessage::decode(payload).ok()??, Along::decode(payload).ok()?))
}

/// What there is to say to a question. Who looks up one key takes few blocks along, as they believe few.
fn answers(trie: &Trie<FeedBlocks>, message: &ExtensionMessage, along: &Along) -> Vec<Answer> {
    let is_lookup = matches!(message, ExtensionMessage::Get { .. });
    let mut left = if is_lookup { LOOKUP_BLOCKS } else { MAX_EXTENSION_BLOCKS };
    let answer = |cache: ExtensionMessage| {
        let payload = cache.encode();
        let ExtensionMessage::Cache { mut blocks, .. } = cache else {
            return Answer { payload, along: None };
        };
        let is_room = blocks.len() <= left;
        left = left.saturating_sub(blocks.len());
        let held = along.held.as_ref().filter(|_| is_room);
        let along = held.map(|held| {
            blocks.retain(|block| !held.iter().any(|range| range.contains(block)));
            peer::Along { blocks, say: say_sent }
        });
        Answer { payload, along }
    };
    Responder::new(trie).answer(message).into_iter().map(answer).collect()
}

/// Says that these blocks come.
fn say_sent(blocks: &[u64]) -> Vec<u8> {
    let (start, end) = (blocks.first().copied().unwrap_or(0), blocks.last().map_or(0, |last| last + 1));
    let mut payload = ExtensionMessage::Cache { start, end, blocks: blocks.to_vec() }.encode();
    Along::sent().append_to(&mut payload);
    payload
}

/// Tries in feeds that are served: their readers ask which blocks they need. What is no trie has no answer.
#[derive(Debug, Default)]
pub(crate) struct ServedTries(Mutex<BTreeMap<FeedKey, Trie<FeedBlocks>>>);

impl ServedTries {
    /// What there is to do about a message about a feed.
    pub(crate) fn react(&self, log: &Arc<SharedLog>, payload: &[u8]) -> Reaction {
        let Some((message, along)) = decode(payload) else { return Reaction::default() };
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Trie::new(FeedBlocks(Arc::clone(log)));
        let trie = tries.entry(log.key()).or_insert_with(new);
        // Whoever says what there is at the seller was not asked.
        match message {
            ExtensionMessage::Cache { .. } => Reaction::default(),
            message if matches!(trie.header(), Ok(Some(_))) => answering(answers(trie, &message, &along)),
            _ => Reaction::default(),
        }
    }
}

#[cfg(test)]
mod tests;
