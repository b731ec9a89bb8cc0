//! Fuzzes `dazaar_fuzz::evm_payment`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::evm_payment(data));
