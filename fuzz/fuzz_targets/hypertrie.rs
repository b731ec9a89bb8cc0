//! Fuzzes `dazaar_fuzz::hypertrie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::hypertrie(data));
