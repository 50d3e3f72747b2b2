//! One place where the admin listener listens: a thread, connections bounded in number and patience.

use crate::access::{Peer, Way};
use crate::routes;
use crate::state::State;
use axum::Router;
use balancer_core::Bind;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ports::Address;
use reactor::{FileRights, ListenError, ListenPlan, Listening};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, oneshot};

/// Connections at once; whoever is one too many waits in the accept queue.
const CONNECTIONS_MAX: u32 = 64;
/// For a head to come, the first of a connection and all others.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// For a whole connection, whoever does not read or does not send included: programs come again, people do not notice.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(120);
/// For those who are being answered when the listener goes elsewhere.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
/// After accept(2) failed for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Its place cannot be listened at.
    #[error("admin: {0}")]
    Listen(ListenError),
    /// It has no thread, or no event loop.
    #[error("admin: it cannot run: {0}")]
    Run(io::Error),
}

// Whoever shows an error with its causes would say each twice.
impl From<ListenError> for AdminError {
    fn from(error: ListenError) -> Self {
        Self::Listen(error)
    }
}

impl From<io::Error> for AdminError {
    fn from(error: io::Error) -> Self {
        Self::Run(error)
    }
}

/// One place, answering. Dropped, it ends, whoever is being answered.
#[derive(Debug)]
pub(crate) struct Seat {
    /// As it was asked for; the port may be 0.
    pub(crate) asked: Bind,
    listening: Listening,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Listens; nobody is answered yet.
pub(crate) fn listen(bind: &Bind) -> Result<Listening, AdminError> {
    let rights = FileRights { mode: bind.mode, user: bind.user, group: bind.group };
    let plan = ListenPlan { rights, ..ListenPlan::new(bind.address) };
    Ok(reactor::epoll::listen(&plan, 1)?.pop().expect("one was asked for"))
}

impl Seat {
    /// Listens, and answers from then on.
    ///
    /// # Errors
    /// The place is taken, or no thread is to be had.
    pub(crate) fn open(bind: &Bind, state: &Arc<State>) -> Result<Self, AdminError> {
        Self::take(bind, listen(bind)?, state)
    }

    /// The same at a socket that listens already.
    pub(crate) fn take(bind: &Bind, listening: Listening, state: &Arc<State>) -> Result<Self, AdminError> {
        let app = routes::all(Arc::clone(state), way_of(listening.address()));
        let accepted = listening.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let looked = state.live.clone().look(Arc::clone(state));
        let serve = move || {
            runtime.block_on(async {
                drop(tokio::spawn(looked));
                answer(accepted, app, stopped).await;
            });
            // Somebody may still wait for the balancer's answer.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(serve)?;
        Ok(Self { asked: *bind, listening, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Address {
        self.listening.address()
    }

    /// The socket, for a process that comes after this one.
    pub(crate) fn listening(&self) -> Listening {
        self.listening.clone()
    }

    /// Nobody new comes in; who is being answered is, within [`LAST_ANSWERS`]: perhaps with what this goes away for.
    pub(crate) fn leave(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _has_ended = stop.send(());
        }
        drop(self.thread.take());
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Address::Ip(address) => write!(f, "http://{address}/"),
            Address::Unix(_) => self.address().fmt(f),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

/// Until `stopped` says so, or is dropped.
async fn answer(listening: Listening, app: Router, stopped: oneshot::Receiver<()>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let leaves = tokio::select! {
        told = stopped => told.is_ok(),
        _cannot = accept(listening, app, &room) => false,
    };
    if leaves {
        let _too_late = tokio::time::timeout(LAST_ANSWERS, room.acquire_many(CONNECTIONS_MAX)).await;
    }
}

fn way_of(address: Address) -> Way {
    match address.ip() {
        None => Way::File,
        Some(at) if at.ip().is_loopback() => Way::Loopback,
        Some(_) => Way::Network,
    }
}

/// For as long as it is polled.
async fn accept(listening: Listening, app: Router, room: &Arc<Semaphore>) -> io::Result<()> {
    let socket = reactor::epoll::duplicate(&listening)?;
    // The socket file goes with `listening`.
    match listening.address().ip() {
        Some(_) => {
            let listener = TcpListener::from_std(socket.into())?;
            let next = async || {
                let (stream, peer) = listener.accept().await?;
                Ok((stream, Peer { ip: Some(peer.ip()), ..Peer::default() }))
            };
            serve_all(next, app, room).await
        }
        None => {
            let listener = UnixListener::from_std(socket.into())?;
            let next = async || {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred().ok();
                let uid = peer.map(|peer| peer.uid());
                let pid = peer.and_then(|peer| u32::try_from(peer.pid()?).ok());
                Ok((stream, Peer { uid, pid, ip: None }))
            };
            serve_all(next, app, room).await
        }
    }
}

/// Whoever comes in, as long as there is room.
async fn serve_all<S>(
    next: impl AsyncFn() -> io::Result<(S, Peer)>,
    app: Router,
    room: &Arc<Semaphore>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    loop {
        let place = Arc::clone(room).acquire_owned().await;
        match next().await {
            Ok((stream, peer)) => drop(tokio::spawn(serve(stream, peer, app.clone(), place.ok()))),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One connection; its place in the room is held meanwhile.
async fn serve<P>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, app: Router, _place: P) {
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let _client_went = tokio::time::timeout(CONNECTION_PATIENCE, connection).await;
}
