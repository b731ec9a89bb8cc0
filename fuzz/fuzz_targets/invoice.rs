//! Fuzzes `dazaar_fuzz::invoice`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::invoice(data));
