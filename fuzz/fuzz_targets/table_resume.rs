//! Fuzzes `dazaar_fuzz::table_resume`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::table_resume(data));
