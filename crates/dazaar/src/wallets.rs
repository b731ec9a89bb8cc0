//! Where the settings of wallets rest: a file each, encrypted with a secret of the master key, so as safe as that is.
//!
//! What the settings say is the wallet's business: here they are JSON.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::keystore::{KeystoreError, SecretString, decrypt, encrypt, write_once};
use crate::market::Market;

/// Characters of a wallet's name.
const NAME_CHARS_MAX: usize = 32;

/// Bytes of the largest file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// 2^1 rounds: the secret is as random as a key, and needs no slow derivation.
const WORK: u8 = 1;

impl Market {
    /// Whether a wallet may be stored under a name: asked before anything is made for it.
    ///
    /// # Errors
    /// [`WalletError::Name`], [`WalletError::Exists`].
    pub fn check_new_wallet(&self, name: &str) -> Result<(), WalletError> {
        if self.wallet_path(name)?.exists() {
            return Err(WalletError::Exists { name: name.to_owned() });
        }
        Ok(())
    }

    /// Stores a wallet's settings under a name; never replaces any.
    ///
    /// # Errors
    /// [`WalletError::Name`], [`WalletError::Exists`], [`WalletError::File`].
    pub fn put_wallet(&self, name: &str, settings: &Value) -> Result<(), WalletError> {
        let path = self.wallet_path(name)?;
        let clear = Zeroizing::new(settings.to_string());
        match write_once(&path, &encrypt(clear.as_bytes(), self.wallets_secret(), WORK)?) {
            Err(KeystoreError::Exists { .. }) => Err(WalletError::Exists { name: name.to_owned() }),
            written => Ok(written?),
        }
    }

    /// The names of the wallets, in order.
    ///
    /// # Errors
    /// [`WalletError::Io`].
    pub fn wallets(&self) -> Result<Vec<String>, WalletError> {
        let folder = self.wallets_path();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|source| WalletError::Io { path: folder.clone(), source })?,
        };
        let names = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(SUFFIX).map(str::to_owned)
        });
        let mut names: Vec<String> = names.filter(|name| is_name(name)).collect();
        names.sort();
        Ok(names)
    }

    /// The settings of a wallet.
    ///
    /// # Errors
    /// [`WalletError::Unknown`], [`WalletError::File`].
    pub fn wallet(&self, name: &str) -> Result<Value, WalletError> {
        let path = self.wallet_path(name)?;
        let contents = read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => WalletError::Unknown { name: name.to_owned() },
            _ => WalletError::Io { path: path.clone(), source },
        })?;
        let clear = decrypt(&contents, self.wallets_secret())?;
        serde_json::from_slice(&clear).map_err(|_| WalletError::Damaged { path })
    }

    /// Forgets a wallet. What it holds is elsewhere.
    ///
    /// # Errors
    /// [`WalletError::Unknown`].
    pub fn remove_wallet(&self, name: &str) -> Result<(), WalletError> {
        let path = self.wallet_path(name)?;
        fs::remove_file(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => WalletError::Unknown { name: name.to_owned() },
            _ => WalletError::Io { path, source },
        })
    }

    /// The folder in which wallets may keep what they must not lose. It is there, and its owner's alone.
    ///
    /// # Errors
    /// [`WalletError::Io`].
    pub fn wallets_folder(&self) -> Result<PathBuf, WalletError> {
        let path = self.wallets_path();
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|source| WalletError::Io { path: path.clone(), source })?;
        Ok(path)
    }

    fn wallets_path(&self) -> PathBuf {
        self.dir().join("wallets")
    }

    fn wallet_path(&self, name: &str) -> Result<PathBuf, WalletError> {
        if !is_name(name) {
            return Err(WalletError::Name { max: NAME_CHARS_MAX });
        }
        Ok(self.wallets_path().join(format!("{name}{SUFFIX}")))
    }

    fn wallets_secret(&self) -> SecretString {
        hex::encode(*self.master().wallets()).into()
    }
}

const SUFFIX: &str = ".wallet";

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_plain)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut contents = Vec::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut contents)?;
    Ok(contents)
}

/// Why a wallet's settings could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// A name with other characters, or too many.
    #[error("a wallet's name has 1 to {max} lowercase letters, digits and hyphens")]
    Name {
        /// Characters allowed.
        max: usize,
    },
    /// There is a wallet of this name.
    #[error("there is a wallet `{name}` already")]
    Exists {
        /// The name.
        name: String,
    },
    /// There is no wallet of this name.
    #[error("there is no wallet `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The file holds no settings.
    #[error("{} does not hold a wallet's settings", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be encrypted, decrypted or written.
    #[error(transparent)]
    File(#[from] KeystoreError),
    /// The file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_kept_under_the_master_key_and_nobody_else_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(&folder.path().join("anna"), None, None).unwrap();
        let settings = json!({ "kind": "lnbits", "key": "very-secret" });
        market.put_wallet("mine", &settings).unwrap();
        assert_eq!(market.wallet("mine").unwrap(), settings);
        assert_eq!(market.wallets().unwrap(), ["mine"]);
        let stored = fs::read(folder.path().join("anna/wallets/mine.wallet")).unwrap();
        assert!(!String::from_utf8_lossy(&stored).contains("very-secret"));
        let other = Market::create(&folder.path().join("eve"), None, None).unwrap();
        fs::write(other.wallets_folder().unwrap().join("mine.wallet"), stored).unwrap();
        assert!(matches!(other.wallet("mine"), Err(WalletError::File(KeystoreError::Decrypt { .. }))));
    }

    #[test]
    fn a_wallet_is_not_replaced_and_its_name_is_no_path() {
        let folder = tempfile::tempdir().unwrap();
        let market = Market::create(folder.path(), None, None).unwrap();
        market.put_wallet("mine", &json!({})).unwrap();
        assert!(matches!(market.put_wallet("mine", &json!({})), Err(WalletError::Exists { .. })));
        for name in ["", "../mine", "Mine", "a b", &"a".repeat(33)] {
            assert!(matches!(market.put_wallet(name, &json!({})), Err(WalletError::Name { .. })), "{name}");
        }
        market.remove_wallet("mine").unwrap();
        assert!(matches!(market.remove_wallet("mine"), Err(WalletError::Unknown { .. })));
        assert!(matches!(market.wallet("mine"), Err(WalletError::Unknown { .. })));
    }
}
