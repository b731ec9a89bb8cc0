//! Fuzzes `dazaar_fuzz::table_segment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::table_segment(data));
