//! `quintet serve` under a service manager, and without one: what it tells, what it is given, who it is, how it ends.

use crate::get;
use crate::program::{Running, told};
use crate::reload::answering;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use sys::signal::Signal;
use testkit::{Folder, PATIENCE, eventually, free_address};

/// A service manager that listens.
struct Manager {
    socket: UnixDatagram,
    folder: Folder,
}

impl Manager {
    fn new() -> Self {
        let folder = Folder::new();
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        Self { socket, folder }
    }

    /// The next message of this kind, those of the watchdog passed over where that is another.
    #[track_caller]
    fn hears(&self, begins: &str) -> String {
        loop {
            let mut bytes = [0; 4096];
            let len = self.socket.recv(&mut bytes).unwrap_or_else(|why| panic!("never told {begins:?}: {why}"));
            let text = String::from_utf8(bytes[..len].to_vec()).expect("text");
            if text.starts_with(begins) {
                return text;
            }
            assert_eq!(text, "WATCHDOG=1", "instead of {begins:?}");
        }
    }
}

#[test]
fn a_service_manager_hears_of_start_life_reload_and_end() {
    let (manager, address) = (Manager::new(), free_address());
    let folder = &manager.folder;
    folder.write("quintet.toml", answering("web", address, "one"));
    let (config, notify) = (folder.place("quintet.toml"), folder.place("notify"));
    let variables = [("NOTIFY_SOCKET", notify.as_str()), ("WATCHDOG_USEC", "400000")];
    let serve = Running::start_with(&["serve", "--config", &config, "--workers", "2"], &variables);
    assert!(manager.hears("READY=1").contains("STATUS=1 listener"));
    assert_eq!(get(address, "/").lines().last(), Some("one"));
    for _ in 0..3 {
        manager.hears("WATCHDOG=1");
    }

    folder.write("quintet.toml", answering("web", address, "two"));
    let before = sys::host::since_boot().as_micros();
    serve.signal(Signal::Hangup);
    let told = manager.hears("RELOADING=1");
    let at: u128 = told.split("MONOTONIC_USEC=").nth(1).and_then(|text| text.trim().parse().ok()).expect("a time");
    assert!((before..=sys::host::since_boot().as_micros()).contains(&at), "{told}");
    assert!(manager.hears("READY=1").contains("STATUS=reloaded: 1 listener"));
    assert_eq!(get(address, "/").lines().last(), Some("two"));

    folder.write("quintet.toml", "nonsense");
    serve.signal(Signal::Hangup);
    manager.hears("RELOADING=1");
    let told = manager.hears("READY=1");
    assert!(told.contains("STATUS=not reloaded, nothing was changed: ") && told.lines().count() == 2, "{told}");
    serve.signal(Signal::Terminate);
    assert!(manager.hears("STOPPING=1").contains("STATUS=draining"));
    assert_eq!(serve.end().0, Some(0));
}

/// The manager is told who serves by the process that it listens to.
#[test]
fn a_service_manager_hears_who_took_over() {
    let (manager, address) = (Manager::new(), free_address());
    manager.folder.write("quintet.toml", answering("web", address, "one"));
    let (config, notify) = (manager.folder.place("quintet.toml"), manager.folder.place("notify"));
    let serve = Running::start_with(&["serve", "--config", &config], &[("NOTIFY_SOCKET", &notify)]);
    manager.hears("READY=1");
    serve.signal(Signal::User2);
    let told = manager.hears("MAINPID=");
    let next: u32 = told["MAINPID=".len()..].lines().next().and_then(|pid| pid.parse().ok()).expect("a number");
    assert!(told.contains("\nREADY=1\n"), "{told}");
    assert_eq!(get(address, "/").lines().last(), Some("one"));
    sys::signal::send(next, Signal::Terminate).expect("it runs");
    manager.hears("STOPPING=1");
    assert_eq!(serve.end().0, Some(0));
}

/// Starts a program with listening sockets as a service manager does: `NAME=ADDRESS` each.
const ACTIVATE: &str = "
import os, socket, sys
places, program = sys.argv[1].split(','), sys.argv[2:]
kept = []
for number, place in enumerate(places):
    name, address = place.split('=')
    host, port = address.rsplit(':', 1)
    made = socket.create_server((host, int(port)))
    kept.append((name, made))
for number, (name, made) in enumerate(kept):
    os.dup2(made.fileno(), 100 + number)
for number in range(len(kept)):
    os.dup2(100 + number, 3 + number)
    os.close(100 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=':'.join(name for name, _ in kept))
os.execv(program[0], program)
";

fn activate(places: &str, config: &str) -> Running {
    Running::of(Command::new("python3").args([
        "-c",
        ACTIVATE,
        places,
        env!("CARGO_BIN_EXE_quintet"),
        "serve",
        "--config",
        config,
    ]))
}

#[test]
fn sockets_of_a_service_manager_belong_to_listeners_by_address_or_by_name() {
    if testkit::installed("python3").is_none() {
        return;
    }
    let folder = Folder::new();
    let [first, second, third, admin] = [(); 4].map(|()| free_address());
    // `more` asks for another place than the one that was made under its name.
    let admin_section = format!("[admin]\nbind = \"{admin}\"\n");
    folder.write("quintet.toml", admin_section + &answering("web", first, "one") + &answering("more", third, "two"));
    let config = folder.place("quintet.toml");
    let mut serve = activate(&format!("whatever={first},more={second},admin={admin}"), &config);
    serve.says("metrics, health and state at");
    assert_eq!(get(first, "/").lines().last(), Some("one"));
    assert_eq!(get(second, "/").lines().last(), Some("two"));
    assert!(TcpStream::connect(third).is_err(), "nothing is bound beside");
    assert!(get(admin, "/readyz").ends_with("ready\n"));
    serve.signal(Signal::Terminate);
    assert_eq!(serve.end().0, Some(0));

    let stranger = free_address();
    let (code, _, err) = activate(&format!("web={first},other={stranger}"), &config).end();
    assert_eq!(code, Some(2), "{err}");
    assert!(
        err.contains(&format!("{stranger} was handed over to be listened at, and no listener has that address")),
        "{err}"
    );
}

#[test]
fn a_unit_is_one_that_systemd_understands() {
    let folder = Folder::new();
    folder.write("quintet.toml", answering("web", free_address(), "one"));
    let (code, unit, err) = told(&["serve", "--config", &folder.place("quintet.toml"), "--install-unit"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(unit.contains("\nType=notify-reload\n") && !unit.contains("CAP_NET_ADMIN"), "{unit}");
    if testkit::installed("systemd-analyze").is_none() {
        return;
    }
    let file = folder.write("quintet.service", &unit);
    let verified = testkit::run(Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&file));
    let said = String::from_utf8_lossy(&verified.stderr);
    // Of systemd before 253.
    let is_old = |line: &&str| line.ends_with("Failed to parse service type, ignoring: notify-reload");
    let wrong: Vec<_> =
        said.lines().filter(|line| line.contains("quintet.service")).filter(|line| !is_old(line)).collect();
    assert!(wrong.is_empty(), "{said}");
}

#[test]
fn who_was_root_is_another_one_once_everything_is_bound() {
    if sys::privileges::identity().user != 0 {
        return testkit::skip("only root can become another user");
    }
    let (folder, own) = (Folder::new(), testkit::own_loopback());
    let [at, more, high] = [80, 81, 8080].map(|port| SocketAddr::from((own, port)));
    let global = "[global]\nuser = \"nobody\"\n";
    folder.write("quintet.toml", global.to_owned() + &answering("web", at, "one"));
    let config = folder.place("quintet.toml");
    let mut serve = Running::start(&["serve", "--config", &config, "--workers", "2"]);
    serve.says("listening on");
    let who = sys::unix::user("nobody").expect("asked").expect("every system has it");
    for thread in std::fs::read_dir(format!("/proc/{}/task", serve.id())).expect("it runs") {
        let status = std::fs::read_to_string(thread.expect("a thread").path().join("status")).expect("it runs");
        let line =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).expect("told").trim().to_owned();
        assert_eq!(line("Uid:"), vec![who.user.to_string(); 4].join("\t"));
        assert_eq!(line("Gid:"), vec![who.group.to_string(); 4].join("\t"));
        assert_eq!((line("CapEff:"), line("CapPrm:")), ("0".repeat(16), "0".repeat(16)));
    }
    // What needs no privilege is reloaded as ever; what does is told.
    folder.write("quintet.toml", global.to_owned() + &answering("web", at, "two") + &answering("more", high, "too"));
    serve.signal(Signal::Hangup);
    eventually("it is worked by", || get(at, "/").ends_with("two"));
    eventually("another is listened at", || TcpStream::connect(high).is_ok());
    folder.write("quintet.toml", global.to_owned() + &answering("web", at, "three") + &answering("more", more, "too"));
    serve.signal(Signal::Hangup);
    let free_from =
        sys::sysctl::read("net.ipv4.ip_unprivileged_port_start").ok().and_then(|text| text.trim().parse().ok());
    if free_from.unwrap_or(1024) > 81 {
        serve.complains(&format!("cannot listen on {more}"));
        assert!(get(at, "/").ends_with("two"));
    }
    serve.signal(Signal::Terminate);
    assert_eq!(serve.end().0, Some(0));
}

/// Nothing is left behind that would have to be cleaned up: neither a file nor a port.
#[test]
fn whoever_was_killed_starts_again_at_once() {
    let (folder, address) = (Folder::new(), free_address());
    let (file, admin) = (folder.place("socket"), folder.place("admin"));
    let bind = format!("bind = [\"{address}\", \"unix:{file}\"]");
    let text = answering("web", address, "one").replace(&format!("bind = \"{address}\""), &bind);
    folder.write("quintet.toml", format!("[admin]\nbind = \"unix:{admin}\"\n{text}"));
    for _ in 0..3 {
        let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml"), "--workers", "2"]);
        serve.says("metrics, health and state at");
        let _in_time_wait = get(address, "/");
        let mut kept = TcpStream::connect(address).expect("it listens");
        kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
        kept.read_exact(&mut [0; 12]).expect("an answer");
        assert!([&file, &admin].iter().all(|path| UnixStream::connect(path).is_ok()));
        drop(serve); // SIGKILL
        assert!(Path::new(&file).exists(), "nobody was there to remove it");
    }
}

#[test]
fn a_file_that_is_watched_is_taken_up_by_itself() {
    let (folder, address) = (Folder::new(), free_address());
    let write = |says: &str| {
        let content = format!("[global]\nwatch = \"100ms\"\n{}", answering("web", address, says));
        folder.write("quintet.toml", content);
    };
    write("one");
    let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml"), "--workers", "1"]);
    assert_eq!(serve.address(), address);
    assert!(get(address, "/").ends_with("one"));
    write("two");
    eventually("it is worked by", || get(address, "/").ends_with("two"));
    folder.write("quintet.toml", "nonsense");
    serve.complains("not reloaded, nothing was changed");
    write("three");
    eventually("it is worked by", || get(address, "/").ends_with("three"));
}

#[test]
fn what_a_drain_cut_off_is_told_in_the_end() {
    let (folder, address) = (Folder::new(), free_address());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let text = format!(
        "[global]\ndrain = \"200ms\"\n[[listener]]\nname = \"web\"\nbind = \"{address}\"\nbackends = \"app\"\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{}\"]\n",
        silent.local_addr().expect("bound")
    );
    folder.write("quintet.toml", text);
    let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml"), "--workers", "1"]);
    assert_eq!(serve.address(), address);
    let client = std::thread::spawn(move || get(address, "/"));
    let _asked = silent.accept().expect("a request");
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert_eq!(code, Some(1), "{out}{err}");
    assert_eq!(out.lines().last(), Some("1 request got a 503 because there was no more time"), "{out}");
    assert!(client.join().expect("answered").starts_with("HTTP/1.1 503 "));
}

/// A second signal: nobody is waited for, and all that a drain has to say is said.
#[test]
fn whoever_is_in_a_hurry_is_told_what_was_cut() {
    const SAME_WISH: Duration = Duration::from_millis(200);
    let (folder, web, raw) = (Folder::new(), free_address(), free_address());
    let origin = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (at, admin, log) = (origin.local_addr().expect("bound"), folder.place("adm.sock"), folder.place("access.log"));
    folder.write(
        "quintet.toml",
        format!(
            "[global]\nworkers = 2\naccess_log = \"{log}\"\ndrain = \"off\"\n[admin]\nbind = \"unix:{admin}\"\n\
             [[listener]]\nname = \"web\"\nbind = \"{web}\"\nbackends = \"app\"\n\
             [[listener]]\nname = \"raw\"\nprotocol = \"tcp\"\nbind = \"{raw}\"\nbackends = \"app\"\n\
             [[backend_set]]\nname = \"app\"\nservers = [\"{at}\"]\n"
        ),
    );
    let mut serve = Running::start(&["serve", "--config", &folder.place("quintet.toml")]);
    serve.address();
    let mut clients = [web, raw].map(|address| TcpStream::connect(address).expect("it listens"));
    for client in &mut clients {
        client.set_read_timeout(Some(PATIENCE)).expect("a time");
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    }
    // An origin that never answers.
    let mut servers = [(); 2].map(|()| origin.accept().expect("a connection of the balancer").0);
    servers.iter_mut().for_each(|server| server.read_exact(&mut [0; 16]).expect("the request"));
    serve.signal(Signal::Terminate);
    serve.says("draining");
    std::thread::sleep(2 * SAME_WISH);
    serve.signal(Signal::Terminate);
    let mut answer = String::new();
    clients[0].read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    let (code, out, err) = serve.end();
    assert_eq!(code, Some(1), "{out}{err}");
    let last = out.lines().last().unwrap_or_default();
    assert_eq!(last, "1 request got a 503 because there was no more time; cut off: 1 exchange", "{out}");
    assert!(out.contains("requests 2, "), "{out}");
    let lines = std::fs::read_to_string(&log).expect("a log");
    assert!(lines.lines().count() == 2 && lines.contains("\"status\":503"), "{lines}");
    assert!(!Path::new(&admin).exists(), "its socket is gone");
}
