//! Fuzzes `dazaar_fuzz::evm_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::evm_answer(data));
