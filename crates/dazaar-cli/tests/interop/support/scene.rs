//! One test's folder, and the programs that run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::Process;

/// A folder that is gone after the test, and everybody who lives in it.
pub(crate) struct Scene {
    folder: TempDir,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder for the test") }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text.
    pub(crate) fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().expect("the test's folder has a name in UTF-8").to_owned()
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), content).expect("a file in the test's folder");
        self.text_path(name)
    }

    /// Reads a file.
    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Makes a market for `who`; its buyer key.
    pub(crate) fn init(&self, who: &str) -> String {
        let mut process = self.dazaar(who, &["init"]);
        process.succeed();
        text(process.last("initialised"), "buyer")
    }

    /// Runs our program with `who`'s market.
    pub(crate) fn dazaar(&self, who: &str, arguments: &[&str]) -> Process {
        self.dazaar_with(who, arguments, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn dazaar_with(&self, who: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Process {
        self.start(Command::new(env!("CARGO_BIN_EXE_dazaar")), who, arguments, variables)
    }

    /// The same by a command that runs our program with the arguments that it is given.
    pub(crate) fn start(
        &self,
        mut command: Command,
        who: &str,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Process {
        command.env_remove("DAZAAR_LOG").env_remove("DAZAAR_PASSPHRASE").env_remove("DAZAAR_PROXY");
        // Tests about something else must not talk to the network that the machine is in.
        command.env("DAZAAR_NO_LAN", "true").env_remove("DAZAAR_BOOTSTRAP").env_remove("DAZAAR_SHARE_ON");
        command.env_remove("DAZAAR_IROH").env_remove("DAZAAR_RELAY").env_remove("DAZAAR_RELAY_CA");
        command.env_remove("DAZAAR_VOUCHER").envs(variables.iter().copied()).current_dir(self.folder.path());
        command.args(["--json", "--dir", &self.text_path(who)]).args(arguments);
        // Most tests are about blocks, which are easy to tell apart if each is a row.
        let is_folder = arguments.get(1).is_some_and(|source| self.path(source).is_dir());
        if arguments.first() == Some(&"sell") && !is_folder && !arguments.contains(&"--blocks") {
            command.args(["--blocks", "raw"]);
        }
        Process::start(&format!("dazaar {} ({who})", arguments.join(" ")), command)
    }

    /// Runs our program in a folder of the test, with nothing but these arguments.
    pub(crate) fn dazaar_in(&self, folder: &str, arguments: &[&str]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dazaar"));
        command
            .env_remove("DAZAAR_DIR")
            .env("DAZAAR_NO_LAN", "true")
            .current_dir(self.path(folder))
            .arg("--json")
            .args(arguments);
        Process::start(&format!("dazaar {} (in {folder})", arguments.join(" ")), command)
    }

    /// Sells `source` to everybody until the end of the test; the process and where it is.
    pub(crate) fn sell(&self, source: &str, arguments: &[&str]) -> (Process, Place) {
        self.init("seller");
        self.sell_on(source, arguments)
    }

    /// The same in a market that is there already.
    pub(crate) fn sell_on(&self, source: &str, arguments: &[&str]) -> (Process, Place) {
        let words = [&["sell", source, "--listen", "127.0.0.1:0"], arguments].concat();
        let mut process = self.dazaar("seller", &words);
        let place = Place::of_ours(&process.wait_for("listening"));
        (process, place)
    }

    /// Runs a JavaScript peer in a folder of its own.
    pub(crate) fn js(&self, program: &str, who: &str, arguments: &[&str]) -> Process {
        let interop = interop();
        let installed = interop.join("node_modules/.package-lock.json");
        assert!(installed.is_file(), "the npm peers are not installed: run `cargo xtask setup`");
        let mut command = Command::new("node");
        command.arg(interop.join("js").join(program)).args(["--dir", &self.text_path(who)]).args(arguments);
        Process::start(&format!("{program} {} ({who})", arguments.join(" ")), command)
    }

    /// Starts the JavaScript seller.
    pub(crate) fn js_seller(&self, arguments: &[&str]) -> (Process, Place) {
        let mut process = self.js("seller.js", "js-seller", arguments);
        let place = Place::of_peer(&process.wait_for("listening"));
        (process, place)
    }

    /// Starts the JavaScript buyer.
    pub(crate) fn js_buyer(&self, place: &Place, arguments: &[&str]) -> Process {
        let words = [&["--port", place.port(), "--seller", &place.seller], arguments].concat();
        self.js("buyer.js", "js-buyer", &words)
    }

    /// Runs a Python peer.
    pub(crate) fn python(&self, program: &str, arguments: &[&str]) -> Process {
        self.python_file(&interop().join("python").join(program), arguments)
    }

    /// Runs an example in Python.
    pub(crate) fn python_example(&self, program: &str, arguments: &[&str]) -> Process {
        self.python_file(&interop().join("../examples").join(program), arguments)
    }

    fn python_file(&self, program: &Path, arguments: &[&str]) -> Process {
        let interpreter = interop().join("../target/interop/python/bin/python");
        assert!(interpreter.is_file(), "the Python peers are not installed: run `cargo xtask setup`");
        let mut command = Command::new(interpreter);
        command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(self.folder.path());
        command.arg(program).args(arguments);
        let name = program.file_name().unwrap_or_default().display();
        Process::start(&format!("{name} {}", arguments.join(" ")), command)
    }
}

/// Where a seller can be reached.
pub(crate) struct Place {
    pub(crate) seller: String,
    pub(crate) feed: String,
    pub(crate) address: String,
}

impl Place {
    /// Where a seller of ours listens.
    pub(crate) fn of_ours(listening: &Value) -> Self {
        let [seller, feed, address] = ["seller", "feed", "address"].map(|field| text(listening, field));
        Self { seller, feed, address }
    }

    /// Where a peer of `interop/` listens.
    pub(crate) fn of_peer(listening: &Value) -> Self {
        let [seller, feed] = ["seller", "feed"].map(|field| text(listening, field));
        Self { seller, feed, address: format!("127.0.0.1:{}", listening["port"]) }
    }

    pub(crate) fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap_or_default()
    }
}

/// A field of an event that is text.
#[track_caller]
pub(crate) fn text(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap_or_else(|| panic!("no text `{field}` in {event}")).to_owned()
}

/// What the generated blocks of the peers in `interop/` hold, one after the other.
pub(crate) fn blocks(indices: impl IntoIterator<Item = usize>) -> String {
    indices.into_iter().map(|index| format!("row {index} {}\n", "x".repeat(index % 23))).collect()
}

/// A CSV file of so many lines, the header included: as many blocks.
pub(crate) fn csv(lines: usize) -> String {
    let rows = (1..lines).map(|line| format!("{line},{}\n", line * line % 1009));
    std::iter::once("time,value\n".to_owned()).chain(rows).collect()
}

fn interop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../interop")
}
