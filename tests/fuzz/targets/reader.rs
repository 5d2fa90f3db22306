//! Raw messages, whole and broken.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| patchbot_fuzz::message(raw));
