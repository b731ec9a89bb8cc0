//! Fuzzes `dazaar_fuzz::upload`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::upload(data));
