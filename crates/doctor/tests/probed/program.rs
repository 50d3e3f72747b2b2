//! Other people's servers: found, started with known settings, waited for, and ended whatever happens.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use testkit::{PATIENCE, free_address, installed};

/// A folder that goes with its owner.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("quintet-doctor-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder for the test");
        std::fs::write(path.join("small"), [b's'; 100]).expect("a file for the test");
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file for the test");
        path
    }

    fn path(&self) -> &Path {
        &self.0
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
    address: SocketAddr,
}

impl Server {
    fn start(command: &mut Command, address: SocketAddr) -> Self {
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

/// nginx with a file `/small`, and more settings for its server.
pub(crate) fn nginx(folder: &Folder, settings: &str) -> Option<Server> {
    let program = installed("nginx")?;
    let address = free_address();
    let path = folder.path().display();
    let config = format!(
        "daemon off; master_process off; pid {path}/nginx.pid; error_log {path}/error.log;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n\
           access_log off; client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;\n\
           uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\n\
           server {{ listen {address}; root {path}; {settings} }}\n\
         }}\n"
    );
    let file = folder.write("nginx.conf", &config);
    let log = format!("{path}/error.log");
    Some(Server::start(Command::new(program).arg("-e").arg(log).arg("-c").arg(file), address))
}

/// HAProxy in front of a server.
pub(crate) fn haproxy(folder: &Folder, server: SocketAddr) -> Option<Server> {
    let program = installed("haproxy")?;
    let address = free_address();
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         frontend web\n  bind {address}\n  default_backend app\n\nbackend app\n  server one {server}\n"
    );
    let file = folder.write("haproxy.cfg", &config);
    Some(Server::start(Command::new(program).arg("-db").arg("-f").arg(file), address))
}

/// Apache with a file `/small`, four requests per connection, and 200 ms for idle ones. Debian keeps its modules beside
/// the program.
pub(crate) fn apache(folder: &Folder) -> Option<Server> {
    let program = installed("apache2")?;
    let prefix = program.ancestors().nth(2).expect("prefix/sbin/apache2");
    let modules = prefix.join("lib/apache2/modules");
    if !modules.join("mod_mpm_event.so").is_file() {
        testkit::skip(format!("apache2 has no modules in {}", modules.display()));
        return None;
    }
    let address = free_address();
    let (path, modules) = (folder.path().display(), modules.display());
    let config = format!(
        "ServerRoot {path}\nServerName localhost\nListen {address}\nPidFile {path}/pid\nErrorLog {path}/error.log\n\
         DefaultRuntimeDir {path}\n\
         LoadModule mpm_event_module {modules}/mod_mpm_event.so\n\
         LoadModule authz_core_module {modules}/mod_authz_core.so\n\
         DocumentRoot {path}\n<Directory {path}>\n  Require all granted\n</Directory>\n\
         KeepAlive On\nMaxKeepAliveRequests 4\nKeepAliveTimeout 200ms\nThreadsPerChild 4\nServerLimit 1\n\
         StartServers 1\nMaxRequestWorkers 4\nMinSpareThreads 1\nMaxSpareThreads 4\n"
    );
    let file = folder.write("apache.conf", &config);
    // -X: one process in the foreground, which dies with its owner.
    Some(Server::start(Command::new(program).args(["-X", "-f"]).arg(file), address))
}
