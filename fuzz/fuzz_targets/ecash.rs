//! Fuzzes `dazaar_fuzz::ecash`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::ecash(data));
