//! The mint, as a process on loopback.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// The mint's process, killed when dropped.
pub struct Mint {
    child: Option<Child>,
    port: u16,
    fee: u64,
    folder: tempfile::TempDir,
}

impl Mint {
    /// Starts a mint that takes so many thousandths of a satoshi for each coin.
    pub fn start(fee: u64) -> Self {
        let mut mint = Self { child: None, port: 0, fee, folder: tempfile::tempdir().unwrap() };
        mint.restart();
        mint
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, at the same address.
    pub fn restart(&mut self) {
        self.kill();
        let mut child = Command::new(env!("CARGO_BIN_EXE_dazaar-mint"))
            .args([self.folder.path().to_str().unwrap(), &self.fee.to_string(), &self.port.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.port = line.trim().parse().expect("the mint prints its port");
        self.child = Some(child);
    }
}

impl Drop for Mint {
    fn drop(&mut self) {
        self.kill();
    }
}
