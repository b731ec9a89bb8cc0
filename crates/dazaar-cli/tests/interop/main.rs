//! The program against the npm packages, against Python peers written from the specification, and against attackers:
//! real processes on loopback, each in each role.
//!
//! `cargo xtask setup` installs what these tests need.

mod accounts;
#[cfg(feature = "fuse")]
mod attach;
mod copies;
mod discovery;
mod doctor;
mod drives;
mod files;
mod folders;
mod forks;
mod hostile;
#[cfg(feature = "iroh")]
mod iroh;
mod js_buyer;
mod js_seller;
mod kill;
mod maps;
mod market;
#[cfg(feature = "iroh")]
mod nat;
#[cfg(feature = "nwc")]
mod nostr;
mod ours;
mod peers;
mod program;
mod proxy;
mod python;
mod ranges;
mod rows;
mod sql;
#[cfg(feature = "erc20")]
mod stablecoins;
mod support;
mod swarm;
mod tables;
mod tables_in_python;
mod transfers;
mod vouchers;
mod walkthrough;
mod writers;
