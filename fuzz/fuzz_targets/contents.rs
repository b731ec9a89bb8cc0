//! Fuzzes `dazaar_fuzz::contents`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::contents(data));
