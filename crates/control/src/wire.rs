//! A connection of the control plane to a server: over TCP or a socket file, in the clear or over TLS.

use ports::{Address, Blame, Fault};
use secure::{ClientProfile, Dialogue};
use std::io::{Error, ErrorKind, Result as IoResult};
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

/// Read at once.
const BLOCK: usize = 16 * 1024;

/// Whose fault it is that there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Theirs(String),
    /// No port, no file, no memory here.
    Ours(String),
}

impl Trouble {
    pub(crate) fn theirs(why: impl Into<String>) -> Self {
        Self::Theirs(why.into())
    }

    fn of(what: &str, error: &Error) -> Self {
        let why = format!("{what}: {error}");
        let fault = error.raw_os_error().map(Fault::from_errno);
        match fault.is_some_and(|fault| fault.kind.blame() == Blame::Here) {
            true => Self::Ours(why),
            false => Self::Theirs(why),
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Dropping it resets the connection.
pub(crate) struct Wire {
    stream: Stream,
    tls: Option<Dialogue>,
}

impl Wire {
    pub(crate) async fn connect(address: Address, sources: &[IpAddr]) -> Result<Self, Trouble> {
        let failed = |error: Error| Trouble::of("connect", &error);
        let stream = match address {
            Address::Ip(at) => Stream::Tcp(connect(at, sources).await.map_err(failed)?),
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path.as_str()).await.map_err(failed)?),
        };
        Ok(Self { stream, tls: None })
    }

    /// Shakes hands.
    pub(crate) async fn secure(&mut self, profile: &ClientProfile, server: Option<IpAddr>) -> Result<(), Trouble> {
        let dialogue = Dialogue::new(profile, server).map_err(|error| Trouble::Ours(error.to_string()))?;
        self.tls = Some(dialogue);
        let mut early = Vec::new();
        while self.tls.as_ref().is_some_and(Dialogue::is_handshaking) {
            self.flush().await?;
            if self.tls.as_ref().is_some_and(Dialogue::is_handshaking) && self.receive(&mut early).await? == 0 {
                return Err(Trouble::theirs("the server closed within the handshake of TLS"));
            }
        }
        self.flush().await
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        match &mut self.tls {
            None => self.stream.send(bytes).await.map_err(|error| Trouble::of("send", &error)),
            Some(dialogue) => {
                dialogue.say(bytes);
                self.flush().await
            }
        }
    }

    /// Adds what comes next to `bytes`. Answers how much came, sealed or not; 0: nothing more will.
    pub(crate) async fn receive(&mut self, bytes: &mut Vec<u8>) -> Result<usize, Trouble> {
        let mut block = [0; BLOCK];
        let len = self.stream.receive(&mut block).await.map_err(|error| Trouble::of("receive", &error))?;
        match &mut self.tls {
            None => bytes.extend_from_slice(&block[..len]),
            Some(dialogue) => {
                let opened = dialogue.handle_sealed(&block[..len]);
                bytes.extend(opened.map_err(|why| Trouble::Theirs(format!("TLS: {why}")))?);
            }
        }
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Trouble> {
        let sealed = self.tls.as_mut().map(Dialogue::take_sealed).unwrap_or_default();
        self.stream.send(&sealed).await.map_err(|error| Trouble::of("send", &error))
    }
}

async fn connect(at: SocketAddr, sources: &[IpAddr]) -> IoResult<TcpStream> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Whatever ends the check leaves no TIME_WAIT.
    socket.set_zero_linger()?;
    if let Some(source) = sources.iter().find(|source| source.is_ipv4() == at.is_ipv4()) {
        // Whether it is one of this host was asked at start; one of a prefix that is routed here is of no interface.
        if source.is_ipv6() {
            sys::sockopt::set_free_bind(&socket, *source)?;
        }
        socket.bind(SocketAddr::new(*source, 0))?;
    }
    socket.connect(at).await
}

impl Stream {
    async fn send(&self, mut bytes: &[u8]) -> IoResult<()> {
        while !bytes.is_empty() {
            let sent = match self {
                Self::Tcp(stream) => {
                    stream.writable().await?;
                    stream.try_write(bytes)
                }
                Self::Unix(stream) => {
                    stream.writable().await?;
                    stream.try_write(bytes)
                }
            };
            match sent {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive(&self, block: &mut [u8]) -> IoResult<usize> {
        loop {
            let received = match self {
                Self::Tcp(stream) => {
                    stream.readable().await?;
                    stream.try_read(block)
                }
                Self::Unix(stream) => {
                    stream.readable().await?;
                    stream.try_read(block)
                }
            };
            match received {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}
