//! Fuzzes `dazaar_fuzz::dht`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::dht(data));
