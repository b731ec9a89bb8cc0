//! Cards, links, terms, and the seller's and the buyer's session machines.
