//! Requests with variables: what they come to, and what is refused.

use seed::Rng;
use stress_core::script::{Around, Draw};
use stress_core::{Plan, PlanDraft, RequestDraft, ScriptDraft};

fn around() -> Around {
    let lines = ["anna,secret 1", "bert,x"].map(|line| line.as_bytes().into());
    let (files, env) = ([("users.csv".to_owned(), lines.into())], [("HOME".to_owned(), "/root".to_owned())]);
    Around { files: files.into(), env: env.into() }
}

fn plan(request: RequestDraft) -> Result<Plan, String> {
    let script = ScriptDraft { requests: vec![request], around: around(), ..ScriptDraft::default() };
    PlanDraft { script, ..PlanDraft::new("http://a/") }.check().map_err(|why| why.to_string())
}

/// The first `count` requests of `plan` as they are sent.
fn written(plan: &Plan, seed: u64, count: usize) -> Vec<String> {
    let (mut rng, mut numbers) = (Rng::new(seed), vec![0; plan.script.draws()]);
    let one = |_| {
        let (mut out, mut body) = (Vec::new(), Vec::new());
        let mut drawn = vec![None; plan.script.draws()];
        let turn = &mut |which: usize| {
            numbers[which] += 1;
            numbers[which] - 1
        };
        plan.script.requests()[0].write(
            &mut Draw { rng: &mut rng, drawn: &mut drawn, kept: &[], turn },
            &mut body,
            &mut out,
        );
        String::from_utf8(out).expect("text")
    };
    (0..count).map(one).collect()
}

fn of_path(path: &str, count: usize) -> Vec<String> {
    let plan = plan(RequestDraft::new(path)).unwrap_or_else(|why| panic!("{path}: {why}"));
    let path = |text: String| text.split(' ').nth(1).expect("a request line").to_owned();
    written(&plan, 1, count).into_iter().map(path).collect()
}

#[test]
fn counters_lines_and_the_environment_come_in_turn() {
    assert_eq!(of_path("/{{counter}}/{{counter}}", 3), ["/1/1", "/2/2", "/3/3"]);
    assert_eq!(of_path("/{{counter 10 5}}?x={{ counter }}", 2), ["/10?x=1", "/15?x=2"]);
    assert_eq!(of_path("/{{line users.csv}}", 3), ["/anna,secret%201", "/bert,x", "/anna,secret%201"]);
    assert_eq!(of_path("/{{line users.csv field 1}}/{{line users.csv field 2}}", 2), ["/anna/secret%201", "/bert/x"]);
    assert_eq!(of_path("/{{env HOME}}/{{\"{{\"}}", 1), ["//root/{{"]);
}

#[test]
fn chance_stays_within_what_was_asked_for() {
    let numbers: Vec<u64> =
        of_path("/{{random 5 8}}", 400).iter().map(|path| path[1..].parse().expect("a number")).collect();
    assert!((5..=8).all(|number| numbers.iter().filter(|one| **one == number).count() > 50), "{numbers:?}");
    for path in of_path("/{{string 12}}/{{uuid}}/{{choice one \"two words\"}}", 100) {
        let parts: Vec<&str> = path[1..].split('/').collect();
        assert!(
            parts[0].len() == 12 && parts[0].bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        );
        assert!(parts[1].len() == 36 && &parts[1][14..15] == "4" && "89ab".contains(&parts[1][19..20]), "{path}");
        assert!(["one", "two%20words"].contains(&parts[2]), "{path}");
    }
    for path in of_path("/{{line users.csv random field 1}}={{line users.csv random field 2}}", 50) {
        assert!(["/anna=secret%201", "/bert=x"].contains(&path.as_str()), "one line per request: {path}");
    }
    let plan = plan(RequestDraft::new("/{{uuid}}")).expect("a good plan");
    assert_eq!(written(&plan, 5, 3), written(&plan, 5, 3));
    assert_ne!(written(&plan, 5, 3), written(&plan, 6, 3));
}

#[test]
fn a_body_with_variables_is_framed_by_what_it_comes_to() {
    let request = RequestDraft {
        headers: vec!["X-Id: {{counter}}".into(), "X-Line: {{\"a\"}}".into()],
        body: b"{\"id\":{{counter 99}}}".to_vec(),
        ..RequestDraft::new("/")
    };
    let texts = written(&plan(request).expect("a good plan"), 1, 2);
    assert!(texts[0].starts_with("POST / HTTP/1.1\r\nHost: a\r\n"), "{}", texts[0]);
    assert!(texts[0].ends_with("X-Id: 1\r\nX-Line: a\r\nContent-Length: 9\r\n\r\n{\"id\":99}"), "{}", texts[0]);
    assert!(texts[1].ends_with("X-Id: 2\r\nX-Line: a\r\nContent-Length: 10\r\n\r\n{\"id\":100}"), "{}", texts[1]);
}

#[test]
fn the_plans_own_request_may_have_variables() {
    let draft = PlanDraft { headers: vec!["X-Id: {{uuid}}".into()], ..PlanDraft::new("http://a:81/x/{{counter}}?y") };
    let plan = draft.clone().check().expect("a good plan");
    assert!(written(&plan, 1, 2)[1].starts_with("GET /x/2?y HTTP/1.1\r\nHost: a:81\r\n"));
    let script = ScriptDraft { is_literal: true, ..ScriptDraft::default() };
    let literal = PlanDraft { script, url: "http://a/".into(), ..draft }.check().expect("a good plan");
    assert!(
        String::from_utf8_lossy(literal.script.requests()[0].plain().expect("plain")).contains("X-Id: {{uuid}}\r\n")
    );
}

#[test]
fn what_is_no_variable_says_what_to_write() {
    for (path, expect) in [
        ("/{{conter}}", "nothing is called \"conter\", did you mean \"counter\"?"),
        ("/{{}}", "nothing is called \"\"; there are counter, random, string, uuid, choice, line or env"),
        ("/{{random 5}}", "{{random 5}}: write {{random LOW HIGH}}"),
        ("/{{random 5 1}}", "the lower first"),
        ("/{{string 0}}", "from 1 to 65536"),
        ("/{{choice one}}", "write {{choice ONE OTHER ...}}"),
        ("/{{line gone.txt}}", "{{line gone.txt}}: there is no line in this file"),
        ("/{{line users.csv field 0}}", "field N"),
        ("/{{env NO_SUCH}}", "{{env NO_SUCH}}: the environment has no such variable"),
        ("/{{counter", "without `}}` behind it"),
        ("/a b{{counter}}", "' ' is not allowed in a URL"),
        ("http://b/{{counter}}", "all requests of a run go to one host"),
    ] {
        let why = plan(RequestDraft::new(path)).expect_err(path);
        assert!(why.contains(expect), "{path}: {why}");
    }
    let named = PlanDraft { body: b"{{line a}}{{env B}}{{line c random}}".to_vec(), ..PlanDraft::new("http://a/") }
        .named_around();
    assert_eq!(
        (named.files.into_iter().collect::<Vec<_>>(), named.env.len()),
        (vec!["a".to_owned(), "c".to_owned()], 1)
    );
}

/// Whatever stands there: an answer; and a text that is no template is sent to the letter.
#[test]
fn any_text_is_read_or_refused_and_what_is_literal_stays() {
    const PIECES: [&str; 12] =
        ["{{", "}}", "\"", "counter", " ", "line", "users.csv", "a", "é", "random 1 2", "{", "field 1"];
    for seed in 0..2000 {
        let mut rng = Rng::new(seed);
        let text: String = (0..rng.index(12)).map(|_| *rng.pick(&PIECES)).collect();
        let draft =
            RequestDraft { body: text.clone().into_bytes(), method: Some("POST".into()), ..RequestDraft::new("/") };
        if let Ok(plan) = plan(draft.clone()) {
            drop(written(&plan, seed, 1));
        }
        let literal = plan(draft.literal()).unwrap_or_else(|why| panic!("seed {seed}: {text}: {why}"));
        assert!(written(&literal, seed, 1)[0].ends_with(&format!("\r\n\r\n{text}")), "seed {seed}: {text}");
    }
}
