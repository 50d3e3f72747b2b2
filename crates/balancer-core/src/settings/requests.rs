//! What requests say about themselves, and what becomes of it.

use crate::network::Networks;
use http::forward::{Forwarded, Tells};
use named::named;
use std::net::IpAddr;

named! {
    /// What becomes of what requests say about their way (`forwarded = "..."` of a listener): `X-Forwarded-For`, `-Proto`,
    /// `-Host`, `-Port`, `X-Real-IP`, `Forwarded`.
    #[derive(Default)]
    pub enum ForwardedPolicy {
        /// Nothing of it is passed on: servers read what this balancer knows.
        #[default]
        Replace = "replace",
        /// Lists are continued, whoever sends them; the others are not passed on.
        Append = "append",
        /// All of it stands where the sender is of a trusted network, lists continued; nothing of it elsewhere.
        Trust = "trust",
    }
}

named! {
    /// What becomes of fields that CGI takes for those a balancer overwrites (`underscore_twins = "..."` of a listener).
    #[derive(Default)]
    pub enum Twins {
        /// They are not passed on.
        #[default]
        Drop = "drop",
        /// They are.
        Keep = "keep",
    }
}

named! {
    /// Fields about the way of a request that this balancer writes (`forwarded_fields = [...]` of a listener).
    pub enum WayField {
        /// `X-Forwarded-For`.
        For = "X-Forwarded-For",
        /// `X-Forwarded-Proto`.
        Proto = "X-Forwarded-Proto",
        /// `X-Forwarded-Host`.
        Host = "X-Forwarded-Host",
        /// `X-Forwarded-Port`.
        Port = "X-Forwarded-Port",
        /// `X-Real-IP`.
        RealIp = "X-Real-IP",
        /// `Forwarded`.
        Forwarded = "Forwarded",
    }
}

impl WayField {
    /// What is told where exactly these fields are.
    pub fn tells(fields: &[Self]) -> Tells {
        let has = |field| fields.contains(&field);
        Tells {
            forwarded_for: has(Self::For),
            proto: has(Self::Proto),
            host: has(Self::Host),
            port: has(Self::Port),
            real_ip: has(Self::RealIp),
            forwarded: has(Self::Forwarded),
        }
    }
}

named! {
    /// Where `X-Request-Id` comes from (`request_id = "..."` of a listener).
    #[derive(Default)]
    pub enum RequestIds {
        /// Whatever came is passed on, like any field.
        #[default]
        Pass = "pass",
        /// Each request gets one made here.
        Make = "make",
        /// That of a trusted proxy stands; any other request gets one made here.
        Keep = "keep",
    }
}

/// What becomes of what requests say about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRules {
    /// About their way.
    pub forwarded: ForwardedPolicy,
    /// Proxies whose fields are believed: who the client is, and whatever [`ForwardedPolicy::Trust`] lets stand.
    pub trusted: Networks,
    /// Proxies whose header of the PROXY protocol is believed. That is no word about fields: whoever speaks through such a
    /// proxy writes those himself.
    pub announcers: Networks,
    /// What is told of their way.
    pub tells: Tells,
    /// Where their ids come from.
    pub ids: RequestIds,
    /// In names that look like others.
    pub twins: Twins,
}

impl RequestRules {
    /// What becomes of it when it comes from `peer`.
    pub fn forwarded_by(&self, peer: IpAddr) -> Forwarded {
        match self.forwarded {
            ForwardedPolicy::Append => Forwarded::Append,
            ForwardedPolicy::Trust if self.trusted.contains(peer) => Forwarded::Trust,
            ForwardedPolicy::Replace | ForwardedPolicy::Trust => Forwarded::Replace,
        }
    }
}
