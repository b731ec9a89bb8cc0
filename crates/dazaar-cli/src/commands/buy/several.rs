//! Hands over a map of several writers: once what all of them wrote is here, it can be looked into.

use std::time::{Duration, Instant};

use dazaar::hyperdb::BoughtDb;
use dazaar::maps::db::{Db, DbError};
use dazaar::{Buyer, Replicator};

use super::destination::Destination;
use crate::commands::follow::Deliver;
use crate::failure::Failure;
use crate::output::Output;

/// How long the seller may take to tell of blocks that entries speak of.
const NEWS_TIMEOUT: Duration = Duration::from_secs(10);

/// A map that is being bought.
pub(super) struct MapDelivery {
    buyer: Buyer,
    destination: Destination,
    db: Option<Db<BoughtDb>>,
    /// Since when all is here that we have heard of.
    settled_at: Option<Instant>,
    /// What lacks and was told of.
    told: usize,
}

impl MapDelivery {
    pub(super) const fn new(buyer: Buyer, destination: Destination) -> Self {
        Self { buyer, destination, db: None, settled_at: None, told: 0 }
    }

    /// How many writers' feeds are not here as far as entries speak of them; none if that cannot be said yet.
    fn lacking(&mut self) -> Result<Option<usize>, Failure> {
        let Some(name) = self.buyer.feed_name() else { return Ok(None) };
        let feeds = || BoughtDb::new(self.buyer.clone());
        match self.db.get_or_insert_with(|| Db::new(name, feeds())).view() {
            Ok(view) => Ok(Some(view.lacking().len())),
            Err(DbError::Missing { .. }) => Ok(None),
            Err(error) => Err((&error).into()),
        }
    }
}

impl Deliver for MapDelivery {
    fn advance(&mut self, _: &Replicator, output: &Output) -> Result<bool, Failure> {
        if !BoughtDb::new(self.buyer.clone()).is_whole() {
            self.settled_at = None;
            return Ok(false);
        }
        let lacking = self.lacking()?;
        let settled_at = *self.settled_at.get_or_insert_with(Instant::now);
        if lacking != Some(0) && settled_at.elapsed() < NEWS_TIMEOUT {
            return Ok(false);
        }
        let lacking = lacking.unwrap_or(0);
        if std::mem::replace(&mut self.told, lacking) != lacking && lacking > 0 {
            output.remark(&format!("Of {lacking} writers not everything is sold that others had seen"));
        }
        if self.destination.is_live {
            return Ok(false);
        }
        output.remark(&format!("It is a map; look into it: dazaar map ls {}", self.destination.name));
        Ok(true)
    }
}
