//! What can be measured, and how much of it.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Bytes of a small block: a trade or a reading.
const SMALL_BYTES: usize = 64;

/// Bytes of a large block: a file in pieces.
const LARGE_BYTES: usize = 64 * 1024;

/// Blocks of a feed that is far away.
const FAR_BLOCKS: u64 = 3000;

/// Times that a seller is found.
const FINDS: u64 = 50;

/// Time from one end of a far line to the other.
const FAR_DELAY: Duration = Duration::from_millis(20);

/// Most buyers of one seller.
const BUYERS: u64 = 100;

/// Most buyers who are connected and wait.
const IDLE_BUYERS: u64 = 10_000;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Workload {
    /// Append small blocks, 1,000 at a time
    AppendBatches,
    /// Append small blocks one by one, each of which survives the process once appended
    AppendSingly,
    /// Append blocks of 64 KiB, 100 at a time
    AppendLarge,
    /// Append small blocks one by one, each of which survives a power cut once appended
    AppendCommitted,
    /// The same from 64 tasks at once
    AppendConcurrent,
    /// Open the largest feed
    Open,
    /// Read small blocks in random order, from the page cache
    GetRandom,
    /// Read small blocks in order, as many at a time as the peer likes
    ReadInOrder,
    /// Replicate small blocks over TCP on this machine, verified and stored
    Replicate,
    /// Replicate blocks of 64 KiB over TCP on this machine, verified and stored
    ReplicateLarge,
    /// Replicate 3,000 small blocks over a line with a round trip of 40 ms
    ReplicateFar,
    /// Replicate small blocks here and there in the largest feed
    Sparse,
    /// The same over a line with a round trip of 40 ms
    SparseFar,
    /// The time from appending a block to its delivery in another process, 500 blocks a second
    Live,
    /// Replicate a feed to 100 buyers, each of whom has a feed of their own
    FanOut,
    /// Append to that feed one by one, with all buyers connected
    FanOutLive,
    /// Append to that feed 100 blocks at a time, with all buyers connected
    FanOutLiveBatches,
    /// Have up to 10,000 buyers connected who have everything and wait
    Idle,
    /// Find a seller by its key through a DHT on this machine, up to the proof that it is the seller
    FindByDht,
    /// The same on the local network, which is this machine
    FindByLan,
    /// Sell to a buyer with npm dazaar (with --vs-js; the other peers sell and buy with npm)
    SellToJs,
    /// Buy from a seller with npm dazaar (with --vs-js; the other peers sell and buy with npm)
    BuyFromJs,
}

impl Workload {
    /// As typed.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Blocks that are appended, read or replicated by each, if the largest feed has `scale` blocks.
    pub(super) fn blocks(self, scale: u64) -> u64 {
        let part = match self {
            Self::AppendBatches | Self::Open | Self::ReadInOrder => 1,
            Self::Replicate => 10,
            Self::AppendSingly | Self::GetRandom | Self::SellToJs | Self::BuyFromJs => 50,
            Self::AppendLarge | Self::ReplicateLarge | Self::AppendConcurrent => 200,
            Self::Live => 500,
            Self::AppendCommitted | Self::Sparse | Self::SparseFar | Self::FanOut => 1000,
            Self::FanOutLiveBatches => 1000,
            Self::FanOutLive => 5000,
            Self::ReplicateFar => return scale.min(FAR_BLOCKS),
            Self::FindByDht | Self::FindByLan => return scale.min(FINDS),
            Self::Idle => return 1,
        };
        (scale / part).max(1)
    }

    pub(super) const fn block_bytes(self) -> usize {
        match self {
            Self::AppendLarge | Self::ReplicateLarge => LARGE_BYTES,
            _ => SMALL_BYTES,
        }
    }

    /// Blocks that are appended together.
    pub(super) const fn batch(self) -> u64 {
        match self {
            Self::AppendBatches => 1000,
            Self::AppendLarge | Self::FanOutLiveBatches => 100,
            _ => 1,
        }
    }

    /// Who buys at once.
    pub(super) fn buyers(self, scale: u64) -> u64 {
        match self {
            Self::FanOut | Self::FanOutLive | Self::FanOutLiveBatches => (scale / 500).clamp(1, BUYERS),
            Self::Idle => (scale / 1000).clamp(1, IDLE_BUYERS),
            _ => 1,
        }
    }

    /// Blocks of the feed that has to be there before; none if it starts from nothing.
    pub(super) fn feed_blocks(self, scale: u64) -> Option<u64> {
        match self {
            Self::Open | Self::GetRandom | Self::ReadInOrder | Self::Sparse | Self::SparseFar => Some(scale),
            Self::Replicate
            | Self::ReplicateLarge
            | Self::ReplicateFar
            | Self::SellToJs
            | Self::BuyFromJs => Some(self.blocks(scale)),
            _ => None,
        }
    }

    /// The delay of the line between seller and buyer, if there is one of our own.
    pub(super) const fn line(self) -> Option<Duration> {
        match self {
            Self::Sparse => Some(Duration::ZERO),
            Self::ReplicateFar | Self::SparseFar => Some(FAR_DELAY),
            _ => None,
        }
    }

    /// Whether it is about what remains on the disk, too.
    pub(super) const fn is_append(self) -> bool {
        matches!(self, Self::AppendBatches | Self::AppendSingly | Self::AppendLarge)
    }

    /// Whether the other side is an npm peer.
    pub(super) const fn is_with_js(self) -> bool {
        matches!(self, Self::SellToJs | Self::BuyFromJs)
    }

    /// Whether npm hypercore 11 can do it: its writes cannot be synced, and no npm dazaar sells it.
    pub(super) const fn is_for_hypercore_11(self) -> bool {
        !matches!(
            self,
            Self::AppendCommitted
                | Self::AppendConcurrent
                | Self::FanOut
                | Self::FanOutLive
                | Self::FanOutLiveBatches
                | Self::Idle
                | Self::FindByDht
                | Self::FindByLan
                | Self::SellToJs
                | Self::BuyFromJs
        )
    }
}
