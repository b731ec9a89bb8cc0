//! JavaScript peers: processes that report one JSON object a line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running peer. It is killed when dropped.
pub(crate) struct Node {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Node {
    /// Starts a program of `interop/js`.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let interop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop");
        let installed = interop.join("node_modules/.package-lock.json");
        assert!(installed.is_file(), "the npm peers are not installed: run `cargo xtask setup`");
        let mut command = Command::new("node");
        command.arg(interop.join("js").join(program)).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout: BufReader::new(stdout) }
    }

    /// Waits for the next event of this kind.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, event: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "no `{event}` before the end");
            let found: Value = serde_json::from_str(&line).unwrap();
            assert_ne!(found["event"], "error", "{found}");
            if found["event"] == event {
                return found;
            }
        }
    }

    /// Sends a command, and waits for the event that answers it.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str, event: &str) -> Value {
        writeln!(self.stdin, "{command}").unwrap();
        self.wait_for(event)
    }

    /// Waits until it ends by itself, successfully.
    #[track_caller]
    pub(crate) fn succeed(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already; either way it must not outlive the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
