//! What it means that a table or map cannot be opened or read.

use dazaar::MarketError;
use dazaar::maps::hypertrie::TrieError;
use dazaar_data::{FindError, MapError, OpenError, PublishError, SellerError, TableError};
use dazaar_table::read::ReadError;

use super::{Failure, Kind};

impl From<&OpenError> for Failure {
    fn from(error: &OpenError) -> Self {
        match error {
            OpenError::Find(FindError::NoAddress) => Self::new(Kind::Unreachable, error)
                .hint("use --connect host:port, or --bootstrap host:port to look for it in a DHT"),
            OpenError::Find(FindError::Unknown { text, .. }) => {
                Self::input(format!("there is no table `{text}`")).hint("see what there is: dazaar status")
            }
            OpenError::Find(_) | OpenError::Folder { .. } => Self::input(error),
            OpenError::Market(error) => of_market(error),
            OpenError::Log { folder, source } => Self::of_log(folder, source),
            OpenError::Table(error) => error.into(),
            OpenError::Map(error) => error.into(),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<&TableError> for Failure {
    fn from(error: &TableError) -> Self {
        match error {
            TableError::Read(ReadError::Query(_) | ReadError::Header(_)) => Self::input(error),
            TableError::Seller(error) => error.into(),
            TableError::Market(error) => of_market(error),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<&MapError> for Failure {
    fn from(error: &MapError) -> Self {
        match error {
            MapError::Blocks(error) => error.into(),
            // The first block says what a feed is.
            MapError::Trie(TrieError::NotATrie | TrieError::Block { seq: 0, .. }) => {
                Self::input("this is no map").hint("make one: dazaar map put <folder> <key> <value>")
            }
            MapError::Trie(TrieError::Log(source)) => Self::new(Self::kind_of_log(source), error),
            MapError::Entry { source: TrieError::Log(source), .. } => {
                Self::new(Self::kind_of_log(source), error)
            }
            MapError::Db(error) => error.into(),
            MapError::Folder(error) => error.into(),
            MapError::Entry { .. } | MapError::Gone { .. } => Self::input(error),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<&SellerError> for Failure {
    fn from(error: &SellerError) -> Self {
        match error {
            SellerError::Refused { .. } => Self::new(Kind::Refused, error),
            SellerError::Terms { .. } => Self::new(Kind::Refused, error)
                .hint("dazaar buy <seller> shows them; then add --accept-terms <hash>"),
            SellerError::Unreachable { .. } => Self::new(Kind::Unreachable, error)
                .hint("is it running, and is the address right? --connect host:port tries another"),
            _ => Self::new(Kind::General, error),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        (&error).into()
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        (&error).into()
    }
}

impl From<MapError> for Failure {
    fn from(error: MapError) -> Self {
        (&error).into()
    }
}

impl From<FindError> for Failure {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NoAddress => Self::new(Kind::Unreachable, error)
                .hint("use --connect host:port, or --bootstrap host:port to look for it in a DHT"),
            FindError::Database(error) => error.into(),
            error => Self::input(error),
        }
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Resume(error) => error.into(),
            PublishError::Known(error) => error.into(),
            PublishError::Read(error) => error.into(),
            PublishError::Write(error) => Self::input(error),
            PublishError::Log(error) => error.into(),
            error => Self::new(Kind::General, error),
        }
    }
}

fn of_market(error: &MarketError) -> Failure {
    match error {
        MarketError::Busy { .. } => Failure::new(Kind::Busy, error)
            .hint("another dazaar process has it open: stop that one, or let it do the work"),
        _ => Failure::new(Kind::General, error),
    }
}
