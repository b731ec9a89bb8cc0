//! Secrets come from a file, the environment or a prompt, never from the command line: others on the machine can read that.

use std::env::VarError;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use dazaar::cards::VoucherCode;
use dazaar::keystore::{Keystore, KeystoreError, SecretString};

use crate::failure::Failure;

/// Environment variable with the passphrase of the master key.
const PASSPHRASE_VARIABLE: &str = "DAZAAR_PASSPHRASE";

/// Environment variable with the code of a voucher.
const VOUCHER_VARIABLE: &str = "DAZAAR_VOUCHER";

/// Environment variable with the secret of a wallet that is added.
const WALLET_VARIABLE: &str = "DAZAAR_WALLET_SECRET";

/// Environment variable with the proxy through which sellers are dialled; there may be a password in it.
const PROXY_VARIABLE: &str = "DAZAAR_PROXY";

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
    typed_within(question, SECRET_BYTES_MAX)
}

/// The same, of so many bytes at most.
pub(crate) fn typed_within(question: &str, bytes_max: u64) -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password(question)?);
    }
    let mut text = String::new();
    let read = io::stdin().take(bytes_max.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(read).is_ok_and(|read| read > bytes_max) {
        return Err(Failure::input(format!("more than {bytes_max} bytes")));
    }
    Ok(text)
}

/// The voucher that is to be redeemed, if any. Who has it can redeem it: no seller is told it unless somebody asks for that, not even
/// if it is in the environment. Complaints do not repeat it.
pub(crate) fn voucher(is_asked_for: bool, file: Option<&Path>) -> Result<Option<VoucherCode>, Failure> {
    let text = match file {
        Some(path) => Some(read(path)?),
        None if is_asked_for => match variable(VOUCHER_VARIABLE)? {
            Some(code) => Some(code),
            None => Some(typed("Voucher: ")?),
        },
        None => None,
    };
    text.map(|text| text.parse().map_err(Failure::input)).transpose()
}

/// The proxy through which sellers are dialled, if there is one: what is in the file, else in the environment.
pub(crate) fn proxy(file: Option<&Path>) -> Result<Option<String>, Failure> {
    file.map_or_else(|| variable(PROXY_VARIABLE), |path| read(path).map(Some))
}

/// The secret of a wallet, if there is one: what is in the file, else in the environment.
pub(crate) fn wallet_secret(file: Option<&Path>) -> Result<Option<String>, Failure> {
    let text = match file {
        Some(path) => Some(read(path)?),
        None => variable(WALLET_VARIABLE)?,
    };
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// The secret of a wallet that has one: what is in the file or the environment, else what is typed.
pub(crate) fn wallet_secret_or_typed(file: Option<&Path>) -> Result<String, Failure> {
    match wallet_secret(file)? {
        Some(secret) => Ok(secret),
        None => Ok(typed("The wallet's secret: ")?.trim().to_owned()),
    }
}

fn given(file: Option<&Path>) -> Result<Option<SecretString>, Failure> {
    if let Some(path) = file {
        let text = read(path)?;
        let passphrase = text.trim_end_matches(['\n', '\r']);
        if passphrase.is_empty() {
            return Err(Failure::input(format!("{} holds no passphrase", path.display())));
        }
        return Ok(Some(passphrase.to_owned().into()));
    }
    Ok(variable(PASSPHRASE_VARIABLE)?.map(Into::into))
}

fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(SECRET_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    Ok(text)
}

/// A secret in the environment; none if it is not set, or empty.
fn variable(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(text) => Ok((!text.is_empty()).then_some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Failure::input(format!("{name} is not UTF-8"))),
    }
}

fn prompt(question: &str) -> Result<SecretString, Failure> {
    Ok(rpassword::prompt_password(question)?.into())
}
