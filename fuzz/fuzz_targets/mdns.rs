//! Fuzzes `dazaar_fuzz::mdns`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::mdns(data));
