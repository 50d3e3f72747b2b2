//! Every bad input gets one clear message that names the thing and the way out, and exit code 2.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use testkit::{Folder, PATIENCE, free_address};

fn quintet(args: &[&str]) -> Output {
    testkit::run(Command::new(env!("CARGO_BIN_EXE_quintet")).args(args))
}

/// `args` end with exit code 2 and a message that has every one of `words`.
fn check(args: &[&str], words: &[&str]) {
    let output = quintet(args);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
    assert!(output.stdout.is_empty(), "{args:?} printed {:?}", String::from_utf8_lossy(&output.stdout));
    for word in words {
        assert!(text.contains(word), "{args:?} should say {word:?}: {text}");
    }
}

#[test]
fn flags() {
    check(&["stress", "--no-such-flag"], &["--no-such-flag"]);
    check(&["stress", "-n", "abc", "http://127.0.0.1/"], &["abc", "10k"]);
    check(&["stress", "-z", "soon", "http://127.0.0.1/"], &["soon", "30s"]);
    check(&["stress", "-c", "0", "http://127.0.0.1/"], &["connections"]);
    check(&["stress", "--close", "maybe", "http://127.0.0.1/"], &["maybe", "keep, wait, fin, rst"]);
    check(&["stress", "-H", "no colon", "http://127.0.0.1/"], &["no colon", "Name: value"]);
    check(&["stress", "--source-ip", "10.0.0.300", "http://127.0.0.1/"], &["--source-ip", "10.0.0.300"]);
    check(&["stress", "--port-range", "9-5", "http://127.0.0.1/"], &["9", "5"]);
    check(&["stress", "-d", "@/no/such/file", "http://127.0.0.1/"], &["/no/such/file"]);
    check(&["stress", "-d", "@/dev/zero", "http://127.0.0.1/"], &["/dev/zero", "1048576 bytes", "smaller"]);
    let keeps = ["stress", "--close", "wait", "-H", "Connection: keep-alive", "http://127.0.0.1/"];
    check(&keeps, &["Connection: keep-alive", "--close wait", "leave the field out"]);
    check(
        &["stress", "--recycle", "http://127.0.0.1/"],
        &["--recycle", "connections are kept", "--close wait, rst or half"],
    );
    let few = ["stress", "--ports", "own", "--port-range", "40000-40001", "--threads", "3", "http://127.0.0.1/"];
    check(&few, &["2 ports", "3 threads"]);
    check(&["lab", "nat-reuse", "--pcap", "/dev/null/x"], &["/dev/null/x", "--pcap"]);
    check(&["lab", "xyzzy"], &["xyzzy", "problem", "own-ports"]);
    check(&["lab", "own-port"], &["own-port", "did you mean own-ports", "lab --list"]);
    check(&["doctor", "exlpain"], &["did you mean `doctor explain`"]);
    check(&["doctor", "--rat", "5"], &["--rat", "--rate"]);
    check(&["lab", "--ports", "3"], &["3 ports", "too few"]);
    check(&["no-such-command"], &["no-such-command"]);
    check(&["serve", "--workers", "0"], &["--workers 0"]);
    check(&["origin", "--workers", "0"], &["0 workers"]);
}

fn loads(url: &str) {
    check(&["stress", "--ramp", "1:5", url], &["--duration <TIME>"]);
    check(&["stress", "--ramp", "5", "-z", "1s", url], &["FROM:TO"]);
    check(&["stress", "--ramp", "1:5", "--rate", "5", "-z", "1s", url], &["cannot be used with"]);
    check(&["stress", "--spike", "1:5:2s", "-z", "1s", url], &["--spike", "-z more than 2s"]);
    check(&["stress", "--steps", "0,0", "-z", "1s", url], &["no request at all"]);
    check(&["stress", "--warm-up", "1s", url], &["give its duration (-z)"]);
    check(&["stress", "--warm-up", "1s", "-z", "1s", "-n", "5", url], &["warm-up", "no number of requests"]);
    check(&["stress", "--find-max", "-n", "5", url], &["cannot be used with"]);
    check(&["stress", "--max-steps", "5", url], &["--find-max"]);
    check(&["stress", "--shuffle", url], &["--urls <FILE|->"]);
    check(&["stress", "--urls", "/no/such/file", url], &["--urls /no/such/file", "cannot read"]);
    let folder = Folder::new();
    folder.write("list", "http://127.0.0.1:1/\nnonsense\nPUT http://127.0.0.2/\n");
    let list = folder.place("list");
    check(
        &["stress", "--urls", &list],
        &["this line is no request", "list:2:1", "another host than 127.0.0.1:1", "2 mistakes"],
    );
    folder.write("good", "http://127.0.0.1:1/\n/second\n");
    let good = folder.place("good");
    check(&["stress", "--urls", &good], &["nothing listens on 127.0.0.1:1"]);
    check(&["stress", "--urls", &good, "--replay-pace"], &["--replay-pace", "does not say when"]);
    check(&["stress", "--urls", &good, "--replay-pace=x0"], &["is no speed", "x10"]);
    check(&["stress", "--urls", &good, "-d", "x"], &["cannot be used with"]);
    check(&["stress", "--urls", &good, "-H", "Content-Length: 1"], &["Content-Length"]);
}

/// Every mistake of a plan, with its place.
#[test]
fn plans_that_are_none() {
    let folder = Folder::new();
    let check_plan = |text: &str, words: &[&str]| {
        folder.write("plan.toml", text);
        check(&["stress", "--plan", &folder.place("plan.toml"), "http://127.0.0.1:1/"], words);
    };
    let many =
        "conections = 5\nduration = \"soon\"\nthresholds = [\"p99\"]\n[[phase]]\nrate = 5\n[[request]]\npth = \"/\"\n";
    let words = [
        "unknown key `conections`",
        "did you mean `connections`",
        "`duration`: \"soon\" is not a time",
        "compares nothing",
    ];
    check_plan(many, &words);
    check_plan(many, &["phase has no `duration`", "request has no `path`", "unknown key `pth`", "plan.toml:7:1"]);
    check_plan(
        "rate = 5\n[[phase]]\nduration = \"1s\"\nfrom = 5\n",
        &["one `rate` for all", "goes from one to another"],
    );
    let phase = "[[phase]]\nduration = \"1s\"\n";
    check_plan(
        &format!("{phase}connections = 5\n{phase}rate = 5\n"),
        &["all phases have a rate, or all have connections"],
    );
    check_plan(&format!("rate = 5\n{phase}connections = 5\n"), &["one `rate` for all"]);
    check_plan(&format!("{phase}connections = \"1:x\"\n"), &["`connections`:", "10k"]);
    check_plan(&format!("{phase}rate = 5\nto = 6\n"), &["has one rate, or goes from one to another"]);
    check_plan("close = \"never\"\norder = \"wight\"", &["keep", "did you mean \"weight\""]);
    let requests =
        "[[request]]\npath = \"/a b\"\n[[request]]\npath = \"/{{conter}}\"\n[[request]]\npath = \"/\"\nweight = 0\n";
    check_plan(
        requests,
        &[
            "plan.toml:1:1",
            "' ' is not allowed",
            "plan.toml:3:1",
            "did you mean \"counter\"",
            "a weight of 0",
            "3 mistakes",
        ],
    );
    check_plan("[[request]]\npath = \"/\"\ncapture = { a = \"body x\" }", &["says not where", "json /items/0/id"]);
    check_plan("[[request]]\npath = \"/\"\nbody_file = \"gone\"", &["`body_file`: cannot read this file"]);
    check_plan("[[request]]\npath = \"/{{line gone.txt}}\"", &["{{line gone.txt}}: cannot read this file"]);
    check(&["stress", "--plan", "/no/such", "http://127.0.0.1:1/"], &["--plan /no/such", "cannot read"]);
}

/// What is wrong with a request is said once.
#[test]
fn a_variable_that_is_none() {
    let output = quintet(&["stress", "http://127.0.0.1:1/{{conter}}"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), text.matches("did you mean \"counter\"").count()), (Some(2), 1), "{text}");
}

/// Files that are none of ours say what they are.
#[test]
fn files_that_are_no_configuration() {
    let folder = Folder::new();
    folder.write("binary", b"[global]\n\xff\xfe\0");
    check(&["serve", "--config", &folder.place("binary")], &["binary", "not text in UTF-8", "byte 10", "line 2"]);
    check(&["serve", "--config", folder.path().to_str().expect("text")], &["Is a directory", "--config"]);
    check(&["serve", "--config", "-"], &["\"-\"", "/dev/stdin"]);
    let text = "[[listener]]\nname = \"a\"\nbind = \"8080\"\nbackends = \"a\"\n";
    folder.write("port.toml", text);
    check(&["serve", "--config", &folder.place("port.toml")], &["\"8080\"", "0.0.0.0:8080", "127.0.0.1:8080"]);
}

/// What users of other balancers type: they are told what it is called here.
#[test]
fn habits_of_other_balancers() {
    check(&["serve", "a.toml"], &["a.toml", "quintet serve --config a.toml"]);
    check(&["serve", "haproxy.cfg"], &["haproxy.cfg", "quintet serve --from haproxy.cfg"]);
    check(&["serve", "-c", "a.toml"], &["-c", "quintet serve --config a.toml"]);
    check(&["serve", "-f", "a.toml"], &["-f", "quintet serve --config a.toml"]);
    check(&["serve", "-t"], &["-t", "quintet serve --config FILE --check"]);
    check(&["serve", "-s", "reload"], &["-s", "SIGHUP"]);
    check(&["serve", "-D"], &["-D", "foreground"]);
    check(&["serve", "-p", "80"], &["-p", "quintet serve --listen 127.0.0.1:80"]);
    check(&["origin", "9001"], &["9001", "quintet origin --listen 127.0.0.1:9001"]);
    check(&["origin", "--port", "9001"], &["--port", "quintet origin --listen 127.0.0.1:9001"]);
    check(&["simulate", "scene.toml"], &["scene.toml", "quintet simulate --config scene.toml"]);
    check(&["doctor", "-p", "7"], &["-p", "--pid 7"]);
    check(&["a.toml"], &["a.toml", "quintet serve --config a.toml"]);
    check(&["-c", "a.toml"], &["-c", "quintet serve --config a.toml"]);
    check(&["nginx.conf"], &["nginx.conf", "quintet serve --from nginx.conf"]);
    check(&["http://127.0.0.1/"], &["quintet stress http://127.0.0.1/"]);
}

/// What other testers' users type: nothing of it silently gives another test.
#[test]
fn habits_of_other_testers() {
    let url = "http://127.0.0.1:1/";
    check(&["stress", "-c", "100", "-d", "30s", url], &["-d 30s", "-z 30s", "--data 30s"]);
    check(&["stress", "-t4", "-c100", "-d30s", url], &["-t 4", "--threads"]);
    check(&["stress", "-q", url], &["is not a rate", "ab's -q", "leave them out"]);
    check(&["stress", "-R", "0", url], &["0 is out of range", "from 1 to 10000000"]);
    check(&["stress", "--rate", "5/d", url], &["\"5/d\" is not a rate", "30/m"]);
    check(&["stress", "--spread", "poisson", url], &["--rate <RATE>", "--ramp <FROM:TO>"]);
    loads(url);
    // Understood: what is left is that nobody listens.
    for habits in [
        &["-host", "a.example"][..],
        &["-disable-keepalive"],
        &["-k", "--latency"],
        &["--no-color", "-T", "a/b"],
        &["-q", "100"],
        &["-R", "30/m", "--spread", "poisson"],
    ] {
        check(&[&["stress"], habits, &[url]].concat(), &["nothing listens on 127.0.0.1:1"]);
    }
}

#[test]
fn the_doctors_flags() {
    check(&["doctor", "--rate", "0"], &["--rate", "at least 1"]);
    check(&["doctor", "--pid", "4294967295"], &["4294967295", "ps -e"]);
    check(&["doctor", "--watch=soon"], &["soon", "30s"]);
    check(&["doctor", "--watch", "http://127.0.0.1/"], &["--watch", "[URL]"]);
    check(&["doctor", "--apply"], &["--apply", "--yes"]);
    check(&["doctor", "--yes"], &["--apply"]);
    check(&["doctor", "--revert", "/no/such/file"], &["/no/such/file"]);
    check(&["doctor", "--json", "http://127.0.0.1/"], &["http://127.0.0.1/ --json -"]);
    check(&["doctor", "explain", "ports.exhaustd"], &["ports.exhaustd", "ports.exhausted"]);
}

#[test]
fn the_simulations_flags() {
    let check = |flags: &[&str], words: &[&str]| check(&[&["simulate"], flags].concat(), words);
    check(&["--kernel", "six"], &["--kernel", "six", "2.6.32"]);
    check(&["--server-sysctl", "tcp_tw_recycle"], &["tcp_tw_recycle=1"]);
    check(&["--server-sysctl", "tcp_tw_recycle=1"], &["--server-sysctl", "6.18", "removed in 4.12"]);
    check(&["--client-sysctl", "tcp_tw_resuse=1"], &["--client-sysctl", "tcp_tw_resuse"]);
    check(&["--nat", "cone"], &["--nat", "cone", "preserve", "linux-6.5"]);
    check(&["--clients", "0"], &["--clients", "1 to 10000000"]);
    check(&["--closes-first", "both"], &["--closes-first", "both", "server, client or reset"]);
    check(&["--duration", "1500ms"], &["1500ms", "whole seconds"]);
    check(&["--public-addresses", "300"], &["--public-addresses", "1 to 256"]);
    check(&["--rate", "1m", "--duration", "1h"], &["--rate", "3600000000"]);
    check(&["--sweep=six"], &["--sweep", "six"]);
    check(&["--sweep", "--kernel", "3.10"], &["--sweep", "--kernel"]);
    check(&["--html", "-"], &["--html", "file"]);
    check(&["guides"], &["guides"]);
}

#[test]
fn scenes() {
    check(&["simulate", "--config", "/no/such/scene.toml"], &["/no/such/scene.toml", "--config"]);
    let folder = Folder::new();
    let check_text = |text: &str, words: &[&str]| {
        folder.write("scene.toml", text);
        check(&["simulate", "--config", &folder.place("scene.toml")], words);
    };
    check_text("kernal = \"3.10\"", &["scene.toml:1", "kernal", "did you mean `kernel`", "^"]);
    check_text("clients = 10\nrate = \"many\"", &["scene.toml:2", "rate", "many", "^"]);
    check_text("nat_drops_resets = \"yes\"", &["true or false", "^"]);
    // What only the whole scene shows is told at its place, too.
    check_text("clients = 10\nnat = \"cone\"", &["scene.toml:2", "`nat`", "cone", "^"]);
    check_text("[server_sysctl]\ntcp_timestamps = 1\ntcp_tw_recycle = 1", &["scene.toml:3", "removed in 4.12", "^"]);
}

#[test]
fn targets() {
    let gone = free_address();
    check(&["stress", &format!("http://{gone}/")], &[&gone.to_string(), "nothing listens", "start the target"]);
    check(&["stress", "http://no-such-host.invalid/"], &["no-such-host.invalid", "check the name"]);
    check(&["stress", "--connect-to", "a:b", "http://127.0.0.1/"], &["a:b", "HOST:PORT:OTHER_HOST"]);
    check(&["stress", "--follow=0", "http://127.0.0.1/"], &["redirects to follow", "1 to 1000"]);
    check(&["stress", "--max-redirs", "3", "http://127.0.0.1/"], &["--follow"]);
    check(&["stress", "--cookie-jar=/no/such", "http://127.0.0.1/"], &["--cookie-jar=/no/such", "cannot read"]);
    check(&["stress", "--unix-socket", "run/x", "http://a/"], &["--unix-socket", "run/x", "whole path"]);
    check(&["stress", "--ports", "own", "unix:/run/x"], &["--unix-socket", "leave --ports own"]);
    check(&["stress", "unix:/no/such/file"], &["unix:/no/such/file", "start the target"]);
    check(&["stress", "--proxy-clients", "10.0.0.1", "http://127.0.0.1/"], &["--proxy-protocol"]);
    let no_family = ["stress", "--proxy-protocol", "v1", "--proxy-clients", "fd00::1", "http://127.0.0.1/"];
    check(&no_family, &["--proxy-clients", "family of the target"]);
    check(&["stress", "http://[::1%25lo]/"], &["link-local", "%25eth0"]);
    check(&["stress", "--resolve", "a:80", "http://127.0.0.1/"], &["a:80", "HOST:PORT:ADDRESS"]);
    check(&["stress", "--proxytunnel", "http://127.0.0.1/"], &["--proxy <URL>"]);
    check(&["stress", "--pipeline", "4", "-m", "POST", "http://127.0.0.1/"], &["POST /", "not idempotent"]);
    check(&["stress", "--pipeline", "4", "--close", "fin", "http://127.0.0.1/"], &["--pipeline", "leave --close out"]);
    check(&["stress", "--expect-status", "ok", "http://127.0.0.1/"], &["ok", "200,204", "2xx"]);
    check(&["stress", "--expect-header", "X", "http://127.0.0.1/"], &["X", "Name: value"]);
    check(&["stress", "--requests-per-connection", "5-2", "http://127.0.0.1/"], &["5-2"]);
    check(&["stress", "--sni", "a.example", "http://127.0.0.1/"], &["--sni", "https://"]);
    check(&["stress", "--tls-full", "--tls-resume", "https://127.0.0.1/"], &["--tls-full", "--tls-resume"]);
    check(&["stress", "--cacert", "/nowhere.pem", "https://127.0.0.1/"], &["/nowhere.pem", "cannot be read"]);
    check(&["stress", "--cert", "/dev/null", "https://127.0.0.1/"], &["/dev/null", "no certificate in it"]);
    check(&["stress", "--sni", "a b", "https://127.0.0.1/"], &["a b", "neither a name nor an address"]);
    check(&["stress", "--alpn", "h2", "https://127.0.0.1/"], &["h2", "http/1.1"]);
    check(&["stress", "--tls-min", "1.1", "https://127.0.0.1/"], &["1.1", "1.2"]);
    check(&["stress", "-k", "https://127.0.0.1/"], &["-k", "--insecure"]);
    check(&["doctor", "https://127.0.0.1/"], &["https"]);
    check(&["doctor", "http://no-such-host.invalid/"], &["no-such-host.invalid", "check the name"]);
    check(&["doctor", "nonsense"], &["nonsense"]);
    check(&["stress", "not a url"], &["not a url"]);
    check(&["stress", "--source-ip", "203.0.113.7", "http://127.0.0.1/"], &["203.0.113.7"]);
}

/// In a namespace where not even the loopback is up. IPv6 then has no source address, which the kernel tells as it
/// tells that the ports are used up.
#[test]
fn targets_without_a_route() {
    let lonely = |url: &str| {
        let args = ["-Urn", env!("CARGO_BIN_EXE_quintet"), "stress", "-n", "5", url];
        Command::new("unshare").args(args).stdin(Stdio::null()).output()
    };
    match Command::new("unshare").args(["-Urn", "true"]).output() {
        Ok(tried) if tried.status.success() => {}
        tried => return testkit::skip(format!("unshare makes no namespaces here: {tried:?}")),
    }
    for url in ["http://127.0.0.1:9/", "http://[::1]:9/", "http://192.0.2.1/"] {
        let output = lonely(url).expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{url}: {said}");
        assert!(said.contains("no route to") && said.contains("ip route get"), "{url}: {said}");
    }
}

#[test]
fn nobody_reads_the_message() {
    let full = std::fs::File::options().write(true).open("/dev/full").expect("opened");
    let status = Command::new(env!("CARGO_BIN_EXE_quintet")).args(["stress", "-n", "0"]).stderr(full).status();
    assert_eq!(status.expect("started").code(), Some(2));
}

/// A result that nobody can read is no success, whoever had it to tell.
#[test]
fn nobody_can_read_the_result() {
    let folder = Folder::new();
    folder.write(
        "full.toml",
        "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n",
    );
    let good = folder.place("full.toml");
    let commands: [&[&str]; 15] = [
        &["help"],
        &["--version"],
        &["stress", "--help"],
        &["doctor"],
        &["doctor", "--watch=100ms"],
        &["doctor", "explain"],
        &["doctor", "explain", "recycle"],
        &["doctor", "--json", "-"],
        &["lab", "--list"],
        &["lab", "keep-alive", "--ports", "50"],
        &["simulate", "--duration", "5s"],
        &["simulate", "--duration", "5s", "--sweep=6.18"],
        &["simulate", "guide"],
        &["stress", "-n", "5"],
        &["serve", "--check", "--config", &good],
    ];
    for args in commands {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("opened");
        let output = Command::new(env!("CARGO_BIN_EXE_quintet")).args(args).stdout(full).output().expect("started");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("writing to standard output") && said.contains("No space left"), "{args:?}: {said}");
    }
    for args in [["doctor", "--json"], ["doctor", "--html"], ["simulate", "--json"], ["simulate", "--html"]] {
        let output = quintet(&[&args[..], &["/dev/full"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains("writing to /dev/full"), "{args:?}: {said}");
    }
}

/// Long-running programs do their work whether anybody reads of it or not, and say so at their end.
#[test]
fn a_full_disk_ends_no_server() {
    for args in [&["serve", "--listen", "127.0.0.1:0", "--workers", "1"][..], &["origin", "--listen", "127.0.0.1:0"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("opened");
        let command = &mut Command::new(env!("CARGO_BIN_EXE_quintet"));
        let mut child = command.args(args).stdout(full).stderr(Stdio::piped()).spawn().expect("started");
        let mut said = BufReader::new(child.stderr.take().expect("piped"));
        let (to, lines) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while matches!(said.read_line(&mut line), Ok(1..)) && to.send(std::mem::take(&mut line)).is_ok() {}
        });
        let complaint = lines.recv_timeout(PATIENCE);
        let ended = child.try_wait().expect("waited");
        sys::signal::send(child.id(), sys::signal::Signal::Terminate).expect("sent");
        let code = child.wait().expect("ended").code();
        reader.join().expect("read to the end");
        assert!(
            complaint.as_ref().is_ok_and(|line| line.contains("writing to standard output")),
            "{args:?}: {complaint:?}"
        );
        assert_eq!((ended, code), (None, Some(2)), "{args:?}: {complaint:?}");
    }
}

/// A message and an exit code of ours, not an abort.
#[test]
fn too_little_memory() {
    let line = "ulimit -v 260000; exec \"$0\" simulate --clients 10m --duration 5s";
    let output = Command::new("/bin/sh").args(["-c", line, env!("CARGO_BIN_EXE_quintet")]).output().expect("started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("quintet: out of memory: ") && said.contains("fewer connections"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn configurations() {
    check(&["serve", "--config", "/no/such/file.toml"], &["/no/such/file.toml", "--config"]);
    let folder = Folder::new();
    folder.write("wrong.toml", "[[listener]]\nname = \"web\"\nbnd = \"127.0.0.1:8080\"\n");
    let wrong = folder.place("wrong.toml");
    check(&["serve", "--config", &wrong, "--check"], &["wrong.toml", "bnd", "bind", "^"]);
    check(&["serve", "--config", &wrong], &["bnd"]);
    check(&["serve", "--check"], &["--config"]);
}

#[test]
fn addresses() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    check(&["serve", "--listen", &address], &[&address, "in use"]);
    check(&["origin", "--listen", &address], &[&address, "in use"]);
    check(&["serve", "--listen", "203.0.113.7:8080"], &["203.0.113.7:8080", "no interface"]);
    check(&["serve", "--listen", "nonsense"], &["nonsense", "[::1]:8080"]);
    check(&["origin", "--listen", "::1"], &["::1", "[::1]:8080"]);
}

#[test]
fn places_to_write() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    check(&["stress", "--json", "/no/such/folder/report.json", &url], &["/no/such/folder/report.json"]);
    check(&["lab", "--list", "--json", "/no/such/folder/x"], &["/no/such/folder/x"]);
    check(&["doctor", "--html", "/no/such/folder/x"], &["--html", "/no/such/folder/x"]);
    check(&["simulate", "--json", "/no/such/folder/x"], &["--json", "/no/such/folder/x"]);
}

/// A number below zero is taken for a number, wherever one is wanted.
#[test]
fn numbers_below_zero() {
    let url = "http://127.0.0.1/";
    check(&["stress", "-n", "-5", url], &["--requests", "-5 is below zero"]);
    check(&["stress", "-c", "-5", url], &["--connections", "-5 is below zero"]);
    check(&["doctor", "--rate", "-5"], &["--rate", "-5 is below zero"]);
    check(&["doctor", "--pid", "-4"], &["--pid", "-4 is below zero"]);
    check(&["simulate", "--clients", "-3"], &["--clients", "-3 is below zero"]);
    check(&["simulate", "--seed", "-1"], &["--seed", "-1 is below zero"]);
    check(&["simulate", "--duration", "-5"], &["--duration", "-5"]);
    check(&["lab", "--ports", "-3"], &["--ports", "-3 is below zero"]);
    check(&["serve", "--workers", "-1"], &["--workers", "-1 is below zero"]);
    check(&["origin", "--workers", "-1"], &["--workers", "-1 is below zero"]);
}

/// Whatever `--revert` is given, only a file that `--apply` wrote goes away.
#[test]
fn what_revert_names_stays() {
    let header = "# Values before `quintet doctor --apply`.\n";
    let foreign = [
        ("notes.txt", "# to do\n".to_owned(), "did not write it"),
        ("sysctl.conf", "net.ipv4.tcp_tw_reuse = 1\n".to_owned(), "did not write it"),
        ("empty", String::new(), "did not write it"),
        ("header.conf", header.to_owned(), "nothing in it to set back"),
        ("other.conf", format!("{header}kernel.hostname = x\n"), "kernel.hostname"),
    ];
    let folder = Folder::new();
    for (name, text, why) in foreign {
        let path = folder.write(name, &text);
        check(&["doctor", "--revert", &path.to_string_lossy()], &[name, why, "stays as it is"]);
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), text);
        let link = path.with_extension("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        check(&["doctor", "--revert", &link.to_string_lossy()], &["a symbolic link", "stays as it is"]);
        assert!(link.symlink_metadata().is_ok() && path.exists(), "{name}");
    }
    check(&["doctor", "--revert", "/dev/null"], &["/dev/null", "a device or socket"]);
    check(&["doctor", "--revert", "/tmp"], &["/tmp", "a folder"]);
    assert!(std::path::Path::new("/dev/null").exists());
}

#[test]
fn one_file_for_two_things() {
    check(&["doctor", "--json", "/tmp/x", "--html", "/tmp/x"], &["--json", "--html", "/tmp/x"]);
    check(&["doctor", "--apply", "--yes", "--json", "r", "--revert-file", "r"], &["--json", "--revert-file"]);
    check(&["doctor", "--revert", "r", "--json", "r"], &["--json", "--revert"]);
    check(&["simulate", "--json", "/tmp/x", "--html", "/tmp/x"], &["--json", "--html", "/tmp/x"]);
}

/// A pipe without anybody at its other end hangs no command.
#[test]
fn pipes_that_nobody_serves() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let commands: [&[&str]; 9] = [
        &["serve", "--check", "--config", "PIPE"],
        &["simulate", "--config", "PIPE"],
        &["stress", &url, "-d", "@PIPE"],
        &["stress", &url, "--json", "PIPE"],
        &["lab", "--list", "--json", "PIPE"],
        &["doctor", "--json", "PIPE"],
        &["doctor", "--html", "PIPE"],
        &["simulate", "--html", "PIPE"],
        &["doctor", "--revert", "PIPE"],
    ];
    std::thread::scope(|scope| {
        for args in commands {
            scope.spawn(move || with_pipe(args));
        }
    });
}

fn with_pipe(args: &[&str]) {
    let folder = Folder::new();
    let name = folder.place("pipe");
    assert!(Command::new("mkfifo").arg(&name).status().expect("mkfifo").success());
    let args: Vec<String> = args.iter().map(|arg| arg.replace("PIPE", &name)).collect();
    check(&args.iter().map(String::as_str).collect::<Vec<_>>(), &[&name, "pipe"]);
    assert!(std::path::Path::new(&name).exists(), "still there");
}

#[test]
fn too_few_file_descriptors() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    check(&["stress", "-c", "1m", &url], &["1000000", "ulimit -n"]);
}
