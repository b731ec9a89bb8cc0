//! Tables are handed over as rows, other feeds as blocks. Which one it is, the first block tells.

use std::path::{Path, PathBuf};

use dazaar::Replicator;
use dazaar_table::export::OutputFormat;
use dazaar_table::header;

use super::Arguments;
use super::deliver::Delivery;
use crate::commands::follow::Deliver;
use crate::commands::table::{Answer, TableDelivery, file_of, format_of};
use crate::failure::{Failure, Kind};
use crate::output::Output;

/// What is handed over.
pub(super) enum Chosen {
    /// Rows or blocks, as soon as the first block is here.
    Undecided {
        blocks: Option<Delivery>,
        to: PathBuf,
        is_live: bool,
    },
    Blocks(Delivery),
    Rows(Box<TableDelivery>),
}

impl Chosen {
    pub(super) fn new(arguments: &Arguments) -> Result<Self, Failure> {
        let format = arguments.to.as_deref().and_then(format_of);
        if arguments.live && format == Some(OutputFormat::Parquet) {
            return Err(Failure::new(Kind::Usage, "a Parquet file has an end, and cannot be followed"));
        }
        let blocks = Delivery::new(arguments)?;
        Ok(match &arguments.to {
            Some(to) if !arguments.sparse => {
                Self::Undecided { blocks: Some(blocks), to: to.clone(), is_live: arguments.live }
            }
            _ => Self::Blocks(blocks),
        })
    }
}

impl Deliver for Chosen {
    fn advance(&mut self, feed: &Replicator, output: &Output) -> Result<bool, Failure> {
        if let Self::Undecided { blocks, to, is_live } = self {
            // Asked before the log is: what is not there then was not there before.
            let is_settled = feed.gone().is_some();
            let first = feed.log().lock().block(0)?;
            if first.is_none() && !is_settled {
                return Ok(false);
            }
            let is_table = first.is_some_and(|first| header::decode(&first).is_ok());
            *self = match blocks.take() {
                Some(blocks) if !is_table => Self::Blocks(blocks),
                _ => Self::Rows(Box::new(TableDelivery::whole(*is_live, answer(to)))),
            };
        }
        match self {
            Self::Undecided { .. } => Ok(false),
            Self::Blocks(delivery) => delivery.advance(feed, output),
            Self::Rows(delivery) => delivery.advance(feed, output),
        }
    }
}

fn answer(to: &Path) -> Answer {
    let file = file_of(Some(to));
    Answer::new(file.and_then(format_of).unwrap_or(OutputFormat::Csv), file.map(Path::to_owned))
}
