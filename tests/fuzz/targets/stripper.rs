//! Texts of replies, with what mail programs quote below them.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| patchbot_fuzz::reply(text));
