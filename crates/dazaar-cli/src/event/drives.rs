//! What events of drives say to a person.

use dazaar::cards::extension::{display_text, printable};

use super::Event;

/// The line of an event of a drive; none if it says nothing.
pub(super) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Drive { key, content, version, tags } => {
            let tags: String = tags
                .iter()
                .map(|(name, version)| format!("\n  tag      {} = {version}", display_text(name)))
                .collect();
            format!("Drive {key}\n  content  {content}\n  version  {version}{tags}")
        }
        Event::DriveEntry { path, kind, mode, size, modified, target, mount } => {
            let target = target.as_ref().map(|target| format!(" -> {target}")).unwrap_or_default();
            let mount = mount.as_ref().map(|mount| format!(" -> drive {mount}")).unwrap_or_default();
            // Names come from strangers, and may hold what a terminal obeys.
            let path = printable(&format!("{path}{target}{mount}"));
            format!("{mode} {kind:<9} {size:>12}  {modified}  {path}")
        }
        Event::DriveFile { path, error: Some(error), .. } => {
            format!("Left out {}: {}", printable(path), display_text(error))
        }
        Event::DriveFile { path, action: "deleted", .. } => format!("Deleted {}", printable(path)),
        Event::DriveDone { version, written, unchanged, deleted, bytes, .. } => {
            let count =
                |count: u64, what| if count == 0 { String::new() } else { format!(", {count} {what}") };
            let (unchanged, deleted) = (count(*unchanged, "unchanged"), count(*deleted, "deleted"));
            let bytes =
                if *bytes == 0 { String::new() } else { format!(", {}", indicatif::HumanBytes(*bytes)) };
            let entries = if *written == 1 { "entry" } else { "entries" };
            format!(
                "{written} {entries} written{bytes}{unchanged}{deleted}; the drive is at version {version}"
            )
        }
        Event::Serving { url, .. } => format!("Showing the drive at {url}"),
        #[cfg(feature = "fuse")]
        Event::Attached { folder, .. } => format!("The drive is in {folder}"),
        Event::DriveChange { path, kind, .. } => format!("{kind:<9} {}", printable(path)),
        _ => return None,
    })
}
