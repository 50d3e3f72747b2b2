//! `[backend_set.health]`: when servers are asked, and when they are not.

use super::super::backend::FAILURES_MAX;
use super::super::health::IN_A_ROW_MAX;
use super::super::statuses::STATUSES_MAX;
use super::words;
use balancer_core::checks::CheckMethod;
use config_file::{Key, Kind, Table};

const STATUS: Kind = Kind::OneOf(&[Kind::Number { min: 100, max: 599 }, Kind::Text("such as \"300-399\"")]);
const IN_A_ROW: Kind = Kind::Number { min: 1, max: IN_A_ROW_MAX };

pub(super) static HEALTH: Table = Table {
    name: "backend_set.health",
    heading: "[backend_set.health]",
    keys: &[
        Key::new(
            "failures_max",
            Kind::Number { min: 0, max: FAILURES_MAX },
            "failures in a row that set a server aside; 0: never",
        ).known_as(&["max_fails", "error_limit", "consecutive_5xx"])
        .or("3"),
        Key::new("pause", Kind::Time, "the first pause")
            .known_as(&["fail_timeout", "fail_duration", "base_ejection_time"])
            .or("\"1s\""),
        Key::new("pause_max", Kind::Time, "the longest").or("\"30s\""),
        Key::new("server_errors", Kind::Switch, "answers 500 to 599 count as failures, too").or("false"),
        Key::new(
            "path",
            Kind::Text("path"),
            "servers are checked: asked for this, whether requests come or not; see [below](#checks)",
        ).known_as(&["uri", "url", "health_uri", "http_check"])
        .example("\"/health\""),
        Key::new(
            "check",
            Kind::Names(&["http", "tcp"]),
            "`\"tcp\"`: servers are checked by whether they take connections (and shake hands, over TLS); `\"http\"` is what \
             `path` means",
        ).words(words::CHECK).known_as(&["type", "kind"])
        .or_words("`\"http\"` with `path`, else none")
        .example("\"tcp\""),
        Key::new("host", Kind::Text("name"), "`Host` of checks")
            .or_words("the server's name, or address")
            .example("\"example.org\""),
        Key::new("method", Kind::choice::<CheckMethod>(), "how checks ask").or_words("`\"GET\"`").example("\"HEAD\""),
        Key::new("status", Kind::List { of: &STATUS, min: 1, max: STATUSES_MAX }, "answers that are good")
            .known_as(&["expect", "expected_status", "expected_statuses", "http_check_expect"])
            .or_words("200 to 399")
            .example("[200, \"300-399\"]"),
        Key::new("body", Kind::Text("text"), "what has to stand in the first 64 KiB of the answer")
            .known_as(&["expect_body", "string"])
            .or_words("anything")
            .example("\"ok\""),
        Key::new("port", Kind::Number { min: 1, max: u16::MAX as usize }, "where checks ask").known_as(&["health_port"])
            .or_words("the server's port")
            .example("9000"),
        Key::new("interval", Kind::Time, "between two checks, a tenth more or less")
            .known_as(&["inter", "health_interval"])
            .or_words("`\"2s\"`, where there are checks")
            .example("\"2s\""),
        Key::new("interval_down", Kind::Time, "the same while a server is down")
            .known_as(&["downinter", "fastinter"])
            .or_words("`\"1s\"`, where there are checks")
            .example("\"1s\""),
        Key::new("timeout", Kind::Time, "for a whole check")
            .known_as(&["health_timeout", "timeout_check"])
            .or_words("`\"2s\"`, where there are checks")
            .example("\"2s\""),
        Key::new("rise", IN_A_ROW, "good checks in a row that bring a server up")
            .known_as(&["healthy_threshold", "passes"])
            .or_words("2, where there are checks")
            .example("2"),
        Key::new("fall", IN_A_ROW, "bad checks in a row that bring it down; the first check decides alone")
            .known_as(&["unhealthy_threshold", "fails"])
            .or_words("3, where there are checks")
            .example("3"),
    ],
};
