//! Configuration files as data: `config/NAME.toml` and, for each with mistakes, the very text that shows them in
//! `config/NAME.expected`. `QUINTET_BLESS=1` writes those texts anew; read them before you commit them.

#[path = "config/any.rs"]
mod any;
#[path = "config/every_mistake.rs"]
mod every_mistake;

use balancer::{Config, LogFormat, LogTarget};
use balancer_core::checks::{CheckKind, CheckMethod};
use balancer_core::names::{AtStart, Families, Member, ResolveRules};
use balancer_core::router::Rewrite;
use balancer_core::{
    Access, Action, AuthRule, Balance, CertificateFiles, ClientCertificate, ClientClose, Compression, ForwardedPolicy,
    HashBy, HeaderRules, HealthRules, LimitName, ListenerTls, MediaType, Networks, PaceRules, PortChoice, Protocol,
    ProxyHeader, Rate, RateBy, RateLimit, RequestIds, RequestRules, ResponseReading, Reuse, Router, SelectionRules,
    ServerClose, ServerTls, Timestamps, TlsVersion, Twins, WayField, parse_network,
};
use http::Coding;
use http::forward::{FieldRules, Message};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn parse(name: &str) -> Result<Config, String> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    Config::parse(name, &text).map_err(|error| error.render(100, false) + "\n")
}

fn networks(list: &[&str]) -> Networks {
    list.iter().map(|network| parse_network(network).unwrap()).collect()
}

#[test]
fn what_is_said_of_retries_arrives() {
    let config = parse("good-retries.toml").unwrap();
    let [plain, on_statuses, whatever] = &config.settings.backend_sets[..] else { panic!("three sets") };
    assert!(plain.retries_max == 2 && plain.retry_on.is_empty());
    let waits = [plain, on_statuses, whatever].map(|set| set.waits_for_restart);
    assert_eq!(waits, [true, false, true], "a number that is written counts for refused connections, too");
    let on: Vec<u16> = (400..=599).filter(|status| on_statuses.retry_on.has(*status)).collect();
    let shares = [plain, on_statuses, whatever].map(|set| set.retry_budget.map(|budget| budget.percent));
    assert_eq!(shares, [Some(20), Some(50), None]);
    assert_eq!((on_statuses.retries_max, on), (1, [429, 503].into_iter().chain(520..=599).collect()));
}

#[test]
fn mistakes_are_shown_as_expected() {
    let bless = std::env::var_os("QUINTET_BLESS").is_some();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.retain(|path| !path.file_stem().unwrap().to_string_lossy().starts_with("good-"));
    assert!(files.len() >= 10, "the examples are gone: {files:?}");
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let shown = parse(&name).expect_err(&name);
        let expected = path.with_extension("expected");
        if bless {
            std::fs::write(&expected, &shown).unwrap();
        }
        let expect = std::fs::read_to_string(&expected).unwrap_or_default();
        assert!(shown == expect, "{name} shows\n{shown}\nbut {} says\n{expect}", expected.display());
    }
}

#[test]
fn admin_is_asked_where_it_is_written() {
    let admin = parse("good-admin.toml").unwrap().admin.unwrap();
    assert_eq!(admin.bind.address.to_string(), "0.0.0.0:9080");
    assert_eq!(admin.ready.name(), "every-set");
    let token = admin.token.unwrap();
    assert_eq!(token.bytes(), b"0123456789abcdef0123456789abcdef");
    assert_eq!(format!("{token:?}"), "Token(..)", "a secret is not shown");
    let text = "[admin]\nbind = \"unix:/run/admin.sock\"\n".to_owned();
    let text = text + &std::fs::read_to_string(folder().join("good-smallest.toml")).unwrap();
    assert_eq!(Config::parse("a.toml", &text).unwrap().admin.unwrap().bind.mode, Some(0o600));
}

#[test]
fn the_process_is_whose_it_is_written() {
    let config = parse("good-process.toml").unwrap();
    let who = config.identity.map(|who| (who.user, who.group));
    assert_eq!((who, config.watch), (Some((0, 7)), Duration::from_secs(2)));
    let plain = parse("good-smallest.toml").unwrap();
    assert_eq!((plain.identity, plain.watch), (None, units::OFF));
}

#[test]
fn the_access_log_is_written_where_it_is_named() {
    let log = parse("good-access-log.toml").unwrap().access_log.unwrap();
    let LogTarget::File(path) = &log.to else { panic!("a file") };
    assert!(path.ends_with("logs/access.log"), "{path:?}");
    assert_eq!((log.format, log.sample), (LogFormat::Combined, 100));
    let text = std::fs::read_to_string(folder().join("good-access-log.toml")).unwrap();
    let place = |written: &str| {
        let text = text.replace("\"logs/access.log\"", written);
        let log =
            Config::parse("a.toml", &text).map_err(|error| error.render(100, false)).map(|config| config.access_log);
        log.expect("a good one").expect("a log").to.to_string()
    };
    assert_eq!(place("\"stdout\""), "standard output");
    assert_eq!(place("\"syslog\"\naccess_log_syslog = \"rfc5424\""), "the log daemon at /dev/log");
    assert_eq!(place("\"syslog:[::1]:514\""), "the log daemon at [::1]:514");
    assert_eq!(place("\"syslog:/run/log\""), "the log daemon at /run/log");
    assert_eq!(parse("good-smallest.toml").unwrap().access_log, None);
    // Turned off for a while, with how it looked still there.
    let off = text.replace("\"logs/access.log\"", "\"off\"");
    assert_eq!(
        Config::parse("a.toml", &off).map_err(|error| error.render(100, false)).expect("a good one").access_log,
        None
    );
}

#[test]
fn the_smallest_configuration_means_what_it_says() {
    let config = parse("good-smallest.toml").unwrap();
    let [listener] = &config.settings.listeners[..] else { panic!("one listener") };
    let [set] = &config.settings.backend_sets[..] else { panic!("one set") };
    assert_eq!((listener.name.as_str(), listener.first_address().to_string().as_str()), ("web", "127.0.0.1:8080"));
    assert_eq!((&listener.router, listener.close), (&Router::everything_to(0), ClientClose::BalancerFirst));
    let servers: Vec<_> = set.servers.iter().map(|server| (server.address.to_string(), server.weight)).collect();
    assert_eq!(servers, [("127.0.0.1:9001".to_owned(), 1), ("127.0.0.1:9002".to_owned(), 2)]);
    assert_eq!(config.workers, None);
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let config = parse("good-all.toml").unwrap();
    assert_eq!((config.workers, config.buffers_max, config.pin), (Some(3), 2048, true));
    assert_eq!((config.drain, config.drain_grace), (Duration::from_secs(7), Duration::from_secs(3)));
    let listener = &config.settings.listeners[1];
    assert_eq!((listener.name.as_str(), &listener.router), ("two", &Router::everything_to(1)));
    assert_eq!(listener.close, ClientClose::ResetWhenSafe);
    assert_eq!(listener.timestamps, Timestamps::OffIfPossible);
    assert_eq!(config.settings.listeners[0].timestamps, Timestamps::On, "the default");
    let limits = listener.limits;
    assert_eq!((limits.connections_max, limits.head_bytes_max, limits.headers_max), (11, 4096, 12));
    assert_eq!((limits.requests_per_connection_max, limits.connections_per_client_max), (13, Some(5)));
    let times = listener.timeouts;
    let pace = (times.pace.request.map(u32::from), times.pace.response.map(u32::from), times.pace.grace.as_secs());
    assert_eq!(pace, (Some(500), Some(1000), 15));
    assert_eq!(config.settings.listeners[0].timeouts.pace, PaceRules::NONE);
    let secs = [times.idle, times.head, times.body, times.request, times.close].map(|time| time.as_millis());
    assert_eq!(secs, [1_000, 500, 120_000, 3_600_000, 2_000]);
    assert_eq!((times.tunnel, config.settings.backend_sets[1].timeouts.body), (units::OFF, units::OFF));
    let set = &config.settings.backend_sets[1];
    assert_eq!((set.ports.choice, set.ports.range), (PortChoice::Own, Some((20_000, 29_999))));
    assert_eq!(set.ports.sources, ["10.0.0.2".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!((set.pool.idle_max, set.pool.idle_timeout), (0, Duration::from_secs(9)));
    assert_eq!((set.pool.close, set.retries_max), (ServerClose::Fin, 0));
    assert_eq!(set.pool.reuse, Reuse::Always);
    assert_eq!((set.responses, set.via), (ResponseReading::Strict, false));
    assert_eq!((set.limits.head_bytes_max, set.limits.headers_max), (262_144, 200));
    let requests = &listener.requests;
    assert_eq!((requests.forwarded, requests.twins), (ForwardedPolicy::Trust, Twins::Keep));
    assert_eq!(requests.trusted, networks(&["10.0.0.0/8", "::1"]));
    assert_eq!(config.settings.listeners[0].requests, RequestRules::default());
    let (pause, pause_max) = (Duration::from_millis(250), Duration::from_secs(8));
    assert_eq!(set.health, HealthRules { failures_max: 7, pause, pause_max, server_errors: true });
    let times = [set.timeouts.connect, set.timeouts.response].map(|time| time.as_secs());
    assert_eq!(times, [3, 4]);
    let plan = config.plan(None).unwrap();
    assert_eq!((plan.workers, plan.reactor.buffers_max, plan.pin), (3, 2048, true));
    assert_eq!(config.plan(Some(1)).unwrap().workers, 1);
}

#[test]
fn what_is_said_of_the_choice_of_servers_arrives() {
    let config = parse("good-selection.toml").unwrap();
    let sets = &config.settings.backend_sets;
    assert_eq!(sets[0].selection, SelectionRules::default());
    assert_eq!(sets[1].selection.balance, Balance::LeastConnections);
    let keyed = &sets[2];
    assert_eq!((keyed.selection.balance, keyed.selection.slow_start), (Balance::Hash, Duration::from_secs(30)));
    assert_eq!(keyed.selection.hash, Some(HashBy::Cookie("session".to_owned())));
    let sticky = balancer_core::Sticky {
        secure: true,
        same_site: Some(balancer_core::SameSite::None),
        max_age: Some(Duration::from_secs(3600)),
        key: "secret".to_owned(),
        pass: true,
        ..balancer_core::Sticky::new("QSRV")
    };
    assert_eq!(keyed.selection.sticky, Some(sticky));
    let servers: Vec<_> = keyed.servers.iter().map(|server| (server.weight, server.backup)).collect();
    assert_eq!(servers, [(1, false), (0, false), (1, true)]);
    assert_eq!(sets[3].selection.hash, Some(HashBy::Source));
}

#[test]
fn servers_by_name_stand_beside_those_by_address() {
    let config = parse("good-names.toml").unwrap();
    let resolvers: Vec<_> = config.resolvers.iter().map(ToString::to_string).collect();
    assert_eq!(resolvers, ["10.0.0.2:53", "127.0.0.1:5353", "[::1]:5353"]);
    let fixed: Vec<_> = config.settings.backend_sets[0].servers.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(fixed, ["10.0.0.7:8080", "10.0.0.7:8081", "10.0.0.7:8082"]);
    let named = |member: &Member| (member.set, member.whom.to_string(), member.like.weight, member.like.backup);
    let expect = [
        (0, "app.internal:80", 1, false),
        (0, "other.internal:81", 3, true),
        (0, "other.internal:82", 3, true),
        (0, "_http._tcp.app.internal", 1, false),
        (1, "localhost:80", 1, false),
    ];
    let expect = expect.map(|(set, name, weight, backup)| (set, name.to_owned(), weight, backup));
    assert_eq!(config.members.iter().map(named).collect::<Vec<_>>(), expect);
    let rules = config.members[0].rules;
    let said = (rules.longest, rules.at_start, rules.families);
    assert_eq!(said, (Duration::from_secs(5), AtStart::Optional, Families::Ipv4));
    assert_eq!(config.members[4].rules, ResolveRules::default());
    assert!(config.settings.backend_sets[1].servers.is_empty());
}

#[test]
fn a_listener_binds_one_place_or_several() {
    let config = parse("good-bind.toml").unwrap();
    let places = |at: usize| -> Vec<String> {
        config.settings.listeners[at].addresses().map(|address| address.to_string()).collect()
    };
    assert_eq!(places(0), ["0.0.0.0:8080", "[::]:8080", "unix:/run/q.sock"]);
    let files = &config.settings.listeners[1].binds;
    assert_eq!((files[0].mode, files[0].user, files[0].group), (Some(0o660), Some(0), Some(0)));
    assert_eq!((files[1].mode, places(1)[1].as_str()), (None, "127.0.0.1:9"));
    assert!(["[::]:443", "0.0.0.0:443"].contains(&places(2)[0].as_str()), "as this host has it: {:?}", places(2));
    let servers: Vec<_> = config.settings.backend_sets[0].servers.iter().map(|one| one.address.to_string()).collect();
    assert_eq!(servers, ["unix:/run/app.sock", "unix:/run/other.sock", "10.0.0.1:80"]);
}

/// Whom a proxy announces writes his fields himself, unless it is said that somebody else does.
#[test]
fn who_announces_clients_is_not_believed_in_fields() {
    let check = |more: &str, forwarded: ForwardedPolicy, trusted: &[&str]| {
        let text = format!(
            "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:8080\"\nbackends = \"app\"\n\
             trusted_proxies = [\"0.0.0.0/0\"]\n{more}\n[[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:1\"]\n"
        );
        let config = Config::parse("a.toml", &text).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
        let requests = &config.settings.listeners[0].requests;
        assert_eq!((requests.forwarded, &requests.trusted), (forwarded, &networks(trusted)), "{more}");
    };
    check("", ForwardedPolicy::Trust, &["0.0.0.0/0"]);
    check("proxy_protocol = true", ForwardedPolicy::Replace, &[]);
    check("proxy_protocol = true\nforwarded = \"append\"", ForwardedPolicy::Append, &[]);
    check("proxy_protocol = true\nforwarded = \"trust\"", ForwardedPolicy::Trust, &["0.0.0.0/0"]);
}

#[test]
fn servers_that_are_told_the_client_have_no_pool() {
    let config = parse("good-proxy.toml").unwrap();
    let set = &config.settings.backend_sets[0];
    assert_eq!((set.proxy_protocol, set.pool.room()), (Some(ProxyHeader::V2), 0));
    let sealed = &config.settings.backend_sets[1];
    assert_eq!((sealed.proxy_protocol, sealed.tls.is_some()), (Some(ProxyHeader::V1), true));
    let [plain, announced] = &config.settings.listeners[..] else { panic!("two listeners") };
    assert!(!plain.proxy_protocol && announced.proxy_protocol);
    assert_eq!(announced.requests.announcers, networks(&["10.0.0.0/8"]));
    assert!(announced.requests.trusted.is_empty(), "who announces clients does not vouch for what they write");
    assert_eq!(announced.timeouts.head, Duration::from_secs(3));
}

#[test]
fn checks_are_made_where_something_is_to_be_asked() {
    let config = parse("good-health.toml").unwrap();
    let [full, quick, unchecked] = &config.settings.backend_sets[..] else { panic!("three sets") };
    let check = full.check.as_ref().expect("it is checked");
    let CheckKind::Http(http) = &check.kind else { panic!("by HTTP") };
    assert_eq!(
        (http.path.as_str(), http.host.as_deref(), http.method),
        ("/health", Some("example.org"), CheckMethod::Get)
    );
    assert_eq!((&http.statuses[..], http.body.as_deref()), (&[200..=200, 300..=399][..], Some("ok")));
    let times = [check.interval, check.interval_down, check.timeout].map(|time| time.as_millis());
    assert_eq!((times, check.port, check.rise, check.fall), ([5000, 500, 3000], Some(9000), 4, 5));
    let quick = quick.check.as_ref().expect("it is checked");
    assert_eq!((&quick.kind, quick.interval_down), (&CheckKind::Tcp, Duration::from_millis(200)));
    assert_eq!((&unchecked.check, unchecked.health.failures_max), (&None, 1));
}

#[test]
fn a_tcp_listener_has_what_connections_have() {
    let config = parse("good-tcp.toml").unwrap();
    let listener = &config.settings.listeners[0];
    assert_eq!((listener.protocol, listener.close), (Protocol::Tcp, ClientClose::ClientFirst));
    assert_eq!(listener.limits.connections_max, 500);
    let times = [listener.timeouts.tunnel, listener.timeouts.body, listener.timeouts.close];
    assert_eq!(times.map(|time| time.as_secs()), [8 * 3600, 60, 3]);
    let sni = &config.settings.listeners[1];
    assert_eq!([sni.timeouts.head, sni.timeouts.idle].map(|time| time.as_secs()), [3, 3], "for the first word, too");
    let rules = |name: &str| sni.router.decide_name(name.as_bytes()).map(|one| sni.router.rules(one.route));
    for name in ["example.org", "a.b.example.org"] {
        let rules = rules(name).expect("a route");
        assert_eq!((&*rules.name, &rules.action), ("org", &Action::Forward { set: 1 }), "{name}");
        assert_eq!(rules.client_timeouts.expect("its own").tunnel.as_secs(), 600);
        assert!(!rules.treatment.admits([192, 0, 2, 1].into()));
    }
    assert!(rules("example.com").is_none());
    assert_eq!(sni.router.rules(sni.router.fallback().route).action, Action::Forward { set: 0 });
}

#[test]
fn what_is_said_of_tls_arrives() {
    let config = parse("good-tls.toml").unwrap();
    let pki = |name: &str| Path::new("tests/config/pki").join(name);
    let files =
        |name: &str| CertificateFiles { certificate: pki(&format!("{name}.pem")), key: pki(&format!("{name}.key")) };
    let listener = &config.settings.listeners[0];
    assert_eq!(listener.protocol, Protocol::Https);
    let expect = ListenerTls {
        strict_sni: true,
        versions: vec![TlsVersion::Tls13],
        tickets: false,
        client_certificate: ClientCertificate::Optional,
        client_ca: Some(pki("ca.pem")),
        client_subject_header: Some("X-Client".to_owned()),
        ..ListenerTls::new(vec![files("site"), files("wild")])
    };
    assert_eq!(listener.tls, Some(expect));
    let expect = ServerTls {
        verify: true,
        ca: Some(pki("ca.pem")),
        server_name: Some("app.internal".to_owned()),
        certificate: Some(files("site")),
        versions: TlsVersion::ALL.to_vec(),
    };
    assert_eq!(config.settings.backend_sets[0].tls, Some(expect));
    assert_eq!(config.settings.backend_sets[1].tls, Some(ServerTls { verify: false, ..ServerTls::default() }));
    config.plan(None).unwrap();
}

/// Paths are relative to the file that names them.
#[test]
fn paths_are_relative_to_the_configuration() {
    let text = std::fs::read_to_string(folder().join("good-tls.toml")).unwrap().replace("tests/config/", "");
    let name = folder().join("good-tls.toml").display().to_string();
    let config = Config::parse(&name, &text).unwrap();
    assert_eq!(config.settings.listeners[0].tls.as_ref().unwrap().client_ca, Some(folder().join("pki/ca.pem")));
}

#[test]
fn routes_arrive_with_what_they_ask_and_do() {
    let config = Config::load(&folder().join("good-routes.toml")).unwrap();
    let [web, plain] = &config.settings.listeners[..] else { panic!("two listeners") };
    let asks: Vec<_> = web.router.conditions().iter().map(ToString::to_string).collect();
    let api = "example.org,*.example.org /api/,/v1, method GET or POST, header Accept \"a/b\" or \"c/d\", \
               header X-Beta there, header X-Old not there, query version \"2\"";
    let expect = [api, "* =/é", "* ~^/u/([a-z]+)", "* =/health", "* =/logo", "* /old", "* /x"];
    assert_eq!(asks, expect);
    let rules = web.router.all();
    let names: Vec<_> = rules.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, [&["api"], &expect[1..], &["otherwise"]].concat());
    assert_eq!((&rules[0].action, &rules[7].action), (&Action::Forward { set: 1 }, &Action::Forward { set: 0 }));
    let times = (rules[0].client_timeouts.unwrap(), rules[0].server_timeouts.unwrap());
    assert_eq!((times.0.request, times.0.idle), (Duration::from_secs(300), Duration::from_secs(60)));
    assert_eq!((times.1.response, times.1.connect), (units::OFF, Duration::from_secs(3)));
    let of = vec!["/api/".to_owned(), "/v1".to_owned()];
    assert_eq!(rules[0].rewrite, Some(Rewrite::Prefix { of, to: String::new() }));
    assert_eq!(rules[5].rewrite, Some(Rewrite::Prefix { of: vec!["/old".to_owned()], to: "/new".to_owned() }));
    assert!(matches!(rules[6].rewrite, Some(Rewrite::Pattern { .. })));
    let redirects = [1, 2].map(|at| match &rules[at].action {
        Action::Redirect(redirect) => (redirect.status.code(), redirect.keep_query),
        other => panic!("{other:?}"),
    });
    assert_eq!(redirects, [(302, true), (308, false)]);
    let page = |route: usize, status| {
        let page = rules[route].errors.page(status).unwrap();
        (page.content_type.as_str(), String::from_utf8_lossy(&page.body).chars().take(9).collect::<String>())
    };
    assert_eq!(page(0, 503), ("text/html", "<p>later<".to_owned()));
    assert_eq!(page(0, 502), ("text/html; charset=utf-8", "<!doctype".to_owned()));
    assert_eq!(page(7, 503), ("text/plain; charset=utf-8", "back soon".to_owned()));
    let Action::Respond(health) = &rules[3].action else { panic!("it answers") };
    assert_eq!((health.status, &*health.page.body), (200, &b"ok"[..]));
    assert_eq!(plain.router.all()[1].action, Action::NotFound);
}

#[test]
fn what_is_said_of_capacity_arrives() {
    let config = parse("good-capacity.toml").unwrap();
    let sets = &config.settings.backend_sets;
    let (max, queue_max, queue_timeout, requests_max) = (Some(200), 0, Duration::from_secs(2), Some(2000));
    assert_eq!(
        sets[0].capacity,
        balancer_core::Capacity { connections_max: max, queue_max, queue_timeout, requests_max }
    );
    assert_eq!(sets[0].limits.headers_max, 64);
    let usual = balancer_core::Capacity { connections_max: Some(1), ..Default::default() };
    assert_eq!((sets[1].capacity, usual.queue_max, usual.queue_timeout), (usual, 1000, Duration::from_secs(5)));
    assert_eq!(sets[2].capacity, balancer_core::Capacity { requests_max: Some(1), ..Default::default() });
}

#[test]
fn sources_are_addresses_ranges_and_networks() {
    let config = parse("good-sources.toml").unwrap();
    let [four, six] = [0, 1].map(|at| config.settings.backend_sets[at].ports.clone());
    let expect = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2", "10.0.2.7"];
    assert_eq!(four.sources, expect.map(|address| address.parse::<std::net::IpAddr>().unwrap()));
    assert_eq!((four.sampled.len(), six.sampled.as_slice()), (0, &["fd00:1::/64".to_owned()][..]));
    assert_eq!(six.sources.len(), ports::SAMPLE + 3);
}

/// A total is off unless somebody wants it; what may be silent for long has a time of its own.
#[test]
fn nothing_that_makes_progress_is_cut_off_by_default() {
    let config = parse("good-smallest.toml").unwrap();
    let times = config.settings.listeners[0].timeouts;
    assert_eq!((times.request, times.tunnel), (units::OFF, Duration::from_secs(3600)));
    assert_eq!(config.settings.backend_sets[0].timeouts.body, Duration::from_secs(300));
}

#[test]
fn own_ports_must_suffice_for_the_workers() {
    let text = std::fs::read_to_string(folder().join("good-all.toml")).unwrap();
    let config = Config::parse("few.toml", &text.replace("[20000, 29999]", "[20000, 20001]")).unwrap();
    assert!(config.plan(Some(2)).is_ok());
    let error = config.plan(Some(3)).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("backend set \"second\": 2 own ports cannot be divided among 3 workers"), "{error}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = Config::load(Path::new("/nowhere/quintet.toml")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read the configuration \"/nowhere/quintet.toml\": No such file"), "{error}");
    let error = Config::load(Path::new("/")).unwrap_err().to_string();
    assert!(error.contains("Is a directory"), "{error}");
}

/// Whatever the bytes, a file is refused or accepted, never a panic: every prefix of a good file.
#[test]
fn every_prefix_of_a_good_file_is_handled() {
    let text = std::fs::read_to_string(folder().join("good-all.toml")).unwrap();
    let refused = (0..text.len()).filter(|len| text.is_char_boundary(*len));
    let refused = refused.filter(|len| match Config::parse("prefix.toml", &text[..*len]) {
        Ok(_) => false,
        Err(error) => error.render(80, true).contains("prefix.toml"),
    });
    assert!(refused.count() > text.len() / 2);
}

#[test]
fn what_is_done_to_requests_and_responses_arrives() {
    let config = parse("good-treatment.toml").unwrap();
    let [web, plain] = &config.settings.listeners[..] else { panic!("two listeners") };
    let requests = &web.requests;
    assert_eq!((requests.forwarded, requests.ids), (ForwardedPolicy::Trust, RequestIds::Keep));
    assert_eq!(requests.trusted, networks(&["10.0.0.0/8"]));
    assert_eq!(requests.tells, WayField::tells(&[WayField::For, WayField::RealIp, WayField::Forwarded]));
    let allow = networks(&["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]);
    assert_eq!(web.treatment.access, [Access { allow, deny: networks(&["10.6.6.0/24"]) }]);
    assert_eq!((web.treatment.body_bytes_max, plain.treatment.body_bytes_max), (Some(1 << 20), None));
    let types = ["text/*", "application/json", "+xml"].map(|name| MediaType::parse(name).unwrap()).to_vec();
    let compression = Compression { codings: vec![Coding::Brotli, Coding::Gzip], types, bytes_min: 2048 };
    assert_eq!((&web.treatment.compression, &plain.treatment.compression), (&Some(compression), &None));
    let limit = |count, period_s, burst, by, dry_run, name| {
        let rate = Rate::new(count, Duration::from_secs(period_s), burst).unwrap();
        [RateLimit { rate, by, dry_run, name }]
    };
    assert_eq!(web.treatment.rates, limit(30, 60, 5, RateBy::Header("X-Api-Key".into()), true, LimitName::default()));
    assert_eq!(plain.treatment.rates, limit(100, 1, 100, RateBy::Client, false, LimitName::of_zone("everybody")));
    assert_eq!(plain.router.all()[0].treatment.rates, plain.treatment.rates);
    let mut rules = HeaderRules::default();
    rules.requests.remove("X-Debug", Message::Request).unwrap();
    rules.requests.set("X-Tenant", "one", Message::Request).unwrap();
    rules.requests.set("Host", "app.internal", Message::Request).unwrap();
    rules.requests.add("X-Seen", "{client} {request_id}", Message::Request).unwrap();
    for name in ["Server", "X-Powered-By"] {
        rules.responses.remove(name, Message::Response).unwrap();
    }
    rules.responses.set("Strict-Transport-Security", "max-age=31536000", Message::Response).unwrap();
    rules.responses.set("X-Request-Id", "{request_id}", Message::Response).unwrap();
    assert_eq!(web.treatment.headers, rules);
    assert_eq!((plain.requests.forwarded, plain.requests.ids), (ForwardedPolicy::Replace, RequestIds::Make));
    assert!(plain.treatment.headers == HeaderRules::default() && plain.treatment.access.is_empty());
    let headers = &config.settings.backend_sets[0].headers;
    let mut host = FieldRules::NONE;
    host.set("Host", "{server}", Message::Request).unwrap();
    assert!(headers.requests == host && !headers.responses.is_empty());
}

#[test]
fn what_is_said_of_users_arrives() {
    let config = parse("good-auth.toml").unwrap();
    let listener = &config.settings.listeners[0];
    let known = |auth: &Option<AuthRule>, name: &str| {
        let basic = auth.as_ref().and_then(AuthRule::basic).expect("somebody is asked");
        basic.seek(name).user.is_some_and(|user| &*user == name)
    };
    let web = &listener.treatment.auth;
    assert!(["alice", "bob", "carol"].iter().all(|name| known(web, name)) && !known(web, "root"));
    let basic = web.as_ref().and_then(AuthRule::basic).expect("somebody is asked");
    assert_eq!((basic.challenge(), basic.passes()), ("Basic realm=\"Members\", charset=\"UTF-8\"", false));
    let routes: Vec<_> = listener.router.all().iter().map(|route| &route.treatment.auth).collect();
    assert_eq!(routes[0], &Some(AuthRule::Off));
    assert!(known(routes[1], "root") && !known(routes[1], "alice"));
    assert_eq!(routes[1].as_ref().and_then(AuthRule::basic).map(|basic| basic.passes()), Some(true));
}
