//! What it means that a map of several writers cannot be opened, read, written or replicated.

use std::io;

use dazaar::hyperdb::{HyperDbError, SellAlongError, SyncError};
use dazaar::maps::db::DbError;

use super::{Failure, Kind};

impl From<HyperDbError> for Failure {
    fn from(error: HyperDbError) -> Self {
        (&error).into()
    }
}

impl From<&HyperDbError> for Failure {
    fn from(error: &HyperDbError) -> Self {
        match error {
            HyperDbError::Folder { source, .. } if source.kind() == io::ErrorKind::WouldBlock => {
                Self::new(Kind::Busy, "another process has this map open")
                    .hint("stop it; or write a copy of your own, which a writer lets in: dazaar map join")
            }
            HyperDbError::Folder { .. } | HyperDbError::ReadOnly => Self::input(error),
            HyperDbError::Db(error) => error.into(),
            HyperDbError::Log(source) => Self::new(Self::kind_of_log(source), dazaar::explain(source)),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<&DbError> for Failure {
    fn from(error: &DbError) -> Self {
        match error {
            DbError::Missing { .. } => Self::input(error)
                .hint("bring what the other writers have: dazaar map sync <folder> <address>"),
            DbError::Log(source) => Self::new(Self::kind_of_log(source), dazaar::explain(source)),
            _ => Self::input(error),
        }
    }
}

impl From<SellAlongError> for Failure {
    fn from(error: SellAlongError) -> Self {
        match error {
            SellAlongError::Map(error) => error.into(),
            SellAlongError::Market(error) => error.into(),
        }
    }
}

impl From<SyncError> for Failure {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Map(error) => error.into(),
            SyncError::Unknown => Self::new(Kind::Refused, &error)
                .hint("a writer has to let you in: dazaar map authorize; dazaar map writers shows your key"),
            SyncError::NotAWriter => {
                Self::new(Kind::Refused, &error).hint("to replicate with anybody who knows the map: --anyone")
            }
            _ => Self::new(Kind::Unreachable, dazaar::explain(&error)),
        }
    }
}
