//! Fuzzes `dazaar_fuzz::rle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::rle(data));
