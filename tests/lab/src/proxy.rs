//! A TCP proxy in front of any server, for everything networks do to connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does to the bytes it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Passes everything on.
    Pass,
    /// Passes nothing on, in neither direction, and keeps what comes for later.
    Hold,
    /// Passes on what the client says, and keeps what the server answers for later.
    HoldReplies,
    /// Passes everything on, each piece so much later.
    Slow(Duration),
    /// Passes so many more bytes on, counted over both directions and all connections, then cuts all of them.
    CutAfter(usize),
    /// Cuts every connection at once, and each new one as soon as it is made.
    Cut,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    traffic: watch::Sender<Traffic>,
    made: AtomicUsize,
    open: AtomicUsize,
}

/// A running proxy with a thread of its own; it ends when it is dropped.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl TcpProxy {
    /// Listens on a free port of `address` and passes everything on to `target`.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn start(address: Ipv4Addr, target: SocketAddr) -> Result<Self> {
        Self::bind(SocketAddr::from((address, 0)), target)
    }

    /// Listens on exactly this address and port.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn bind(address: SocketAddr, target: SocketAddr) -> Result<Self> {
        let shared = Arc::new(Shared {
            target,
            traffic: watch::Sender::new(Traffic::Pass),
            made: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
        });
        let listener =
            std::net::TcpListener::bind(address).with_context(|| format!("cannot listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(());
        let (ready, is_ready) = mpsc::channel();
        let inside = Arc::clone(&shared);
        // A thread of its own: a test that blocks its runtime must not block the network.
        let thread = std::thread::Builder::new().name("tcp-proxy".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async move {
                let Ok(listener) = TcpListener::from_std(listener) else { return };
                let _ = ready.send(());
                tokio::select! {
                    () = accept(&listener, &inside) => {}
                    _ = stopped.changed() => {}
                }
            });
        })?;
        is_ready.recv().context("the proxy did not start")?;
        Ok(Self { address, shared, stop, thread: Some(thread) })
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens to the bytes, of open connections too.
    pub fn set(&self, traffic: Traffic) {
        self.shared.traffic.send_replace(traffic);
    }

    /// What happens to the bytes now; [`Traffic::CutAfter`] counts down and ends as [`Traffic::Cut`].
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        *self.shared.traffic.borrow()
    }

    /// How many connections have been made so far.
    #[must_use]
    pub fn made(&self) -> usize {
        self.shared.made.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { return };
        shared.made.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            shared.open.fetch_add(1, Ordering::SeqCst);
            let _ = serve(client, &shared).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut traffic = shared.traffic.subscribe();
    if *traffic.borrow_and_update() == Traffic::Cut {
        return client.set_zero_linger();
    }
    let server = TcpStream::connect(shared.target).await?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let both = async {
        tokio::try_join!(
            pass(&mut from_client, &mut to_server, shared, Direction::There),
            pass(&mut from_server, &mut to_client, shared, Direction::Back),
        )
    };
    let cut = tokio::select! {
        result = both => return result.map(drop),
        cut = traffic.wait_for(|now| *now == Traffic::Cut) => cut.is_ok(),
    };
    if cut {
        // A cut is a reset, as from a firewall that has forgotten the connection.
        from_client.as_ref().set_zero_linger()?;
        from_server.as_ref().set_zero_linger()?;
        // Else the halves would say goodbye in order first.
        to_client.forget();
        to_server.forget();
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}

async fn pass(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    shared: &Shared,
    direction: Direction,
) -> std::io::Result<()> {
    let mut traffic = shared.traffic.subscribe();
    let mut piece = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        let held = |now: &Traffic| match now {
            Traffic::Hold => true,
            Traffic::HoldReplies => direction == Direction::Back,
            _ => false,
        };
        // Bytes that came while held wait here until they may go.
        let now = *traffic.wait_for(|now| !held(now)).await.map_err(std::io::Error::other)?;
        if let Traffic::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        let allowed = spend(shared, length);
        to.write_all(piece.get(..allowed).unwrap_or_default()).await?;
        if *shared.traffic.borrow() == Traffic::CutAfter(0) {
            // What was still allowed is on its way; a reset right behind it could overtake it.
            tokio::time::sleep(Duration::from_millis(20)).await;
            shared.traffic.send_replace(Traffic::Cut);
        }
    }
}

/// Takes up to `length` bytes from what [`Traffic::CutAfter`] still allows; all else allows everything.
fn spend(shared: &Shared, length: usize) -> usize {
    let mut allowed = length;
    shared.traffic.send_if_modified(|traffic| {
        if let Traffic::CutAfter(left) = traffic {
            allowed = length.min(*left);
            *left -= allowed;
            return true;
        }
        false
    });
    allowed
}
