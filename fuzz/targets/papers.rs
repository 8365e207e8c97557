#![no_main]

#[path = "../../tests/it/corpus/papers.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
