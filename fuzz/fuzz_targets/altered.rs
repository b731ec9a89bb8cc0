//! Fuzzes `dazaar_fuzz::altered`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::altered(data));
