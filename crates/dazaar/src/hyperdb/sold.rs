//! Maps of several writers that are sold: whoever is let in meanwhile is sold along.

use std::convert::Infallible;

use super::{HyperDb, HyperDbError};
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
    /// What is wrong with the map, or there are more writers than can be sold along.
    pub async fn sell_along(&self, seller: &Seller) -> Result<Infallible, SellAlongError> {
        let changed = self.shelf.listen();
        loop {
            for part in self.parts()? {
                seller.add_member(&part)?;
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
