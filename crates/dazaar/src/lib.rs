//! Sell and buy time-series data over a peer-to-peer network.
