//! A name server whose zone is changed while it runs.

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it says to a question.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Records(Vec<RData>),
    /// NXDOMAIN. That is what it says of everything else, too.
    NoSuchName,
    /// SERVFAIL.
    Broken,
    /// Nothing at all.
    Silence,
}

type Zone = Arc<Mutex<HashMap<(String, RecordType), Says>>>;

pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    zone: Zone,
    asked: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Dns {
    pub(crate) fn start() -> Self {
        let socket = UdpSocket::bind((testkit::own_loopback(), 0)).expect("a free port");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time");
        let address = socket.local_addr().expect("bound");
        let (zone, asked, ends) = (Zone::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let serve = {
            let (zone, asked, ends) = (Arc::clone(&zone), Arc::clone(&asked), Arc::clone(&ends));
            move || {
                let mut buffer = [0; 1500];
                while !ends.load(Ordering::Relaxed) {
                    let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
                    asked.fetch_add(1, Ordering::Relaxed);
                    if let Some(answer) = answer(&buffer[..len], &zone) {
                        let _gone = socket.send_to(&answer, from);
                    }
                }
            }
        };
        let thread = std::thread::spawn(serve);
        Self { address, zone, asked, ends, thread: Some(thread) }
    }

    pub(crate) fn says(&self, name: &str, kind: RecordType, says: Says) {
        self.zone.lock().expect("nobody panicked").insert((name.to_owned(), kind), says);
    }

    /// These are the IPv4 addresses of a host.
    pub(crate) fn has(&self, name: &str, ips: &[Ipv4Addr]) {
        let records = ips.iter().map(|ip| RData::A(A(*ip))).collect();
        self.says(name, RecordType::A, Says::Records(records));
    }

    /// Priority, weight, port and host.
    pub(crate) fn offers(&self, service: &str, targets: &[(u16, u16, u16, &str)]) {
        let target = |(priority, weight, port, host): &(u16, u16, u16, &str)| {
            RData::SRV(SRV::new(*priority, *weight, *port, Name::from_utf8(host).expect("a name")))
        };
        self.says(service, RecordType::SRV, Says::Records(targets.iter().map(target).collect()));
    }

    /// Questions so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(question: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query: &Query = question.queries.first()?;
    let name = query.name().to_utf8().to_ascii_lowercase();
    let key = (name.trim_end_matches('.').to_owned(), query.query_type());
    let says = zone.lock().expect("nobody panicked").get(&key).cloned().unwrap_or(Says::NoSuchName);
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    match says {
        Says::Records(records) => {
            // As soon again as the balancer likes.
            let record = |data| Record::from_rdata(query.name().clone(), 0, data);
            answer.add_answers(records.into_iter().map(record));
        }
        Says::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        Says::Broken => answer.metadata.response_code = ResponseCode::ServFail,
        Says::Silence => return None,
    }
    answer.to_vec().ok()
}
