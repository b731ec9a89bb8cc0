//! What a workload reports besides its time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Figures, each where it is what the workload is about.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    /// Half of the deliveries took no longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p50_us: Option<f64>,
    /// One delivery in a hundred took longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99_us: Option<f64>,
    /// Processor time of the seller for each commit and buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us: Option<f64>,
    /// Memory of the seller for each buyer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rss_bytes_per_buyer: Option<f64>,
    /// How often the line could have been crossed there and back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) round_trips: Option<f64>,
    /// Bytes that the buyer received, for each block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) wire_bytes_per_block: Option<f64>,
    /// Lengths of all files, for each block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file_bytes_per_block: Option<f64>,
    /// What those files take up on the disk, for each block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk_bytes_per_block: Option<f64>,
}

impl Figures {
    /// The delay of deliveries, in microseconds.
    pub(super) fn of_delays(mut delays: Vec<f64>) -> Self {
        delays.sort_by(f64::total_cmp);
        let at = |part: usize| delays.get(delays.len().saturating_sub(1) * part / 100).copied();
        Self { p50_us: at(50), p99_us: at(99), ..Self::default() }
    }

    /// These, and where they say nothing, the others.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            p50_us: self.p50_us.or(other.p50_us),
            p99_us: self.p99_us.or(other.p99_us),
            cpu_us: self.cpu_us.or(other.cpu_us),
            rss_bytes_per_buyer: self.rss_bytes_per_buyer.or(other.rss_bytes_per_buyer),
            round_trips: self.round_trips.or(other.round_trips),
            wire_bytes_per_block: self.wire_bytes_per_block.or(other.wire_bytes_per_block),
            file_bytes_per_block: self.file_bytes_per_block.or(other.file_bytes_per_block),
            disk_bytes_per_block: self.disk_bytes_per_block.or(other.disk_bytes_per_block),
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = [
            ("us p50", self.p50_us),
            ("us p99", self.p99_us),
            ("us of the seller a commit and buyer", self.cpu_us),
            ("kB of the seller a buyer", self.rss_bytes_per_buyer.map(|bytes| bytes / 1e3)),
            ("round trips", self.round_trips),
            ("B/block received", self.wire_bytes_per_block),
            ("B/block in files", self.file_bytes_per_block),
            ("B/block on disk", self.disk_bytes_per_block),
        ];
        let mut separator = "";
        for (unit, figure) in figures.iter().filter_map(|(unit, figure)| Some((unit, (*figure)?))) {
            write!(f, "{separator}{figure:.1} {unit}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_delays_that_were_seen() {
        let figures = Figures::of_delays((0..=100).rev().map(f64::from).collect());
        assert_eq!((figures.p50_us, figures.p99_us), (Some(50.0), Some(99.0)));
        assert_eq!(Figures::of_delays(Vec::new()), Figures::default());
    }

    #[test]
    fn only_what_is_known_is_shown() {
        let figures =
            Figures { p50_us: Some(62.04), disk_bytes_per_block: Some(150.0), ..Figures::default() };
        assert_eq!(figures.to_string(), "62.0 us p50, 150.0 B/block on disk");
        assert_eq!(
            serde_json::to_string(&figures).unwrap(),
            r#"{"p50_us":62.04,"disk_bytes_per_block":150.0}"#
        );
    }
}
