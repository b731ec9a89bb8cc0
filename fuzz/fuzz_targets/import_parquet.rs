//! Fuzzes `dazaar_fuzz::import_parquet`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The libraries below panic on some damaged files, and that is caught; libFuzzer's hook would end the search.
    drop(std::panic::take_hook());
    dazaar_fuzz::import_parquet(data);
});
