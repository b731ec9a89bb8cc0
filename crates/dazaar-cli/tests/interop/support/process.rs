//! A process that reports one JSON object a line.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before the test fails. Nothing waits this long when all is well.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long the last complaints of a process that has ended may take. What it started may hold the line.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A running peer. It is killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    events: Receiver<Value>,
    seen: Vec<Value>,
    complaints: Arc<Mutex<String>>,
    /// Ends with the complaints.
    complaining: Receiver<()>,
}

impl Process {
    /// Starts `command`, which the messages of failures call `name`.
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdin = child.stdin.take();
        let events = read_events(child.stdout.take().expect("stdout is piped"));
        let (complaints, complaining) = read_all(child.stderr.take().expect("stderr is piped"));
        Self { name: name.to_owned(), child, stdin, events, seen: Vec::new(), complaints, complaining }
    }

    /// Waits for the next event of this kind. Earlier events are passed over.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, event: &str) -> Value {
        self.wait_until(event, |found| found["event"] == event)
    }

    /// Waits for the next event that `is_wanted`; `what` names it in the message of a failure.
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, mut is_wanted: impl FnMut(&Value) -> bool) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    self.seen.push(event.clone());
                    if is_wanted(&event) {
                        return event;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no `{what}` in time from {self}"),
                Err(RecvTimeoutError::Disconnected) => panic!("no `{what}` before the end of {self}"),
            }
        }
    }

    /// Waits until the process ends by itself, and reads all that it reported.
    #[track_caller]
    pub(crate) fn wait_for_end(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(event) => self.seen.push(event),
                Err(RecvTimeoutError::Timeout) => panic!("no end in time from {self}"),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.child.wait().expect("a child can be waited for");
        let _ = self.complaining.recv_timeout(LAST_WORDS);
        status
    }

    /// Waits until the process ends by itself, successfully.
    #[track_caller]
    pub(crate) fn succeed(&mut self) {
        let status = self.wait_for_end();
        assert!(status.success(), "{status} from {self}");
    }

    /// Waits until the process ends by itself with this exit code.
    #[track_caller]
    pub(crate) fn fail_with(&mut self, code: i32) {
        let status = self.wait_for_end();
        assert_eq!(status.code(), Some(code), "from {self}");
    }

    /// Sends a line to its stdin.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        writeln!(stdin, "{line}").unwrap_or_else(|error| panic!("cannot say `{line}`: {error}, to {self}"));
    }

    /// Tells it that no more will be said.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Ends it politely, as Ctrl-C does.
    #[track_caller]
    pub(crate) fn interrupt(&mut self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
        assert!(status.success(), "cannot interrupt {self}");
        self.wait_for_end();
    }

    /// Ends it without asking.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.wait_for_end();
    }

    /// What it reported up to the last event that was waited for.
    pub(crate) fn seen(&self) -> &[Value] {
        &self.seen
    }

    /// The last event of this kind among [`Self::seen`].
    #[track_caller]
    pub(crate) fn last(&self, event: &str) -> &Value {
        let found = self.seen.iter().rev().find(|found| found["event"] == event);
        found.unwrap_or_else(|| panic!("no `{event}` from {self}"))
    }

    /// What it wrote to stderr so far.
    pub(crate) fn complaints(&self) -> String {
        self.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has complained of this.
    pub(crate) fn wait_for_complaint(&self, text: &str) {
        let started = Instant::now();
        while !self.complaints().contains(text) {
            assert!(started.elapsed() < DEADLINE, "no `{text}` in time from {self}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The most memory that it ever had, in bytes; `None` if it has ended.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        Some(kilobytes * 1024)
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; either way it must not outlive the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}, which reported:", self.name)?;
        for event in self.seen.iter().rev().take(30).rev() {
            writeln!(f, "  {event}")?;
        }
        write!(f, "and complained:\n{}", self.complaints())
    }
}

/// Waits for something that nobody reports.
#[track_caller]
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads events on a thread of their own, so that no peer ever waits for its test.
fn read_events(stdout: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, events) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
            if sender.send(event).is_err() {
                break;
            }
        }
    });
    events
}

/// What is read, and whether there is more to come.
fn read_all(mut stderr: impl Read + Send + 'static) -> (Arc<Mutex<String>>, Receiver<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let shared = Arc::clone(&text);
    let (reading, complaining) = channel();
    thread::spawn(move || {
        let _reading: Sender<()> = reading;
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut buffer) {
            let piece = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            shared.lock().unwrap_or_else(PoisonError::into_inner).push_str(&piece);
        }
    });
    (text, complaining)
}
