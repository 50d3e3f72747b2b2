//! Servers of other makes that answer with an error while another one is well (`retry_on`).

use crate::program::serve;
use crate::servers::status_and_length;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use testkit::peers::{self, files};
use testkit::{Folder, Server, curl, free_address, installed, run_well};

/// Python, whose answer to the first GET or PUT of /once is this status, with a body in chunks; 200 to all others. `/said` tells how
/// often it was that status.
fn python(status: u16) -> Option<Server> {
    const SCRIPT: &str = "
import http.server, sys
said = []
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length', 0)))
        fails = self.path == '/once' and not said
        if fails: said.append(self.command)
        body = str(len(said)).encode() if self.path == '/said' else b'x' * 100
        self.send_response(int(sys.argv[1]) if fails else 200)
        self.send_header('Transfer-Encoding', 'chunked')
        self.end_headers()
        self.wfile.write(b'%x\\r\\n%s\\r\\n0\\r\\n\\r\\n' % (len(body), body))
    do_GET = do_PUT = do_POST = answer
http.server.ThreadingHTTPServer((sys.argv[2], int(sys.argv[3])), Handler).serve_forever()";
    let program = installed("python3")?;
    let address = free_address();
    let mut command = Command::new(program);
    command.args(["-c", SCRIPT, &status.to_string(), &address.ip().to_string(), &address.port().to_string()]);
    Some(Server::start(command.stderr(Stdio::null()), address))
}

/// A balancer in front of both, which asks the other one for these.
fn balancer(folder: &Folder, servers: [SocketAddr; 2]) -> Server {
    let address = free_address();
    let servers = servers.map(|server| server.to_string());
    let config = format!(
        "[[listener]]\nname = \"web\"\nbind = \"{address}\"\nbackends = \"app\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = {servers:?}\nretry_on = [502, 503]\n"
    );
    serve(folder, address, &config)
}

#[test]
fn python_that_fails_once_is_not_seen() {
    for status in [502, 503] {
        for put in [&[][..], &["--request", "PUT", "--data-binary", "twelve bytes"]] {
            let folder = Folder::new();
            let (Some(one), Some(other)) = (python(status), python(status)) else { return };
            let balancer = balancer(&folder, [one.address, other.address]);
            // The first fails, and so does the other that is asked in its stead: the first is asked again.
            for _ in 0..4 {
                let Some(seen) = status_and_length(&balancer.url("/once"), put) else { return };
                assert_eq!(seen, "200 100", "{status} {put:?}");
            }
            let said = |server: &Server| run_well(curl().expect("it was here").arg(server.url("/said")));
            assert_eq!((said(&one), said(&other)), ("1".to_owned(), "1".to_owned()), "{status}: each was asked");
        }
    }
}

/// What may not be sent again is answered as it is.
#[test]
fn python_that_fails_is_seen_where_a_request_may_not_be_repeated() {
    let folder = Folder::new();
    let (Some(one), Some(other)) = (python(503), python(503)) else { return };
    let balancer = balancer(&folder, [one.address, other.address]);
    let post = ["--data-binary", "twelve bytes"];
    let seen: Vec<_> = (0..4).filter_map(|_| status_and_length(&balancer.url("/once"), &post)).collect();
    assert!(seen.is_empty() || seen == ["503 100", "503 100", "200 100", "200 100"], "{seen:?}");
}

/// nginx that always says 502, as it does where what is behind it is gone, and another one that is well.
#[test]
fn nginx_that_has_nobody_behind_it_is_not_seen() {
    let (files, other, folder) = (files(), Folder::new(), Folder::new());
    let gone = free_address();
    let Some(well) = peers::nginx(&files, "") else { return };
    let Some(sick) = peers::nginx(&other, &format!("location / {{ proxy_pass http://{gone}; }}")) else { return };
    let balancer = balancer(&folder, [sick.address, well.address]);
    let Some(directly) = status_and_length(&sick.url("/small"), &[]) else { return };
    assert!(directly.starts_with("502 "), "{directly}");
    for path in ["/small", "/large"].repeat(6) {
        let bytes = if path == "/small" { "200 100" } else { "200 1000000" };
        assert_eq!(status_and_length(&balancer.url(path), &[]).expect("curl"), bytes, "{path}");
    }
}
