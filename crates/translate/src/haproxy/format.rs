//! Log formats, as HAProxy writes values with variables: `%[src]`, `https://%[hdr(host)]%[path]`.

/// The same as a template of ours.
pub(crate) fn template(text: &str) -> Result<String, String> {
    let mut ours = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '{', '}', '$']) {
        ours += &rest[..at];
        rest = &rest[at..];
        match rest.as_bytes() {
            [b'{', ..] => ours += "{{",
            [b'}', ..] => ours += "}}",
            // What would be another program's variable, were it not text.
            [b'%', b'%', b'[', ..] => ours += "{%}",
            [b'$', next, ..] if next.is_ascii_alphabetic() => ours += "{$}",
            [b'%', b'%', ..] => ours += "%",
            [b'$', ..] => ours += "$",
            _ => {
                let (variable, len) = variable(rest)?;
                ours += &variable;
                rest = &rest[len..];
                continue;
            }
        }
        rest = &rest[if rest.starts_with("%%") { 2 } else { 1 }..];
    }
    Ok(ours + rest)
}

/// Aliases without brackets.
const ALIASES: [(&str, &str); 6] = [
    ("%ci", "{client}"),
    ("%ID", "{request_id}"),
    ("%HM", "{method}"),
    ("%HU", "{uri}"),
    ("%HP", "{path}"),
    ("%f", "{listener}"),
];

fn variable(rest: &str) -> Result<(String, usize), String> {
    let Some(inner) = rest.strip_prefix("%[") else {
        let alias = ALIASES.iter().find(|(alias, _)| rest.starts_with(alias));
        let unknown: String = rest.chars().take_while(|char| !char.is_whitespace()).collect();
        return alias
            .map(|(alias, ours)| ((*ours).to_owned(), alias.len()))
            .ok_or(format!("there is no variable for `{unknown}`"));
    };
    let end = inner.find(']').ok_or("a bracket is opened and not closed")?;
    let fetch = inner[..end].trim_end_matches(",lower");
    let ours = of_fetch(fetch).ok_or_else(|| format!("there is no variable for `{fetch}`"))?;
    Ok((ours, end + 3))
}

fn of_fetch(fetch: &str) -> Option<String> {
    let plain = match fetch {
        "src" => "{client}",
        "path" => "{path}",
        "url" | "pathq" | "capture.req.uri" => "{uri}",
        "query" => "{query}",
        "method" | "capture.req.method" => "{method}",
        "ssl_fc,iif(https,http)" => "{scheme}",
        "unique-id" | "uuid" | "uuid()" | "rand" => "{request_id}",
        "fe_name" => "{listener}",
        _ => {
            let name =
                ["req.hdr(", "hdr(", "req.fhdr(", "capture.req.hdr("].iter().find_map(|call| fetch.strip_prefix(call));
            let name = name?.strip_suffix(')')?.split(',').next()?;
            return Some(if name.eq_ignore_ascii_case("host") {
                "{host_port}".to_owned()
            } else {
                format!("{{header:{name}}}")
            });
        }
    };
    Some(plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_in_our_words() {
        for (text, expect) in [
            ("plain", Ok("plain")),
            ("https://%[hdr(host)]%[url]", Ok("https://{host_port}{uri}")),
            ("%[req.hdr(X-A),lower] 100%% {x}", Ok("{header:X-A} 100% {{x}}")),
            ("%%[src] $host $5", Ok("{%}[src] {$}host $5")),
            ("%ci:%[src]", Ok("{client}:{client}")),
            ("%[dst_port]", Err("there is no variable for `dst_port`")),
            ("%[path", Err("a bracket is opened and not closed")),
            ("%Tq", Err("there is no variable for `%Tq`")),
        ] {
            assert_eq!(template(text).as_deref(), expect.map_err(str::to_owned).as_deref(), "{text}");
        }
    }
}
