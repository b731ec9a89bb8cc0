//! Processes that talk in JSON lines, and the folders that they live in.

mod process;
mod scene;
mod socks;
mod uplink;

pub(crate) use process::{Process, eventually};
pub(crate) use scene::{Place, Scene, blocks, csv, text};
pub(crate) use socks::{Manner, Socks};
pub(crate) use uplink::Uplink;
