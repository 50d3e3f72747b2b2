//! Our own programs in these tests.

use std::net::SocketAddr;
use std::process::Command;
use testkit::peers::haproxy_that;
use testkit::{Folder, Server, free_address};

/// Our own binary.
pub(crate) fn quintet() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quintet"))
}

/// `quintet origin`.
pub(crate) fn origin() -> Server {
    origin_named("origin")
}

/// The same, which says that this is its name.
pub(crate) fn origin_named(name: &str) -> Server {
    let address = free_address();
    Server::start(quintet().args(["origin", "--listen", &address.to_string(), "--name", name]), address)
}

/// `quintet serve` with this configuration, by which it listens here.
pub(crate) fn serve(folder: &Folder, address: SocketAddr, config: &str) -> Server {
    let file = folder.write("quintet.toml", config);
    Server::start(quintet().arg("serve").arg("--config").arg(file).args(["--workers", "1"]), address)
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
    serve(folder, address, &config)
}

/// HAProxy that expects the PROXY protocol, and answers with the address and port it was told.
/// `tls`: what follows its address, such as `ssl crt FILE`.
pub(crate) fn haproxy_that_is_told(folder: &Folder, tls: &str) -> Option<Server> {
    let (address, told) = (free_address(), free_address());
    // A second frontend without it: whoever waits for this server has no header to send.
    let config = format!(
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         frontend told\n  bind {told} accept-proxy {tls}\n  \
         http-request return status 200 content-type text/plain lf-string \"%ci:%cp\"\n\n\
         frontend ready\n  bind {address}\n  http-request return status 200\n"
    );
    let mut server = haproxy_that(folder, address, &config)?;
    server.address = told;
    Some(server)
}

/// `quintet serve` that speaks this to clients, and of whose set this is said.
pub(crate) fn balancer_that_tells(folder: &Folder, server: SocketAddr, protocol: &str, set: &str) -> Server {
    let address = free_address();
    let config = format!(
        "[[listener]]\nname = \"web\"\nbind = \"{address}\"\nprotocol = \"{protocol}\"\nbackends = \"app\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{server}\"]\n{set}\n"
    );
    serve(folder, address, &config)
}

/// HAProxy that passes connections on as they come, and says (`send-proxy`, `send-proxy-v2`) whose they are.
pub(crate) fn haproxy_that_tells(folder: &Folder, server: SocketAddr, how: &str) -> Option<Server> {
    let address = free_address();
    let config = format!(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n\n\
         listen app\n  bind {address}\n  server one {server} {how}\n"
    );
    haproxy_that(folder, address, &config)
}
