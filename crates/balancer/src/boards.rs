//! What all workers know together of the servers, a few words for each, and of the room of the listeners: shared without a
//! lock. The owner of the configuration keeps them; a server that stays, by set and address, keeps its own, and so does a
//! listener, by name and address.

use crate::access::{AccessLog, Desk, Wanted};
use crate::board::Board;
use crate::flight::Flight;
use crate::former::Former;
use crate::line::SharedLine;
use crate::passwords::Passwords;
use crate::purse::SharedPurse;
use crate::rates::Rates;
use crate::room::Room;
use balancer_core::{BackendSetSettings, Balance, Cause, Health, ListenerSettings, Maglev, ServerSettings, Settings};
use ports::Address;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A server as all workers see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The name of its set.
    pub set: &'a str,
    /// Its address.
    pub server: Address,
    /// What requests and checks found.
    pub health: Health,
    /// Requests and tunnels under way.
    pub in_flight: u32,
    /// Connections to it, idle ones included.
    pub connections: u32,
    /// What failed at it last.
    pub cause: Option<Cause>,
}

/// The table by which one set's servers are chosen for a key, and what it was built from.
#[derive(Clone, Debug)]
struct Table {
    servers: Vec<(Address, u32)>,
    table: Arc<Maglev>,
}

impl Table {
    /// The one of `before` where the servers are the same. Built by the owner of the configuration: it may take a while.
    fn of(set: &BackendSetSettings, before: &Boards) -> Self {
        // A backup is for when nobody else is well: no key is its own.
        let weight = |server: &ServerSettings| if server.backup { 0 } else { server.weight };
        let servers: Vec<_> = set.servers.iter().map(|server| (server.address, weight(server))).collect();
        match before.tables.get(&set.name) {
            Some(known) if known.servers == servers => known.clone(),
            _ => {
                let names: Vec<String> = servers.iter().map(|(address, _)| address.to_string()).collect();
                let weights = servers.iter().map(|(_, weight)| *weight);
                let table = Maglev::build(names.iter().map(String::as_bytes).zip(weights));
                Self { servers, table: Arc::new(table) }
            }
        }
    }
}

/// Whoever is taken out is down before a worker goes by that; that it is back is for whoever checks servers to say.
fn note_disabled(settings: &Settings, boards: &HashMap<(String, Address), Arc<Board>>) {
    for set in &settings.backend_sets {
        for server in set.servers.iter().filter(|server| server.disabled) {
            let board = boards.get(&(set.name.clone(), server.address));
            board.into_iter().for_each(|board| board.note_check(true));
        }
    }
}

/// The boards of all servers of a configuration, the tables of its sets, and the rooms of its listeners.
#[derive(Clone, Debug, Default)]
pub struct Boards {
    servers: Arc<HashMap<(String, Address), Arc<Board>>>,
    former: Arc<Former>,
    checks_late: Arc<AtomicU64>,
    tables: Arc<HashMap<String, Table>>,
    lines: Arc<HashMap<String, Arc<SharedLine>>>,
    purses: Arc<HashMap<String, Arc<SharedPurse>>>,
    flights: Arc<HashMap<String, Arc<Flight>>>,
    rooms: Arc<HashMap<(String, Address), Arc<Room>>>,
    rates: Arc<Rates>,
    passwords: Arc<Passwords>,
    log: Arc<Desk>,
}

impl Boards {
    /// One for each server that `settings` name: that of `before`, or of one that has left not long ago, or one on which nothing
    /// is written.
    pub fn of(settings: &Settings, before: &Self) -> Self {
        Self::at(Instant::now(), settings, before)
    }

    fn at(now: Instant, settings: &Settings, before: &Self) -> Self {
        let (lines, purses) = (by_set(settings, &before.lines), by_set(settings, &before.purses));
        let flights = by_set(settings, &before.flights);
        let named = settings
            .backend_sets
            .iter()
            .flat_map(|set| set.servers.iter().map(|server| (set.name.clone(), server.address)));
        let boards = named.map(|name| {
            let newcomer = before.lines.contains_key(&name.0);
            let new = || Arc::new(Board::new(Arc::clone(&lines[&name.0]), newcomer));
            let former = || before.former.of(&name, now).map(|board| board.returned(&lines[&name.0]));
            let board = before.servers.get(&name).cloned().or_else(former).unwrap_or_else(new);
            (name, board)
        });
        let boards: HashMap<_, _> = boards.collect();
        let left = before.servers.iter().filter(|(name, _)| !boards.contains_key(*name));
        before.former.keep(left.map(|(name, board)| (name.clone(), Arc::clone(board))), now);
        let by_key = settings.backend_sets.iter().filter(|set| set.selection.balance == Balance::Hash);
        let tables = by_key.map(|set| (set.name.clone(), Table::of(set, before)));
        let rooms = settings.listeners.iter().map(|listener| {
            let name = (listener.name.clone(), listener.first_address());
            let room = before.rooms.get(&name).cloned().unwrap_or_default();
            (name, room)
        });
        let (tables, rates) = (Arc::new(tables.collect()), Arc::new(Rates::of(settings, &before.rates)));
        let (servers, rooms) = (Arc::new(boards), Arc::new(rooms.collect()));
        let (passwords, log) = (Arc::clone(&before.passwords), Arc::clone(&before.log));
        note_disabled(settings, &servers);
        let (former, checks_late) = (Arc::clone(&before.former), Arc::clone(&before.checks_late));
        Self { servers, former, checks_late, tables, lines, purses, flights, rooms, rates, passwords, log }
    }

    /// Checks say that this server is down, or is not.
    pub fn note_check(&self, set: &str, server: Address, down: bool) {
        if let Some(board) = self.servers.get(&(set.to_owned(), server)) {
            board.note_check(down);
        }
    }

    /// So many checks began late, because as many as may were under way.
    pub fn note_late_checks(&self, count: u64) {
        self.checks_late.fetch_add(count, Ordering::Relaxed);
    }

    /// How many did so far.
    pub fn checks_late(&self) -> u64 {
        self.checks_late.load(Ordering::Relaxed)
    }

    /// What is known of each server.
    pub fn seen(&self) -> impl Iterator<Item = Seen<'_>> {
        self.former.forget_old(Instant::now());
        self.servers.iter().map(|((set, server), board)| Seen {
            set,
            server: *server,
            health: board.health(),
            in_flight: board.in_flight(),
            connections: board.connections(),
            cause: board.cause(),
        })
    }

    /// Why connections to servers could not be secured since the last time, with the names of their sets.
    pub fn take_reasons(&self) -> impl Iterator<Item = (&str, Address, String)> {
        let servers = self.servers.iter();
        servers.filter_map(|((set, server), board)| Some((set.as_str(), *server, board.take_reason()?)))
    }

    /// None, and no thread will ever be started for them: passwords wait until
    /// [`compare_passwords`](Self::compare_passwords).
    pub fn without_threads() -> Self {
        Self { passwords: Arc::new(Passwords::by_hand()), ..Self::default() }
    }

    /// Compares all passwords that wait, here and now.
    pub fn compare_passwords(&self) {
        self.passwords.work_off();
    }

    /// Who is known by a password.
    pub(crate) fn passwords(&self) -> Arc<Passwords> {
        Arc::clone(&self.passwords)
    }

    /// Has workers that begin note what this log wants, whoever writes it.
    pub fn note_for(&self, log: Option<&AccessLog>) {
        self.log.want(Wanted::of(log, true));
    }

    /// Where lines of the access log are left.
    pub(crate) fn log(&self) -> Arc<Desk> {
        Arc::clone(&self.log)
    }

    /// How often clients have asked.
    pub(crate) fn rates(&self) -> Arc<Rates> {
        Arc::clone(&self.rates)
    }

    /// That of one listener; a new one where the configuration does not name it.
    pub(crate) fn room(&self, listener: &ListenerSettings) -> Arc<Room> {
        self.rooms.get(&(listener.name.clone(), listener.first_address())).cloned().unwrap_or_default()
    }

    /// That of one set, where it chooses by a key.
    pub(crate) fn table(&self, set: &str) -> Option<Arc<Maglev>> {
        self.tables.get(set).map(|known| Arc::clone(&known.table))
    }

    /// That of one set; a new one where the configuration does not name it.
    pub(crate) fn line(&self, set: &str) -> Arc<SharedLine> {
        self.lines.get(set).cloned().unwrap_or_default()
    }

    /// That of one set; a new one where the configuration does not name it.
    pub(crate) fn purse(&self, set: &str) -> Arc<SharedPurse> {
        self.purses.get(set).cloned().unwrap_or_default()
    }

    /// That of one set; a new one where the configuration does not name it.
    pub(crate) fn flight(&self, set: &str) -> Arc<Flight> {
        self.flights.get(set).cloned().unwrap_or_default()
    }

    /// That of one server; a new one where the configuration does not name it.
    pub(crate) fn board(&self, set: &str, server: Address) -> Arc<Board> {
        self.servers.get(&(set.to_owned(), server)).cloned().unwrap_or_default()
    }
}

/// What each set has of its own: that of `before`, or a new one.
fn by_set<T: Default>(settings: &Settings, before: &HashMap<String, Arc<T>>) -> Arc<HashMap<String, Arc<T>>> {
    let of = |set: &BackendSetSettings| (set.name.clone(), before.get(&set.name).cloned().unwrap_or_default());
    Arc::new(settings.backend_sets.iter().map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::{HealthRules, Standing, Verdict};
    use ports::FaultKind;
    use std::net::SocketAddr;
    use std::time::Duration;

    const UNREACHABLE: Verdict = Verdict::Unreachable(Cause::Connect(FaultKind::Refused));

    fn settings(ports: &[u16]) -> Settings {
        let server = |port: &u16| ServerSettings::new(SocketAddr::from(([127, 0, 0, 1], *port)));
        Settings {
            listeners: vec![],
            backend_sets: vec![BackendSetSettings::new("app", ports.iter().map(server).collect())],
        }
    }

    #[test]
    fn a_server_that_stays_keeps_its_board() {
        let first = Boards::of(&settings(&[1, 2]), &Boards::default());
        let second = Boards::of(&settings(&[2, 3]), &first);
        let address = |port| Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
        assert!(Arc::ptr_eq(&first.board("app", address(2)), &second.board("app", address(2))));
        assert!(!Arc::ptr_eq(&first.board("app", address(3)), &second.board("app", address(3))));
    }

    /// What requests have found out of a server is known when it comes back, also with its whole set; not for ever.
    #[test]
    fn a_server_that_comes_back_soon_is_known() {
        let (rules, begun, minute) = (HealthRules::default(), Instant::now(), Duration::from_secs(60));
        let address = |port| Address::from(SocketAddr::from(([127, 0, 0, 1], port)));
        let first = Boards::at(begun, &settings(&[1, 2]), &Boards::default());
        let sick = first.board("app", address(2));
        for _ in 0..2 {
            sick.note(UNREACHABLE, minute, &rules);
        }
        sick.note_check(true);
        let without = Boards::at(begun, &settings(&[1]), &first);
        let back = Boards::at(begun + minute, &settings(&[1, 2]), &without);
        let known = back.board("app", address(2));
        assert!(Arc::ptr_eq(&sick, &known));
        let why = |boards: &Boards| boards.seen().find_map(|seen| seen.cause.map(|cause| cause.to_string()));
        assert_eq!(why(&back).as_deref(), Some("connection refused"));
        assert_eq!(known.standing(minute), Standing::Aside, "and not down: that is for its checks to say");
        let gone = Boards::at(begun + minute, &Settings { backend_sets: Vec::new(), ..settings(&[]) }, &back);
        let again = Boards::at(begun + 2 * minute, &settings(&[2]), &gone);
        let known = again.board("app", address(2));
        assert!(known.standing(minute) == Standing::Aside && std::ptr::eq(known.line(), &*again.line("app")));
        let gone = Boards::at(begun + 2 * minute, &settings(&[1]), &again);
        let late = Boards::at(begun + 60 * minute, &settings(&[1, 2]), &gone);
        assert_eq!(late.board("app", address(2)).standing(minute), Standing::Well, "a stranger");
    }

    #[test]
    fn a_table_is_built_anew_only_when_servers_change() {
        let by_key = |ports: &[u16]| {
            let mut settings = settings(ports);
            settings.backend_sets[0].selection.balance = Balance::Hash;
            settings
        };
        let first = Boards::of(&by_key(&[1, 2]), &Boards::default());
        let same = Boards::of(&by_key(&[1, 2]), &first);
        let other = Boards::of(&by_key(&[1, 3]), &same);
        let table = |boards: &Boards| boards.table("app").expect("one");
        assert!(Arc::ptr_eq(&table(&first), &table(&same)) && !Arc::ptr_eq(&table(&same), &table(&other)));
        assert!(Boards::of(&settings(&[1, 2]), &other).table("app").is_none());
    }

    /// A server that comes to others, and one that was aside, take their time; those that were there from the start do not.
    #[test]
    fn a_server_that_came_back_grows_into_its_weight() {
        let (slow, rules) = (Duration::from_secs(10), HealthRules::default());
        let first = Boards::of(&settings(&[1]), &Boards::default());
        let second = Boards::of(&settings(&[1, 2]), &first);
        let at = |port, seconds| {
            let board = second.board("app", SocketAddr::from(([127, 0, 0, 1], port)).into());
            board.ramp(Duration::from_secs(seconds), slow)
        };
        assert_eq!((at(1, 100), at(2, 100), at(2, 105), at(2, 110)), (100, 10, 50, 100));
        let board = second.board("app", SocketAddr::from(([127, 0, 0, 1], 1)).into());
        board.note(UNREACHABLE, Duration::from_secs(200), &rules);
        board.note(Verdict::Answered, Duration::from_secs(202), &rules);
        assert_eq!((at(1, 205), at(1, 212)), (30, 100));
        assert_eq!(board.ramp(Duration::from_secs(205), Duration::ZERO), 100, "where nobody wants it");
    }
}
