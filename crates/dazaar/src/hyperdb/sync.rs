//! Replication between those who write a map: what each has goes to the other.
//!
//! Whoever knows the keys of the feeds could have them without this, as with npm hyperdb. So that a map can be sold, its writers open the
//! feeds only to each other, unless they are told to do so for everybody.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dazaar_log::{FeedKey, FeedKeyPair, FileName, IdentityKey, IdentityKeyPair, Storage as _};
use dazaar_trie::db::{DbError, Feeds as _, Said, WRITERS_EXTENSION as EXTENSION};
use dazaar_wire::limits::CHANNELS_MAX;
use dazaar_wire::session::{Config, Event, Expected, Role, SecurityPolicy};
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::{HyperDb, HyperDbError};
use crate::connection::{Connection, ConnectionError};
use crate::peer::Peer;

/// How long somebody may take who writes a feed, but not the map, as far as is known here: they may be let in meanwhile.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(20);

/// How long somebody may take to show that they write any feed, or, if anybody may have the map, that they know its key.
const SILENT_TIMEOUT: Duration = Duration::from_secs(8);

/// The shortest time from telling what we have to telling it again.
const TELL_INTERVAL: Duration = Duration::from_millis(20);

/// How to replicate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// With whoever knows the key of the map; otherwise with writers only.
    pub with_anybody: bool,
    /// Until the other side ends it; otherwise until both have the same.
    pub is_live: bool,
}

/// Why a map was not replicated, or not any longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The connection failed, or the other side broke a rule.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The map cannot be read or written.
    #[error(transparent)]
    Map(#[from] HyperDbError),
    /// The other side does not know us for a writer.
    #[error("the other side does not know us for a writer of this map")]
    Unknown,
    /// The other side has not shown that they write the map, or must not any longer.
    #[error("the other side is no writer of this map, as far as is known here")]
    NotAWriter,
}

/// One connection to another writer.
struct Conversation<'a, S> {
    map: &'a HyperDb,
    options: SyncOptions,
    peer: Peer<'a, S>,
    /// Who both ends are on this connection.
    ends: Option<(IdentityKey, IdentityKey)>,
    pair: &'a FeedKeyPair,
    identity: IdentityKey,
    /// Who the other side has proved to be.
    writer: Option<FeedKey>,
    /// Whether the other side said that it does not know us.
    is_unknown: bool,
    told: Option<BTreeMap<FeedKey, u64>>,
    told_at: Instant,
    heard: Option<BTreeMap<FeedKey, u64>>,
    /// Whether it is us who opens feeds that both know; the other side opens what is opened to it.
    chooses: bool,
    /// Whether there may be more feeds to open.
    may_open: bool,
}

impl HyperDb {
    /// Replicates the map with another writer over a stream.
    ///
    /// # Errors
    /// Why it ended before both had the same, or before the other side ended it.
    pub async fn sync<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        role: Role,
        options: SyncOptions,
    ) -> Result<(), SyncError> {
        self.sync_with(stream, role, options, || {}).await
    }

    /// The same. Calls `is_known` once the other side has shown that they may: that they write the map, or, if anybody may, that they know
    /// its key. What is told with that is dropped at the end in any case.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    pub async fn sync_with<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        role: Role,
        options: SyncOptions,
        is_known: impl FnOnce(),
    ) -> Result<(), SyncError> {
        let mut is_known = Some(is_known);
        let pair = self.own_pair()?;
        let identity = IdentityKeyPair::from_seed(&rand::random());
        let config = Config {
            role,
            identity: &identity,
            expected: Expected::Anybody,
            // Who they are is worth nothing if others may write between.
            security: if options.with_anybody { SecurityPolicy::Offer } else { SecurityPolicy::Require },
            seed: rand::random(),
            extensions: vec![EXTENSION.to_owned()],
        };
        let feeds = self.feeds();
        let mut changes = feeds.changes();
        let changed = self.shelf.listen();
        let mut conversation = Conversation {
            map: self,
            options,
            peer: Peer::new(Connection::new(stream, config), feeds),
            ends: None,
            pair: &pair,
            identity: identity.public(),
            writer: None,
            is_unknown: false,
            told: None,
            told_at: Instant::now(),
            heard: None,
            chooses: role == Role::Initiator,
            may_open: true,
        };
        let began = Instant::now();
        loop {
            while let Some(event) = conversation.peer.poll_event()? {
                conversation.handle_event(event)?;
            }
            if conversation.advance()? {
                break;
            }
            if conversation.is_known()
                && let Some(is_known) = is_known.take()
            {
                is_known();
            }
            let deadline = began + conversation.patience();
            let tell_at = conversation.tell_at();
            let turn = tokio::select! {
                turn = conversation.peer.turn(tell_at) => turn,
                _ = changes.changed() => {
                    conversation.may_open = true;
                    Ok(())
                }
                () = changed.notified() => Ok(()),
                () = tokio::time::sleep_until(deadline.into()), if is_known.is_some() => {
                    return Err(conversation.stranger());
                }
            };
            match turn {
                Err(ConnectionError::Closed | ConnectionError::Io(_))
                    if conversation.is_even()? || conversation.may_end() =>
                {
                    break;
                }
                turn => turn?,
            }
        }
        conversation.peer.finish().await;
        Ok(self.flush().await?)
    }

    /// The key pair of the feed that we write.
    fn own_pair(&self) -> Result<FeedKeyPair, HyperDbError> {
        let mut secret = Zeroizing::new([0; FeedKeyPair::SECRET_BYTES]);
        let own = self.shelf.log(&self.own);
        let read = own.map(|log| log.lock().storage().read(FileName::SecretKey, 0, &mut *secret));
        let pair = read.and_then(Result::ok).and_then(|()| FeedKeyPair::from_secret_bytes(&secret).ok());
        pair.ok_or(HyperDbError::ReadOnly)
    }

    /// How many blocks there are here of each writer's feed.
    fn has(&self) -> Result<BTreeMap<FeedKey, u64>, HyperDbError> {
        let keys = self.known_writers()?;
        Ok(keys.into_iter().map(|key| (key, self.shelf.length(&key))).collect())
    }

    /// Whether a feed's writer may write, as far as is known here.
    fn is_writer(&self, feed: &FeedKey) -> Result<bool, HyperDbError> {
        let source = self.key();
        match self.db().view() {
            Ok(view) => Ok(view.writers().is_authorized(feed)),
            Err(DbError::Missing { .. }) => Ok(*feed == source),
            Err(error) => Err(error.into()),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    fn handle_event(&mut self, event: Event) -> Result<(), SyncError> {
        match event {
            Event::Connected { remote, .. } => {
                self.ends = Some((self.identity, remote));
                self.say(&Said::proof(self.pair, &self.identity, &remote))?;
                if self.options.with_anybody {
                    self.peer.welcome();
                }
            }
            Event::Extension { payload, .. } => match Said::decode(&payload).ok().flatten() {
                Some(Said::Has(lengths)) => (self.heard, self.may_open) = (Some(lengths), true),
                Some(Said::Unknown) => self.is_unknown = true,
                Some(said) => self.handle_proof(&said)?,
                None => {}
            },
            event => {
                self.may_open |=
                    matches!(event, Event::Opened { .. } | Event::Refused { .. } | Event::Closed { .. });
                self.peer.handle_event(event)?;
            }
        }
        Ok(())
    }

    fn handle_proof(&mut self, said: &Said) -> Result<(), SyncError> {
        let Some((own, remote)) = self.ends else { return Ok(()) };
        let Some(feed) = said.proves(&own, &remote) else { return Err(SyncError::NotAWriter) };
        self.writer = Some(feed);
        if !self.options.with_anybody && !self.map.is_writer(&feed)? {
            self.say(&Said::Unknown)?;
        }
        Ok(())
    }

    /// Does what there is to do now; whether all is done.
    fn advance(&mut self) -> Result<bool, SyncError> {
        let has = self.map.has()?;
        if !self.options.with_anybody {
            let is_writer = self.writer.map_or(Ok(false), |feed| self.map.is_writer(&feed))?;
            match (self.peer.is_welcome(), is_writer) {
                (false, true) => self.peer.welcome(),
                (true, false) => return Err(SyncError::NotAWriter),
                _ => {}
            }
        }
        if self.is_unknown && !self.options.is_live && self.heard.is_none() {
            return Err(SyncError::Unknown);
        }
        if self.ends.is_some() && self.peer.is_welcome() {
            let is_news = self.told.as_ref() != Some(&has);
            if std::mem::take(&mut self.may_open) || is_news {
                self.open(&has)?;
            }
            if is_news && (self.told.is_none() || self.told_at.elapsed() >= TELL_INTERVAL) {
                self.say(&Said::Has(has.clone()))?;
                self.told = Some(has.clone());
                self.told_at = Instant::now();
            }
        }
        Ok(!self.options.is_live && self.heard.as_ref() == Some(&has) && self.told.as_ref() == Some(&has))
    }

    /// Opens the feeds of writers.
    fn open(&mut self, has: &BTreeMap<FeedKey, u64>) -> Result<(), SyncError> {
        let source = self.map.key();
        self.peer.open_those(|feed| *feed == source)?;
        self.peer.join()?;
        if self.options.with_anybody && !self.peer.is_native() {
            // Npm hyperdb says nothing of what it has.
            return Ok(self.peer.open_those(|_| true)?);
        }
        match self.heard.clone() {
            Some(heard) if self.chooses => self.choose(has, &heard),
            _ => Ok(()),
        }
    }

    /// Opens feeds that both know: those that one side does not know yet would be too many offers. If a connection cannot carry all at
    /// once, those go first of which one side has more, and each makes room for another when both have the same of it.
    fn choose(
        &mut self,
        has: &BTreeMap<FeedKey, u64>,
        heard: &BTreeMap<FeedKey, u64>,
    ) -> Result<(), SyncError> {
        let source = self.map.key();
        let both: Vec<FeedKey> = has.keys().filter(|feed| heard.contains_key(feed)).copied().collect();
        let is_even = |feed: &FeedKey| has.get(feed) == heard.get(feed);
        let fit_all = both.len() <= CHANNELS_MAX;
        let mut due: Vec<FeedKey> = both.into_iter().filter(|feed| fit_all || !is_even(feed)).collect();
        due.retain(|feed| !self.peer.is_begun(feed));
        let mut done: Vec<FeedKey> =
            self.peer.open_feeds().filter(|feed| *feed != source && is_even(feed)).collect();
        for feed in due {
            if self.peer.must_wait() {
                break;
            }
            if !self.peer.has_room() {
                let Some(done) = done.pop() else { break };
                self.peer.close(&done);
            }
            self.peer.open_those(|other| *other == feed)?;
        }
        Ok(())
    }

    /// When there is something to tell that was told too lately.
    fn tell_at(&self) -> Option<Duration> {
        let is_news = self.peer.is_welcome()
            && self.told.is_some()
            && self.map.has().is_ok_and(|has| self.told != Some(has));
        is_news.then(|| self.peer.now() + TELL_INTERVAL.saturating_sub(self.told_at.elapsed()))
    }

    /// Whether both sides have the same.
    fn is_even(&self) -> Result<bool, SyncError> {
        Ok(self.peer.is_welcome() && self.heard.is_some() && self.heard == Some(self.map.has()?))
    }

    /// Whether the other side may end it at any time.
    const fn may_end(&self) -> bool {
        self.options.is_live && self.peer.is_welcome()
    }

    /// Whether the other side has shown that they may replicate the map.
    const fn is_known(&self) -> bool {
        self.peer.is_welcome() && (!self.options.with_anybody || self.peer.has_opened())
    }

    /// How long the other side may take to show that.
    const fn patience(&self) -> Duration {
        if self.writer.is_some() { STRANGER_TIMEOUT } else { SILENT_TIMEOUT }
    }

    /// Why somebody is not welcome.
    const fn stranger(&self) -> SyncError {
        if self.is_unknown { SyncError::Unknown } else { SyncError::NotAWriter }
    }

    fn say(&mut self, said: &Said) -> Result<(), SyncError> {
        Ok(self.peer.say(EXTENSION, &said.encode())?)
    }
}

#[cfg(test)]
mod tests;
