//! Words of replies, as they are left when quotes and signatures are gone.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| patchbot_fuzz::words(text));
