//! Fuzzes `dazaar_fuzz::protobuf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::protobuf(data));
