//! Fuzzes `dazaar_fuzz::offers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::offers(data));
