//! Variables as other programs write them: `$remote_addr`, `%[src]`, `${host}`, `$1`. In a template they would stand for themselves,
//! and nobody would notice.

/// Signs that variables of others begin with: within braces each stands for itself.
pub(crate) const SIGNS: [&str; 3] = ["$", "%", "\\"];

/// Of nginx behind a dollar sign, of Caddy within braces; and what they are here.
const WORDS: [(&str, &str); 24] = [
    ("remote_addr", "{client}"),
    ("binary_remote_addr", "{client}"),
    ("realip_remote_addr", "{client}"),
    ("remote_host", "{client}"),
    ("remote", "{client}"),
    ("client_ip", "{client}"),
    ("ip", "{client}"),
    ("src", "{client}"),
    ("proxy_add_x_forwarded_for", "{client}; X-Forwarded-For is written without a rule"),
    ("hostname", "{host}"),
    ("host", "{host}"),
    ("server_name", "{host}"),
    ("http_host", "{host_port}"),
    ("hostport", "{host_port}"),
    ("scheme", "{scheme}"),
    ("proto", "{scheme}"),
    ("request_uri", "{uri}"),
    ("uri", "{uri}"),
    ("path", "{path}"),
    ("args", "{query}"),
    ("query_string", "{query}"),
    ("request_method", "{method}"),
    ("request_id", "{request_id}"),
    ("remote_user", "{user}"),
];

/// What a name within braces is here, that other programs know and we do not.
pub(crate) fn within_braces(name: &str) -> Option<&'static str> {
    let last = name.rsplit('.').next().unwrap_or(name);
    WORDS.iter().find(|(word, _)| *word == last).map(|(_, ours)| *ours)
}

/// The first variable of another program in a text, and what to write; `groups`: a pattern's groups may be asked for.
pub(crate) fn in_text(text: &str, groups: bool) -> Option<(String, String)> {
    let signs = text.char_indices().filter(|(_, sign)| matches!(sign, '$' | '%' | '\\'));
    signs.into_iter().find_map(|(at, sign)| {
        let rest = &text[at + 1..];
        match sign {
            '%' => of_haproxy(rest),
            _ => of_nginx(sign, rest, groups),
        }
    })
}

/// `%[src]`, `%[req.hdr(X-User)]`.
fn of_haproxy(rest: &str) -> Option<(String, String)> {
    let (inner, _) = rest.strip_prefix('[')?.split_once(']')?;
    let field = inner.split_once("hdr(").and_then(|(_, name)| name.split_once([')', ','])).map(|(name, _)| name);
    let ours = match field {
        Some(name) => format!("{{header:{name}}}"),
        None => within_braces(inner).unwrap_or("such as {client}").to_owned(),
    };
    Some((format!("%[{inner}]"), ours))
}

/// `$host`, `${host}`, `$1`, `\1`.
fn of_nginx(sign: char, rest: &str, groups: bool) -> Option<(String, String)> {
    let braced = sign == '$' && rest.starts_with('{');
    let bare = rest.strip_prefix('{').filter(|_| braced).unwrap_or(rest);
    let len = bare.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    let name = &bare[..len];
    let theirs = if braced { format!("${{{name}}}") } else { format!("{sign}{name}") };
    if let [b'0'..=b'9'] = name.as_bytes() {
        return groups.then(|| (theirs, format!("{{{name}}}")));
    }
    let known = || within_braces(name).filter(|_| sign == '$').map(str::to_owned);
    let field =
        || Some(format!("{{header:{}}}", name.strip_prefix("http_").filter(|_| sign == '$')?.replace('_', "-")));
    known().or_else(field).map(|ours| (theirs, ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_others_are_known() {
        for (text, groups, expect) in [
            ("$remote_addr", false, Some(("$remote_addr", "{client}"))),
            ("https://$host$request_uri", false, Some(("$host", "{host}"))),
            ("a ${scheme}", false, Some(("${scheme}", "{scheme}"))),
            ("$http_x_user", false, Some(("$http_x_user", "{header:x-user}"))),
            ("%[src]", false, Some(("%[src]", "{client}"))),
            ("%[req.hdr(X-User)]", false, Some(("%[req.hdr(X-User)]", "{header:X-User}"))),
            ("%[rand]", false, Some(("%[rand]", "such as {client}"))),
            ("/v$1", true, Some(("$1", "{1}"))),
            ("/v\\1", true, Some(("\\1", "{1}"))),
            ("$1", false, None),
            ("$100 and 5 %, $hosts", true, None),
            ("\\host %20 $", true, None),
            ("{$}host {%}[src] {\\}1", true, None),
        ] {
            let found = in_text(text, groups);
            let found = found.as_ref().map(|(theirs, ours)| (theirs.as_str(), ours.as_str()));
            assert_eq!(found, expect, "{text}");
        }
        assert_eq!(within_braces("http.request.uri"), Some("{uri}"));
        assert_eq!(within_braces("clint"), None);
    }
}
