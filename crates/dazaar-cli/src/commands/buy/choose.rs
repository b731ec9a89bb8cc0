//! Tables are handed over as rows, drives as files, maps of several writers whole, other feeds as blocks. Which one it is, the first block tells.

use std::path::Path;

use dazaar::drive::Drive;
use dazaar::maps::db::is_header;
use dazaar::{Buyer, Replicator};
use dazaar_table::export::OutputFormat;
use dazaar_table::header;

use super::Arguments;
use super::deliver::Delivery;
use super::destination::Destination;
use super::files::FilesDelivery;
use super::several::MapDelivery;
use crate::commands::follow::Deliver;
use crate::commands::table::{Answer, TableDelivery, file_of, format_of};
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// What is handed over.
pub(super) enum Chosen<'a> {
    /// Rows, files or blocks, as soon as the first block is here.
    Undecided {
        arguments: &'a Arguments,
        buyer: Buyer,
        destination: Destination,
    },
    Blocks(Delivery),
    Rows(Box<TableDelivery>),
    Files(FilesDelivery),
    Map(MapDelivery),
}

impl<'a> Chosen<'a> {
    pub(super) fn new(
        arguments: &'a Arguments,
        buyer: &Buyer,
        destination: Destination,
    ) -> Result<Self, Failure> {
        let format = arguments.to.as_deref().and_then(format_of);
        if arguments.live && format == Some(OutputFormat::Parquet) {
            return Err(Failure::new(Kind::Usage, "a Parquet file has an end, and cannot be followed"));
        }
        if arguments.sparse {
            return Ok(Self::Blocks(Delivery::new(arguments)?));
        }
        Ok(Self::Undecided { arguments, buyer: buyer.clone(), destination })
    }
}

impl Deliver for Chosen<'_> {
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure> {
        if let Self::Undecided { arguments, buyer, destination } = self {
            // Asked before the log is: what is not there then was not there before.
            let is_settled = feed.gone().is_some();
            let first = feed.log().lock().block(0)?;
            if first.is_none() && !is_settled {
                return Ok(false);
            }
            let is_table = first.as_ref().is_none_or(|first| header::decode(first).is_ok());
            if first.as_ref().is_some_and(|first| is_header(first)) {
                if arguments.to.is_some() {
                    return Err(Failure::input("a map of several writers has no rows")
                        .hint("buy it without --to, and then: dazaar map ls"));
                }
                *self = Self::Map(MapDelivery::new(buyer.clone(), destination.clone()));
                return self.advance(feed, output);
            }
            let is_drive = first.is_some_and(|first| Drive::content_named_in(&first).is_some());
            *self = match (arguments.to.as_deref(), is_table, is_drive) {
                (Some(to), false, true) if to == Path::new("-") => {
                    return Err(Failure::input("a drive is many files: write it into a folder"));
                }
                (_, false, true) => Self::Files(FilesDelivery::new(buyer.clone(), destination.clone())),
                (Some(to), true, _) => Self::Rows(Box::new(TableDelivery::whole(arguments.live, answer(to)))),
                _ => Self::Blocks(Delivery::new(arguments)?),
            };
        }
        match self {
            Self::Undecided { .. } => Ok(false),
            Self::Blocks(delivery) => delivery.advance(feed, output),
            Self::Rows(delivery) => delivery.advance(feed, output),
            Self::Files(delivery) => delivery.advance(feed, output),
            Self::Map(delivery) => delivery.advance(feed, output),
        }
    }
}

fn answer(to: &Path) -> Answer {
    let file = file_of(Some(to));
    Answer::new(file.and_then(format_of).unwrap_or(OutputFormat::Csv), file.map(Path::to_owned))
}
