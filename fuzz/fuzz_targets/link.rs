//! Fuzzes `dazaar_fuzz::link`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::link(data));
