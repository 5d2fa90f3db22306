//! The program: one TLS provider for everything, then the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    // rustls panics with none or two of them; everything in this program uses this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    patchbot::cli::main()
}
