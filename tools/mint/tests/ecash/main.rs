//! Ecash with a real mint: real processes on loopback, each killed when its test ends.

mod crash;
mod interop;
mod sale;
mod support;
