//! What went wrong: one line, a hint, and an exit code that scripts can rely on.

mod maps;
mod tables;

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::event::Event;
use crate::output::Output;
use dazaar::database::DatabaseError;
use dazaar::keystore::KeystoreError;
use dazaar::log::LogError;
use dazaar::payment::PaymentError;
use dazaar::{MarketError, PublishError, WalletError};
use dazaar_table::ResumeError;
use dazaar_table::export::ExportError;
use dazaar_table::read::{ReadError, ScanError};
use dazaar_table::writer::KnownError;

/// What to do about a feed of which a buyer holds another history.
pub(crate) const FORK_HINT: &str = "put the newer copy of the feed's folder back, or sell the rows that it lacks again, \
                                    or sell what is new as another feed, with --name";

/// Why the program ends, and how.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// The exit codes. They are part of the contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything else.
    General = 1,
    /// The command line makes no sense (also used by the parser of arguments).
    Usage = 2,
    /// A file, a card or a row is wrong.
    Input = 3,
    /// The other side refused.
    Refused = 4,
    /// Nobody could be reached.
    Unreachable = 5,
    /// Another process uses the feed.
    Busy = 6,
    /// A buyer holds another history of the feed, so that nothing may be appended.
    Forked = 7,
    /// A feed's folder is damaged, and was not repaired.
    Damaged = 8,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Display) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    /// Whether another process is in the way.
    pub(crate) fn is_busy(&self) -> bool {
        self.kind == Kind::Busy
    }

    /// Whether the other side said this.
    pub(crate) fn says(&self, reason: &str) -> bool {
        self.kind == Kind::Refused && self.message.contains(reason)
    }

    /// A failure to read or understand what the user gave us.
    pub(crate) fn input(message: impl Display) -> Self {
        Self::new(Kind::Input, message)
    }

    /// What is wrong with the feed in a folder.
    pub(crate) fn of_log(folder: &Path, error: &LogError) -> Self {
        let kind = Self::kind_of_log(error);
        let failure =
            Self::new(kind, format!("the feed in {}: {}", folder.display(), dazaar::explain(error)));
        match kind {
            Kind::Damaged => failure.hint(format!("dazaar doctor {} --repair", folder.display())),
            _ => failure,
        }
    }

    /// Whether a feed is damaged, or something else hinders.
    pub(crate) const fn kind_of_log(error: &LogError) -> Kind {
        match error {
            LogError::Corrupt { .. }
            | LogError::Header { .. }
            | LogError::MissingNode { .. }
            | LogError::SecretKey { .. }
            | LogError::Truncated { .. }
            | LogError::Unproven { .. } => Kind::Damaged,
            LogError::Forked { .. } => Kind::Forked,
            _ => Kind::General,
        }
    }

    /// What the user can do about it.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Tells the user, and ends the program.
    pub(crate) fn report(&self, output: &Output) -> ExitCode {
        // A reader that is gone needs no report.
        let _ = if output.is_json() { self.report_json(output) } else { Ok(()) };
        if self.kind != Kind::Interrupted && !self.message.is_empty() {
            output.remark(&format!("error: {}", self.message));
            if let Some(hint) = &self.hint {
                output.remark(&format!("hint: {hint}"));
            }
        }
        ExitCode::from(self.kind as u8)
    }

    fn report_json(&self, output: &Output) -> io::Result<()> {
        let (error, hint) = (self.message.clone(), self.hint.clone());
        output.event(&Event::Error { code: self.kind as u8, error, hint })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // Whoever read our output has seen enough.
            io::ErrorKind::BrokenPipe => Self::new(Kind::General, ""),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<KeystoreError> for Failure {
    fn from(error: KeystoreError) -> Self {
        let failure = Self::new(Kind::General, &error);
        match error {
            KeystoreError::Missing { .. } => failure.hint("create a market first: dazaar init"),
            KeystoreError::PassphraseNeeded => failure.hint("set DAZAAR_PASSPHRASE or use --passphrase-file"),
            KeystoreError::NotABackup { .. } | KeystoreError::WordCount { .. } => Self::input(error),
            _ => failure,
        }
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        let failure = Self::new(Kind::General, &error);
        match error {
            DatabaseError::GrantDiffers { .. } => Self::input(error).hint("each grant has a name of its own"),
            DatabaseError::Budget(_) => {
                Self::new(Kind::Refused, error).hint("see it, or change it: dazaar wallet budget")
            }
            DatabaseError::NameTaken { .. } => Self::input(error).hint("choose another with --name"),
            _ => failure,
        }
    }
}

impl From<PaymentError> for Failure {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Refused { .. } => Self::input(error),
            error => Self::new(Kind::Unreachable, error),
        }
    }
}

impl From<WalletError> for Failure {
    fn from(error: WalletError) -> Self {
        match error {
            WalletError::Unknown { .. } => Self::input(error).hint("see which there are: dazaar wallet list"),
            WalletError::Name { .. } | WalletError::Exists { .. } => Self::input(error),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Forked { .. } => Self::new(Kind::Forked, &error).hint(FORK_HINT),
            error => Self::new(Kind::General, dazaar::explain(&error)),
        }
    }
}

impl From<MarketError> for Failure {
    fn from(error: MarketError) -> Self {
        match error {
            MarketError::Keystore(error) => error.into(),
            MarketError::Database(error) => error.into(),
            MarketError::Busy { .. } => Self::new(Kind::Busy, &error)
                .hint("another dazaar process has it open: stop that one, or let it do the work"),
            MarketError::Log { folder, source } => Self::of_log(&folder, &source),
            MarketError::Card(_) => Self::input(error),
            error => Self::new(Kind::General, error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let failure = Self::input(&error);
        match error {
            PublishError::Log(error @ LogError::Forked { .. }) => error.into(),
            PublishError::Differs { .. } => failure.hint("publish other rows as another feed, with --name"),
            PublishError::Grew { .. } => {
                failure.hint("use --follow for a file that grows: it waits for whole lines")
            }
            _ => failure,
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Query(_) => Self::input(error),
            ReadError::Header(_) => {
                Self::input(error).hint("get its blocks as they stand: dazaar buy <seller> --to <file>")
            }
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<ScanError<LogError>> for Failure {
    fn from(error: ScanError<LogError>) -> Self {
        match error {
            ScanError::Table(error) => error.into(),
            ScanError::Read(error) => error.into(),
        }
    }
}

impl From<ResumeError<LogError>> for Failure {
    fn from(error: ResumeError<LogError>) -> Self {
        match error {
            ResumeError::Read(error) => error.into(),
            ResumeError::Header(_) => {
                Self::input("the feed has rows as they stood, and a feed cannot be changed")
                    .hint("go on with --blocks raw, or sell a table as another feed, with --name")
            }
            error => Self::new(Kind::General, format!("the table cannot be continued: {error}")),
        }
    }
}

impl From<KnownError<LogError>> for Failure {
    fn from(error: KnownError<LogError>) -> Self {
        match error {
            KnownError::Scan(error) => error.into(),
            error => Self::input(error).hint("publish other rows as another feed, with --name"),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Io { source } => source.into(),
            error => Self::new(Kind::General, error),
        }
    }
}
