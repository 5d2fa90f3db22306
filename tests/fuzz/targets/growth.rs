//! Mails that are nothing but the same again and again.
#![no_main]

libfuzzer_sys::fuzz_target!(|piece: &[u8]| patchbot_fuzz::growth(piece));
