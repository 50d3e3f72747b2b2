//! What is counted, as families of metrics in the OpenMetrics text format. Counters are read from their one table
//! ([`Counters::TABLE`]): `clients.accepted` of a listener is `quintet_clients_accepted_total{listener="web"}`.

mod family;

use crate::process::{self, Process};
use crate::state::State;
use balancer::{Glance, InUse, Seen};
use balancer_core::{BackendSetSettings, Counter, Counters, Dimension, Histogram, ListenerStage, Report, Timed};
use control::{HandOvers, Reloads};
use family::{Changes, Family, Labels, family_of, family_of_times, gauge};
use ports::Spending;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::collections::{HashMap, HashSet};
use std::fmt;

/// As HTTP names the format.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is told at one moment.
#[derive(Debug)]
pub(crate) struct Scrape {
    report: Report,
    servers: Vec<Server>,
    /// By name: is it drained by order, and does it accept?
    listeners: Vec<(String, ListenerStage)>,
    checks_late: u64,
    spending: Vec<Spending>,
    process: Process,
    started_s: f64,
    reloads: Reloads,
    hand_overs: HandOvers,
    certificates: Vec<InUse>,
}

#[derive(Debug)]
struct Server {
    set: String,
    name: String,
    is_up: bool,
    is_disabled: bool,
    in_flight: u32,
}

impl Scrape {
    /// Asks everybody; `None`: the balancer is ending.
    pub(crate) fn take(state: &State) -> Option<Self> {
        let (report, servers, listeners, checks_late, certificates) = state.remote.ask(|balancer: &Glance| {
            let checks_late = balancer.boards().checks_late();
            let listeners = balancer.settings().listeners.iter().map(|one| (one.name.clone(), one.stage)).collect();
            (balancer.report(), servers_of(balancer), listeners, checks_late, balancer.certificates().to_vec())
        })?;
        let (spending, process) = (state.spending(&report), process::look());
        let (started_s, reloads, hand_overs) = (state.started_s(), state.remote.reloads(), state.remote.hand_overs());
        Some(Self {
            report,
            servers,
            listeners,
            checks_late,
            spending,
            process,
            started_s,
            reloads,
            hand_overs,
            certificates,
        })
    }

    /// The text.
    pub(crate) fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn servers_of(balancer: &Glance) -> Vec<Server> {
    let (boards, settings) = (balancer.boards(), balancer.settings());
    let disabled = |set: &'_ BackendSetSettings| {
        let out = set.servers.iter().filter(|server| server.disabled).map(|server| server.address);
        out.map(|address| (set.name.clone(), address)).collect::<Vec<_>>()
    };
    let disabled: HashSet<_> = settings.backend_sets.iter().flat_map(disabled).collect();
    let server = |seen: Seen<'_>| {
        let is_disabled = !disabled.is_empty() && disabled.contains(&(seen.set.to_owned(), seen.server));
        Server {
            set: seen.set.to_owned(),
            name: seen.server.to_string(),
            is_up: !is_disabled && !seen.health.is_down() && !seen.health.is_aside(),
            is_disabled,
            in_flight: seen.in_flight,
        }
    };
    let mut servers: Vec<_> = boards.seen().map(server).collect();
    servers.sort_by(|one, other| (&one.set, &one.name).cmp(&(&other.set, &other.name)));
    servers
}

impl Server {
    fn labels(&self) -> Labels<'_> {
        vec![("backend_set", &self.set), ("server", &self.name)]
    }
}

impl Collector for Scrape {
    fn encode(&self, mut out: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_counters(&mut out)?;
        self.encode_times(&mut out)?;
        self.encode_servers(&mut out)?;
        self.encode_listeners(&mut out)?;
        self.encode_ports(&mut out)?;
        self.encode_changes(&mut out)?;
        self.encode_process(&mut out)
    }
}

impl Scrape {
    /// A row of counters that are told apart shows those that are not 0; all others are always there.
    fn encode_counters(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut rows: Vec<Vec<(Labels<'_>, u64)>> = vec![Vec::new(); Counters::TABLE.len()];
        for (dimension, labels, counters) in self.sources() {
            let mut number = 0;
            let mut last: Option<&Counter> = None;
            counters.visit(|counter, label, value| {
                if last.is_some_and(|last| !std::ptr::eq(last, counter)) {
                    number += 1;
                }
                last = Some(counter);
                // What left with a change of the configuration counts on, under no name.
                let is_told = match dimension {
                    Some(dimension) => counter.dimension == dimension && (label.is_none() || value > 0),
                    None => value > 0 || (counter.dimension == Dimension::Worker && label.is_none()),
                };
                if is_told {
                    let by = label.map(|label| (counter.by, label));
                    rows[number].push((labels.iter().copied().chain(by).collect(), value));
                }
            });
        }
        for (counter, rows) in Counters::TABLE.iter().zip(rows) {
            let name = family_of(counter);
            let kind = if counter.gauge { MetricType::Gauge } else { MetricType::Counter };
            let family = Family { name: &name, kind, help: counter.meaning };
            family.encode(out, rows.iter().map(|(labels, value)| (labels, *value as f64)))?;
        }
        Ok(())
    }

    /// Whatever is counted apart, with its labels.
    fn sources(&self) -> impl Iterator<Item = (Option<Dimension>, Labels<'_>, &Counters)> {
        let report = &self.report;
        let listeners = report
            .listeners
            .iter()
            .map(|(name, counters)| (Some(Dimension::Listener), vec![("listener", name.as_str())], counters));
        let routes = report.routes.iter().map(|(listener, name, counters)| {
            (Some(Dimension::Route), vec![("listener", listener.as_str()), ("route", name.as_str())], counters)
        });
        let sets = report
            .sets
            .iter()
            .map(|(name, counters)| (Some(Dimension::Set), vec![("backend_set", name.as_str())], counters));
        let servers = report.servers.iter().map(|(set, name, counters)| {
            (Some(Dimension::Server), vec![("backend_set", set.as_str()), ("server", name.as_str())], counters)
        });
        let rest = std::iter::once((None, Vec::new(), &report.rest));
        listeners.chain(routes).chain(sets).chain(servers).chain(rest)
    }

    /// Routes and listeners without any are told apart; a listener's requests are the sum of its routes'.
    fn encode_times(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        for what in Timed::ALL {
            let rows = self.times_of(what);
            if rows.is_empty() {
                continue;
            }
            let (name, help) = family_of_times(what);
            let mut family = out.encode_descriptor(name, help, None, MetricType::Histogram)?;
            for ((name, route), histogram) in rows {
                let labels: Labels<'_> = match (what, route) {
                    (Timed::Request, "") => vec![("listener", name)],
                    (Timed::Request, route) => vec![("listener", name), ("route", route)],
                    (Timed::FirstByte | Timed::Connect, _) => vec![("backend_set", name)],
                };
                family.encode_family(&labels.as_slice())?.encode_histogram::<NoLabelSet>(
                    histogram.sum_s(),
                    histogram.count(),
                    &histogram.buckets(),
                    None,
                )?;
            }
        }
        Ok(())
    }

    /// By listener and route, or by set: there may be thousands of servers.
    fn times_of(&self, what: Timed) -> Vec<((&str, &str), Histogram)> {
        let mut rows: Vec<((&str, &str), Histogram)> = Vec::new();
        let mut places: HashMap<(&str, &str), usize> = HashMap::new();
        for (of, histogram) in self.report.times.iter().filter(|(of, _)| of.what == what) {
            let key = (of.name.as_str(), if what == Timed::FirstByte { "" } else { of.route.as_str() });
            match places.get(&key) {
                Some(at) => rows[*at].1.merge(histogram),
                None => {
                    places.insert(key, rows.len());
                    rows.push((key, *histogram));
                }
            }
        }
        rows
    }

    fn encode_servers(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels: Vec<Labels<'_>> = self.servers.iter().map(Server::labels).collect();
        let mut tell = |name, help, figure: fn(&Server) -> u32| {
            let rows = labels.iter().zip(&self.servers);
            gauge(name, help).encode(out, rows.map(|(labels, server)| (labels, f64::from(figure(server)))))
        };
        let help =
            "Is the server asked: neither down by its checks, nor set aside by what requests found, nor disabled?";
        tell("quintet_server_up", help, |server| u32::from(server.is_up))?;
        let help = "Has an operator disabled the server?";
        tell("quintet_server_disabled", help, |server| u32::from(server.is_disabled))?;
        let help = "Requests and joined connections under way at the server, where its set counts them.";
        tell("quintet_server_in_flight", help, |server| server.in_flight)?;
        let help = "Checks of servers that began late, because as many as may were under way.";
        let family = Family { name: "quintet_checks_late", kind: MetricType::Counter, help };
        family.encode(out, [(&Labels::new(), self.checks_late as f64)].into_iter())
    }

    fn encode_listeners(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let labels: Vec<Labels<'_>> =
            self.listeners.iter().map(|(name, _)| vec![("listener", name.as_str())]).collect();
        let mut tell = |name, help, is_so: fn(ListenerStage) -> bool| {
            let rows = labels.iter().zip(&self.listeners);
            gauge(name, help).encode(out, rows.map(|(labels, (_, stage))| (labels, f64::from(u8::from(is_so(*stage))))))
        };
        tell(
            "quintet_listener_accepting",
            "Does it accept: 0 once its drain by order is beyond its grace.",
            |stage| !stage.is_shut(),
        )?;
        tell("quintet_listener_drained", "Is it drained by order, or about to be?", ListenerStage::drains)
    }

    fn encode_ports(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let ends: Vec<_> =
            self.spending.iter().map(|row| (row.source.to_string(), row.destination.to_string())).collect();
        let labels: Vec<Labels<'_>> = ends
            .iter()
            .map(|(source, destination)| vec![("source", source.as_str()), ("destination", destination.as_str())])
            .collect();
        let mut tell = |name, help, figure: fn(&Spending) -> Option<f64>| {
            let rows = labels.iter().zip(&self.spending);
            let rows = rows.filter_map(|(labels, row)| Some((labels, figure(row)?)));
            gauge(name, help).encode(out, rows)
        };
        tell("quintet_ports", "Local ports there are from this source to this destination.", |row| {
            Some(f64::from(row.ports))
        })?;
        tell("quintet_ports_live", "Those held by connections, whoever of this host has them.", |row| {
            Some(row.live as f64)
        })?;
        tell("quintet_ports_time_wait", "Those held by TIME_WAIT.", |row| Some(row.waiting as f64))?;
        tell("quintet_ports_free", "Those that nothing holds.", |row| Some(row.free() as f64))?;
        let help = "Until the last one is gone at the rate of late, if each connection leaves a TIME_WAIT here.";
        tell("quintet_ports_exhausted_in_seconds", help, |row| Some(row.exhausted_in()?.as_secs_f64()))
    }

    /// What changes the balancer, and what will end by itself.
    fn encode_changes(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let reloads = [("good", self.reloads.good), ("refused", self.reloads.refused)];
        Changes {
            name: "reload",
            what: "Reloads of the configuration: those that are worked by, and those that changed nothing.",
        }
        .encode(out, reloads, self.reloads.is_well())?;
        let hand_overs = [("done", self.hand_overs.done), ("failed", self.hand_overs.failed)];
        Changes {
            name: "hand_over",
            what: "Hand-overs that led to this process, one after another, and those that failed here.",
        }
        .encode(out, hand_overs, self.hand_overs.is_well())?;
        let files: Vec<_> = self.certificates.iter().map(|one| one.path.display().to_string()).collect();
        let labels: Vec<Labels<'_>> = files.iter().map(|file| vec![("file", file.as_str())]).collect();
        let ends = self.certificates.iter().map(|one| one.not_after.as_secs_f64());
        let help = "When the certificate that is worked by ends, in seconds since 1970.";
        gauge("quintet_certificate_expires_seconds", help).encode(out, labels.iter().zip(ends))
    }

    /// As all programs that Prometheus asks call them.
    fn encode_process(&self, out: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let process = &self.process;
        let none = Labels::new();
        let family = Family {
            name: "process_cpu_seconds",
            kind: MetricType::Counter,
            help: "User and system time of the process.",
        };
        family.encode(out, std::iter::once((&none, process.cpu_s)))?;
        let gauges = [
            ("process_resident_memory_bytes", "Memory that is resident.", process.resident_bytes as f64),
            ("process_virtual_memory_bytes", "Address space.", process.virtual_bytes as f64),
            ("process_threads", "Threads.", process.threads as f64),
            ("process_open_fds", "Files that are open.", process.open_files as f64),
            ("process_max_fds", "Files that may be open.", process.files_max as f64),
            ("process_start_time_seconds", "When it began, in seconds since 1970.", self.started_s),
        ];
        for (name, help, value) in gauges {
            gauge(name, help).encode(out, std::iter::once((&none, value)))?;
        }
        let version = vec![("version", env!("CARGO_PKG_VERSION"))];
        gauge("quintet_build", "Which version this is: 1.").encode(out, std::iter::once((&version, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::Past;
    use std::time::UNIX_EPOCH;

    /// What a line of a scrape calls it.
    fn sample_of(counter: &Counter) -> String {
        let total = if counter.gauge { "" } else { "_total" };
        format!("{}{total}", family_of(counter))
    }

    /// The table of `docs/metrics.md` that is written from the counters.
    fn table() -> String {
        let row = |counter: &Counter| {
            let labels = match counter.dimension {
                Dimension::Listener => "`listener`",
                Dimension::Route => "`listener`, `route`",
                Dimension::Set => "`backend_set`",
                Dimension::Server => "`backend_set`, `server`",
                Dimension::Worker => "",
            };
            let by = if counter.by.is_empty() { String::new() } else { format!(", `{}`", counter.by) };
            let labels = format!("{labels}{by}");
            format!("| `{}` | {} | {} |\n", sample_of(counter), labels.trim_start_matches(", "), counter.meaning)
        };
        Counters::TABLE.iter().map(row).collect()
    }

    /// `QUINTET_BLESS=1` writes it anew.
    #[test]
    fn the_documentation_names_every_counter() {
        const BEGIN: &str = "<!-- counters -->\n| metric | labels | |\n|---|---|---|\n";
        const END: &str = "<!-- end -->";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
        let text = std::fs::read_to_string(&path).expect("the documentation");
        let (before, rest) = text.split_once(BEGIN).expect("a place for the table");
        let (known, after) = rest.split_once(END).expect("the end of the table");
        if std::env::var_os("QUINTET_BLESS").is_some() {
            let new = format!("{before}{BEGIN}{}{END}{after}", table());
            std::fs::write(&path, new).expect("written");
            return;
        }
        assert!(known == table(), "docs/metrics.md is not what is counted: QUINTET_BLESS=1 cargo test -p admin");
    }

    /// Every name that a scrape can tell.
    fn names() -> HashSet<String> {
        let counters = Counters::TABLE.iter().map(sample_of);
        let spending = Spending {
            source: "127.0.0.1".parse().expect("an address"),
            destination: "127.0.0.2:80".parse().expect("an address"),
            ports: 100,
            live: 1,
            waiting: 98,
            rate_per_s: 1000.0,
        };
        let server = Server {
            set: "app".to_owned(),
            name: "127.0.0.2:80".to_owned(),
            is_up: true,
            is_disabled: false,
            in_flight: 0,
        };
        let scrape = Scrape {
            checks_late: 0,
            report: Report::default(),
            servers: vec![server],
            listeners: vec![("web".to_owned(), ListenerStage::Open)],
            spending: vec![spending],
            process: Process::default(),
            started_s: 0.0,
            hand_overs: HandOvers { done: Past { count: 1, last: Some(UNIX_EPOCH) }, ..HandOvers::default() },
            reloads: Reloads { good: Past { count: 1, last: Some(UNIX_EPOCH) }, ..Reloads::default() },
            certificates: vec![InUse { path: "a.pem".into(), not_after: std::time::Duration::ZERO }],
        };
        let text = scrape.text().expect("text");
        let told = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned());
        let ends = ["", "_bucket", "_sum", "_count"];
        let times = Timed::ALL.into_iter().flat_map(|what| ends.map(|end| format!("{}{end}", family_of_times(what).0)));
        counters.chain(told).chain(times).collect()
    }

    /// What dashboards and alerts ask for is told, and so is what the documentation names.
    #[test]
    fn whoever_reads_metrics_reads_names_that_there_are() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let names = names();
        for (file, least) in
            [("contrib/grafana/quintet.json", 20), ("contrib/prometheus/alerts.yml", 9), ("docs/metrics.md", 40)]
        {
            let text = std::fs::read_to_string(root.join(file)).expect(file);
            let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let asked: HashSet<_> = words.filter(|word| is_name(word)).collect();
            assert!(asked.len() >= least, "{file} asks for {asked:?} only");
            let unknown: Vec<_> = asked.iter().filter(|name| !names.contains(**name)).collect();
            assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
        }
    }

    fn is_name(word: &str) -> bool {
        let ours = ["quintet_", "process_"].iter().any(|begin| word.starts_with(begin));
        ours && !word.ends_with('_')
    }
}
