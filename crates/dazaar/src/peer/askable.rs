//! Who can be asked about a feed, and how long each takes to answer: one is asked at a time, or else the same would come from each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dazaar_log::FeedKey;

/// How much longer than usual an answer may take before somebody else is asked.
const PATIENCE: u32 = 4;

/// The shortest and the longest time that an answer is waited for.
const PATIENCE_MIN: Duration = Duration::from_millis(250);
const PATIENCE_MAX: Duration = Duration::from_secs(4);

/// Connections by the feeds about which they can be asked.
#[derive(Debug, Default)]
pub(crate) struct Askable(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    lines: u64,
    feeds: BTreeMap<FeedKey, BTreeMap<u64, Habit>>,
}

/// What is known of one connection and feed.
#[derive(Debug, Clone, Copy)]
struct Habit {
    /// How long an answer takes: as the last one did, or before the first as the handshake did.
    takes: Duration,
    /// Since when a question has had no answer.
    asked: Option<Instant>,
}

/// Who was chosen, and how long they may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chosen {
    pub(crate) line: u64,
    pub(crate) patience: Duration,
}

impl Askable {
    /// Who answers soonest, of those who are not excepted. They are taken to be asked now.
    pub(super) fn choose(&self, feed: &FeedKey, except: &BTreeSet<u64>) -> Option<Chosen> {
        let mut state = self.state();
        let habits = state.feeds.get_mut(feed)?;
        let others = habits.iter_mut().filter(|(line, _)| !except.contains(line));
        // Who owes an answer is asked after all who do not.
        let (&line, habit) = others.min_by_key(|(_, habit)| (habit.asked.is_some(), habit.takes))?;
        habit.asked.get_or_insert_with(Instant::now);
        Some(Chosen { line, patience: (habit.takes * PATIENCE).clamp(PATIENCE_MIN, PATIENCE_MAX) })
    }

    /// Whether somebody owes an answer. If so, it is remembered.
    pub(crate) fn is_late(&self, feed: &FeedKey, line: u64) -> bool {
        let mut state = self.state();
        let Some(habit) = state.feeds.get_mut(feed).and_then(|habits| habits.get_mut(&line)) else {
            return true;
        };
        let Some(asked) = habit.asked else { return false };
        habit.takes = habit.takes.max(asked.elapsed()).min(PATIENCE_MAX);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection; it can be asked until this is dropped.
#[derive(Debug)]
pub(crate) struct Line {
    askable: Arc<Askable>,
    number: u64,
    /// How long the handshake took.
    distance: Duration,
}

impl Line {
    pub(super) fn new(askable: &Arc<Askable>) -> Self {
        let mut state = askable.state();
        state.lines += 1;
        let number = state.lines;
        drop(state);
        Self { askable: Arc::clone(askable), number, distance: PATIENCE_MAX }
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The handshake is done, so long after it began.
    pub(crate) const fn connected(&mut self, after: Duration) {
        self.distance = after;
    }

    /// This feed can be asked about.
    pub(crate) fn open(&self, feed: FeedKey) {
        let habit = Habit { takes: self.distance, asked: None };
        self.askable.state().feeds.entry(feed).or_default().insert(self.number, habit);
    }

    /// It cannot any more.
    pub(crate) fn close(&self, feed: &FeedKey) {
        let mut state = self.askable.state();
        if let Some(habits) = state.feeds.get_mut(feed) {
            habits.remove(&self.number);
            if habits.is_empty() {
                state.feeds.remove(feed);
            }
        }
    }

    /// An answer came.
    pub(crate) fn answered(&self, feed: &FeedKey) {
        let mut state = self.askable.state();
        if let Some(habit) = state.feeds.get_mut(feed).and_then(|habits| habits.get_mut(&self.number))
            && let Some(asked) = habit.asked.take()
        {
            habit.takes = asked.elapsed();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.askable.state().feeds.retain(|_, habits| {
            habits.remove(&self.number);
            !habits.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_soonest_is_asked_and_who_owes_an_answer_last() {
        let askable = Arc::<Askable>::default();
        let feed = FeedKey([1; 32]);
        let none = BTreeSet::new();
        assert!(askable.choose(&feed, &none).is_none());
        let mut lines = [Line::new(&askable), Line::new(&askable)];
        lines[0].connected(Duration::from_secs(1));
        lines[1].connected(Duration::from_millis(10));
        lines.iter().for_each(|line| line.open(feed));
        let numbers = lines.each_ref().map(Line::number);
        let chosen = || askable.choose(&feed, &none).unwrap().line;
        assert_eq!(chosen(), numbers[1], "who is nearer");
        assert!(askable.is_late(&feed, numbers[1]));
        assert_eq!(chosen(), numbers[0], "who owes nothing");
        lines[1].answered(&feed);
        lines[0].answered(&feed);
        assert!(!askable.is_late(&feed, numbers[1]));
        assert_eq!(askable.choose(&feed, &numbers[..1].iter().copied().collect()).unwrap().line, numbers[1]);
        assert!(askable.choose(&feed, &numbers.into_iter().collect()).is_none());
        drop(lines);
        assert!(askable.choose(&feed, &none).is_none(), "who has gone");
    }
}
