//! Several requests: what is refused, how they are sent, and which is next.

use http::Method;
use seed::Rng;
use stress_core::script::{CaptureDraft, CaptureFrom, Kept};
use stress_core::{ClosePolicy, Life, Order, Part, Picker, Plan, PlanDraft, RequestDraft, Rules, ScriptDraft};

fn plan(order: Order, requests: Vec<RequestDraft>) -> Result<Plan, String> {
    let script = ScriptDraft { requests, order, seed: 7, ..ScriptDraft::default() };
    let headers = vec!["X-All: 1".to_owned(), "X-Own: plan".to_owned()];
    let draft = PlanDraft { script, headers, close: ClosePolicy::Wait, ..PlanDraft::new("http://example.org:81/") };
    draft.check().map_err(|why| why.to_string())
}

fn weighted(weights: &[u32]) -> Vec<RequestDraft> {
    weights
        .iter()
        .enumerate()
        .map(|(at, weight)| RequestDraft { weight: *weight, ..RequestDraft::new(format!("/{at}")) })
        .collect()
}

#[test]
fn requests_are_sent_with_what_the_plan_says_for_all_and_their_own_above_it() {
    let own = RequestDraft {
        method: Some("PUT".into()),
        headers: vec!["x-own: request".into()],
        body: b"hello".to_vec(),
        ..RequestDraft::new("http://EXAMPLE.org:81/a?b#c")
    };
    let plan = plan(Order::ByWeight, vec![own, RequestDraft::new("/second")]).expect("a good plan");
    let texts: Vec<String> =
        plan.script.requests().iter().map(|one| String::from_utf8_lossy(one.plain().expect("plain")).into()).collect();
    assert!(texts[0].starts_with("PUT /a?b HTTP/1.1\r\nHost: example.org:81\r\n"), "{}", texts[0]);
    assert!(texts[0].ends_with("X-All: 1\r\nx-own: request\r\nContent-Length: 5\r\n\r\nhello"), "{}", texts[0]);
    assert!(texts[1].starts_with("GET /second HTTP/1.1\r\n") && texts[1].contains("X-Own: plan\r\n"), "{}", texts[1]);
    assert!(texts.iter().all(|text| text.contains("Connection: close\r\n")));
    let told = plan.script.requests().iter().map(|one| (one.name(), one.method())).collect::<Vec<_>>();
    assert_eq!(told, [("PUT /a?b", Method::Put), ("GET /second", Method::Get)]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let wrong = vec![
        RequestDraft::new("/good"),
        RequestDraft::new("http://other.example/"),
        RequestDraft { weight: 0, ..RequestDraft::new("/w") },
        RequestDraft { headers: vec!["no colon".into()], ..RequestDraft::new("/h") },
        RequestDraft::new("/a b"),
        RequestDraft { body: vec![0; 2 << 20], ..RequestDraft::new("/long") },
    ];
    let why = plan(Order::InTurn, wrong).expect_err("it is wrong");
    for part in [
        "request 2 (\"http://other.example/\"): all requests of a run go to one host, here example.org:81: leave those of other.example out",
        "request 3 (\"/w\"): a weight of 0: use 1 to 1000000",
        "request 4 (\"/h\"): header \"no colon\"",
        "request 5 (\"/a b\"): ' ' is not allowed in a URL",
        "request 6 (\"/long\"): a body of 2097152 bytes",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    assert_eq!(why.lines().count(), 5, "{why}");
    let many = (0..30).map(|_| RequestDraft::new("no host at all/%")).map(|one| RequestDraft { weight: 0, ..one });
    assert!(plan(Order::InTurn, many.collect()).expect_err("wrong").ends_with("and 20 more"));
}

#[test]
fn weights_are_kept_and_a_seed_repeats_its_choices() {
    let plan = plan(Order::ByWeight, weighted(&[1, 6, 3])).expect("a good plan");
    let draw = |thread| {
        let mut picker = Picker::new(&plan.script, thread);
        (0..100_000).map(|_| picker.next(|| panic!("no turns"))).collect::<Vec<_>>()
    };
    let drawn = draw(0);
    let share = |which| drawn.iter().filter(|one| **one == which).count() as f64 / drawn.len() as f64;
    for (which, expect) in [(0, 0.1), (1, 0.6), (2, 0.3)] {
        assert!((share(which) - expect).abs() < 0.01, "{which}: {}", share(which));
    }
    assert_eq!(drawn, draw(0));
    assert_ne!(drawn, draw(1), "threads choose apart");
}

/// Whatever threads take the turns, each request has as many, or one more.
#[test]
fn turns_are_taken_by_all_threads_together() {
    for order in [Order::InTurn, Order::Shuffled] {
        let plan = plan(order, weighted(&[1; 5])).expect("a good plan");
        let (mut rng, mut turns, mut counts) = (Rng::new(3), 0, [0; 5]);
        let mut pickers = [0, 1, 2].map(|thread| Picker::new(&plan.script, thread));
        for _ in 0..52 {
            let picked = pickers[rng.index(3)].next(|| {
                turns += 1;
                turns - 1
            });
            counts[picked] += 1;
        }
        assert_eq!(counts, [11, 11, 10, 10, 10], "{order}");
    }
    let names = |order| {
        let plan = plan(order, weighted(&[1; 50])).expect("a good plan");
        plan.script.requests().iter().map(|one| one.name().to_owned()).collect::<Vec<_>>()
    };
    let (given, mut dealt) = (names(Order::InTurn), names(Order::Shuffled));
    assert_ne!(given, dealt);
    dealt.sort_by_key(|name| name["GET /".len()..].parse::<u32>().expect("a number"));
    assert_eq!(given, dealt, "none is lost");
}

#[test]
fn a_plan_without_a_script_has_its_own_request() {
    let plan = PlanDraft::new("http://a/b").check().expect("a good plan");
    assert_eq!(plan.script.requests().len(), 1);
    assert_eq!(Picker::new(&plan.script, Part::WHOLE.index).next(|| panic!("no turns")), 0);
}

/// A first step that keeps an id, and a second that says it.
fn scenario() -> Vec<RequestDraft> {
    let capture = CaptureDraft { name: "id".into(), from: CaptureFrom::Json("/id".into()) };
    let first = RequestDraft { captures: vec![capture], weight: 3, ..RequestDraft::new("/new") };
    let second = RequestDraft { follows: true, ..RequestDraft::new("/item/{{id}}") };
    vec![first, second, RequestDraft::new("/alone")]
}

#[test]
fn scenarios_are_chosen_whole_and_know_what_earlier_steps_keep() {
    let good = plan(Order::ByWeight, scenario()).expect("a good plan");
    let mut picker = Picker::new(&good.script, 0);
    let picked: Vec<usize> = (0..10_000).map(|_| picker.next(|| panic!("no turns"))).collect();
    let firsts = picked.iter().filter(|one| **one == 0).count();
    assert!(picked.iter().all(|one| [0, 2].contains(one)) && (7300..7700).contains(&firsts), "{firsts}");
    assert_eq!(good.script.requests().iter().map(|one| one.is_followed()).collect::<Vec<_>>(), [true, false, false]);
    let shuffled = plan(Order::Shuffled, scenario()).expect("a good plan");
    let at = shuffled.script.requests().iter().position(|one| one.is_followed()).expect("it is there");
    assert_eq!(shuffled.script.requests()[at + 1].name(), "GET /item/{{id}}");
    let mut wrong = scenario();
    wrong[1].follows = false;
    wrong.push(RequestDraft { captures: wrong[0].captures.clone(), ..RequestDraft::new("/{{idd}}") });
    wrong[3].captures[0].name = "line".into();
    let why = plan(Order::ByWeight, wrong).expect_err("it is wrong");
    assert!(why.contains("nothing is called \"id\", in this scenario and before this request"), "{why}");
    for (from, expect) in [
        (CaptureFrom::Json("id".into()), "is no JSON pointer: it begins with /"),
        (CaptureFrom::Header("a b".into()), "is no name of a header field"),
        (CaptureFrom::Regex("(".into()), "capture x: "),
    ] {
        let captures = vec![CaptureDraft { name: "x".into(), from }];
        let why = plan(Order::ByWeight, vec![RequestDraft { captures, ..RequestDraft::new("/") }]).expect_err("wrong");
        assert!(why.contains(expect), "{why}");
    }
    let captures = vec![CaptureDraft { name: "line".into(), from: CaptureFrom::Json("/x".into()) }];
    let why = plan(Order::ByWeight, vec![RequestDraft { captures, ..RequestDraft::new("/") }]).expect_err("wrong");
    assert!(why.contains("none of those that there are"), "{why}");
}

/// However the answer comes in pieces: the same is kept of it.
#[test]
fn values_are_kept_of_any_answer_in_any_pieces() {
    let captures = [
        ("id", CaptureFrom::Json("/a/0".into())),
        ("tag", CaptureFrom::Header("ETag".into())),
        ("word", CaptureFrom::Regex("w=([a-z]+)".into())),
    ];
    let captures = captures.map(|(name, from)| CaptureDraft { name: name.into(), from });
    let plan = plan(Order::ByWeight, vec![RequestDraft { captures: captures.to_vec(), ..RequestDraft::new("/") }])
        .expect("good");
    let captures = plan.script.requests()[0].captures();
    let (rules, whole) = (
        Rules::new(ClosePolicy::Keep),
        "HTTP/1.1 103 Early\r\nEtag: early\r\n\r\nHTTP/1.1 200 OK\r\netag: \"x\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n8\r\n[7]}w=ab\r\n3\r\nc;!\r\n0\r\n\r\n",
    );
    for seed in 0..300 {
        let (mut rng, mut kept, mut life, mut partial) =
            (Rng::new(seed), Kept::new(plan.script.kept()), Life::default(), Vec::new());
        kept.begin(captures);
        life.start_connecting(Method::Get);
        assert_eq!(life.handle_connected(Ok(())).outcome, None);
        life.handle_sent(Ok(()));
        let (mut rest, mut done) = (whole.as_bytes(), false);
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(1 + rng.index(rest.len()));
            partial.extend_from_slice(piece);
            let step = life.handle_data_for(&partial, &rules, &mut (&mut kept, captures));
            partial.drain(..if step.next == stress_core::Next::ReadMore { step.consumed } else { partial.len() });
            (rest, done) = (behind, step.outcome.is_some());
        }
        let json = |body: &[u8], pointer: &str, out: &mut Vec<u8>| {
            out.extend_from_slice(pointer.as_bytes());
            body == b"{\"a\":[7]}w=abc;!"
        };
        assert!(done && kept.finish(captures, json), "seed {seed}");
        assert_eq!(kept.values, [b"/a/0".to_vec(), b"\"x\"".to_vec(), b"abc".to_vec()], "seed {seed}");
        kept.begin(captures);
        assert!(!kept.finish(captures, |_, _, _| false), "nothing of the answer before is found again");
    }
}

#[test]
fn the_only_request_is_the_one_that_is_told() {
    let only = RequestDraft { body: b"x".to_vec(), ..RequestDraft::new("http://example.org:81/one/{{counter}}") };
    let plan = plan(Order::ByWeight, vec![only]).expect("a good plan");
    assert_eq!((plan.target.as_str(), plan.method_name.as_str(), plan.body.len()), ("/one/{{counter}}", "POST", 1));
}
