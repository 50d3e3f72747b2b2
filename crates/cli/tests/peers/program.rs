//! Programs run by these tests: found, started, waited for, and ended whatever happens.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use testkit::{PATIENCE, free_address, installed};

/// No program here works so long: thousands of requests, whose every step may have to wait for a busy machine.
const WORK_MAX: Duration = PATIENCE.saturating_mul(4);

/// A folder that goes with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("quintet-peers-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file; where it is.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("a file for the test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _leftovers_are_only_untidy = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that ends with its owner.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens on `address`.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut server = Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), address };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}");
            assert!(Instant::now() < until, "{command:?} does not listen on {address}");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

/// Our own binary.
pub(crate) fn quintet() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quintet"))
}

/// `quintet origin`.
pub(crate) fn origin() -> Server {
    let address = free_address();
    Server::start(quintet().args(["origin", "--listen", &address.to_string()]), address)
}

/// `quintet serve` in front of these servers.
pub(crate) fn balancer(folder: &Folder, servers: &[SocketAddr]) -> Server {
    balancer_that(folder, servers, "balancer-first")
}

/// The same with this close policy towards clients.
pub(crate) fn balancer_that(folder: &Folder, servers: &[SocketAddr], close: &str) -> Server {
    let address = free_address();
    let servers: Vec<_> = servers.iter().map(SocketAddr::to_string).collect();
    let config = format!(
        "[[listener]]\nname = \"web\"\nbind = \"{address}\"\nprotocol = \"http\"\nbackends = \"app\"\nclose = \"{close}\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = {servers:?}\n"
    );
    let file = folder.write("quintet.toml", config);
    Server::start(quintet().arg("serve").arg("--config").arg(file).args(["--workers", "1"]), address)
}

/// nginx with a small file `/small`, a large one `/large`, and `/upload`, which takes bodies; `None` when it is missing.
pub(crate) fn nginx(folder: &Folder) -> Option<Server> {
    let program = installed("nginx")?;
    let address = free_address();
    let path = folder.path().display();
    folder.write("small", [b's'; 100]);
    folder.write("large", vec![b'l'; 1_000_000]);
    let config = format!(
        "daemon off; master_process off; pid {path}/nginx.pid; error_log {path}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
           access_log off; keepalive_requests 1000000; client_max_body_size 20m;\n\
           client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;\n\
           uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\n\
           server {{ listen {address}; root {path}; location /upload {{ return 200 taken; }} }}\n\
         }}\n"
    );
    let file = folder.write("nginx.conf", config);
    let log = format!("{path}/error.log");
    Some(Server::start(Command::new(program).arg("-e").arg(log).arg("-c").arg(file), address))
}

/// HAProxy in front of this server; `None` when it is missing.
pub(crate) fn haproxy(folder: &Folder, server: SocketAddr) -> Option<Server> {
    let program = installed("haproxy")?;
    let address = free_address();
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         frontend web\n  bind {address}\n  default_backend app\n\nbackend app\n  server one {server}\n"
    );
    let file = folder.write("haproxy.cfg", config);
    Some(Server::start(Command::new(program).arg("-db").arg("-f").arg(file), address))
}

/// HAProxy that expects the PROXY protocol, and answers with the address and port it was told.
pub(crate) fn haproxy_that_is_told(folder: &Folder) -> Option<Server> {
    let program = installed("haproxy")?;
    let (address, told) = (free_address(), free_address());
    // A second frontend without it: whoever waits for this server has no header to send.
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         frontend told\n  bind {told} accept-proxy\n  \
         http-request return status 200 content-type text/plain lf-string \"%ci:%cp\"\n\n\
         frontend ready\n  bind {address}\n  http-request return status 200\n"
    );
    let file = folder.write("haproxy.cfg", config);
    let mut server = Server::start(Command::new(program).arg("-db").arg("-f").arg(file), address);
    server.address = told;
    Some(server)
}

/// `quintet serve` that speaks this to clients, and tells the server who they are by this header.
pub(crate) fn balancer_that_tells(folder: &Folder, server: SocketAddr, protocol: &str, header: &str) -> Server {
    let address = free_address();
    let config = format!(
        "[[listener]]\nname = \"web\"\nbind = \"{address}\"\nprotocol = \"{protocol}\"\nbackends = \"app\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{server}\"]\nproxy_protocol = \"{header}\"\n"
    );
    let file = folder.write("quintet.toml", config);
    Server::start(quintet().arg("serve").arg("--config").arg(file).args(["--workers", "1"]), address)
}

/// Runs a program to its end, within time; what it wrote.
pub(crate) fn run(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (tell, told) = std::sync::mpsc::channel();
    let pid = child.id();
    std::thread::spawn(move || tell.send(child.wait_with_output()));
    match told.recv_timeout(WORK_MAX) {
        Ok(output) => output.expect("a child"),
        Err(_) => panic!("{command:?} (pid {pid}) does not end"),
    }
}

/// The same for a program that must succeed: its standard output.
pub(crate) fn run_well(command: &mut Command) -> Vec<u8> {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output.stdout
}
