//! Fuzzes `dazaar_fuzz::session`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::session(data));
