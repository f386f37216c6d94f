//! The entry point of cargo-fuzz for `wigwag_fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wigwag_fuzz::wire::run(bytes));
