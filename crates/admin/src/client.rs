//! The other end: whoever asks a running balancer, from this host or another.

use crate::overview::Overview;
use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, header};
use core::future::Future;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ports::Address;
use serde_json::Value;
use std::io;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// For an answer to come whole: a reload that looks up names takes its time.
const PATIENCE: Duration = Duration::from_secs(90);
/// Of an answer: 10,000 servers take a few megabytes.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// How ours show a token.
const SHOWS_TOKEN: &str = "--token-file FILE shows it, and so does --config with the balancer's own configuration";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("no balancer answers at {at}: {why}; its `[admin]` listener is named by --at, or by the file of --config")]
    NotThere {
        /// Where it was asked.
        at: String,
        /// Why.
        why: io::Error,
    },
    /// It answered, and would not.
    #[error("{0}")]
    Refused(String),
    /// What answers is no balancer of ours.
    #[error("what answers at {at} is no admin listener: {why}")]
    Foreign {
        /// Where it was asked.
        at: String,
        /// What is odd.
        why: String,
    },
}

/// Whoever asks.
#[derive(Clone, Debug)]
pub struct Client {
    at: Address,
    token: Option<String>,
}

impl Client {
    /// Asks here, and shows this token.
    pub fn new(at: Address, token: Option<String>) -> Self {
        Self { at, token }
    }

    /// Everything at this moment.
    ///
    /// # Errors
    /// There is no answer.
    pub fn overview(&self) -> Result<Overview, AskError> {
        let answer = self.ask(Method::GET, "/state", String::new())?;
        serde_json::from_slice(&answer).map_err(|error| self.foreign(error.to_string()))
    }

    /// The configuration that is worked by, and what stands above it.
    ///
    /// # Errors
    /// There is no answer.
    pub fn config(&self) -> Result<Value, AskError> {
        let answer = self.ask(Method::GET, "/config", String::new())?;
        serde_json::from_slice(&answer).map_err(|error| self.foreign(error.to_string()))
    }

    /// Says something of a server, such as `drain`; the body is what goes with it.
    ///
    /// # Errors
    /// It is refused, or there is no answer.
    pub fn order_server(&self, set: &str, server: &str, order: &str, body: String) -> Result<(), AskError> {
        let path = format!("/backend_sets/{}/servers/{}/{order}", encoded(set), encoded(server));
        self.ask(Method::POST, &path, body).map(drop)
    }

    /// Says something of a listener, such as `drain`.
    ///
    /// # Errors
    /// It is refused, or there is no answer.
    pub fn order_listener(&self, listener: &str, order: &str) -> Result<(), AskError> {
        self.ask(Method::POST, &format!("/listeners/{}/{order}", encoded(listener)), String::new()).map(drop)
    }

    /// Has the configuration file read again: what came with it.
    ///
    /// # Errors
    /// Nothing was changed, or there is no answer.
    pub fn reload(&self) -> Result<Value, AskError> {
        let answer = self.ask(Method::POST, "/reload", String::new())?;
        serde_json::from_slice(&answer).map_err(|error| self.foreign(error.to_string()))
    }

    /// What happens from now on, until `each` has seen enough: the name of an event and what it holds. When the connection
    /// ends it begins another.
    ///
    /// # Errors
    /// There is no answer, or none any more.
    pub fn follow(&self, mut each: impl FnMut(&str, &Value) -> bool) -> Result<(), AskError> {
        self.run(async {
            loop {
                let mut events = Events::default();
                let mut answer = self.send(Method::GET, "/events", String::new()).await?;
                // Cut off in the middle it ends, too: whoever is there by now is asked again, or nobody is.
                while let Some(Ok(part)) = next_part(&mut answer).await {
                    if !events.take(&part, &mut each) {
                        return Ok(());
                    }
                }
            }
        })
    }

    fn ask(&self, method: Method, path: &str, body: String) -> Result<Vec<u8>, AskError> {
        let exchange = async {
            let mut answer = self.send(method, path, body).await?;
            let mut whole = Vec::new();
            while let Some(part) = next_part(&mut answer).await {
                whole.extend_from_slice(&part.map_err(|error| self.foreign(error.to_string()))?);
                if whole.len() > ANSWER_BYTES_MAX {
                    return Err(self.foreign("its answer has no end".to_owned()));
                }
            }
            Ok(whole)
        };
        let late = || AskError::NotThere { at: self.at.to_string(), why: io::ErrorKind::TimedOut.into() };
        self.run(async { timeout(PATIENCE, exchange).await.map_err(|_| late())? })
    }

    fn run<T>(&self, what: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|why| AskError::NotThere { at: self.at.to_string(), why })?.block_on(what)
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Result<Incoming, AskError> {
        let not_there = |why| AskError::NotThere { at: self.at.to_string(), why };
        match self.at {
            Address::Ip(address) => {
                let stream = TcpStream::connect(address).await.map_err(not_there)?;
                self.exchange(stream, method, path, body).await
            }
            Address::Unix(file) => {
                let stream = UnixStream::connect(file.as_str()).await.map_err(not_there)?;
                self.exchange(stream, method, path, body).await
            }
        }
    }

    async fn exchange<S>(&self, stream: S, method: Method, path: &str, body: String) -> Result<Incoming, AskError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let foreign = |error: hyper::Error| self.foreign(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(foreign)?;
        drop(tokio::spawn(connection));
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).map_err(|error| self.foreign(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(foreign)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer.into_body());
        }
        Err(self.refused(status, answer.into_body()).await)
    }

    /// Its own words.
    async fn refused(&self, status: StatusCode, mut body: Incoming) -> AskError {
        const SHOWN_MAX: usize = 4096;
        let mut said = Vec::new();
        while said.len() < SHOWN_MAX
            && let Some(Ok(part)) = next_part(&mut body).await
        {
            said.extend_from_slice(&part);
        }
        let error =
            serde_json::from_slice(&said).ok().and_then(|value: Value| Some(value["error"].as_str()?.to_owned()));
        match (error, status) {
            (Some(error), StatusCode::UNAUTHORIZED) => AskError::Refused(format!(
                "{error} ({}{SHOWS_TOKEN})",
                match self.token {
                    Some(_) => "another was shown; ",
                    None => "none was shown; ",
                }
            )),
            (Some(error), StatusCode::FORBIDDEN) => AskError::Refused(format!("{error} (then {SHOWS_TOKEN})")),
            (Some(error), _) => AskError::Refused(error),
            // Ours say what is not there as JSON.
            (None, StatusCode::NOT_FOUND) => self.foreign(status.to_string()),
            (None, _) if said.is_empty() => AskError::Refused(status.to_string()),
            (None, _) => AskError::Refused(String::from_utf8_lossy(&said).trim().to_owned()),
        }
    }

    fn foreign(&self, why: String) -> AskError {
        AskError::Foreign { at: self.at.to_string(), why }
    }
}

/// The next bytes of a body; trailers are for nobody.
async fn next_part(body: &mut Incoming) -> Option<Result<Bytes, hyper::Error>> {
    loop {
        let frame = core::future::poll_fn(|cx| pin!(&mut *body).poll_frame(cx)).await?;
        match frame.map(hyper::body::Frame::into_data) {
            Ok(Ok(data)) => return Some(Ok(data)),
            Ok(Err(_trailers)) => {}
            Err(error) => return Some(Err(error)),
        }
    }
}

/// Server-sent events, as they come in pieces.
#[derive(Debug, Default)]
struct Events {
    /// What has no end yet.
    begun: Vec<u8>,
}

impl Events {
    /// `false`: `each` has seen enough.
    fn take(&mut self, bytes: &[u8], each: &mut impl FnMut(&str, &Value) -> bool) -> bool {
        self.begun.extend_from_slice(bytes);
        while let Some(end) = self.begun.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = self.begun.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&event);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
            let data = field("data: ").and_then(|data| serde_json::from_str(data).ok());
            if let (Some(name), Some(data)) = (field("event: "), data)
                && !each(name, &data)
            {
                return false;
            }
        }
        true
    }
}

/// As a segment of a path (RFC 3986, section 3.3): what is not unreserved is written by its bytes.
fn encoded(segment: &str) -> String {
    let mut text = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_segments() {
        assert_eq!(encoded("10.0.0.7:80"), "10.0.0.7%3A80");
        assert_eq!(encoded("unix:/run/a b.sock"), "unix%3A%2Frun%2Fa%20b.sock");
        assert_eq!(encoded("[fd00::1]:80"), "%5Bfd00%3A%3A1%5D%3A80");
    }

    #[test]
    fn events_come_in_pieces() {
        let text = b"retry: 1000\n\nevent: state\ndata: {\"a\":1}\n\nevent: news\ndata: {\"b\":2}\n\nevent: state\ndata: {}\n\n";
        for size in [1, 7, text.len()] {
            let mut seen = Vec::new();
            let mut each = |name: &str, data: &Value| {
                seen.push(format!("{name} {data}"));
                seen.len() < 2
            };
            let mut events = Events::default();
            let goes_on = text.chunks(size).all(|piece| events.take(piece, &mut each));
            assert!(!goes_on, "two are enough");
            assert_eq!(seen, ["state {\"a\":1}", "news {\"b\":2}"], "{size}");
        }
    }
}
