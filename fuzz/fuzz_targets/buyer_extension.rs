//! Fuzzes `dazaar_fuzz::buyer_extension`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::buyer_extension(data));
