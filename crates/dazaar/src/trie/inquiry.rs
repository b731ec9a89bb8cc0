//! A question to the peers of a trie: to one at a time, and to another if that one does not answer in time.

use std::collections::BTreeSet;
use std::time::Instant;

use dazaar_trie::hypertrie::ExtensionMessage;
use tokio::sync::Notify;

use super::{TrieFeed, question};
use crate::peer::Chosen;

/// What peers are asked, and who was.
#[derive(Debug, Default)]
pub(super) struct Inquiry {
    question: Option<ExtensionMessage>,
    asked: BTreeSet<u64>,
    last: Option<Asked>,
}

/// Who was asked last.
#[derive(Debug)]
struct Asked {
    chosen: Chosen,
    /// When it is looked whether that was any good.
    due: Instant,
    /// Blocks that were here then.
    held: u64,
}

impl Inquiry {
    /// A question that is asked if a block is missing.
    pub(super) fn about(question: ExtensionMessage) -> Self {
        Self { question: Some(question), ..Self::default() }
    }

    /// Asks somebody, if nobody was asked yet. `block` was asked for by its number, and is not to come along as well.
    pub(super) fn begin(&mut self, trie: &TrieFeed, block: u64) {
        if self.last.is_none() {
            self.ask_next(trie, block);
        }
    }

    /// Waits for a change, and asks somebody else if nothing comes of the question meanwhile.
    pub(super) async fn wait(&mut self, trie: &TrieFeed, block: u64, changed: &Notify) {
        let Some(asked) = &mut self.last else { return changed.notified().await };
        tokio::select! {
            () = changed.notified() => return,
            () = tokio::time::sleep_until(asked.due.into()) => {}
        }
        let held = trie.core.log.lock().downloaded();
        let is_late = trie.feeds.askable().is_late(&trie.key(), asked.chosen.line);
        if !is_late && held > asked.held {
            (asked.held, asked.due) = (held, Instant::now() + asked.chosen.patience);
        } else {
            self.ask_next(trie, block);
        }
    }

    fn ask_next(&mut self, trie: &TrieFeed, block: u64) {
        self.last = None;
        let Some(message) = &self.question else { return };
        let payload = question(message, &trie.core.log, Some(block));
        let Some(chosen) = trie.feeds.ask_another(trie.key(), &payload, &self.asked) else {
            // Blocks come without it too, one after the other.
            self.question = None;
            return;
        };
        self.asked.insert(chosen.line);
        let held = trie.core.log.lock().downloaded();
        self.last = Some(Asked { chosen, due: Instant::now() + chosen.patience, held });
    }
}
