//! Fuzzes `dazaar_fuzz::moment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::moment(data));
