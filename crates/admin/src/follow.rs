//! The admin listener follows the configuration: it goes elsewhere, comes, goes, or asks for another token. Whatever can
//! fail does so before the workers go by a configuration.

use crate::server::{self, AdminError, Seat};
use crate::state::State;
use balancer::{AdminSettings, Config};
use balancer_core::Bind;
use control::{Commit, Remote};
use ports::Address;
use reactor::Listening;
use reactor::epoll::FileOwner;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The admin listener of a running balancer; there may be none at present. Dropped, it ends.
pub struct Admin(Arc<Desk>);

struct Desk {
    state: Arc<State>,
    seat: Mutex<Option<Seat>>,
}

/// Listens where `settings` say, and answers from then on; goes by other configurations as the balancer does.
///
/// # Errors
/// The place is taken, or no thread is to be had.
pub fn start(settings: Option<&AdminSettings>, remote: Remote) -> Result<Admin, AdminError> {
    start_with(settings, remote, None)
}

/// The same; `inherited` listens there already.
///
/// # Errors
/// As by [`start`].
pub fn start_with(
    settings: Option<&AdminSettings>,
    remote: Remote,
    inherited: Option<Listening>,
) -> Result<Admin, AdminError> {
    let state = Arc::new(State::new(remote.clone()));
    state.set_token(settings.and_then(|settings| settings.token.clone()));
    let open = |bind: &Bind| match inherited {
        Some(listening) => Seat::take(bind, listening, &state),
        None => Seat::open(bind, &state),
    };
    let seat = settings.map(|settings| open(&settings.bind)).transpose()?;
    let desk = Arc::new(Desk { state, seat: Mutex::new(seat) });
    let follower = Arc::downgrade(&desk);
    remote.set_fellow(Arc::new(move |config: &Config| prepare(&follower, config)));
    Ok(Admin(desk))
}

/// The socket of [`start_with`], before anything else is started: what fails then has cost nobody a connection.
///
/// # Errors
/// The place is taken.
pub fn listen(settings: &AdminSettings) -> Result<Listening, AdminError> {
    server::listen(&settings.bind)
}

fn prepare(desk: &Weak<Desk>, config: &Config) -> Result<Commit, String> {
    let Some(desk) = desk.upgrade() else { return Ok(Box::new(|| None)) };
    let settings = config.admin.clone();
    let (asked, now) = (settings.as_ref().map(|settings| &settings.bind), desk.seat().as_ref().map(|seat| seat.asked));
    let moves = asked.map(|bind| bind.address) != now.as_ref().map(|bind| bind.address);
    let new = asked.filter(|_| moves).map(|bind| Seat::open(bind, &desk.state)).transpose();
    let new = new.map_err(|error| error.to_string())?;
    if let Some(asked) = asked.filter(|asked| !moves && now.as_ref() != Some(*asked)) {
        give_rights(asked).map_err(|why| format!("admin: {why}"))?;
    }
    Ok(Box::new(move || {
        desk.state.set_token(settings.and_then(|settings| settings.token));
        moves.then(|| desk.go_to(new))
    }))
}

/// The same place, to be connected to by others.
fn give_rights(bind: &Bind) -> Result<(), String> {
    let Address::Unix(path) = bind.address else { return Ok(()) };
    let given = sys::unix::set_rights(path.as_str(), bind.mode, bind.user, bind.group);
    given.map_err(|errno| format!("{}: its permissions cannot be changed: {errno}", path.as_str()))
}

impl Desk {
    fn seat(&self) -> MutexGuard<'_, Option<Seat>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers with what is so then.
    fn go_to(&self, new: Option<Seat>) -> String {
        let said = new.as_ref().map_or_else(|| "no admin listener any more".to_owned(), said_of);
        let old = std::mem::replace(&mut *self.seat(), new);
        old.into_iter().for_each(|mut seat| seat.leave());
        said
    }
}

fn said_of(seat: &Seat) -> String {
    format!("metrics, health and state at {seat}")
}

impl Admin {
    /// Where it listens.
    pub fn address(&self) -> Option<Address> {
        self.0.seat().as_ref().map(Seat::address)
    }

    /// Its socket, for a process that is to come after this one, and how its place was asked for.
    pub fn to_inherit(&self) -> Option<(Address, Listening)> {
        self.0.seat().as_ref().map(|seat| (seat.asked.address, seat.listening()))
    }

    /// Another process accepts from that socket by now: a socket file stays.
    pub fn leave(self) {
        if let Some(seat) = &mut *self.0.seat() {
            reactor::epoll::set_file_owner(&seat.listening(), FileOwner::Maker);
            seat.leave();
        }
    }

    /// What is where, for people.
    pub fn greeting(&self) -> Option<String> {
        self.0.seat().as_ref().map(said_of)
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Admin({:?})", self.address())
    }
}

impl Drop for Admin {
    /// A reload that is under way may hold the desk: nobody is answered from now on all the same.
    fn drop(&mut self) {
        drop(self.0.seat().take());
    }
}
