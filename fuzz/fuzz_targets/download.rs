//! Fuzzes `dazaar_fuzz::download`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::download(data));
