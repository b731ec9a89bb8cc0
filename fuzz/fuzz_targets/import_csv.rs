//! Fuzzes `dazaar_fuzz::import_csv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::import_csv(data));
