//! Where the master key rests: one file that only its owner can read, encrypted when a passphrase is set.
//!
//! In clear the file holds 64 hex digits; encrypted it is an ordinary `age` file, which the `age` program opens too.
//! A backup is 24 words (BIP 39), which is the same 32 bytes in a form that survives paper.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub use age::secrecy::SecretString;
use dazaar_market::MasterKey;
use zeroize::Zeroizing;

/// Bytes of the largest key file that is read.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Work factor of the passphrase's key derivation: 2^16 rounds of scrypt, about 64 MiB and a fifth of a second.
const PASSPHRASE_WORK: u8 = 16;

/// The file of a master key.
#[derive(Debug)]
pub struct Keystore {
    path: PathBuf,
}

impl Keystore {
    /// The keystore in the file `path`, which need not exist yet.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether a key was stored.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// Whether the stored key can only be read with a passphrase.
    pub fn is_encrypted(&self) -> Result<bool, KeystoreError> {
        Ok(self.contents()?.starts_with(b"age-encryption.org/"))
    }

    /// Stores `key`, encrypted if there is a passphrase. Never replaces a key.
    ///
    /// # Errors
    /// [`KeystoreError::Exists`] if a key is stored already.
    pub fn store(&self, key: &MasterKey, passphrase: Option<SecretString>) -> Result<(), KeystoreError> {
        let clear = Zeroizing::new(format!("{}\n", hex::encode(key.as_bytes())));
        let bytes = match passphrase {
            None => Zeroizing::new(clear.as_bytes().to_vec()),
            Some(passphrase) => Zeroizing::new(encrypt(clear.as_bytes(), passphrase, PASSPHRASE_WORK)?),
        };
        write_once(&self.path, &bytes)
    }

    /// Reads the key; an encrypted one needs its passphrase.
    pub fn load(&self, passphrase: Option<SecretString>) -> Result<MasterKey, KeystoreError> {
        let contents = self.contents()?;
        let clear = if contents.starts_with(b"age-encryption.org/") {
            decrypt(&contents, passphrase.ok_or(KeystoreError::PassphraseNeeded)?)?
        } else {
            contents
        };
        let text =
            std::str::from_utf8(&clear).map_err(|_| KeystoreError::Damaged { path: self.path.clone() })?;
        hex_key(text).ok_or_else(|| KeystoreError::Damaged { path: self.path.clone() })
    }

    fn contents(&self) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
        let file = fs::File::open(&self.path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeystoreError::Missing { path: self.path.clone() },
            _ => KeystoreError::Io { path: self.path.clone(), source },
        })?;
        let mut contents = Zeroizing::new(Vec::new());
        io::Read::read_to_end(&mut io::Read::take(file, FILE_BYTES_MAX), &mut contents)
            .map_err(|source| KeystoreError::Io { path: self.path.clone(), source })?;
        Ok(contents)
    }
}

/// The 24 words that are `key`.
pub fn words(key: &MasterKey) -> Zeroizing<String> {
    let mnemonic = bip39::Mnemonic::from_entropy(key.as_bytes()).expect("32 bytes are 24 words");
    Zeroizing::new(mnemonic.to_string())
}

/// The key that the 24 words, or 64 hex digits, stand for.
///
/// # Errors
/// [`KeystoreError::NotABackup`] if a word is unknown or the checksum is wrong.
pub fn key_from_backup(text: &str) -> Result<MasterKey, KeystoreError> {
    if let Some(key) = hex_key(text) {
        return Ok(key);
    }
    let mnemonic = bip39::Mnemonic::parse_normalized(&text.trim().to_lowercase())
        .map_err(|source| KeystoreError::NotABackup { source })?;
    let entropy = Zeroizing::new(mnemonic.to_entropy());
    let bytes: [u8; 32] = entropy
        .as_slice()
        .try_into()
        .map_err(|_| KeystoreError::WordCount { words: mnemonic.word_count() })?;
    Ok(MasterKey::new(&bytes))
}

fn hex_key(text: &str) -> Option<MasterKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), &mut *bytes).ok()?;
    Some(MasterKey::new(&bytes))
}

/// An `age` file. Deriving its key from the passphrase takes `2^work` rounds.
pub(crate) fn encrypt(clear: &[u8], passphrase: SecretString, work: u8) -> Result<Vec<u8>, KeystoreError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase);
    recipient.set_work_factor(work);
    age::encrypt(&recipient, clear).map_err(|source| KeystoreError::Encrypt { source })
}

pub(crate) fn decrypt(
    contents: &[u8],
    passphrase: SecretString,
) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let identity = age::scrypt::Identity::new(passphrase);
    age::decrypt(&identity, contents).map(Zeroizing::new).map_err(|source| KeystoreError::Decrypt { source })
}

/// Writes a file that must not exist yet, whole or not at all, readable by its owner only.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> Result<(), KeystoreError> {
    let io_error = |source| KeystoreError::Io { path: path.to_owned(), source };
    if path.exists() {
        return Err(KeystoreError::Exists { path: path.to_owned() });
    }
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(io_error)?;
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // The draft has a name of its own and mode 0600; it takes the final name only if nobody else has.
    let mut draft = tempfile::NamedTempFile::new_in(folder).map_err(io_error)?;
    draft.write_all(bytes).and_then(|()| draft.as_file().sync_all()).map_err(io_error)?;
    draft.persist_noclobber(path).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => KeystoreError::Exists { path: path.to_owned() },
        _ => io_error(failed.error),
    })?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io_error)
}

/// Why a master key could not be stored or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeystoreError {
    /// There is no key yet.
    #[error("no master key at {}", path.display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// A key is there already; replacing it would lose whatever was sold and bought under it.
    #[error("{} already holds a master key", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The key is encrypted and no passphrase was given.
    #[error("the master key is encrypted: a passphrase is needed")]
    PassphraseNeeded,
    /// The file is neither a key nor an encrypted one.
    #[error("{} does not hold a master key", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase is wrong, or the file was altered.
    #[error("the master key cannot be decrypted: {source}")]
    Decrypt {
        /// What `age` said.
        source: age::DecryptError,
    },
    /// The key could not be encrypted.
    #[error("the master key cannot be encrypted: {source}")]
    Encrypt {
        /// What `age` said.
        source: age::EncryptError,
    },
    /// The words are not a backup of a key.
    #[error("these words are not a backup: {source}")]
    NotABackup {
        /// Which word, or the checksum.
        source: bip39::Error,
    },
    /// A backup has 24 words.
    #[error("a backup has 24 words, got {words}")]
    WordCount {
        /// Words given.
        words: usize,
    },
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keystore(dir: &tempfile::TempDir) -> Keystore {
        Keystore::new(dir.path().join("nested").join("master.key"))
    }

    #[test]
    fn a_key_is_stored_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let keystore = keystore(&dir);
        assert!(matches!(keystore.load(None), Err(KeystoreError::Missing { .. })));
        keystore.store(&MasterKey::new(&[7; 32]), None).unwrap();
        assert_eq!(keystore.load(None).unwrap().as_bytes(), &[7; 32]);
        assert!(matches!(keystore.store(&MasterKey::new(&[8; 32]), None), Err(KeystoreError::Exists { .. })));
        assert_eq!(keystore.load(None).unwrap().as_bytes(), &[7; 32]);
    }

    #[test]
    fn of_many_at_once_one_stores_its_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let store = |byte| Keystore::new(path.clone()).store(&MasterKey::new(&[byte; 32]), None).is_ok();
        let stored: Vec<bool> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|byte| scope.spawn(move || store(byte))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let winner = stored.iter().position(|&is_stored| is_stored).unwrap();
        assert_eq!(stored.iter().filter(|&&is_stored| is_stored).count(), 1);
        let key = Keystore::new(path.clone()).load(None).unwrap();
        assert_eq!(usize::from(key.as_bytes()[0]), winner);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no drafts are left");
    }

    #[test]
    fn a_passphrase_is_needed_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let keystore = keystore(&dir);
        keystore.store(&MasterKey::new(&[7; 32]), Some("correct horse".to_owned().into())).unwrap();
        assert!(keystore.is_encrypted().unwrap());
        assert!(matches!(keystore.load(None), Err(KeystoreError::PassphraseNeeded)));
        assert!(matches!(keystore.load(Some("wrong".to_owned().into())), Err(KeystoreError::Decrypt { .. })));
        let key = keystore.load(Some("correct horse".to_owned().into())).unwrap();
        assert_eq!(key.as_bytes(), &[7; 32]);
    }

    #[test]
    fn words_restore_the_key_and_mistakes_are_noticed() {
        let words = words(&MasterKey::new(&[7; 32]));
        assert_eq!(words.split(' ').count(), 24);
        assert_eq!(key_from_backup(&words).unwrap().as_bytes(), &[7; 32]);
        assert_eq!(key_from_backup(&"07".repeat(32)).unwrap().as_bytes(), &[7; 32]);
        let wrong = words.replacen(words.split(' ').next().unwrap(), "zoo", 1);
        assert!(matches!(key_from_backup(&wrong), Err(KeystoreError::NotABackup { .. })));
        assert!(matches!(key_from_backup("abandon abandon"), Err(KeystoreError::NotABackup { .. })));
    }

    #[test]
    fn a_damaged_file_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(Keystore::new(path).load(None), Err(KeystoreError::Damaged { .. })));
    }
}
