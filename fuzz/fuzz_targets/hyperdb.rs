//! Fuzzes `dazaar_fuzz::hyperdb`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::hyperdb(data));
