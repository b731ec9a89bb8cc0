//! Fuzzes `dazaar_fuzz::rows`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::rows(data));
