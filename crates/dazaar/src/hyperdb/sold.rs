//! Maps of several writers that are sold: whoever is let in meanwhile is sold along.

use std::convert::Infallible;

use super::{HyperDb, HyperDbError};
use crate::database::DatabaseError;
use crate::market::{Market, MarketError};
use crate::seller::Seller;

impl HyperDb {
    /// Has the market use the feeds of the map, which are open here.
    ///
    /// # Errors
    /// As [`parts`](Self::parts).
    pub fn lend_to(&self, market: &Market) -> Result<(), HyperDbError> {
        self.parts()?.iter().for_each(|part| market.adopt(&part.folder, &part.log));
        Ok(())
    }

    /// Sells the feeds of all writers along with the owner's, and those of each who is let in, as soon as that is known here.
    ///
    /// # Errors
    /// What is wrong with the map. Writers beyond those that can be sold along are left out.
    pub async fn sell_along(&self, seller: &Seller) -> Result<Infallible, SellAlongError> {
        let changed = self.shelf.listen();
        loop {
            for part in self.parts()? {
                match seller.add_member(&part) {
                    // Those that fit are sold all the same.
                    Err(MarketError::Database(DatabaseError::TooManyMembers { max })) => {
                        tracing::warn!(writer = %part.feed, max, "a writer is not sold along: there are too many");
                    }
                    added => {
                        added?;
                    }
                }
            }
            changed.notified().await;
        }
    }
}

/// Why no more writers are sold along.
#[derive(Debug, thiserror::Error)]
pub enum SellAlongError {
    /// The map cannot be read.
    #[error(transparent)]
    Map(#[from] HyperDbError),
    /// The market cannot sell it.
    #[error(transparent)]
    Market(#[from] MarketError),
}
