//! One connection: a byte stream, the session on it, and the feeds that are replicated over it.
//!
//! Knows nothing of buying and selling: what concerns those is handed up as [`Event`]s.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dazaar_wire::Message;
use dazaar_wire::PeerFault;
use dazaar_wire::replication::{Fault, PeerId, Transfer};
use dazaar_wire::session::{Channel, Config, Event, OpenError, SendError, Session};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::replicator::Replicator;

/// Bytes read from the socket at once.
const READ_BYTES: usize = 64 * 1024;

/// No feed is asked for more to send while this many bytes wait for the socket, so a slow reader costs no memory.
const OUTGOING_BYTES_MAX: usize = 256 * 1024;

/// How long a closing connection may take to send its last bytes.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A session over a stream.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    session: Session,
    origin: Instant,
    feeds: BTreeMap<Channel, Attached>,
    /// What the other side said last of which directions it serves, on channels of feeds that are not attached yet.
    statuses: BTreeMap<Channel, Message>,
    wake: Arc<Notify>,
    input: Vec<u8>,
}

/// A feed that is replicated over this connection.
#[derive(Debug)]
struct Attached {
    replicator: Arc<Replicator>,
    peer: PeerId,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Begins a session.
    pub(crate) fn new(stream: S, config: Config<'_>) -> Self {
        Self {
            stream,
            session: Session::new(config, Duration::ZERO),
            origin: Instant::now(),
            feeds: BTreeMap::new(),
            statuses: BTreeMap::new(),
            wake: Arc::new(Notify::new()),
            input: vec![0; READ_BYTES],
        }
    }

    /// The session, to talk to the other side.
    pub(crate) const fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Time since the connection began: the session's clock.
    pub(crate) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    /// Replicates a feed on a channel that both sides have opened.
    pub(crate) fn attach(
        &mut self,
        channel: Channel,
        replicator: Arc<Replicator>,
    ) -> Result<(), ConnectionError> {
        self.attach_as(channel, replicator, false)
    }

    /// The same with somebody who may help, and whose word counts for nothing.
    pub(crate) fn attach_helper(
        &mut self,
        channel: Channel,
        replicator: Arc<Replicator>,
    ) -> Result<(), ConnectionError> {
        self.attach_as(channel, replicator, true)
    }

    fn attach_as(
        &mut self,
        channel: Channel,
        replicator: Arc<Replicator>,
        is_helper: bool,
    ) -> Result<(), ConnectionError> {
        let transfer = Transfer::from(self.session.security());
        let peer = replicator.add_peer(&self.wake, transfer, is_helper);
        // Attached before anything can fail: whoever drops the connection takes the peer away.
        let feed = self.feeds.entry(channel).insert_entry(Attached { replicator, peer });
        if let Some(status) = self.statuses.remove(&channel) {
            feed.get().replicator.handle_message(peer, status)?;
        }
        Ok(())
    }

    /// Ends the replication of a feed.
    pub(crate) fn close_feed(&mut self, channel: Channel) {
        self.detach(channel);
        self.session.close(channel);
    }

    /// Sends blocks of a feed that the other side did not ask for by number; which ones, if it takes any.
    pub(crate) fn send_along(&self, channel: Channel, blocks: &[u64]) -> Option<Vec<u64>> {
        let feed = self.feeds.get(&channel)?;
        feed.replicator.send_along(feed.peer, blocks)
    }

    /// The other side said that it sends these blocks of a feed.
    pub(crate) fn expect(&self, channel: Channel, blocks: &[u64]) {
        if let Some(feed) = self.feeds.get(&channel) {
            feed.replicator.expect(feed.peer, blocks);
        }
    }

    /// Asks the other side for nothing more: what it owes still comes.
    pub(crate) fn leave(&self) {
        self.feeds.values().for_each(|feed| feed.replicator.leave(feed.peer));
    }

    /// Whether the other side owes us anything.
    pub(crate) fn owes(&self) -> bool {
        self.feeds.values().any(|feed| feed.replicator.owes(feed.peer))
    }

    /// What the other side said, until there is nothing more to hear at the moment.
    pub(crate) fn poll_event(&mut self) -> Result<Option<Event>, ConnectionError> {
        while let Some(event) = self.session.poll_event()? {
            match event {
                Event::Message { channel, message } => match self.feeds.get(&channel) {
                    Some(feed) => feed.replicator.handle_message(feed.peer, message)?,
                    None if matches!(message, Message::Status { .. }) => {
                        self.statuses.insert(channel, message);
                    }
                    None => {}
                },
                Event::Closed { channel } | Event::Refused { channel, .. } => {
                    self.detach(channel);
                    return Ok(Some(event));
                }
                event => return Ok(Some(event)),
            }
        }
        Ok(None)
    }

    /// Sends and receives until something was received or sent, or the time `until` has come.
    ///
    /// Cancelling this future loses nothing.
    ///
    /// # Errors
    /// [`ConnectionError::Closed`] when the other side ended the stream.
    pub(crate) async fn turn(&mut self, until: Option<Duration>) -> Result<(), ConnectionError> {
        loop {
            self.fill()?;
            let due = [until, self.session.poll_timeout(), self.feeds_due()].into_iter().flatten().min();
            let wait = due.map(|due| due.saturating_sub(self.now()));
            let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
            let outgoing = self.session.outgoing();
            tokio::select! {
                read = reader.read(&mut self.input) => match read? {
                    0 => return Err(ConnectionError::Closed),
                    bytes => {
                        let now = self.origin.elapsed();
                        let received = self.input.get(..bytes).unwrap_or_default();
                        return Ok(self.session.handle_bytes(now, received)?);
                    }
                },
                written = writer.write(outgoing), if !outgoing.is_empty() => match written? {
                    0 => return Err(ConnectionError::Closed),
                    bytes => {
                        self.session.consume(bytes);
                        return Ok(());
                    }
                },
                () = self.wake.notified() => self.refresh(),
                () = sleep(wait) => return self.handle_timeout(),
            }
        }
    }

    /// Sends what is waiting and ends the stream.
    pub(crate) async fn close(mut self) {
        let closing = async {
            self.stream.write_all(self.session.outgoing()).await?;
            self.stream.shutdown().await
        };
        if let Ok(Err(error)) = timeout(CLOSE_TIMEOUT, closing).await {
            tracing::debug!(%error, "closing a connection");
        }
    }

    /// The same, and waits for a moment until the other side has ended it too: so it gets the last bytes, whatever it was sending itself.
    pub(crate) async fn finish(mut self) {
        let finishing = async {
            self.stream.write_all(self.session.outgoing()).await?;
            self.stream.shutdown().await?;
            while self.stream.read(&mut self.input).await? > 0 {}
            Ok::<_, io::Error>(())
        };
        if let Ok(Err(error)) = timeout(CLOSE_TIMEOUT, finishing).await {
            tracing::debug!(%error, "closing a connection");
        }
    }

    /// Asks the feeds for messages while there is room for them.
    pub(crate) fn fill(&mut self) -> Result<(), ConnectionError> {
        let mut idle = false;
        while !idle {
            idle = true;
            for (&channel, feed) in &self.feeds {
                if self.session.outgoing_len() >= OUTGOING_BYTES_MAX {
                    return Ok(());
                }
                if let Some(message) = feed.replicator.poll_message(feed.peer)? {
                    self.session.send(channel, &message)?;
                    idle = false;
                }
            }
        }
        Ok(())
    }

    fn refresh(&self) {
        for feed in self.feeds.values() {
            feed.replicator.refresh();
        }
    }

    fn feeds_due(&self) -> Option<Duration> {
        let now = self.now();
        self.feeds.values().filter_map(|feed| feed.replicator.timeout()).min().map(|left| now + left)
    }

    fn handle_timeout(&mut self) -> Result<(), ConnectionError> {
        self.session.handle_timeout(self.origin.elapsed())?;
        for feed in self.feeds.values() {
            feed.replicator.handle_timeout(feed.peer)?;
        }
        Ok(())
    }

    fn detach(&mut self, channel: Channel) {
        self.statuses.remove(&channel);
        if let Some(feed) = self.feeds.remove(&channel) {
            feed.replicator.remove_peer(feed.peer);
        }
    }
}

impl<S> Drop for Connection<S> {
    fn drop(&mut self) {
        for feed in self.feeds.values() {
            feed.replicator.remove_peer(feed.peer);
        }
    }
}

/// An error and what is behind it, in one line.
pub fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        // Some errors tell their cause themselves.
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}

async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The other side ended it.
    #[error("the other side closed the connection")]
    Closed,
    /// The other side broke a rule of the protocol.
    #[error("{0}")]
    Peer(#[from] PeerFault),
    /// A feed could not be opened on the session.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A message could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
    /// Replication failed: the other side broke a rule, or the feed on disk did.
    #[error("{0}")]
    Replication(#[from] Fault),
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use dazaar_log::{Feed, FeedKey, FeedKeyPair, IdentityKeyPair, Log};
    use dazaar_wire::Have;
    use dazaar_wire::replication::{Download, Options};
    use dazaar_wire::session::{Expected, Role, SecurityPolicy};
    use tokio::io::DuplexStream;

    use super::*;
    use crate::folder::Folder;
    use crate::shared_log::SharedLog;

    /// Opens a feed, replicates it if there is something to replicate, and goes on until something was said before that.
    async fn until_something_is_kept(
        connection: &mut Connection<DuplexStream>,
        key: FeedKey,
        replicator: Option<&Arc<Replicator>>,
    ) -> Channel {
        loop {
            while let Some(event) = connection.poll_event().unwrap() {
                match (event, replicator) {
                    (Event::Connected { .. }, _) => drop(connection.session().open(key).unwrap()),
                    (Event::Opened { channel }, Some(replicator)) => {
                        connection.attach(channel, Arc::clone(replicator)).unwrap();
                    }
                    _ => {}
                }
            }
            if let Some((channel, _)) = connection.statuses.first_key_value() {
                return *channel;
            }
            connection.turn(None).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_said_before_a_feed_is_attached_that_they_serve_nothing_is_not_asked() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name| Folder::open(&dir.path().join(name)).unwrap();
        let pair = FeedKeyPair::from_seed(&[1; 32]);
        let key = pair.public();
        let [theirs, ours] =
            [Log::create(folder("theirs"), pair).unwrap(), Log::create_reader(folder("ours"), key).unwrap()]
                .map(|log| {
                    let options = Options { download: Download::All, seed: 0 };
                    Replicator::new(SharedLog::new(log), Feed::own(key), options)
                });
        theirs.set_uploading(false);
        let identity = IdentityKeyPair::from_seed(&[2; 32]);
        let config = |role, seed| Config {
            role,
            identity: &identity,
            expected: Expected::Anybody,
            security: SecurityPolicy::Offer,
            seed: [seed; 32],
            extensions: Vec::new(),
        };
        let (near, far) = tokio::io::duplex(1 << 16);
        let mut near = Connection::new(near, config(Role::Initiator, 3));
        let mut far = Connection::new(far, config(Role::Responder, 4));
        let heard = timeout(Duration::from_secs(60), until_something_is_kept(&mut near, key, None));
        let channel = tokio::select! {
            channel = heard => channel.expect("in time"),
            kept = until_something_is_kept(&mut far, key, Some(&theirs)) => panic!("{kept:?}"),
        };
        near.attach(channel, Arc::clone(&ours)).unwrap();
        let peer = near.feeds[&channel].peer;
        let have = Have { start: 0, length: 1, bitfield: None, ack: false };
        ours.handle_message(peer, Message::Have(have)).unwrap();
        while let Some(said) = ours.poll_message(peer).unwrap() {
            assert!(!matches!(said, Message::Fetch { .. } | Message::Request(_)), "{said:?}");
        }
    }
}
