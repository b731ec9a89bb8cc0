//! Fuzzes `dazaar_fuzz::folder`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::folder(data));
