#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| hybridge_fuzz::event_json(input));
