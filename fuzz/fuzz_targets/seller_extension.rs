//! Fuzzes `dazaar_fuzz::seller_extension`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::seller_extension(data));
