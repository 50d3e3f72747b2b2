//! Values with variables: `https://$host$request_uri`.

/// What is known at a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// `$server_name`.
    pub(crate) server_name: String,
    /// `$server_port`, where there is one.
    pub(crate) port: Option<u16>,
    /// `$proxy_host`.
    pub(crate) proxy_host: String,
}

/// Variables with a counterpart.
const VARIABLES: [(&str, &str); 16] = [
    ("args", "{query}"),
    ("binary_remote_addr", "{client}"),
    ("document_uri", "{path}"),
    ("host", "{host}"),
    ("http_host", "{host_port}"),
    ("query_string", "{query}"),
    ("realip_remote_addr", "{client}"),
    ("remote_addr", "{client}"),
    ("request_id", "{request_id}"),
    ("request_method", "{method}"),
    ("request_uri", "{uri}"),
    ("scheme", "{scheme}"),
    ("proxy_add_x_forwarded_for", "{client}"),
    ("upstream_addr", "{server}"),
    ("uri", "{path}"),
    ("proxy_x_forwarded_proto", "{scheme}"),
];

/// The same as a template of ours.
pub(crate) fn template(text: &str, known: &Known) -> Result<String, String> {
    let text = text.replace("$uri$is_args$args", "$request_uri");
    let mut ours = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('$') {
        ours += &braces(&rest[..at]);
        let after = &rest[at + 1..];
        let inner = after.strip_prefix('{');
        let name: String =
            inner.unwrap_or(after).chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '_').collect();
        ours += &variable(&name, known)?;
        let len = name.len() + if inner.is_some() { 2 } else { 0 };
        rest = after.get(len..).unwrap_or_default();
    }
    Ok(ours + &braces(rest))
}

fn variable(name: &str, known: &Known) -> Result<String, String> {
    let port = known.port.map(|port| port.to_string());
    let ours = match name {
        "server_name" => Some(braces(&known.server_name)),
        "server_port" => port,
        "proxy_host" => Some(braces(&known.proxy_host)),
        _ => VARIABLES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| (*ours).to_owned()),
    };
    let field = || name.strip_prefix("http_").map(|field| format!("{{header:{}}}", field_name(field)));
    ours.or_else(field).ok_or_else(|| format!("there is no variable for `${name}`"))
}

/// `x_api_key` is `X-Api-Key`.
pub(crate) fn field_name(variable: &str) -> String {
    let part = |part: &str| part[..part.len().min(1)].to_ascii_uppercase() + part.get(1..).unwrap_or_default();
    variable.split('_').map(part).collect::<Vec<_>>().join("-")
}

fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_our_words() {
        let known = Known { server_name: "a.org".to_owned(), port: Some(80), proxy_host: "app".to_owned() };
        for (text, expect) in [
            ("https://$host$request_uri", Ok("https://{host}{uri}")),
            ("https://$server_name:$server_port$uri$is_args$args", Ok("https://a.org:80{uri}")),
            ("${scheme}x {y}", Ok("{scheme}x {{y}}")),
            ("$http_x_api_key", Ok("{header:X-Api-Key}")),
            ("$proxy_host", Ok("app")),
            ("$upstream_status", Err("there is no variable for `$upstream_status`")),
        ] {
            assert_eq!(template(text, &known).as_deref(), expect.map_err(str::to_owned).as_deref(), "{text}");
        }
    }
}
