//! Requests of our own that are not answered yet: sent again, sent around a firewall, given up.
//!
//! Grade: machine. An answer counts only if it comes from where the request went, with the request's number, which nobody else
//! knows. Source: classic protocol, sections 8.2 and 8.3.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::time::Duration;

use super::limits::{RETRIES, SLOW};

/// A request.
#[derive(Debug)]
pub(super) struct Request<P> {
    pub(super) to: SocketAddrV4,
    /// Who named that address: it can tell the node there to answer us.
    pub(super) referrer: Option<SocketAddrV4>,
    /// What the answer is for.
    pub(super) purpose: P,
    pub(super) datagram: Vec<u8>,
    sent: Duration,
    /// How many of the steps below were taken.
    steps: usize,
}

/// What happens to a request as time goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It takes longer than usual.
    Slow,
    /// It is sent again.
    Again,
    /// It is given up.
    Failed,
}

const STEPS: [(Duration, Step); 4] =
    [(SLOW, Step::Slow), (RETRIES[0], Step::Again), (RETRIES[1], Step::Again), (RETRIES[2], Step::Failed)];

/// All requests that wait.
#[derive(Debug)]
pub(super) struct Requests<P> {
    requests: BTreeMap<u64, Request<P>>,
    due: BTreeSet<(Duration, u64)>,
}

impl<P> Default for Requests<P> {
    fn default() -> Self {
        Self { requests: BTreeMap::new(), due: BTreeSet::new() }
    }
}

impl<P> Requests<P> {
    /// Whether no request that waits has this number.
    pub(super) fn is_free(&self, number: u64) -> bool {
        !self.requests.contains_key(&number)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    /// A request was sent.
    pub(super) fn insert(
        &mut self,
        now: Duration,
        number: u64,
        to: SocketAddrV4,
        referrer: Option<SocketAddrV4>,
        purpose: P,
        datagram: Vec<u8>,
    ) {
        self.due.insert((now + STEPS[0].0, number));
        self.requests.insert(number, Request { to, referrer, purpose, datagram, sent: now, steps: 0 });
    }

    /// The request that this is the answer to.
    pub(super) fn answered(&mut self, number: u64, from: SocketAddrV4) -> Option<Request<P>> {
        if self.requests.get(&number)?.to != from {
            return None;
        }
        self.remove(number)
    }

    /// When something is to do next.
    pub(super) fn next(&self) -> Option<Duration> {
        self.due.first().map(|(due, _)| *due)
    }

    /// A request for which something is to do, and what. With [`Step::Failed`] it is not waited for any more.
    pub(super) fn poll(&mut self, now: Duration) -> Option<(u64, Step)> {
        let &(due, number) = self.due.first().filter(|(due, _)| *due <= now)?;
        let request = self.requests.get_mut(&number)?;
        let (_, step) = STEPS[request.steps.min(STEPS.len() - 1)];
        if let Some((after, _)) = STEPS.get(request.steps + 1) {
            self.due.remove(&(due, number));
            self.due.insert((request.sent + *after, number));
            request.steps += 1;
        }
        Some((number, step))
    }

    pub(super) fn get(&self, number: u64) -> Option<&Request<P>> {
        self.requests.get(&number)
    }

    /// Forgets a request.
    pub(super) fn remove(&mut self, number: u64) -> Option<Request<P>> {
        let request = self.requests.remove(&number)?;
        let (after, _) = STEPS[request.steps.min(STEPS.len() - 1)];
        self.due.remove(&(request.sent + after, number));
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddrV4 {
        text.parse().unwrap()
    }

    #[test]
    fn a_request_is_sent_three_times_and_then_given_up() {
        let (mut requests, start) = (Requests::default(), Duration::from_secs(9));
        requests.insert(start, 7, address("8.0.0.1:1"), None, (), Vec::new());
        let mut steps = Vec::new();
        while let Some(due) = requests.next() {
            let before = due.checked_sub(Duration::from_nanos(1)).unwrap();
            assert_eq!(requests.poll(before), None);
            let (number, step) = requests.poll(due).unwrap();
            steps.push((due - start, step));
            if step == Step::Failed {
                requests.remove(number);
            }
        }
        assert_eq!(steps, STEPS);
        assert!(requests.is_free(7) && requests.len() == 0);
    }

    #[test]
    fn only_who_was_asked_can_answer() {
        let mut requests = Requests::default();
        requests.insert(Duration::ZERO, 7, address("8.0.0.1:1"), None, (), Vec::new());
        assert!(requests.answered(7, address("8.0.0.1:2")).is_none());
        assert!(requests.answered(8, address("8.0.0.1:1")).is_none());
        assert!(requests.answered(7, address("8.0.0.1:1")).is_some());
        assert!(requests.answered(7, address("8.0.0.1:1")).is_none());
        assert_eq!(requests.next(), None);
    }
}
