//! The TCP side: connections that can be cut or frozen from a test, and a door that can be shut.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures::task::AtomicWaker;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Cuts or freezes one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switch(Arc<SwitchState>);

#[derive(Debug, Default)]
struct SwitchState {
    cut: AtomicBool,
    frozen: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Switch {
    /// Breaks the connection with a reset: whatever was not sent is lost.
    pub(crate) fn cut(&self) {
        self.0.cut.store(true, Ordering::SeqCst);
        self.0.reader.wake();
        self.0.writer.wake();
    }

    /// Stops reading for good while the connection stays open: pings get no answer.
    pub(crate) fn freeze(&self) {
        self.0.frozen.store(true, Ordering::SeqCst);
        self.0.reader.wake();
    }

    fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::SeqCst)
    }

    fn is_frozen(&self) -> bool {
        self.0.frozen.load(Ordering::SeqCst)
    }
}

/// Knows every connection and whether new ones are let in.
#[derive(Debug, Default)]
pub(crate) struct Switchboard {
    shut: AtomicBool,
    lines: Mutex<Vec<Weak<SwitchState>>>,
}

impl Switchboard {
    /// Shuts or opens the door for new connections; shutting it cuts those that exist.
    pub(crate) fn set_shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::SeqCst);
        if shut {
            self.cut_all();
        }
    }

    /// Cuts every connection.
    pub(crate) fn cut_all(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.drain(..).filter_map(|line| line.upgrade()) {
            Switch(line).cut();
        }
    }

    fn admit(&self) -> Option<Switch> {
        if self.shut.load(Ordering::SeqCst) {
            return None;
        }
        let switch = Switch::default();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(&switch.0));
        Some(switch)
    }
}

/// The listening socket.
pub(crate) struct Door {
    listener: TcpListener,
    board: Arc<Switchboard>,
}

impl Door {
    /// Listens through a bound socket.
    pub(crate) fn new(listener: TcpListener, board: Arc<Switchboard>) -> Self {
        Self { listener, board }
    }
}

impl Listener for Door {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.listener.accept().await else {
                // Out of descriptors: nothing to tell anyone, try again a little later.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            match self.board.admit() {
                Some(switch) => return (Line { stream, switch }, peer),
                None => {
                    let _reset = stream.set_zero_linger();
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
pub(crate) struct Line {
    stream: TcpStream,
    switch: Switch,
}

impl Line {
    fn broken(&self) -> io::Error {
        let _reset = self.stream.set_zero_linger();
        io::Error::from(io::ErrorKind::ConnectionReset)
    }
}

impl Connected<IncomingStream<'_, Door>> for Switch {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().switch.clone()
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Register before looking, so that a cut between the two is not missed.
        self.switch.0.reader.register(cx.waker());
        if self.switch.is_cut() {
            return Poll::Ready(Err(self.broken()));
        }
        if self.switch.is_frozen() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.switch.0.writer.register(cx.waker());
        if self.switch.is_cut() {
            return Poll::Ready(Err(self.broken()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.switch.is_cut() {
            return Poll::Ready(Err(self.broken()));
        }
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}
