//! Fuzzes `dazaar_fuzz::table_index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::table_index(data));
