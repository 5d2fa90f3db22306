//! Two name servers nobody wants: one that always answers SERVFAIL, one that never answers.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// The port of DNS.
const PORT: u16 = 53;

/// A thread that answers every question with "the server failed".
#[derive(Debug)]
pub(crate) struct ServFail {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Bound, so that questions vanish instead of being refused.
    _silent: UdpSocket,
}

impl ServFail {
    /// Listens on both addresses until dropped.
    pub(crate) fn start(failing: Ipv4Addr, silent: Ipv4Addr) -> Result<Self> {
        let socket =
            UdpSocket::bind((failing, PORT)).with_context(|| format!("cannot listen on {failing}"))?;
        let silent = UdpSocket::bind((silent, PORT)).with_context(|| format!("cannot listen on {silent}"))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("servfail".to_owned()).spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if !answer(&socket) {
                    break;
                }
            }
        })?;
        Ok(Self { stop, thread: Some(thread), _silent: silent })
    }
}

impl Drop for ServFail {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one question, if there is one; false when the socket is of no use any more.
fn answer(socket: &UdpSocket) -> bool {
    let mut packet = [0; 1500];
    match socket.recv_from(&mut packet) {
        Ok((length, caller)) => {
            // The question itself goes back, as an answer (QR, RA) with response code 2.
            let [_, _, flags, code, ..] = &mut packet;
            *flags |= 0x80;
            *code = 0x82;
            let _ = socket.send_to(packet.get(..length).unwrap_or_default(), caller);
            true
        }
        Err(why) => {
            matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
        }
    }
}
