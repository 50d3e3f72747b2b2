//! What `quintet ctl` shows of a running balancer.

use crate::Present;
use crate::number::{bytes, count, counted, rough, time_us};
use crate::table::table;
use crate::text::{Text, Tone, happened};
use admin::{BackendSet, Counts, Listener, ListenerState, Overview, Port, Server, ServerState};
use serde_json::{Value, json};

/// Everything in brief.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a>(pub &'a Overview);

/// The servers, of all sets or of one.
#[derive(Clone, Copy, Debug)]
pub struct Servers<'a>(pub &'a [BackendSet]);

/// The listeners.
#[derive(Clone, Copy, Debug)]
pub struct Listeners<'a>(pub &'a [Listener]);

/// The configuration that is worked by, as it was told.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a>(pub &'a Value);

/// The ports towards servers, the tightest first.
#[derive(Clone, Copy, Debug)]
pub struct Ports<'a>(pub &'a [Port]);

impl Present for Status<'_> {
    fn text(&self, columns: usize) -> String {
        status(self.0, Text::new(columns))
    }

    fn coloured(&self, columns: usize) -> String {
        status(self.0, Text::coloured(columns))
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

fn status(overview: &Overview, mut text: Text) -> String {
    let process = &overview.process;
    // An older one does not tell.
    let process_id = if overview.pid > 0 { format!(", process {}", overview.pid) } else { String::new() };
    text.line(format!("quintet {}{process_id}, up {}", overview.version, rough(overview.uptime_s)));
    text.row("memory", bytes(process.resident_bytes));
    text.row("CPU time", rough(process.cpu_s));
    text.row("files open", format!("{} of {}", count(process.open_files), count(process.files_max)));
    text.section("Listeners");
    overview.listeners.iter().for_each(|listener| push_listener(&mut text, listener));
    text.section("Backend sets");
    overview.backend_sets.iter().for_each(|set| push_set(&mut text, set));
    push_tightest(&mut text, &overview.ports);
    text.finish()
}

fn push_listener(text: &mut Text, listener: &Listener) {
    let counters = &listener.counters;
    let state = if listener.state == ListenerState::Open { String::new() } else { format!(", {}", listener.state) };
    text.row(&listener.name, format!("{} {}{state}", listener.protocol, listener.addresses.join(", ")));
    let clients = counters.count("clients.open");
    text.row("", format!("{} ended, {} open", counted(counters.ended(), "request"), counted(clients, "client")));
    for (name, words) in [("failures", "failed"), ("refused.requests", "refused")] {
        if let Some(all) = happened(counters.row(name)) {
            text.row("", format!("{words}: {all}"));
        }
    }
}

fn push_set(text: &mut Text, set: &BackendSet) {
    let up = set.servers.iter().filter(|server| server.state == ServerState::Up).count();
    text.row(&set.name, format!("{up} of {} servers up", set.servers.len()));
    for server in set.servers.iter().filter(|server| server.state != ServerState::Up) {
        text.row("", format!("{} is {}", server.address, standing(server)));
    }
}

/// The one whose ports are gone first, or that nothing runs out.
fn push_tightest(text: &mut Text, ports: &[Port]) {
    let first = ports.iter().filter_map(|port| Some((port, port.exhausted_in_s?)));
    let first = first.min_by(|(_, one), (_, other)| one.total_cmp(other));
    match (first, ports.first()) {
        (Some((port, after)), _) => text.headline(
            Tone::Bad,
            format!("The ports from {} to {} are gone in about {}", port.source, port.destination, rough(after)),
        ),
        (None, Some(port)) => text.headline(
            Tone::Good,
            format!("Ports last; the fewest are free to {}: {} of {}", port.destination, count(port.free), port.ports),
        ),
        (None, None) => {}
    }
}

impl Present for Servers<'_> {
    fn text(&self, columns: usize) -> String {
        let header = [
            ("server", 40),
            ("state", 100),
            ("weight", 100),
            ("in flight", 100),
            ("requests", 100),
            ("p50", 100),
            ("p99", 100),
            ("re-used", 100),
            ("open", 100),
            ("failed connects", 100),
            ("closes first", 100),
        ];
        let rows = self.0.iter().flat_map(|set| set.servers.iter().map(|server| server_row(&set.name, server)));
        table(columns, &header, rows)
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

/// How it stands, and why where it is set aside.
fn standing(server: &Server) -> String {
    server.why.as_ref().map_or_else(|| server.state.to_string(), |why| format!("{}: {why}", server.state))
}

impl Present for Listeners<'_> {
    fn text(&self, columns: usize) -> String {
        let header = [
            ("listener", 40),
            ("protocol", 100),
            ("state", 100),
            ("listens on", 60),
            ("requests", 100),
            ("failed", 100),
            ("refused", 100),
            ("clients", 100),
        ];
        table(columns, &header, self.0.iter().map(listener_row))
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

fn listener_row(listener: &Listener) -> Vec<String> {
    let figures =
        ["requests", "failures", "refused.requests", "clients.open"].map(|name| listener.counters.count(name));
    let [requests, failed, refused, clients] = figures.map(count);
    let addresses = listener.addresses.join(", ");
    let state = listener.state.to_string();
    vec![listener.name.clone(), listener.protocol.clone(), state, addresses, requests, failed, refused, clients]
}

impl Present for Running<'_> {
    fn text(&self, _: usize) -> String {
        format!("{:#}\n", self.0)
    }

    fn json(&self) -> Value {
        self.0.clone()
    }
}

fn server_row(set: &str, server: &Server) -> Vec<String> {
    let counters = &server.counters;
    let (opened, reused) = (counters.count("servers.opened"), counters.count("servers.reused"));
    let backup = if server.backup { " (backup)" } else { "" };
    vec![
        format!("{set}/{}{backup}", server.address),
        standing(server),
        server.weight.to_string(),
        count(u64::from(server.in_flight)),
        count(opened + reused),
        share_took(server, 0.5),
        share_took(server, 0.99),
        percent(reused, opened + reused),
        count(counters.count("servers.open")),
        count(counters.count("servers.connects_failed_there")),
        closer(counters),
    ]
}

/// Until the first byte of the answers of a server, all that it gave.
fn share_took(server: &Server, share: f64) -> String {
    server.first_byte_times.quantile(share).map_or_else(|| "-".to_owned(), |s| time_us(s * 1e6))
}

/// Who closes most, with its share.
fn closer(counters: &Counts) -> String {
    let most = counters.row("servers.closed_first").max_by_key(|(_, count)| *count);
    most.map_or_else(
        || "-".to_owned(),
        |(who, most)| format!("{} {}", who.replace('_', " "), percent(most, counters.count("servers.closed_first"))),
    )
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".to_owned() } else { format!("{:.0} %", 100.0 * part as f64 / whole as f64) }
}

impl Present for Ports<'_> {
    fn text(&self, columns: usize) -> String {
        if self.0.is_empty() {
            return "nothing is connected to a server over TCP\n".to_owned();
        }
        let header = [
            ("from", 30),
            ("to", 30),
            ("live", 100),
            ("TIME_WAIT", 100),
            ("free", 100),
            ("of", 100),
            ("connections/s", 100),
            ("paid for", 100),
            ("last", 100),
        ];
        table(columns, &header, self.0.iter().map(port_row))
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

fn port_row(port: &Port) -> Vec<String> {
    let last = port.exhausted_in_s.map_or_else(|| "for ever".to_owned(), rough);
    let [live, waiting, free, all] = [port.live, port.time_wait, port.free, u64::from(port.ports)].map(count);
    let [rate, paid] = [port.rate_per_s, port.rate_per_s_max].map(|per_s| format!("{per_s:.0}"));
    vec![port.source.clone(), port.destination.clone(), live, waiting, free, all, rate, paid, last]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview() -> Overview {
        let text = r#"{
            "version": "1.2.3", "uptime_s": 7200, "process": {"cpu_s": 3, "resident_bytes": 8388608, "open_files": 40, "files_max": 1024},
            "listeners": [{"name": "web", "protocol": "http", "addresses": ["0.0.0.0:80"],
                "counters": {"responses": 1000, "failures": {"no_port": 3}, "clients.open": 7}}],
            "backend_sets": [{"name": "app", "servers": [
                {"address": "10.0.0.1:80", "state": "up", "weight": 1, "counters": {"servers.opened": 25, "servers.reused": 75,
                    "servers.closed_first": {"we": 9, "server_fin": 1}}},
                {"address": "10.0.0.2:80", "state": "down", "weight": 2, "backup": true}]}],
            "ports": [{"source": "10.0.0.9", "destination": "10.0.0.1:80", "ports": 28232, "live": 10, "time_wait": 20000,
                "free": 8222, "rate_per_s": 1000, "rate_per_s_max": 455.4, "exhausted_in_s": 8.2}]
        }"#;
        serde_json::from_str(text).expect("as it is told")
    }

    #[test]
    fn a_status_names_what_is_not_well() {
        let text = Status(&overview()).text(100);
        for part in [
            "quintet 1.2.3, up 2 h",
            "web                http 0.0.0.0:80",
            "1,003 requests ended, 7 clients open",
            "failed: no_port 3",
            "1 of 2 servers up",
            "10.0.0.2:80 is down",
            "The ports from 10.0.0.9 to 10.0.0.1:80 are gone in about 8.2 s",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        let calm = Overview { ports: vec![Port { exhausted_in_s: None, ..overview().ports[0].clone() }], ..overview() };
        assert!(Status(&calm).text(100).contains("Ports last; the fewest are free to 10.0.0.1:80: 8,222 of 28232"));
    }

    #[test]
    fn tables_fit_their_columns() {
        let overview = overview();
        let servers = Servers(&overview.backend_sets).text(110);
        for part in ["app/10.0.0.1:80", "75 %", "we 90 %", "app/10.0.0.2:80", "(backup)", "down"] {
            assert!(servers.contains(part), "{part:?} in\n{servers}");
        }
        let listeners = Listeners(&overview.listeners).text(110);
        assert!(listeners.contains("0.0.0.0:80") && listeners.lines().any(|line| line.ends_with('7')), "{listeners}");
        let ports = Ports(&overview.ports).text(110);
        assert!(ports.contains("20,000") && ports.contains("8.2 s"), "{ports}");
        for text in [servers, ports] {
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
        }
        assert_eq!(Ports(&[]).text(80), "nothing is connected to a server over TCP\n");
    }
}
