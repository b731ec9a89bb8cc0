//! Fuzzes `dazaar_fuzz::proof`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::proof(data));
