//! Fuzzes `dazaar_fuzz::trie_extension`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| dazaar_fuzz::trie_extension(data));
