//! Who ordered a change.

use serde::Serialize;
use std::fmt;
use std::net::IpAddr;

/// Who wants it so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "way", rename_all = "kebab-case")]
pub enum By {
    /// The program that the balancer is part of.
    #[default]
    Program,
    /// Whoever sent a signal: nobody tells who that was.
    Signal {
        /// Which, such as `SIGHUP`.
        signal: &'static str,
    },
    /// The file has changed, and is watched.
    Watch,
    /// A process of this host, at the socket file of the admin listener; what the kernel says of it.
    Socket {
        /// Its user.
        #[serde(skip_serializing_if = "Option::is_none")]
        uid: Option<u32>,
        /// Its number.
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    /// Who showed the token of the admin listener.
    Token {
        /// Where the request came from.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<IpAddr>,
    },
}

/// Behind what was ordered: `by SIGHUP`, `by uid 1000 (process 77) at the admin socket`.
impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("by order"),
            Self::Signal { signal } => write!(f, "by {signal}"),
            Self::Watch => f.write_str("because the file changed"),
            Self::Socket { uid: Some(uid), pid: Some(pid) } => {
                write!(f, "by uid {uid} (process {pid}) at the admin socket")
            }
            Self::Socket { uid: Some(uid), pid: None } => write!(f, "by uid {uid} at the admin socket"),
            Self::Socket { .. } => f.write_str("by order at the admin socket"),
            Self::Token { from: Some(from) } => write!(f, "by the token, from {from}"),
            Self::Token { from: None } => f.write_str("by the token"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_in_words_and_in_parts() {
        let check = |by: By, words: &str, parts: &str| {
            assert_eq!(by.to_string(), words);
            assert_eq!(serde_json::to_string(&by).expect("plain data"), parts);
        };
        check(By::Signal { signal: "SIGHUP" }, "by SIGHUP", r#"{"way":"signal","signal":"SIGHUP"}"#);
        check(By::Watch, "because the file changed", r#"{"way":"watch"}"#);
        check(
            By::Socket { uid: Some(1000), pid: Some(77) },
            "by uid 1000 (process 77) at the admin socket",
            r#"{"way":"socket","uid":1000,"pid":77}"#,
        );
        check(By::Socket { uid: None, pid: None }, "by order at the admin socket", r#"{"way":"socket"}"#);
        check(
            By::Token { from: Some(IpAddr::from([127, 0, 0, 1])) },
            "by the token, from 127.0.0.1",
            r#"{"way":"token","from":"127.0.0.1"}"#,
        );
    }
}
