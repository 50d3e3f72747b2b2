//! Servers of other makes behind the balancer: what each of them makes of requests that came through it, and how it ends
//! its connections.

use crate::program::balancer;
use crate::servers::status_and_length;
use std::process::Command;
use testkit::peers::{apache, files};
use testkit::{Folder, Server, free_address, installed};

/// Python's own server of files, with connections that are kept.
fn python(folder: &Folder) -> Option<Server> {
    let program = installed("python3")?;
    let address = free_address();
    let mut command = Command::new(program);
    command.args(["-m", "http.server", "--protocol", "HTTP/1.1", "--bind", &address.ip().to_string(), "--directory"]);
    command.arg(folder.path()).arg(address.port().to_string()).stderr(std::process::Stdio::null());
    Some(Server::start(&mut command, address))
}

/// node: the files of the folder in chunks, uploads counted.
fn node(folder: &Folder) -> Option<Server> {
    const SCRIPT: &str = "
        const fs = require('fs'), [folder, host, port] = process.argv.slice(1);
        require('http').createServer((request, response) => {
            let length = 0;
            request.on('data', (piece) => { length += piece.length; });
            request.on('end', () => {
                const name = folder + request.url;
                if (request.method === 'POST') { response.end(String(length)); return; }
                if (!fs.existsSync(name)) { response.statusCode = 404; response.end(); return; }
                if (request.method === 'HEAD') { response.end(); return; }
                fs.createReadStream(name).pipe(response);
            });
        }).listen(port, host);";
    let program = installed("node")?;
    let address = free_address();
    let mut command = Command::new(program);
    command.args(["-e", SCRIPT]).arg(folder.path()).args([address.ip().to_string(), address.port().to_string()]);
    Some(Server::start(&mut command, address))
}

/// Each of these requests by curl must give this status and, where that is said, so many bytes.
fn check(url: &dyn Fn(&str) -> String, requests: &[(&str, &[&str], &str)]) {
    for (path, arguments, shown) in requests {
        let Some(seen) = status_and_length(&url(path), arguments) else { return };
        let (status, _) = seen.split_once(' ').expect("two numbers");
        assert_eq!(if shown.contains(' ') { &seen } else { status }, *shown, "{path} {arguments:?}");
    }
}

/// The server behind a balancer, with the same two files in its folder; more rounds than one of its connections lives.
fn check_server(server: fn(&Folder) -> Option<Server>, uploads: &[(&str, &[&str], &str)]) {
    let (files, own) = (files(), Folder::new());
    let Some(server) = server(&files) else { return };
    let balancer = balancer(&own, &[server.address]);
    let url = |path: &str| balancer.url(path);
    for _ in 0..6 {
        check(&url, &[("/small", &[], "200 100"), ("/large", &[], "200 1000000"), ("/missing", &["--head"], "404 0")]);
    }
    check(&url, &[("/small", &["--http1.0"], "200 100"), ("/large", &["--head"], "200 0")]);
    check(&url, uploads);
}

const UPLOAD: &[&str] = &["--data-binary", "twelve bytes"];
const IN_CHUNKS: &[&str] = &["--data-binary", "twelve bytes", "--header", "Transfer-Encoding: chunked"];

#[test]
fn apache_serves_behind_the_balancer() {
    // A range, and no upload: a file takes none, and what Apache says of that depends on its modules.
    check_server(apache, &[("/large", &["--range", "10-19"], "206 10")]);
}

#[test]
fn python_serves_behind_the_balancer() {
    // It refuses a method it does not know without reading the body: its answer has to come through whole.
    check_server(python, &[("/small", UPLOAD, "501"), ("/small", IN_CHUNKS, "501")]);
}

#[test]
fn node_serves_behind_the_balancer() {
    check_server(node, &[("/any", UPLOAD, "200 2"), ("/any", IN_CHUNKS, "200 2")]);
}
