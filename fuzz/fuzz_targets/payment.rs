//! Fuzzes `dazaar_fuzz::payment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::payment(data));
