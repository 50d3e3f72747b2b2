//! Cures in the words of the programs that people have: proxies by their settings, clients by their libraries' names.

use crate::finding::Elsewhere;

const fn of(program: &'static str, setting: &'static str) -> Elsewhere {
    Elsewhere { program, setting }
}

/// Keep connections.
pub(super) static KEEP: [Elsewhere; 6] = [
    of("nginx", "upstream: keepalive 64; location: proxy_http_version 1.1; proxy_set_header Connection \"\";"),
    of("HAProxy", "http-reuse safe in the backend, and no option httpclose"),
    of("Envoy", "its pools keep by default: no max_requests_per_connection: 1, no Connection: close from the servers"),
    of("Go", "one http.Transport for all requests, MaxIdleConnsPerHost: 100; read every body to its end and close it"),
    of("Java", "one java.net.http.HttpClient for all requests; read every body to its end"),
    of("node", "one new http.Agent({ keepAlive: true }) for all requests"),
];

/// Hold fewer connections.
pub(super) static FEWER: [Elsewhere; 6] = [
    of("nginx", "upstream: server ... max_conns=N; a smaller keepalive"),
    of("HAProxy", "server ... maxconn N; pool-max-conn N"),
    of("Envoy", "circuit_breakers: max_connections: N"),
    of("Go", "http.Transport{MaxConnsPerHost: N, IdleConnTimeout: 30 * time.Second}"),
    of("Java", "Apache HttpClient: setMaxConnPerRoute(N); HikariCP: maximumPoolSize"),
    of("node", "new http.Agent({ keepAlive: true, maxSockets: N, maxFreeSockets: M })"),
];

/// Give connects up sooner.
pub(super) static CONNECT_TIMEOUT: [Elsewhere; 6] = [
    of("nginx", "proxy_connect_timeout 3s;"),
    of("HAProxy", "timeout connect 3s"),
    of("Envoy", "connect_timeout: 3s in the cluster"),
    of("Go", "net.Dialer{Timeout: 3 * time.Second}"),
    of("Java", "HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3)); Socket.connect(address, 3000)"),
    of("node", "net.connect(...).setTimeout(3000), and destroy() on timeout"),
];

/// Leave the port to `connect()`.
pub(super) static NO_PORT: [Elsewhere; 6] = [
    of("nginx", "proxy_bind ADDRESS without a port (IP_BIND_ADDRESS_NO_PORT since 1.11.2)"),
    of("HAProxy", "source ADDRESS without a port range"),
    of("Envoy", "upstream_bind_config: source_address with port_value: 0"),
    of("Go", "net.Dialer without LocalAddr, or a Control that sets unix.IP_BIND_ADDRESS_NO_PORT"),
    of("Java", "no Socket.bind() before connect(): a bound socket takes the port for every destination"),
    of("node", "no localPort, and no localAddress where the route gives it anyway"),
];

/// More source addresses.
pub(super) static ADDRESSES: [Elsewhere; 4] = [
    of("nginx", "split_clients $request_id $from { 50% 10.0.0.2; * 10.0.0.3; } and proxy_bind $from;"),
    of(
        "HAProxy",
        "a server line for each: server a1 ADDRESS:PORT source 10.0.0.2, server a2 ADDRESS:PORT source 10.0.0.3",
    ),
    of("Envoy", "upstream_bind_config: source_address, extra_source_addresses"),
    of("Go", "net.Dialer{LocalAddr: ...} in turn, with a Control that sets unix.IP_BIND_ADDRESS_NO_PORT"),
];

/// Close by reset.
pub(super) static RESET: [Elsewhere; 4] = [
    of("HAProxy", "it does so towards servers by itself"),
    of("Go", "TCPConn.SetLinger(0) before Close()"),
    of("Java", "Socket.setSoLinger(true, 0) before close()"),
    of("node", "socket.resetAndDestroy()"),
];

/// Let a connection rest shorter than the target does.
pub(super) static REST_SHORTER: [Elsewhere; 6] = [
    of("nginx", "upstream: keepalive_timeout below that time (1.15.3)"),
    of("HAProxy", "pool-purge-delay below that time, and retry-on conn-failure empty-response"),
    of("Envoy", "common_http_protocol_options: idle_timeout below that time"),
    of("Go", "http.Transport{IdleConnTimeout: ...} below that time"),
    of("Java", "-Djdk.httpclient.keepalive.timeout=SECONDS below that time"),
    of("node", "new http.Agent({ keepAlive: true, timeout: ... }) below that time"),
];

/// Let a connection rest longer, as the server.
pub(super) static REST_LONGER: [Elsewhere; 5] = [
    of("node", "server.keepAliveTimeout = 65000; server.headersTimeout = 66000 (defaults: 5 s, 60 s)"),
    of("nginx", "keepalive_timeout 75s;"),
    of("Apache", "KeepAliveTimeout 75"),
    of("HAProxy", "timeout http-keep-alive 75s"),
    of("Go", "http.Server{IdleTimeout: 75 * time.Second}"),
];

/// Accept faster.
pub(super) static ACCEPT: [Elsewhere; 5] = [
    of("nginx", "worker_processes auto; listen 80 reuseport backlog=4096;"),
    of("HAProxy", "nbthread as many as cores; bind :80 backlog 4096; a larger maxconn"),
    of("Go", "nothing slow in the Accept loop; the backlog is net.core.somaxconn"),
    of("Java", "Tomcat: maxThreads, acceptCount=4096, maxConnections"),
    of("node", "cluster or several processes; server.listen({ port, backlog: 4096 })"),
];

/// Close first when asked to.
pub(super) static CLOSE_FIRST: [Elsewhere; 3] = [
    of("HAProxy", "option httpclose"),
    of("nginx", "it does so by itself: is something else in front of it?"),
    of("node", "it does so by itself: is something else in front of it?"),
];

/// Drain before closing.
pub(super) static DRAIN: [Elsewhere; 4] = [
    of("nginx", "lingering_close always; lingering_timeout 5s;"),
    of("HAProxy", "timeout client-fin 5s"),
    of("Envoy", "delayed_close_timeout: 5s"),
    of("node", "request.resume() before the answer ends, or read the body"),
];

/// Keep connections, as the server.
pub(super) static KEEP_THERE: [Elsewhere; 5] = [
    of("nginx", "keepalive_timeout 75s; keepalive_requests 10000;"),
    of("HAProxy", "option http-keep-alive, and no option httpclose"),
    of("Apache", "KeepAlive On; MaxKeepAliveRequests 0"),
    of("Go", "no Server.SetKeepAlivesEnabled(false), no Connection: close in handlers"),
    of("node", "no server.maxRequestsPerSocket, no Connection: close in handlers"),
];

/// More open files.
pub(super) static FILES: [Elsewhere; 4] = [
    of("systemd", "LimitNOFILE=1048576 in the unit"),
    of("nginx", "worker_rlimit_nofile 1048576; worker_connections accordingly"),
    of("HAProxy", "maxconn N raises the limit by itself; ulimit-n where it is set must not be lower"),
    of("docker", "--ulimit nofile=1048576:1048576"),
];
