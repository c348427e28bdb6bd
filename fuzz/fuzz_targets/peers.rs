//! What must hold is said in `tests/fuzz.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| levada_tests::fuzz::run("peers", bytes));
