//! Fuzzes `dazaar_fuzz::hyperdrive`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::hyperdrive(data));
