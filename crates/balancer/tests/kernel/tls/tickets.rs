//! Clients that come back with a ticket.

use super::house::House;
use balancer_core::{ClientCertificate, ListenerSettings, Settings};
use std::net::SocketAddr;

/// A conversation that brings a ticket, or takes one along; what openssl says of it.
fn ask(house: &House, address: SocketAddr, arguments: &[&str]) -> Option<String> {
    // What it is sent has to be read before the session is written: the answer comes with the ticket.
    let request = b"GET /bytes/5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    house.converse(address, &[&["-ign_eof"], arguments].concat(), request)
}

fn session_file(house: &House) -> String {
    house.pki.folder().join("session").display().to_string()
}

/// The tickets of one worker are good at the others.
#[test]
fn a_client_comes_back_to_any_worker() {
    for version in ["-tls1_3", "-tls1_2"] {
        let house = House::new(3, |_, _| {});
        let session = session_file(&house);
        let Some(first) = ask(&house, house.address(), &[version, "-sess_out", &session]) else { return };
        assert!(first.contains("New, TLSv1"), "{first}");
        for _ in 0..6 {
            let again = ask(&house, house.address(), &[version, "-sess_in", &session]).expect("it is installed");
            assert!(again.contains("Reused, TLSv1"), "{again}");
        }
        let counters = house.balancer.counters();
        assert_eq!((counters.tls_handshakes, counters.tls_resumed), (7, 6), "{version}: {counters:?}");
    }
}

/// Whoever was let in by one rule about certificates does not come back by another; by the same rule it does.
#[test]
fn a_ticket_is_good_where_the_same_is_asked_of_clients() {
    use ClientCertificate::{None, Optional, Required};
    for version in ["-tls1_3", "-tls1_2"] {
        // What each listener asks of clients.
        let rules = [None, None, Optional, Required];
        let house = House::with(1, |pki, settings: &mut Settings| {
            for rule in &rules[1..] {
                let mut listener =
                    ListenerSettings::new(&format!("asks-{}", settings.listeners.len()), testkit::free_address(), 0);
                (listener.protocol, listener.tls) = (settings.listeners[0].protocol, settings.listeners[0].tls.clone());
                let tls = listener.tls.as_mut().expect("https");
                (tls.client_certificate, tls.client_ca) = (*rule, (*rule != None).then(|| pki.ca()));
                settings.listeners.push(listener);
            }
        });
        let alice = house.pki.certificate("alice", &["alice.example"]);
        let (certificate, key) = (alice.certificate.display().to_string(), alice.key.display().to_string());
        let shows = ["-cert", &certificate, "-key", &key];
        let (addresses, session) = (house.balancer.addresses().to_vec(), session_file(&house));
        for (from, arguments) in [(0, &[][..]), (2, &[]), (2, &shows), (3, &shows)] {
            let out = [&[version, "-sess_out", &session], arguments].concat();
            let Some(first) = ask(&house, addresses[from], &out) else { return };
            assert!(first.contains("New, TLSv1"), "{first}");
            for to in 0..rules.len() {
                let back = [&[version, "-sess_in", &session], arguments].concat();
                let again = ask(&house, addresses[to], &back).expect("it is installed");
                let expect = rules[from] == rules[to];
                let what = format!("{version} from {:?} to {:?} with {arguments:?}", rules[from], rules[to]);
                assert_eq!(again.contains("Reused, TLSv1"), expect, "{what}: {again}");
                // Who has nothing to show is not let in by a ticket, either.
                let is_let_in = rules[to] != Required || !arguments.is_empty();
                assert_eq!(again.contains("HTTP/1.1 200 OK"), is_let_in, "{what}: {again}");
            }
        }
    }
}
