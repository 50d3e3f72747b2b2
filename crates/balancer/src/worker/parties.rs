//! Finding a party by its connection. An exchange names only connections that stand: anything else is our own bug.

use super::state::{Client, Party, Server};
use reactor::{ConnId, ConnMap};

/// Everybody this worker is connected with.
#[derive(Debug, Default)]
pub(super) struct Parties(ConnMap<Party>);

impl Parties {
    pub(super) fn get(&self, conn: ConnId) -> Option<&Party> {
        self.0.get(conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Party> {
        self.0.get_mut(conn)
    }

    pub(super) fn client(&mut self, conn: ConnId) -> &mut Client {
        match self.0.get_mut(conn) {
            Some(Party::Client(client)) => client,
            other => panic!("{conn:?} is a client, not {other:?}"),
        }
    }

    pub(super) fn server(&mut self, conn: ConnId) -> &mut Server {
        match self.0.get_mut(conn) {
            Some(Party::Server(server)) => server,
            other => panic!("{conn:?} is a server, not {other:?}"),
        }
    }

    pub(super) fn insert(&mut self, conn: ConnId, party: Party) {
        let earlier = self.0.insert(conn, party);
        debug_assert!(earlier.is_none(), "a connection that ended is forgotten");
    }

    pub(super) fn remove_client(&mut self, conn: ConnId) -> Client {
        match self.0.remove(conn) {
            Some(Party::Client(client)) => client,
            other => panic!("{conn:?} is a client, not {other:?}"),
        }
    }

    pub(super) fn remove_server(&mut self, conn: ConnId) -> Server {
        match self.0.remove(conn) {
            Some(Party::Server(server)) => server,
            other => panic!("{conn:?} is a server, not {other:?}"),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &Party)> {
        self.0.iter()
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = (ConnId, &Client)> {
        self.iter().filter_map(|(conn, party)| match party {
            Party::Client(client) => Some((conn, client)),
            Party::Server(_) => None,
        })
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = (ConnId, &Server)> {
        self.iter().filter_map(|(conn, party)| match party {
            Party::Server(server) => Some((conn, server)),
            Party::Client(_) => None,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
