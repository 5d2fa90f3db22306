//! Connections to mail servers: TLS with the system's or a private authority, plain only to this machine.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use crate::config::mail::Security;

/// Where a mail server is, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The certificate authority, when it is a private one.
    pub ca_file: Option<PathBuf>,
    /// How long connecting may take, TLS included.
    pub timeout: Duration,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A connection that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The authority's file is unusable.
    #[error("the certificate authority {path} cannot be used ({why}); put a PEM certificate there, readable by the service user", path = .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// TLS cannot be set up at all.
    #[error("TLS cannot be set up ({0}); report it")]
    Tls(#[from] rustls::Error),
    /// The host's name is none.
    #[error("\"{0}\" is no host's name; correct `host` in the configuration")]
    Name(String),
    /// It does not answer.
    #[error("{place} cannot be reached ({why}); check its name, its port and the firewall")]
    Unreachable {
        /// Where.
        place: String,
        /// What the system said.
        why: io::Error,
    },
    /// It does not answer in time.
    #[error("{place} did not answer within {seconds} s; check its name, its port and the firewall")]
    Silent {
        /// Where.
        place: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// TLS could not be agreed on.
    #[error(
        "{place} could not prove who it is or does not speak TLS there ({why}); check `security`, and `ca_file` when its certificate is a private one's"
    )]
    Handshake {
        /// Where.
        place: String,
        /// What TLS said.
        why: io::Error,
    },
    /// Without TLS only this machine is spoken to.
    #[error(
        "{0} is another machine, and nothing is sent to it without TLS; set `security` to starttls or tls"
    )]
    NotLoopback(String),
}

/// Whom to believe, read once.
#[derive(Clone)]
pub(super) struct Trusted(Arc<ClientConfig>);

impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trusted(…)")
    }
}

impl Trusted {
    /// Takes the private authority when there is one, and only that; else the system's.
    pub(super) fn load(ca_file: Option<&Path>) -> Result<Self, ConnectError> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(path) => {
                let unusable = |why: &dyn fmt::Display| ConnectError::Authority {
                    path: path.to_owned(),
                    why: why.to_string(),
                };
                for certificate in CertificateDer::pem_file_iter(path).map_err(|why| unusable(&why))? {
                    roots.add(certificate.map_err(|why| unusable(&why))?).map_err(|why| unusable(&why))?;
                }
                if roots.is_empty() {
                    return Err(unusable(&"there is no certificate in it"));
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// A connection, protected or not.
pub enum Stream {
    /// Not protected.
    Plain(TcpStream),
    /// Protected.
    Tls(Box<TlsStream<TcpStream>>),
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(…)",
            Self::Tls(_) => "Tls(…)",
        })
    }
}

impl Stream {
    /// The other end.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.peer_addr(),
            Self::Tls(stream) => stream.get_ref().0.peer_addr(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Connects, without TLS yet. Each address of the host is tried.
pub(super) async fn dial(place: &Place) -> Result<TcpStream, ConnectError> {
    let silent = || ConnectError::Silent { place: place.to_string(), seconds: place.timeout.as_secs() };
    let unreachable = |why| ConnectError::Unreachable { place: place.to_string(), why };
    let connect = async {
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await.map_err(unreachable)?;
        // Mail is spoken in small turns; waiting to fill a packet costs 40 ms each.
        stream.set_nodelay(true).map_err(unreachable)?;
        Ok::<_, ConnectError>(stream)
    };
    let stream = timeout(place.timeout, connect).await.map_err(|_| silent())??;
    let peer = stream.peer_addr().map_err(unreachable)?;
    if place.security == Security::None && !peer.ip().to_canonical().is_loopback() {
        return Err(ConnectError::NotLoopback(place.to_string()));
    }
    Ok(stream)
}

/// Agrees on TLS over a connection.
pub(super) async fn protect(
    stream: TcpStream,
    place: &Place,
    trusted: &Trusted,
) -> Result<Stream, ConnectError> {
    let name =
        ServerName::try_from(place.host.clone()).map_err(|_| ConnectError::Name(place.host.clone()))?;
    let connector = TlsConnector::from(Arc::clone(&trusted.0));
    match timeout(place.timeout, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
        Ok(Err(why)) => Err(ConnectError::Handshake { place: place.to_string(), why }),
        Err(_) => Err(ConnectError::Silent { place: place.to_string(), seconds: place.timeout.as_secs() }),
    }
}
