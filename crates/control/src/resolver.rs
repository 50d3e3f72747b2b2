//! Questions to the name system: `/etc/hosts` first, then those whom `/etc/resolv.conf` names, or the configuration.

use balancer_core::names::{Answer, Question, Record, Target};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, SystemTime};

const HOSTS: &str = "/etc/hosts";
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// For one question, however many resolvers are asked for it.
const LOOK_PATIENCE: Duration = Duration::from_secs(10);
/// For one resolver of the configuration to answer, and how often it is asked.
const TRY_PATIENCE: Duration = Duration::from_secs(2);
const TRIES: usize = 2;
/// Who does not answer in that time.
const TOO_LATE: &str = "no answer in time";

/// Whom to ask. Cheap to clone for each question.
pub(crate) struct Resolver {
    own: Vec<SocketAddr>,
    dns: Result<TokioResolver, String>,
    hosts: Hosts,
    /// When the files of the system were written that this goes by.
    written: [Option<SystemTime>; 2],
}

impl Resolver {
    /// Asks `own`, or where there are none whom the system asks.
    pub(crate) fn new(own: &[SocketAddr]) -> Self {
        let dns = if own.is_empty() { of_system() } else { of_addresses(own) };
        let hosts = Hosts::from_system().unwrap_or_default();
        Self { own: own.to_vec(), dns: dns.map_err(|error| error.to_string()), hosts, written: written() }
    }

    /// Goes by the files of the system as they are now.
    pub(crate) fn refresh(&mut self) {
        if self.written != written() {
            *self = Self::new(&self.own);
        }
    }

    /// Asks. The answer may be awaited anywhere.
    pub(crate) fn ask(&self, question: &Question) -> impl Future<Output = Answer> + Send + use<> {
        let (name, kind) = (Name::from_utf8(question.name()), kind_of(question));
        let known = name.as_ref().ok().and_then(|name| self.in_hosts(name, kind));
        let dns = self.dns.clone();
        async move {
            match (known, name, dns) {
                (Some(answer), ..) => answer,
                (_, Err(error), _) => Answer::Failed { why: error.to_string() },
                (_, _, Err(why)) => Answer::Failed { why: format!("{RESOLV_CONF}: {why}") },
                (_, Ok(name), Ok(dns)) => look(dns, name, kind).await,
            }
        }
    }

    /// A host with an address of either family there is not asked for elsewhere.
    fn in_hosts(&self, name: &Name, kind: RecordType) -> Option<Answer> {
        let find = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        if kind == RecordType::SRV || (find(RecordType::A).is_none() && find(RecordType::AAAA).is_none()) {
            return None;
        }
        let Some(lookup) = find(kind) else { return Some(Answer::Nobody { ttl: None }) };
        let records: Vec<_> = records_of(&lookup, kind).collect();
        // The file says nothing of how long that holds.
        Some(Answer::Found { records, ttl: None })
    }
}

fn written() -> [Option<SystemTime>; 2] {
    [HOSTS, RESOLV_CONF].map(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
}

fn of_system() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    set_options(builder.options_mut());
    builder.build()
}

fn of_addresses(own: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let servers = own.iter().map(|address| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        NameServerConfig::new(address.ip(), true, connections.into())
    });
    let config = ResolverConfig::from_name_servers(servers.collect());
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    (builder.options_mut().timeout, builder.options_mut().attempts) = (TRY_PATIENCE, TRIES);
    set_options(builder.options_mut());
    builder.build()
}

/// Each question is asked when what is known is too old: a cache would only answer with that.
fn set_options(options: &mut ResolverOpts) {
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
}

fn kind_of(question: &Question) -> RecordType {
    match question {
        Question::V4(_) => RecordType::A,
        Question::V6(_) => RecordType::AAAA,
        Question::Service(_) => RecordType::SRV,
    }
}

async fn look(dns: TokioResolver, name: Name, kind: RecordType) -> Answer {
    match tokio::time::timeout(LOOK_PATIENCE, dns.lookup(name, kind)).await {
        Ok(Ok(lookup)) => answer_of(&lookup, kind),
        Ok(Err(error)) => why_not(error),
        Err(_) => Answer::Failed { why: TOO_LATE.to_owned() },
    }
}

fn answer_of(lookup: &Lookup, kind: RecordType) -> Answer {
    let ttl = lookup.answers().iter().map(|record| record.ttl).min().map(|secs| Duration::from_secs(secs.into()));
    let records: Vec<_> = records_of(lookup, kind).collect();
    if records.is_empty() {
        return Answer::Nobody { ttl };
    }
    // A host without IPv6 could ask only half of the servers.
    let here: Vec<_> = records.iter().filter(|record| has_route(record)).cloned().collect();
    match here.is_empty() {
        true => Answer::Failed { why: format!("there is no route from here to {}", first_of(&records)) },
        false => Answer::Found { records: here, ttl },
    }
}

fn records_of(lookup: &Lookup, kind: RecordType) -> impl Iterator<Item = Record> {
    let of_kind = lookup.answers().iter().filter(move |record| record.record_type() == kind);
    of_kind.filter_map(|record| match &record.data {
        RData::A(ip) => Some(Record::Address(IpAddr::V4(ip.0))),
        RData::AAAA(ip) => Some(Record::Address(IpAddr::V6(ip.0))),
        // The root as a target: decidedly no such service here (RFC 2782).
        RData::SRV(srv) if !srv.target.is_root() => Some(Record::Target(Target {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            host: srv.target.to_utf8().to_ascii_lowercase().into(),
        })),
        _ => None,
    })
}

fn first_of(records: &[Record]) -> String {
    match records.first() {
        Some(Record::Address(ip)) => ip.to_string(),
        _ => String::new(),
    }
}

/// Nothing is sent to find out.
fn has_route(record: &Record) -> bool {
    let Record::Address(ip) = record else { return true };
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((*ip, 9))).is_ok()
}

fn why_not(error: NetError) -> Answer {
    let why = match error {
        NetError::Dns(DnsError::NoRecordsFound(none))
            if [ResponseCode::NXDomain, ResponseCode::NoError].contains(&none.response_code) =>
        {
            let ttl = none.negative_ttl.map(|secs| Duration::from_secs(secs.into()));
            return Answer::Nobody { ttl };
        }
        NetError::Dns(DnsError::NoRecordsFound(none)) => format!("the resolver says {}", none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the resolver says {code}"),
        NetError::Timeout => TOO_LATE.to_owned(),
        NetError::NoConnections => "no resolver can be reached".to_owned(),
        other => other.to_string(),
    };
    Answer::Failed { why }
}
