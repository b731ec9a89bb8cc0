//! Fuzzes `dazaar_fuzz::db_talk`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::db_talk(data));
