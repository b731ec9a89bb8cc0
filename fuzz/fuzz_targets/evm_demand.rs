//! Fuzzes `dazaar_fuzz::evm_demand`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::evm_demand(data));
