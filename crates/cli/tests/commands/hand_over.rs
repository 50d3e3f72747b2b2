//! `quintet serve`: SIGUSR2. Clients that never rest see neither a refusal nor a reset, whatever becomes of the next process.

use crate::program::{PATIENCE, Running, told};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use sys::signal::Signal;
use testkit::{Authority, Folder, KeyKind, eventually, free_address, installed};

/// A connection that asks again and again.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("nobody is refused");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        Self(BufReader::new(stream))
    }

    /// The body, and whether the connection closes.
    fn get(&mut self) -> (String, bool) {
        self.0.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("nobody is reset");
        let (mut length, mut closes, mut line) = (0, false, String::new());
        while line != "\r\n" {
            line.clear();
            assert!(self.0.read_line(&mut line).expect("nobody is reset") > 0, "ended without an answer");
            let lower = line.to_ascii_lowercase();
            closes |= lower.starts_with("connection: close");
            if let Some(text) = lower.strip_prefix("content-length: ") {
                length = text.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body");
        (String::from_utf8(body).expect("text"), closes)
    }
}

/// Clients that come again and again, some for one request, some for many.
struct Load {
    ends: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn on(address: SocketAddr) -> Self {
        let (ends, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |requests: usize| {
            let (ends, answered) = (Arc::clone(&ends), Arc::clone(&answered));
            std::thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    let mut client = Client::connect(address);
                    for _ in 0..requests {
                        let (_, closes) = client.get();
                        answered.fetch_add(1, Ordering::Relaxed);
                        if closes || ends.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                }
            })
        };
        let threads = [1, 1, 7, usize::MAX].map(client).into();
        Self { ends, answered, threads }
    }

    fn goes_on(&self) {
        let until = self.answered.load(Ordering::Relaxed) + 50;
        eventually("answers come", || self.answered.load(Ordering::Relaxed) >= until);
    }

    fn end(self) {
        self.ends.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("every request is answered"));
    }
}

/// The process that took over: it is nobody's child here, and ends with this.
struct Heir(u32);

impl Heir {
    /// The one that `before` begins to hand over to.
    fn of(before: &mut Running) -> Self {
        let line = before.says("handing over to process ");
        Self(line.rsplit(' ').next().and_then(|word| word.trim().parse().ok()).expect("a number"))
    }

    fn signal(&self, signal: Signal) {
        sys::signal::send(self.0, signal).expect("it runs");
    }

    fn is_gone(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        let _ended_already = sys::signal::kill(self.0);
    }
}

/// A listener that answers by itself, one at a socket file, and an admin listener.
fn config(address: SocketAddr, file: &str, admin: &str, says: &str) -> String {
    format!(
        "[global]\ndrain = \"20s\"\nworkers = 2\n[admin]\nbind = \"{admin}\"\n[[listener]]\nname = \"web\"\n\
         bind = [\"{address}\", \"unix:{file}\"]\n\
         [[listener.route]]\npath_prefix = \"/\"\nrespond = {{ status = 200, text = \"{says}\" }}\n"
    )
}

/// What is said at a socket file.
fn at_file(path: &str) -> String {
    let mut stream = UnixStream::connect(path).expect("nobody is refused");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.rsplit("\r\n").next().unwrap_or_default().to_owned()
}

#[test]
fn the_next_process_takes_over_and_nobody_notices() {
    let (address, admin, folder) = (free_address(), free_address(), Folder::new());
    let file = folder.place("socket");
    let write = |says: &str| {
        folder.write("quintet.toml", config(address, &file, &admin.to_string(), says));
    };
    write("one");
    let mut first = Running::start(&["serve", "--config", &folder.place("quintet.toml")]);
    first.says("metrics, health and state at");
    let (mut idle, load) = (Client::connect(address), Load::on(address));
    assert_eq!(idle.get(), ("one".to_owned(), false));
    load.goes_on();

    // The next one has other workers: sockets of two are accepted from by three.
    write("two");
    let path = folder.place("quintet.toml");
    let text = std::fs::read_to_string(&path).expect("there").replace("workers = 2", "workers = 3");
    folder.write("quintet.toml", text);
    first.signal(Signal::User2);
    let second = Heir::of(&mut first);
    first.says("handed over to process");
    load.goes_on();
    // Whom the first had accepted by then, it serves.
    eventually("the second serves", || Client::connect(address).get().0 == "two");
    // Who was idle is told to come anew, as soon as the drain has begun.
    eventually("the idle one is told", || idle.get() == ("one".to_owned(), true));
    eventually("the second serves at the file", || at_file(&file) == "two");
    eventually("the first has ended", || first.has_ended());
    assert_eq!(at_file(&file), "two", "the file stays");
    assert!(TcpStream::connect(admin).is_ok());

    // Once more: with one worker for all sockets.
    write("three");
    let text = std::fs::read_to_string(&path).expect("there").replace("workers = 2", "workers = 1");
    folder.write("quintet.toml", text);
    second.signal(Signal::User2);
    let third = Heir::of(&mut first);
    load.goes_on();
    eventually("the third serves", || Client::connect(address).get().0 == "three");
    eventually("the second has ended", || second.is_gone());
    load.goes_on();
    load.end();
    third.signal(Signal::Terminate);
    eventually("the third has ended", || third.is_gone());
    assert!(!std::path::Path::new(&file).exists(), "the file goes with the last");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_next_process_that_does_not_start_changes_nothing() {
    let (address, folder) = (free_address(), Folder::new());
    let (file, admin) = (folder.place("socket"), format!("unix:{}", folder.place("admin")));
    let good = config(address, &file, &admin, "one");
    folder.write("quintet.toml", &good);
    let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml")]);
    assert_eq!(serve.address(), address);
    let load = Load::on(address);
    load.goes_on();

    // A mistake, an address that is taken, and one that is killed while it looks for a name.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    folder.write("quintet.toml", good.replace("respond", "repsond"));
    serve.signal(Signal::User2);
    serve.complains("did you mean");
    serve.complains("not handed over, this process goes on: it ended before it was ready (exit status: 2)");
    folder.write("quintet.toml", good.replace(&admin, &taken.local_addr().expect("bound").to_string()));
    serve.signal(Signal::User2);
    serve.complains("it is in use");
    serve.complains("not handed over, this process goes on: it ended before it was ready (exit status: 2)");

    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let asks = format!("[global]\nresolvers = [\"{}\"]", silent.local_addr().expect("bound"));
    let set = "[[backend_set]]\nname = \"app\"\nservers = [\"silent.test:80\"]\n";
    folder.write(
        "quintet.toml",
        good.replace("[global]", &asks)
            .replace("name = \"web\"", "name = \"web\"\nbackends = \"app\"")
            .replace("path_prefix = \"/\"", "path = \"/own\"")
            + set,
    );
    serve.signal(Signal::User2);
    serve.says("handing over");
    serve.says("handing over");
    let heir = Heir::of(&mut serve);
    serve.signal(Signal::User2);
    serve.complains("a hand-over is under way already");
    assert!(sys::signal::kill(heir.0).is_ok());
    serve.complains("not handed over, this process goes on: it ended before it was ready (signal: 9 (SIGKILL))");

    assert_eq!(at_file(&file), "one");
    assert!(
        UnixStream::connect(folder.place("admin")).is_ok(),
        "a socket file of ours is not the next one's to remove"
    );
    load.goes_on();
    load.end();
    serve.signal(Signal::Terminate);
    assert_eq!(serve.end().0, Some(0));
}

/// Its socket is shut, and goes to the next process all the same: it opens again there, and needs nobody's right for it.
#[test]
fn a_listener_that_is_drained_stays_so_and_opens_again() {
    let (address, folder) = (free_address(), Folder::new());
    let socket = format!("unix:{}", folder.place("admin.sock"));
    folder.write("quintet.toml", config(address, &folder.place("socket"), &socket, "one"));
    let mut first = Running::start(&["serve", "--config", &folder.place("quintet.toml")]);
    first.says("metrics, health and state at");
    let order = |order: &str| {
        let (code, out, err) = told(&["ctl", "--at", &socket, order, "listener", "web"]);
        assert_eq!(code, Some(0), "{out} {err}");
    };
    let is_refused = || TcpStream::connect(address).is_err();
    order("drain");
    eventually("nobody is accepted any more", is_refused);
    first.signal(Signal::User2);
    let second = Heir::of(&mut first);
    eventually("the first has ended", || first.has_ended());
    eventually("nobody is accepted here, either", is_refused);
    order("undrain");
    assert_eq!(Client::connect(address).get().0, "one");
    second.signal(Signal::Terminate);
    eventually("the second has ended", || second.is_gone());
}

/// Where handshakes never cease, either: what they are at is the next one's from the moment it serves.
#[test]
fn handshakes_that_never_cease_keep_nobody() {
    let (address, folder) = (free_address(), Folder::new());
    let signed = Authority::new(KeyKind::P256, "ca").sign("web", &["web.test"], 2100);
    folder.write("cert.pem", &signed.certificate);
    folder.write("key.pem", &signed.key);
    let config = format!(
        "[global]\ndrain = \"off\"\nworkers = 1\n[[listener]]\nname = \"web\"\nprotocol = \"https\"\nbind = \"{address}\"\n\
         timeouts = {{ head = \"1s\" }}\ntls = {{ certificate = \"cert.pem\", key = \"key.pem\" }}\n\
         [[listener.route]]\npath_prefix = \"/\"\nrespond = {{ status = 200, text = \"\" }}\n"
    );
    let mut serve =
        Running::start(&["serve", "--config", folder.write("quintet.toml", config).to_str().expect("text")]);
    serve.says("listening on");
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            let mut begun = std::collections::VecDeque::new();
            while !ends.load(Ordering::Relaxed) {
                let mut stream = TcpStream::connect(address).expect("nobody is refused");
                // The first bytes of a hello; whoever closes first may have closed already.
                let _may_be_reset = stream.write_all(&[0x16, 3, 1, 2, 0]);
                begun.push_back(stream);
                begun.drain(..begun.len().saturating_sub(100));
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        serve.signal(Signal::User2);
        let heir = Heir::of(&mut serve);
        serve.says("handed over to process");
        eventually("the first has ended", || serve.has_ended());
        ends.store(true, Ordering::Relaxed);
        clients.join().expect("nobody is refused");
        heir.signal(Signal::Terminate);
        eventually("the second has ended", || heir.is_gone());
    });
}

/// What openssl says of a conversation with a TLS server, its session written to a file or read from there.
fn talk(openssl: &Path, address: SocketAddr, session: &[&str]) -> String {
    let mut command = Command::new(openssl);
    // The ticket comes with the answer.
    command.args(["s_client", "-ign_eof", "-connect", &address.to_string()]).args(session);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("openssl runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("it reads");
    let output = child.wait_with_output().expect("openssl ends");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Clients of TLS come back to the next process, and to the one after it, without a full handshake.
#[test]
fn keys_of_tickets_are_handed_on() {
    let Some(openssl) = installed("openssl") else { return };
    let (address, folder) = (free_address(), Folder::new());
    let signed = Authority::new(KeyKind::P256, "ca").sign("web", &["web.test"], 2100);
    folder.write("cert.pem", &signed.certificate);
    folder.write("key.pem", &signed.key);
    let config = format!(
        "[[listener]]\nname = \"web\"\nprotocol = \"https\"\nbind = \"{address}\"\n\
         tls = {{ certificate = \"cert.pem\", key = \"key.pem\" }}\n\
         [[listener.route]]\npath_prefix = \"/\"\nrespond = {{ status = 200, text = \"\" }}\n"
    );
    let mut serve =
        Running::start(&["serve", "--config", folder.write("quintet.toml", config).to_str().expect("text")]);
    serve.says("listening on");
    let session = folder.place("session");
    let first = talk(&openssl, address, &["-sess_out", &session]);
    assert!(first.contains("New, TLSv1"), "{first}");
    serve.signal(Signal::User2);
    let heir = Heir::of(&mut serve);
    eventually("the first has ended", || serve.has_ended());
    let again = talk(&openssl, address, &["-sess_in", &session]);
    assert!(again.contains("Reused, TLSv1"), "{again}");
    heir.signal(Signal::User2);
    let next = Heir::of(&mut serve);
    eventually("the second has ended", || heir.is_gone());
    let again = talk(&openssl, address, &["-sess_in", &session]);
    assert!(again.contains("Reused, TLSv1"), "{again}");
    next.signal(Signal::Terminate);
    eventually("the third has ended", || next.is_gone());
}
