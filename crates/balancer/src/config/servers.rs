//! `servers` of a `[[backend_set]]`: addresses, names, services, and ranges of ports.

use super::backend::WEIGHT_MAX;
use super::keys::{BACKEND_SET, SERVER, SERVER_WORDS};
use super::selection;
use balancer_core::names::{Member, ResolveRules, Whom, host_name};
use balancer_core::{SERVERS_MAX, ServerSettings};
use config_file::{Mistake, Placed, Section, Value, value, wrong_type};
use ports::{Address, UnixPath};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;

const EXAMPLE: &str = "such as `servers = [\"127.0.0.1:9001\", { address = \"app.internal:80\", weight = 2 }]`";
const ADDRESS: &str = "such as \"10.0.0.7:80\", \"[fd00::7]:80\", \"app.internal:80\", or \"10.0.0.7:8080-8083\"";
const SERVICE: &str = "such as \"_http._tcp.app.internal\"";

/// Who answers.
#[derive(Default)]
pub(super) struct Servers {
    /// Those that were written as addresses.
    pub(super) fixed: Vec<Placed<ServerSettings>>,
    /// Those that are looked up; the number of their set is not told yet.
    pub(super) names: Vec<Member>,
}

/// One entry of the list.
struct Entry {
    whom: Target,
    like: ServerSettings,
}

enum Target {
    /// Under these ports.
    Ip(IpAddr, RangeInclusive<u16>),
    Host(std::sync::Arc<str>, RangeInclusive<u16>),
    Service(std::sync::Arc<str>),
    Socket(UnixPath),
}

/// How the names of the set are looked up.
pub(super) fn read_rules(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> ResolveRules {
    let base = ResolveRules::default();
    ResolveRules {
        longest: section.duration("resolve", mistakes).unwrap_or(base.longest),
        at_start: section.named("resolve_at_start", mistakes).unwrap_or_default(),
        families: section.named("resolve_families", mistakes).unwrap_or_default(),
    }
}

pub(super) fn read(list: &Value<'_>, rules: ResolveRules, mistakes: &mut Vec<Mistake>) -> Servers {
    let Some(array) = list.get_ref().as_array() else {
        mistakes.push(wrong_type(list, "an array of servers").help(EXAMPLE));
        return Servers::default();
    };
    if array.is_empty() || array.len() > SERVERS_MAX {
        let title = format!("{} servers: there must be 1 to {SERVERS_MAX}", array.len());
        mistakes.push(Mistake::new(list.span(), title, "here").help(EXAMPLE));
    }
    let mut servers = Servers::default();
    let mut likes = Vec::new();
    for value in array.iter().take(SERVERS_MAX) {
        let Some(entry) = read_entry(value, mistakes) else { continue };
        likes.push(Placed { value: entry.like.clone(), span: value.span() });
        servers.add(entry, value, rules, mistakes);
    }
    if servers.fixed.len() + servers.names.len() > SERVERS_MAX {
        let title = format!("ranges of ports make more than {SERVERS_MAX} servers of this list");
        mistakes.push(Mistake::new(list.span(), title, "too many").help("name fewer ports"));
    }
    selection::check_servers(&likes, list, mistakes);
    servers
}

impl Servers {
    fn add(&mut self, entry: Entry, value: &Value<'_>, rules: ResolveRules, mistakes: &mut Vec<Mistake>) {
        let like = entry.like;
        match entry.whom {
            Target::Ip(ip, ports) => {
                let at = |port| ServerSettings { address: SocketAddr::new(ip, port).into(), ..like.clone() };
                let servers = ports.map(at);
                servers.for_each(|server| self.add_fixed(server, value, mistakes));
            }
            Target::Socket(path) => {
                self.add_fixed(ServerSettings { address: path.into(), ..like }, value, mistakes);
            }
            Target::Host(name, ports) => {
                let members = ports.map(|port| {
                    let whom = Whom::Host { name: name.clone(), port };
                    Member { set: 0, whom, like: like.clone(), rules }
                });
                members.for_each(|member| self.add_name(member, value, mistakes));
            }
            Target::Service(name) => {
                self.add_name(Member { set: 0, whom: Whom::Service { name }, like, rules }, value, mistakes);
            }
        }
    }

    fn add_fixed(&mut self, server: ServerSettings, value: &Value<'_>, mistakes: &mut Vec<Mistake>) {
        match self.fixed.iter().find(|other| other.value.address == server.address) {
            Some(other) => mistakes.push(
                Mistake::new(value.span(), format!("server {} is named twice", server.address), "again here")
                    .other(other.span.clone(), "first here")
                    .help("give one entry a higher `weight` instead"),
            ),
            None => self.fixed.push(Placed { value: server, span: value.span() }),
        }
    }

    fn add_name(&mut self, member: Member, value: &Value<'_>, mistakes: &mut Vec<Mistake>) {
        if self.names.iter().any(|other| other.whom == member.whom) {
            let title = format!("server {} is named twice", member.whom);
            let mistake = Mistake::new(value.span(), title, "again here");
            mistakes.push(mistake.help("give one entry a higher `weight` instead"));
        } else {
            self.names.push(member);
        }
    }
}

fn read_entry(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Entry> {
    let like = ServerSettings::new(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
    let Some(table) = value.get_ref().as_table() else {
        return match value.get_ref().as_str() {
            Some(_) => read_address(value, mistakes).map(|whom| Entry { whom, like }),
            None => {
                mistakes.push(wrong_type(value, "a string or a table").help("such as \"127.0.0.1:9001\""));
                None
            }
        };
    };
    let mut section = Section::of("a server", &SERVER, table, value.span()).within(&BACKEND_SET);
    section.foreign(SERVER_WORDS);
    let weight_at = section.place_of("weight");
    let weight = section.number("weight", 0, WEIGHT_MAX, mistakes).unwrap_or(1) as u32;
    let backup = section.switch("backup", mistakes).unwrap_or_default();
    let whom = read_whom(&mut section, weight_at, mistakes);
    section.finish(mistakes);
    Some(Entry { whom: whom?, like: ServerSettings { weight, backup, ..like } })
}

fn read_whom(
    section: &mut Section<'_, '_>,
    weight: Option<Range<usize>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Target> {
    let (service, address) = (section.take("srv"), section.take("address"));
    if let (Some(_), Some(place)) = (service, weight) {
        let mistake = Mistake::new(place, "a service tells the weights of its targets itself", "no meaning here");
        mistakes.push(mistake.help("leave `weight` out"));
    }
    match (service, address) {
        (Some(service), None) => read_service(service, mistakes),
        (None, Some(address)) => read_address(address, mistakes),
        (Some(_), Some(address)) => {
            let mistake = Mistake::new(address.span(), "a server has an address or is a service", "both are here");
            mistakes.push(mistake.help("write two entries"));
            None
        }
        (None, None) => {
            let mistake = Mistake::new(section.span(), "a server has neither `address` nor `srv`", "in this section");
            mistakes.push(mistake.help("add `address = \"127.0.0.1:9001\"`"));
            None
        }
    }
}

fn read_service(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Target> {
    let text = value::text(value, mistakes)?;
    match host_name(text) {
        Ok(name) => Some(Target::Service(name)),
        Err(error) => {
            let title = format!("\"{text}\" is no name of a service");
            mistakes.push(Mistake::new(value.span(), title, error.to_string()).help(SERVICE));
            None
        }
    }
}

fn read_address(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Target> {
    let text = value::text(value, mistakes)?;
    if text.starts_with(Address::UNIX) {
        let path = super::address::read(value, mistakes)?;
        return if let Address::Unix(path) = path { Some(Target::Socket(path)) } else { None };
    }
    match text.parse::<Target>() {
        Ok(Target::Ip(ip, ports)) if ip.is_unspecified() || *ports.start() == 0 => {
            let title = format!("nobody can be reached at {text}");
            mistakes.push(Mistake::new(value.span(), title, "not a server's address").help(ADDRESS));
            None
        }
        Ok(target) => Some(target),
        Err(why) => {
            let title = format!("\"{text}\" is not the address of a server");
            mistakes.push(Mistake::new(value.span(), title, why).help(advice(text)));
            None
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.parse::<IpAddr>().is_ok() {
            return Err("expected a port behind it".to_owned());
        }
        let (host, ports) = text.rsplit_once(':').ok_or("expected a port behind it")?;
        let ports = read_ports(ports)?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if let Some(ip) =
            bracketed.unwrap_or(host).parse::<IpAddr>().ok().filter(|ip| ip.is_ipv6() == bracketed.is_some())
        {
            return Ok(Self::Ip(ip, ports));
        }
        if *ports.start() == 0 {
            return Err("nobody listens at port 0".to_owned());
        }
        host_name(host).map(|name| Self::Host(name, ports)).map_err(|error| error.to_string())
    }
}

/// `80` or `8080-8083`.
fn read_ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (read_port(first)?, read_port(last)?);
    match first <= last {
        true => Ok(first..=last),
        false => Err(format!("the first port is above the last: write {last}-{first}")),
    }
}

fn read_port(text: &str) -> Result<u16, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) => Ok(port),
        Err(_) if is_number => Err(format!("{text} is no port: the highest is {}", u16::MAX)),
        Err(_) => Err("expected a port, or a first and a last one, such as 8080-8083".to_owned()),
    }
}

/// An address with words behind it, as other programs write options.
fn with_options(text: &str) -> Option<String> {
    let (address, words) = text.split_once(char::is_whitespace)?;
    let weight = words.split_whitespace().find_map(|word| word.strip_prefix("weight=")?.parse::<u32>().ok());
    let weight = weight.map_or(String::new(), |weight| format!(", weight = {weight}"));
    let backup = if words.split_whitespace().any(|word| word == "backup") { ", backup = true" } else { "" };
    Some(format!("what belongs to a server stands in a table: {{ address = \"{address}\"{weight}{backup} }}"))
}

/// What would be right, guessed from what is there.
fn advice(text: &str) -> String {
    if let Some(advice) = value::bracket_advice(text).or_else(|| with_options(text)) {
        return advice;
    }
    match text.parse::<IpAddr>() {
        Ok(_) => format!("add the port: \"{text}:80\""),
        Err(_) => match text.split_once("://") {
            Some((_, rest)) => format!("without the scheme: \"{}\"", rest.trim_end_matches('/')),
            None if host_name(text).is_ok() => format!("add the port: \"{text}:80\""),
            None => ADDRESS.to_owned(),
        },
    }
}
