//! What is asked: a balancer before one origin, and its admin listener.

use balancer::Config;
use control::Control;
use origin::OriginPlan;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A balancer before one origin, and its admin listener.
pub(crate) struct House {
    pub(crate) admin: Option<admin::Admin>,
    pub(crate) control: Control,
    pub(crate) origin: origin::Handle,
}

impl House {
    pub(crate) fn new(admin: &str) -> Self {
        let origin = origin::start(OriginPlan::new("127.0.0.1:0".parse().expect("an address"))).expect("an origin");
        let text = text_of(&format!("[admin]\n{admin}"), origin.address());
        let config = Config::parse("test.toml", &text).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
        let control = control::start(&config, None, Some(2)).unwrap_or_else(|error| panic!("{error}"));
        let admin = admin::start(config.admin.as_ref(), control.remote()).unwrap_or_else(|error| panic!("{error}"));
        Self { admin: Some(admin), control, origin }
    }

    /// Its configuration, but for the section of the admin listener.
    pub(crate) fn text(&self, admin: &str) -> String {
        text_of(admin, self.origin.address())
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.admin.as_ref().and_then(|admin| admin.address()?.ip()).expect("an address")
    }

    /// Status and body of what the admin listener answers.
    pub(crate) fn asks(&self, request: &str) -> (u16, String) {
        exchange(TcpStream::connect(self.admin()).expect("it listens"), request)
    }

    /// How long a body the client of an answer sees.
    pub(crate) fn client_reads(&self, path: &str) -> usize {
        let stream = TcpStream::connect(self.control.addresses()[0]).expect("it listens");
        exchange(stream, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).1.len()
    }

    pub(crate) fn client_asks(&self, path: &str) -> u16 {
        let stream = TcpStream::connect(self.control.addresses()[0]).expect("it listens");
        exchange(stream, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).0
    }
}

fn text_of(admin: &str, origin: SocketAddr) -> String {
    format!(
        "{admin}\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\
         [[listener.route]]\nname = \"no\"\npath = \"/no\"\nrespond = {{ status = 403, text = \"no\" }}\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{origin}\"]\n"
    )
}

/// One request, read to the end of its connection.
pub(crate) fn exchange(mut stream: impl Read + Write, request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
    (head[9..12].parse().expect("a status"), body.to_owned())
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}
