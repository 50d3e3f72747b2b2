//! A server at one listener, while its rules are made: what holds for requests on their way.

use super::scope::Scope;
use super::server::{bytes, time_of_body};
use super::shared::CONTINUED;
use super::target::Target;
use super::tree::Directive;
use super::upstream::Sets;
use super::variables::{Known, template};
use crate::address::is_network;
use crate::document::Value;
use crate::edit::{Edit, How};
use crate::notes::Notes;
use crate::time;

/// One server at one listener.
pub(crate) struct Place<'p, 't> {
    /// The listener takes TLS.
    pub(crate) tls: bool,
    pub(crate) known: Known,
    /// How long a body may be silent where a place says nothing else.
    pub(crate) body: Option<String>,
    pub(crate) sets: &'p mut Sets<'t>,
    pub(crate) notes: &'p mut Notes,
}

/// Fields this balancer writes by itself.
const OURS: [&str; 6] = ["x-forwarded-for", "x-forwarded-proto", "connection", "upgrade", "content-length", "proxy"];

impl Place<'_, '_> {
    /// What is done to requests, and to their responses, at a place.
    pub(crate) fn edits(&mut self, scope: &Scope<'_>, target: Option<&Target>) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let Some(target) = target {
            self.request_fields(scope, target, &mut edits);
        }
        for one in scope.all("add_header") {
            if target.is_some() && one.arg(2) != "always" {
                self.notes.detail(one.line, one.text(), "responses of every status get it, as with `always`");
            }
            match template(one.arg(1), &self.known) {
                Ok(value) => edits.push(field(true, How::Add, one.arg(0), value)),
                Err(why) => self.notes.missing(one.line, one.text(), why),
            }
        }
        if let Some((one, value)) = scope.get("expires").and_then(|one| Some((one, expires(one)?))) {
            self.notes.detail(one.line, one.text(), "Cache-Control says it; Expires is what a server says");
            edits.push(field(true, How::Set, "Cache-Control", value));
        }
        if target.is_some() {
            for one in scope.all("proxy_hide_header") {
                edits.push(field(true, How::Remove, one.arg(0), String::new()));
            }
        }
        // What is answered by `return` is answered before anybody is asked where he comes from.
        if target.is_some() {
            edits.extend(sources(scope, self.notes));
            edits.extend(self.bounds(scope));
            edits.extend(super::limits::rate(scope, self.notes));
            edits.extend(self.auth(scope));
        }
        edits
    }

    /// Without a word about Host nginx writes the name that stands in `proxy_pass`.
    fn request_fields(&mut self, scope: &Scope<'_>, target: &Target, edits: &mut Vec<Edit>) {
        let fields = scope.all("proxy_set_header");
        if !fields.iter().any(|one| one.arg(0).eq_ignore_ascii_case("host")) {
            edits.push(field(false, How::Set, "Host", target.proxy_host.clone()));
        }
        for one in fields {
            let (name, value) = (one.arg(0), one.arg(1));
            if name.eq_ignore_ascii_case("x-forwarded-for") && CONTINUED.contains(&value) {
                self.notes.detail(one.line, one.text(), "`forwarded = \"append\"` of the listener does that");
                continue;
            }
            if value.contains("$ssl_client_s_dn") {
                self.notes.detail(one.line, one.text(), "`client_subject_header` of [listener.tls] says that");
                continue;
            }
            if OURS.contains(&name.to_ascii_lowercase().as_str()) {
                self.notes.detail(one.line, one.text(), format!("this balancer writes {name} by itself"));
                continue;
            }
            if name.eq_ignore_ascii_case("host") && ["$host", "$http_host", "$host:$server_port"].contains(&value) {
                continue;
            }
            match template(value, &self.known) {
                _ if value.is_empty() => edits.push(field(false, How::Remove, name, String::new())),
                Ok(value) => edits.push(field(false, How::Set, name, value)),
                Err(why) => self.notes.missing(one.line, one.text(), why),
            }
        }
    }

    /// `auth_basic "Staff"; auth_basic_user_file htpasswd;` Servers see what was shown, as nginx's do.
    fn auth(&mut self, scope: &Scope<'_>) -> Option<Edit> {
        let realm = scope.get("auth_basic").filter(|one| one.arg(0) != "off")?;
        let Some(file) = scope.get("auth_basic_user_file") else {
            self.notes.missing(realm.line, realm.text(), "there is no `auth_basic_user_file`: nobody is asked");
            return None;
        };
        if file.arg(0).contains('$') || file.arg(0).is_empty() {
            self.notes.missing(file.line, file.text(), "a file named by a variable: nobody is let in here");
            return Some(nobody());
        }
        let mut parts = vec![("users_file".to_owned(), Value::from(file.arg(0)))];
        match realm.arg(0) {
            text if text.contains(['$', '"', '\\']) || text.contains(char::is_control) => {
                self.notes.detail(
                    realm.line,
                    realm.text(),
                    "a realm is plain text, without quotes: the usual one is shown",
                );
            }
            text => parts.push(("realm".to_owned(), text.into())),
        }
        parts.push(("pass".to_owned(), true.into()));
        Some(Edit::Setting { key: "auth", value: Value::Inline(parts) })
    }

    /// Bodies and compression.
    fn bounds(&mut self, scope: &Scope<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut put = |key: &'static str, value: Value| edits.push(Edit::Setting { key, value });
        // nginx refuses what is over 1 MiB where nothing is said.
        match scope.arg("client_max_body_size").map_or(Some(1 << 20), bytes) {
            Some(0) => {}
            Some(most) => put("body_bytes_max", most.into()),
            None => {}
        }
        if let Some(time) = time_of_body(scope).filter(|time| Some(time) != self.body.as_ref()) {
            put("timeouts.body", time.into());
        }
        if scope.is_on("gzip") {
            put("compression", vec!["gzip"].into());
            if let Some(types) = scope.get("gzip_types") {
                let types = [&["text/html".to_owned()], types.args.as_slice()].concat();
                put(
                    "compression_types",
                    types
                        .into_iter()
                        .filter(|one| one.contains('/') || one == "*")
                        .map(|one| if one == "*" { "*/*".to_owned() } else { one })
                        .collect::<Vec<_>>()
                        .into(),
                );
            }
            if let Some(least) = scope.arg("gzip_min_length").and_then(|text| text.parse::<u64>().ok()) {
                put("compression_bytes_min", least.into());
            }
        }
        edits
    }
}

/// `allow` and `deny`: the first that fits decides. With us a list of the denied stands above one of the allowed, so that
/// the denied have to come first.
pub(super) fn sources(scope: &Scope<'_>, notes: &mut Notes) -> Vec<Edit> {
    let (mut denied, mut denied_later, mut allowed) = (Vec::new(), Vec::new(), Vec::new());
    let mut rest_denied = false;
    for one in scope.any(&["allow", "deny"]) {
        match (one.name.as_str(), one.arg(0)) {
            ("allow", "all") => break,
            (_, "all") => {
                rest_denied = true;
                break;
            }
            // Nobody more comes in for that.
            (_, network) if !is_network(network) => notes.missing(one.line, one.text(), "this is no network"),
            ("allow", network) => allowed.push(network.to_owned()),
            (_, network) => {
                let list = if allowed.is_empty() { &mut denied } else { &mut denied_later };
                list.push((one, network.to_owned()));
            }
        }
    }
    // Where the rest is denied, so are they, but for those who are let in before.
    if !rest_denied {
        for (one, network) in denied_later {
            let why = "the denied stand above the allowed: who is let in before, and is of these, is kept out here";
            notes.missing(one.line, one.text(), why);
            denied.push((one, network));
        }
    }
    let denied: Vec<String> = denied.into_iter().map(|(_, network)| network).collect();
    if rest_denied && allowed.is_empty() {
        return vec![nobody()];
    }
    let lists = [(false, denied), (true, if rest_denied { allowed } else { Vec::new() })];
    let lists = lists.into_iter().filter(|(_, networks)| !networks.is_empty());
    lists.map(|(allowed, networks)| Edit::Sources { allowed, networks }).collect()
}

/// `expires 30d;` as nginx writes Cache-Control.
fn expires(one: &Directive) -> Option<String> {
    match one.arg(0) {
        "off" | "modified" => None,
        "epoch" => Some("no-cache".to_owned()),
        "max" => Some("max-age=315360000".to_owned()),
        text if text.starts_with('-') => Some("no-cache".to_owned()),
        text => Some(format!("max-age={}", time::of_nginx(text)?.as_secs())),
    }
}

/// Nobody has that address.
fn nobody() -> Edit {
    Edit::Sources { allowed: true, networks: vec!["255.255.255.255/32".to_owned()] }
}

fn field(of_response: bool, how: How, name: &str, value: String) -> Edit {
    Edit::Field { of_response, how, name: name.to_owned(), value }
}
