//! Fuzzes `dazaar_fuzz::card`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::card(data));
