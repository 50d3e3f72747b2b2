//! The listener itself: one thread, connections bounded in number and patience.

use crate::access::Way;
use crate::routes;
use crate::state::State;
use axum::Router;
use balancer::AdminSettings;
use control::Remote;
use hyper::server::conn::http1;
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
const CONNECTIONS_MAX: usize = 64;
/// For a head to come, the first of a connection and all others.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);
/// For a whole connection, whoever does not read or does not send included: programs come again, people do not notice.
const CONNECTION_PATIENCE: Duration = Duration::from_secs(120);
/// After accept(2) failed for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Its place cannot be listened at.
    #[error("admin: {0}")]
    Listen(#[from] ListenError),
    /// It has no thread, or no event loop.
    #[error("admin: it cannot run: {0}")]
    Run(#[from] io::Error),
}

/// A running admin listener. Dropped, it ends.
#[derive(Debug)]
pub struct Admin {
    address: Address,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Listens, and answers from then on.
///
/// # Errors
/// The place is taken, or no thread is to be had.
pub fn start(settings: &AdminSettings, remote: Remote) -> Result<Admin, AdminError> {
    let bind = &settings.bind;
    let rights = FileRights { mode: bind.mode, user: bind.user, group: bind.group };
    let plan = ListenPlan { rights, ..ListenPlan::new(bind.address) };
    let listening = reactor::epoll::listen(&plan, 1)?.pop().expect("one was asked for");
    let address = listening.address();
    let app = routes::all(Arc::new(State::new(settings, remote)), way_of(address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = oneshot::channel();
    let serve = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped => {}
                _cannot = accept(listening, app) => {}
            }
        });
        // Somebody may still wait for the balancer's answer.
        runtime.shutdown_background();
    };
    let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(serve)?;
    Ok(Admin { address, stop: Some(stop), thread: Some(thread) })
}

fn way_of(address: Address) -> Way {
    match address.ip() {
        None => Way::File,
        Some(at) if at.ip().is_loopback() => Way::Loopback,
        Some(_) => Way::Network,
    }
}

/// For as long as it is polled.
async fn accept(listening: Listening, app: Router) -> io::Result<()> {
    let socket = reactor::epoll::duplicate(&listening)?;
    // The socket file goes with `listening`.
    match listening.address().ip() {
        Some(_) => {
            let listener = TcpListener::from_std(socket.into())?;
            serve_all(async || listener.accept().await.map(|(stream, _)| stream), app).await
        }
        None => {
            let listener = UnixListener::from_std(socket.into())?;
            serve_all(async || listener.accept().await.map(|(stream, _)| stream), app).await
        }
    }
}

/// Whoever comes in, as long as there is room.
async fn serve_all<S>(next: impl AsyncFn() -> io::Result<S>, app: Router) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = Arc::clone(&room).acquire_owned().await;
        match next().await {
            Ok(stream) => drop(tokio::spawn(serve(stream, app.clone(), place.ok()))),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// One connection; its place in the room is held meanwhile.
async fn serve<P>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, app: Router, _place: P) {
    let service = TowerToHyperService::new(app);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let _client_went = tokio::time::timeout(CONNECTION_PATIENCE, connection).await;
}

impl Admin {
    /// Where it listens.
    pub fn address(&self) -> Address {
        self.address
    }
}

impl fmt::Display for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Address::Ip(address) => write!(f, "http://{address}/"),
            Address::Unix(_) => self.address.fmt(f),
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
