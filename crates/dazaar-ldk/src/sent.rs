//! What the node was told to pay, written down before it is: ldk-node writes a payment down only after it is on its way.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dazaar_pay::lightning::{PaymentHash, Spend, read_invoice};

/// Bytes of the longest record that is read: an invoice has at most 7,089 characters.
const RECORD_BYTES_MAX: u64 = 16 * 1024;

/// A folder with a file for each payment.
#[derive(Debug)]
pub(crate) struct Sent(PathBuf);

impl Sent {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("sent");
        DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Writes a payment down. It survives a power cut once this has returned.
    pub(crate) fn put(&self, spend: &Spend) -> io::Result<()> {
        let path = self.path(&spend.hash);
        if path.exists() {
            return Ok(());
        }
        let part = path.with_extension("part");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&part)?;
        writeln!(file, "{}\n{}", spend.fee_max_msat, spend.invoice)?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        fs::File::open(&self.0)?.sync_all()
    }

    /// A payment that the node was told to make.
    pub(crate) fn get(&self, hash: &PaymentHash) -> Option<Spend> {
        let path = self.path(hash);
        if fs::metadata(&path).ok()?.len() > RECORD_BYTES_MAX {
            return None;
        }
        let text = fs::read_to_string(path).ok()?;
        let (fee, invoice) = text.trim_end().split_once('\n')?;
        let request = read_invoice(invoice).ok().filter(|request| request.hash == *hash)?;
        let (hash, msat) = (request.hash, request.msat);
        Some(Spend { invoice: request.invoice, hash, msat, fee_max_msat: fee.parse().ok()? })
    }

    fn path(&self, hash: &PaymentHash) -> PathBuf {
        self.0.join(hex::encode(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The donation of BOLT 11's examples, over 250,000 satoshis for a cup of coffee.
    const INVOICE: &str = "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh";

    #[test]
    fn what_was_sent_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let request = read_invoice(INVOICE).unwrap();
        let (hash, msat) = (request.hash, request.msat);
        let spend = Spend { invoice: request.invoice, hash, msat, fee_max_msat: 7 };
        let sent = Sent::open(folder.path()).unwrap();
        assert_eq!(sent.get(&hash), None);
        sent.put(&spend).unwrap();
        sent.put(&Spend { fee_max_msat: 8, ..spend.clone() }).unwrap();
        assert_eq!(Sent::open(folder.path()).unwrap().get(&hash), Some(spend));
        // What is not what its name says is nothing.
        fs::rename(sent.path(&hash), sent.path(&[9; 32])).unwrap();
        assert_eq!(sent.get(&[9; 32]), None);
    }
}
