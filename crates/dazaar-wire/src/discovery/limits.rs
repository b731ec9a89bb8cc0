//! Every bound on what strangers can make a node hold or send, and the times of the DHT.
//!
//! Grade: plain. Numbers marked "classic" are those of the npm packages; the rest is ours.
//! Source: classic protocol, section 8.

use std::time::Duration;

/// Longest datagram that is read. Those of npm have 2,000 bytes at most.
pub const DATAGRAM_BYTES_MAX: usize = 4096;

/// Longest answer that is sent, so that it is never cut into fragments.
pub const ANSWER_BYTES_MAX: usize = 1400;

/// Nodes in one answer, and in one bucket of the routing table (classic).
pub const NODES_MAX: usize = 20;

/// Peers that are named in one answer.
pub const PEERS_ANSWERED_MAX: usize = 48;

/// Peers of one answer that are listened to.
pub const PEERS_HEARD_MAX: usize = 32;

/// Peers in our own network that are listened to in one lookup. Any node can name any, and has others knock there.
pub const PEERS_NEAR_MAX: usize = 8;

/// Longest command or text of an error.
pub const TEXT_BYTES_MAX: usize = 256;

/// Nodes with the same public IP address in one bucket.
pub const BUCKET_NODES_PER_IP_MAX: usize = 2;

/// Announcements that a node keeps.
pub const RECORDS_MAX: usize = 65_536;

/// Announcements of one topic.
pub const RECORDS_PER_TOPIC_MAX: usize = 512;

/// Announcements of one public IP address in one topic; a further one takes the place of its oldest.
pub const RECORDS_PER_IP_IN_TOPIC_MAX: usize = 4;

/// Announcements of one IP address, over all topics.
pub const RECORDS_PER_IP_MAX: usize = 512;

/// How long an announcement is kept; classic nodes do so for 8 to 16 minutes, and repeat after 10 at the latest.
pub const RECORD_LIFETIME: Duration = Duration::from_secs(16 * 60);

/// An announcement is repeated after a random time of this range (classic).
pub const ANNOUNCE_INTERVAL: (Duration, Duration) = (Duration::from_secs(300), Duration::from_secs(600));

/// An announcement that nobody took is repeated after so long.
pub const ANNOUNCE_RETRY: Duration = Duration::from_secs(10);

/// The secret of the tokens changes after so long; tokens of the one before are still taken (classic).
pub const TOKEN_INTERVAL: Duration = Duration::from_secs(300);

/// Requests a second of one IP address that are answered in the long run, and how many may come at once. Whoever forges a sender
/// can turn no more answers than this on it, about 45 kB a second of the longest.
pub const REQUESTS_PER_IP: (u32, u32) = (32, 256);

/// The same for all addresses together.
pub const REQUESTS_IN_ALL: (u32, u32) = (4000, 8000);

/// Datagrams that wait to be sent; more are dropped, as the network might.
pub const OUTGOING_MAX: usize = 4096;

/// Requests of our own that are unanswered at once.
pub const REQUESTS_MAX: usize = 1024;

/// Lookups and announcements that go on at once; further ones wait.
pub const WALKS_MAX: usize = 64;

/// Parts into which a walk is divided, so that a liar misleads only its own part.
pub const PATHS: usize = 8;

/// Closest nodes that have to answer on each path.
pub const PATH_NODES: usize = 5;

/// Nodes that a path keeps in mind.
pub const PATH_CANDIDATES_MAX: usize = 40;

/// Nodes that one path asks; a liar who always knows a closer one does not lead it on for ever.
pub const PATH_ASKED_MAX: usize = 30;

/// Requests of one path that are waited for at once; with slow nodes there may be more.
pub const PATH_CONCURRENCY: usize = 2;

/// When a request is sent again, and when it has failed: times since it was first sent.
pub const RETRIES: [Duration; 3] =
    [Duration::from_millis(1000), Duration::from_millis(2500), Duration::from_millis(4500)];

/// A node that has not answered for so long is asked through its referrer (classic), and others are asked meanwhile.
pub const SLOW: Duration = Duration::from_millis(500);

/// Time from one look at the routing table to the next (classic).
pub const CHECK_INTERVAL: Duration = Duration::from_secs(40);

/// Nodes that are asked then whether they are still there (classic).
pub const CHECKED_NODES: usize = 5;

/// Nodes that are asked at once whether they are still there.
pub const CHECKS_MAX: usize = 32;

/// Strangers that are asked at once whether they are who they say; a further one takes the place of any of them.
pub const VERIFICATIONS_MAX: usize = 32;

/// Time from one walk towards ourselves or somewhere else to the next.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(320);

/// The same as long as no node is known.
pub const REFRESH_EMPTY_INTERVAL: Duration = Duration::from_secs(10);

/// An adaptive node takes part after a random time of this range, if others can reach it (classic).
pub const PERSISTENT_AFTER: (Duration, Duration) =
    (Duration::from_secs(20 * 60), Duration::from_secs(30 * 60));

/// Longest packet of multicast DNS that is read.
pub const PACKET_BYTES_MAX: usize = 9000;

/// A lookup is repeated on the local network after a random time of this range (classic).
pub const LAN_INTERVAL: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(60));

/// Topics that are announced and looked up on the local network.
pub const LAN_TOPICS_MAX: usize = 4096;

/// Answers a second to questions on the local network, in the long run and at once.
pub const LAN_ANSWERS: (u32, u32) = (20, 60);
