//! Other people's servers and balancers in tests, with known settings. Where one is not installed, the calling test is
//! skipped.

use crate::address::free_address;
use crate::folder::Folder;
use crate::program::Server;
use crate::skip::{installed, skip};
use std::net::SocketAddr;
use std::process::Command;

/// A folder with files to serve: `small` of a hundred bytes, `large` of a million.
pub fn files() -> Folder {
    let folder = Folder::new();
    folder.write("small", [b's'; 100]);
    folder.write("large", vec![b'l'; 1_000_000]);
    folder
}

/// nginx over the files of the folder, with more settings for its server.
#[track_caller]
pub fn nginx(folder: &Folder, settings: &str) -> Option<Server> {
    let (address, path) = (free_address(), folder.path().display());
    nginx_that(folder, address, &format!("server {{ listen {address}; root {path}; {settings} }}"))
}

/// nginx with these servers, one of which listens here. One process, all of whose files are in the folder.
#[track_caller]
pub fn nginx_that(folder: &Folder, address: SocketAddr, servers: &str) -> Option<Server> {
    let program = installed("nginx")?;
    let path = folder.path().display();
    let config = format!(
        "daemon off; master_process off; pid {path}/nginx.pid; error_log {path}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
           access_log off; client_body_temp_path {path}/b; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;\n\
           uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\n\
           {servers}\n\
         }}\n"
    );
    let file = folder.write("nginx.conf", config);
    // It opens a log before it reads its file.
    let log = folder.path().join("error.log");
    Some(Server::start(Command::new(program).arg("-e").arg(log).arg("-c").arg(file), address))
}

/// HAProxy in front of a server.
#[track_caller]
pub fn haproxy(folder: &Folder, server: SocketAddr) -> Option<Server> {
    let address = free_address();
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         frontend web\n  bind {address}\n  default_backend app\n\nbackend app\n  server one {server}\n"
    );
    haproxy_that(folder, address, &config)
}

/// HAProxy with this configuration, by which it listens here.
#[track_caller]
pub fn haproxy_that(folder: &Folder, address: SocketAddr, config: &str) -> Option<Server> {
    let program = installed("haproxy")?;
    let file = folder.write("haproxy.cfg", config);
    Some(Server::start(Command::new(program).arg("-db").arg("-f").arg(file), address))
}

/// Apache over the files of the folder: four requests per connection, and 200 ms for idle ones. Debian keeps its modules
/// beside the program.
#[track_caller]
pub fn apache(folder: &Folder) -> Option<Server> {
    let program = installed("apache2")?;
    let modules = program.ancestors().nth(2)?.join("lib/apache2/modules");
    if !modules.join("mod_mpm_event.so").is_file() {
        skip(format!("apache2 has no modules in {}", modules.display()));
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
