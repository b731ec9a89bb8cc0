//! Feeds replicated with a peer, no market between: what programs of npm hypercore do with `feed.replicate`.

mod askable;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dazaar_log::{DiscoveryKey, FeedKey, IdentityKeyPair};
use dazaar_wire::limits::OFFERS_MAX;
use dazaar_wire::session::{Channel, Config, Event, Expected, Role, SecurityPolicy};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

pub(crate) use self::askable::{Askable, Chosen, Line};

use crate::answers::Answers;
use crate::connection::{Connection, ConnectionError};
use crate::replicator::Replicator;

/// Questions that wait for a slow connection; older ones are not asked there.
const QUESTIONS_WAITING: usize = 64;

/// Feeds that a program of ours has offered and that may be added here later. More are refused, so that it can offer others.
const OFFERS_KEPT: usize = OFFERS_MAX / 2;

/// How long somebody who is to help may take to open a feed: whoever only says that they have it holds a place for so long.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(8);

/// Feeds that are replicated with every peer. More may be added at any time.
#[derive(Debug)]
pub struct FeedSet {
    members: Mutex<BTreeMap<FeedKey, Member>>,
    grown: watch::Sender<()>,
    questions: broadcast::Sender<Question>,
    askable: Arc<Askable>,
    offers: OnceLock<Offers>,
}

/// What becomes of a feed that a peer opens and that is not among these; true if it is now. Otherwise it is refused.
pub(crate) struct Offers(pub(crate) Box<dyn Fn(&DiscoveryKey) -> bool + Send + Sync>);

impl Debug for Offers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Offers")
    }
}

#[derive(Debug, Clone)]
struct Member {
    replicator: Arc<Replicator>,
    extension: Option<Arc<dyn FeedExtension>>,
}

/// A message for a peer that has a feed open.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Which connection it is for.
    pub(crate) line: u64,
    pub(crate) feed: FeedKey,
    pub(crate) payload: Arc<[u8]>,
}

/// What is said about a feed besides its blocks.
pub trait FeedExtension: Debug + Send + Sync {
    /// Its name, by which peers find it.
    fn name(&self) -> &'static str;

    /// A question of ours goes to the peers: answers are to be expected.
    fn handle_asked(&self, question: &[u8]);

    /// What there is to do about a message. Nothing in it is verified.
    fn react(&self, payload: &[u8]) -> Reaction;
}

/// What a message leads to.
#[derive(Debug, Default)]
pub struct Reaction {
    /// Messages for who sent it.
    pub answers: Vec<Answer>,
    /// Blocks that they said they send without being asked.
    pub expected: Vec<u64>,
    /// Whether it answers a question of ours.
    pub is_answer: bool,
}

/// A message that answers another.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub payload: Vec<u8>,
    /// What is sent along with it, if they take that.
    pub along: Option<Along>,
}

/// Blocks that go along with an answer.
#[derive(Debug)]
pub struct Along {
    /// Which ones.
    pub blocks: Vec<u64>,
    /// What the answer says then, of those that are sent; others have been already.
    pub say: fn(&[u64]) -> Vec<u8>,
}

impl FeedSet {
    /// No feeds yet.
    pub fn new() -> Arc<Self> {
        let (grown, _) = watch::channel(());
        let (questions, _) = broadcast::channel(QUESTIONS_WAITING);
        Arc::new(Self {
            members: Mutex::default(),
            grown,
            questions,
            askable: Arc::default(),
            offers: OnceLock::new(),
        })
    }

    /// From now on this is asked about feeds that peers open and that are not among these. What is set first stays.
    pub(crate) fn set_offers(&self, offers: Offers) {
        // Whoever sets something else later keeps the first.
        let _ = self.offers.set(offers);
    }

    /// Adds a feed, and says what else is said about it. One that is there stays.
    pub fn add(&self, replicator: Arc<Replicator>, extension: Option<Arc<dyn FeedExtension>>) {
        let key = replicator.key();
        self.members().entry(key).or_insert(Member { replicator, extension });
        self.grown.send_replace(());
    }

    /// Asks one of the peers who have the feed open, now and not later: who answers soonest. Whether there was any.
    pub fn ask(&self, feed: FeedKey, payload: &[u8]) -> bool {
        self.ask_another(feed, payload, &BTreeSet::new()).is_some()
    }

    /// The same, of those who were not asked before.
    pub(crate) fn ask_another(
        &self,
        feed: FeedKey,
        payload: &[u8],
        before: &BTreeSet<u64>,
    ) -> Option<Chosen> {
        let chosen = self.askable.choose(&feed, before)?;
        if let Some(extension) = self.extension(&feed) {
            extension.handle_asked(payload);
        }
        // A connection that ended meanwhile is no failure: blocks come without the question too.
        let _ = self.questions.send(Question { line: chosen.line, feed, payload: payload.into() });
        Some(chosen)
    }

    /// Who can be asked.
    pub(crate) fn askable(&self) -> &Askable {
        &self.askable
    }

    /// A connection that can be asked about feeds.
    pub(crate) fn line(&self) -> Line {
        Line::new(&self.askable)
    }

    /// Those who replicate look again at what there is to open, and to whom.
    pub(crate) fn tell_changed(&self) {
        self.grown.send_replace(());
    }

    /// Hears of feeds that are added, and of [`tell_changed`](Self::tell_changed).
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.grown.subscribe()
    }

    /// What is asked from now on.
    pub(crate) fn questions(&self) -> broadcast::Receiver<Question> {
        self.questions.subscribe()
    }

    /// What else is said about a feed.
    pub(crate) fn extension(&self, feed: &FeedKey) -> Option<Arc<dyn FeedExtension>> {
        self.members().get(feed)?.extension.clone()
    }

    fn members(&self) -> MutexGuard<'_, BTreeMap<FeedKey, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Replicates `feeds` over a stream until the other side ends it.
///
/// # Errors
/// What the other side did wrong, or what failed here.
pub async fn replicate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    role: Role,
    feeds: &FeedSet,
) -> Result<(), ConnectionError> {
    run(stream, (role, &new_identity()), feeds, None).await
}

/// Somebody whom nobody knows.
pub(crate) fn new_identity() -> IdentityKeyPair {
    IdentityKeyPair::from_seed(&rand::random())
}

/// The same with somebody who may help: of what they send blocks count, and nothing else. It ends with an error if nobody who knows a
/// feed's key is there within a moment.
pub(crate) async fn replicate_with_helper<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    who: (Role, &IdentityKeyPair),
    expected: Expected,
    feeds: &FeedSet,
) -> Result<(), ConnectionError> {
    run(stream, who, feeds, Some(expected)).await
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    (role, identity): (Role, &IdentityKeyPair),
    feeds: &FeedSet,
    helper: Option<Expected>,
) -> Result<(), ConnectionError> {
    let config = Config {
        role,
        identity,
        expected: helper.unwrap_or(Expected::Anybody),
        security: SecurityPolicy::Offer,
        seed: rand::random(),
        extensions: Vec::new(),
    };
    let mut grown = feeds.changes();
    let mut questions = feeds.questions.subscribe();
    let mut peer = Peer::new(Connection::new(stream, config), feeds);
    (peer.is_helper, peer.is_welcome) = (helper.is_some(), true);
    let mut is_connected = false;
    let deadline = Instant::now() + STRANGER_TIMEOUT;
    loop {
        while let Some(event) = peer.connection.poll_event()? {
            is_connected |= matches!(event, Event::Connected { .. });
            let is_answer =
                matches!(event, Event::Opened { .. } | Event::Refused { .. } | Event::Closed { .. });
            let may_open = is_answer && peer.is_full;
            peer.handle_event(event)?;
            if may_open {
                peer.open()?;
            }
        }
        let turn = tokio::select! {
            turn = peer.connection.turn(None) => turn,
            _ = grown.changed(), if is_connected => { peer.open()?; Ok(()) }
            question = questions.recv() => { peer.ask(question)?; Ok(()) }
            () = tokio::time::sleep_until(deadline.into()), if peer.is_stranger() => {
                return Err(ConnectionError::Closed);
            }
        };
        match turn {
            Err(ConnectionError::Closed) if !peer.is_stranger() => return Ok(()),
            turn => turn?,
        }
    }
}

/// One connection, and the feeds that both sides have open.
pub(crate) struct Peer<'a, S> {
    connection: Connection<S>,
    feeds: &'a FeedSet,
    /// Whether feeds are opened to the other side.
    is_welcome: bool,
    is_helper: bool,
    /// Whether a feed was ever open on both sides.
    is_open: bool,
    /// Whether feeds wait until the other side has answered others.
    is_full: bool,
    channels: BTreeMap<Channel, Member>,
    /// Feeds that the other side refused or closed: they are opened again once it offers them.
    refused: BTreeSet<DiscoveryKey>,
    line: Line,
    answers: Answers,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Peer<'a, S> {
    /// Somebody to whom nothing is opened yet.
    pub(crate) fn new(connection: Connection<S>, feeds: &'a FeedSet) -> Self {
        Self {
            connection,
            feeds,
            is_welcome: false,
            is_helper: false,
            is_open: false,
            is_full: false,
            channels: BTreeMap::new(),
            refused: BTreeSet::new(),
            line: feeds.line(),
            answers: Answers::new(),
        }
    }

    /// Opens feeds to the other side from now on.
    pub(crate) const fn welcome(&mut self) {
        self.is_welcome = true;
    }

    pub(crate) const fn is_welcome(&self) -> bool {
        self.is_welcome
    }

    /// Whether a feed was ever open on both sides: whoever knows its key has shown that.
    pub(crate) const fn has_opened(&self) -> bool {
        self.is_open
    }

    pub(crate) fn poll_event(&mut self) -> Result<Option<Event>, ConnectionError> {
        self.connection.poll_event()
    }

    pub(crate) async fn turn(&mut self, until: Option<Duration>) -> Result<(), ConnectionError> {
        self.connection.turn(until).await
    }

    pub(crate) fn now(&self) -> Duration {
        self.connection.now()
    }

    /// Says something that is not about one feed.
    pub(crate) fn say(&mut self, name: &str, payload: &[u8]) -> Result<(), ConnectionError> {
        Ok(self.connection.session().send_extension(name, payload)?)
    }

    pub(crate) async fn finish(self) {
        self.connection.finish().await;
    }

    /// Whether it was to help, and has not shown that it knows a feed.
    const fn is_stranger(&self) -> bool {
        self.is_helper && !self.is_open
    }

    pub(crate) fn handle_event(&mut self, event: Event) -> Result<(), ConnectionError> {
        match event {
            Event::Connected { .. } => {
                self.line.connected(self.connection.now());
                if self.is_welcome {
                    self.open()?;
                }
            }
            Event::Opened { channel } => {
                self.attach(channel)?;
                self.is_full = false;
            }
            Event::Closed { channel } => {
                let closed =
                    self.channels.get(&channel).map(|member| member.replicator.key().discovery_key());
                self.refused.extend(closed);
                self.forget(channel);
                self.is_full = false;
            }
            Event::Refused { discovery_key, .. } => {
                self.refused.insert(discovery_key);
                self.is_full = false;
            }
            Event::ChannelExtension { channel, name, payload } => {
                if let Some(Member { replicator, extension: Some(extension) }) = self.channels.get(&channel) {
                    let reaction = || {
                        let reaction = extension.react(&payload);
                        if reaction.is_answer {
                            self.line.answered(&replicator.key());
                        }
                        reaction
                    };
                    self.answers.give(&mut self.connection, (channel, &name), reaction)?;
                }
            }
            // Of a feed that they refused before, they may have heard since: the content of a drive, once its header was read.
            Event::Offered { discovery_key } if self.is_welcome => {
                let keys: Vec<FeedKey> = self.feeds.members().keys().copied().collect();
                if let Some(key) = keys.into_iter().find(|key| key.discovery_key() == discovery_key) {
                    if self.connection.session().channels_left() == 0 {
                        self.connection.session().refuse(discovery_key);
                    } else {
                        self.connection.session().open(key)?;
                    }
                } else {
                    // Others that are kept are opened when they are added here.
                    let is_kept = match self.feeds.offers.get() {
                        Some(Offers(handle)) => handle(&discovery_key),
                        // Npm hypercore waits for no answer, and opens nothing again that was refused.
                        None => !self.is_native() || self.connection.session().offered() <= OFFERS_KEPT,
                    };
                    if !is_kept {
                        self.connection.session().refuse(discovery_key);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Opens what is not open yet.
    fn open(&mut self) -> Result<(), ConnectionError> {
        self.open_those(|_| true)
    }

    /// The same of these feeds, as many as the other side takes.
    pub(crate) fn open_those(&mut self, wanted: impl Fn(&FeedKey) -> bool) -> Result<(), ConnectionError> {
        let keys: Vec<FeedKey> = self.feeds.members().keys().copied().filter(wanted).collect();
        for key in keys {
            if self.is_begun(&key) {
                continue;
            }
            let discovery_key = key.discovery_key();
            let session = self.connection.session();
            let is_offered = session.is_offered(&discovery_key);
            if !is_offered && self.refused.contains(&discovery_key) {
                continue;
            }
            if session.channels_left() == 0 || !is_offered && session.offers_left() == 0 {
                self.is_full = true;
                continue;
            }
            session.open(key)?;
        }
        Ok(())
    }

    /// Opens those of the feeds that the other side has opened.
    pub(crate) fn join(&mut self) -> Result<(), ConnectionError> {
        let keys: Vec<FeedKey> = self.feeds.members().keys().copied().collect();
        let session = self.connection.session();
        let offered: BTreeSet<FeedKey> =
            keys.into_iter().filter(|key| session.is_offered(&key.discovery_key())).collect();
        self.open_those(|key| offered.contains(key))
    }

    /// Whether we have opened a feed, answered or not.
    pub(crate) fn is_begun(&mut self, key: &FeedKey) -> bool {
        self.connection.session().has_begun(key)
    }

    /// Whether another feed can be opened before one is closed.
    pub(crate) fn has_room(&mut self) -> bool {
        self.connection.session().channels_left() > 0
    }

    /// Whether the other side has to answer before another feed can be opened.
    pub(crate) fn must_wait(&mut self) -> bool {
        self.connection.session().offers_left() == 0
    }

    /// The feeds that both sides have open.
    pub(crate) fn open_feeds(&self) -> impl Iterator<Item = FeedKey> {
        self.channels.values().map(|member| member.replicator.key())
    }

    /// Closes a feed that both sides have open.
    pub(crate) fn close(&mut self, key: &FeedKey) {
        let open = self.channels.iter().find(|(_, member)| member.replicator.key() == *key);
        if let Some((&channel, _)) = open {
            self.forget(channel);
            self.connection.close_feed(channel);
        }
    }

    /// Whether the other side is a program of ours.
    pub(crate) fn is_native(&mut self) -> bool {
        self.connection.session().remote_authenticates()
    }

    fn forget(&mut self, channel: Channel) {
        if let Some(member) = self.channels.remove(&channel) {
            self.line.close(&member.replicator.key());
        }
    }

    fn attach(&mut self, channel: Channel) -> Result<(), ConnectionError> {
        let key = self.connection.session().feed(channel);
        let Some(mut member) = key.and_then(|key| self.feeds.members().get(&key).cloned()) else {
            return Ok(());
        };
        self.is_open = true;
        self.refused.remove(&member.replicator.key().discovery_key());
        let replicator = Arc::clone(&member.replicator);
        if self.is_helper {
            self.connection.attach_helper(channel, replicator)?;
            // Nor is what they say of blocks believed.
            member.extension = None;
        } else {
            self.connection.attach(channel, replicator)?;
        }
        if let Some(extension) = &member.extension {
            self.connection.session().set_channel_extensions(channel, [extension.name()]);
            self.line.open(member.replicator.key());
        }
        self.channels.insert(channel, member);
        Ok(())
    }

    fn ask(&mut self, question: Result<Question, RecvError>) -> Result<(), ConnectionError> {
        let Ok(Question { line, feed, payload }) = question else { return Ok(()) };
        if line != self.line.number() {
            return Ok(());
        }
        let open = self.channels.iter().find(|(_, member)| member.replicator.key() == feed);
        if let Some((&channel, Member { extension: Some(extension), .. })) = open {
            let name = extension.name();
            // What is wanted by number goes first, so that it does not come along as well.
            self.connection.fill()?;
            self.connection.session().send_channel_extension(channel, name, &payload)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use dazaar_log::{Feed, FeedKeyPair, Log};
    use dazaar_wire::replication::{Download, Options};
    use tokio::sync::Notify;

    use super::*;
    use crate::folder::Folder;
    use crate::shared_log::SharedLog;

    #[tokio::test]
    async fn what_both_have_is_opened_behind_many_feeds_that_one_of_them_has() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| Folder::open(&dir.path().join(name)).unwrap();
        let mut pairs: Vec<_> = (0..81).map(|seed| FeedKeyPair::from_seed(&[seed; 32])).collect();
        pairs.sort_by_key(FeedKeyPair::public);
        let common = pairs.pop().unwrap();
        let sets = [FeedSet::new(), FeedSet::new()];
        let add = |log: Log<Folder>, set: &FeedSet| {
            let log = SharedLog::new(log);
            let options = Options { download: Download::All, seed: 0 };
            set.add(Replicator::new(Arc::clone(&log), Feed::own(log.key()), options), None);
            log
        };
        let ours = add(Log::create_reader(folder("ours"), common.public()).unwrap(), &sets[0]);
        add(Log::create(folder("theirs"), common).unwrap(), &sets[1]).append(&["x"]).unwrap();
        for (nth, pair) in pairs.into_iter().enumerate() {
            add(Log::create(folder(&nth.to_string()), pair).unwrap(), &sets[nth % 2]);
        }
        let changed = Arc::new(Notify::new());
        ours.listen(&changed);
        let arrived = async {
            while !ours.lock().has(0) {
                changed.notified().await;
            }
        };
        let (near, far) = tokio::io::duplex(1 << 16);
        tokio::select! {
            end = replicate(near, Role::Initiator, &sets[0]) => panic!("{end:?}"),
            end = replicate(far, Role::Responder, &sets[1]) => panic!("{end:?}"),
            arrived = tokio::time::timeout(Duration::from_secs(60), arrived) => arrived.expect("in time"),
        }
    }

    #[tokio::test]
    async fn who_opens_no_feed_was_no_help() {
        let feeds = FeedSet::new();
        let (near, far) = tokio::io::duplex(1024);
        drop(far);
        let helper =
            replicate_with_helper(near, (Role::Initiator, &new_identity()), Expected::Anybody, &feeds).await;
        assert!(helper.is_err(), "or else they would be dialled again at once");
    }
}
