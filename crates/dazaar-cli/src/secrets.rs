//! Secrets come from a file, the environment or a prompt, never from the command line.

use std::env::VarError;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use dazaar::keystore::{Keystore, KeystoreError, SecretString};

use crate::failure::Failure;

/// Environment variable with the passphrase of the master key.
const PASSPHRASE_VARIABLE: &str = "DAZAAR_PASSPHRASE";

/// Bytes of the longest secret that is read from a file or a pipe.
const SECRET_BYTES_MAX: u64 = 4096;

/// The passphrase for a key that is stored already; asks only if it is needed and somebody can answer.
pub(crate) fn passphrase(keystore: &Keystore, file: Option<&Path>) -> Result<Option<SecretString>, Failure> {
    match keystore.is_encrypted() {
        Ok(true) => {}
        Ok(false) | Err(KeystoreError::Missing { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    match given(file)? {
        Some(passphrase) => Ok(Some(passphrase)),
        None if io::stdin().is_terminal() => Ok(Some(prompt("Passphrase: ")?)),
        None => Ok(None),
    }
}

/// The passphrase for a new key: what was given, else what is typed twice, if `ask`.
pub(crate) fn new_passphrase(file: Option<&Path>, ask: bool) -> Result<Option<SecretString>, Failure> {
    if let Some(passphrase) = given(file)? {
        return Ok(Some(passphrase));
    }
    if !ask {
        return Ok(None);
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::input("nobody is there to type a passphrase").hint("use --passphrase-file"));
    }
    let first = rpassword::prompt_password("New passphrase: ")?;
    if first != rpassword::prompt_password("Once more: ")? {
        return Err(Failure::input("the two passphrases differ"));
    }
    Ok((!first.is_empty()).then(|| first.into()))
}

/// A secret typed at a prompt, or the whole of standard input if that is a pipe.
pub(crate) fn typed(question: &str) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(question)?);
    }
    let mut text = String::new();
    io::stdin().take(SECRET_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn given(file: Option<&Path>) -> Result<Option<SecretString>, Failure> {
    if let Some(path) = file {
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(SECRET_BYTES_MAX).read_to_string(&mut text))
            .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
        let passphrase = text.trim_end_matches(['\n', '\r']);
        if passphrase.is_empty() {
            return Err(Failure::input(format!("{} holds no passphrase", path.display())));
        }
        return Ok(Some(passphrase.to_owned().into()));
    }
    match std::env::var(PASSPHRASE_VARIABLE) {
        Ok(text) if !text.is_empty() => Ok(Some(text.into())),
        Ok(_) | Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Failure::input(format!("{PASSPHRASE_VARIABLE} is not UTF-8"))),
    }
}

fn prompt(question: &str) -> Result<SecretString, Failure> {
    Ok(rpassword::prompt_password(question)?.into())
}
