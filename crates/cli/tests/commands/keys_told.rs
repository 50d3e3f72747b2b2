//! `quintet serve --keys` and `--schema`.

use crate::program::{json_of, told};

fn keys(section: &[&str]) -> (Option<i32>, String, String) {
    told(&[&["serve", "--keys"], section].concat())
}

#[test]
fn every_key_is_told_or_those_of_a_section() {
    let (code, all, _) = keys(&[]);
    assert_eq!(code, Some(0));
    for expect in ["[global]\n", "[[listener]]\n", "[backend_set.pool]\n", "  idle_max      0 to 100000; default 256\n"]
    {
        assert!(all.contains(expect), "{expect:?} in {all}");
    }
    assert!(!all.contains('`') && !all.contains("]("), "Markdown on a terminal: {all}");
    let (_, listener, _) = keys(&["listener"]);
    assert!(listener.starts_with("[[listener]]\n") && listener.contains("[listener.limits]\n"), "{listener}");
    assert!(!listener.contains("backend_set.pool"), "{listener}");
    let (_, pool, _) = keys(&["[backend_set.pool]"]);
    assert!(pool.starts_with("[backend_set.pool]\n") && pool.matches("[").count() == 1, "{pool}");
    assert!(pool.lines().all(|line| line.chars().count() <= 120), "{pool}");
}

#[test]
fn a_section_that_does_not_exist_is_named_with_the_one_meant() {
    let (code, _, error) = keys(&["listener.limit"]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("--keys listener.limit: there is no such section; did you mean listener.limits?"),
        "{error}"
    );
}

#[test]
fn the_schema_is_json() {
    let schema = json_of(&["serve", "--schema"], 0);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let buffers = &schema["properties"]["global"]["properties"]["buffers_max"];
    let bounds = (&buffers["minimum"], &buffers["maximum"], &buffers["default"]);
    assert_eq!(bounds, (&64.into(), &(1 << 20).into(), &16_384.into()));
}
