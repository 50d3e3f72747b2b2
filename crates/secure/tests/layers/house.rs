//! The whole house, seed by seed, with layers and without.

use crate::answers::brief;
use crate::scene::{Books, Scene, Seal};
use ports::ClosedFirst;
use reactor_sim::Weather;
use stress_core::{ClosePolicy, Plan};
use testkit::{Replay, sweep};

const SEALS: [Seal; 3] =
    [Seal { front: true, back: false }, Seal { front: false, back: true }, Seal { front: true, back: true }];

/// All must hold; what does not is named, with the books.
fn require(books: &Books, plan: &Plan, rules: &[(&str, bool)]) -> Result<(), String> {
    let broken: Vec<&str> = rules.iter().filter(|(_, holds)| !holds).map(|(rule, _)| *rule).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let Books { tester, balancer, layers, .. } = books;
    let (answers, requests) = (brief(&books.answers), brief(&books.requests));
    let story = if std::env::var_os(testkit::sweep::SEED_VARIABLE).is_some() { books.story.as_str() } else { "" };
    Err(format!(
        "not so: {}\n{} {:?} close {:?}\ntester: ok {} opened {} faults {:?} closed {:?}\nanswers {answers:?}\nrequests \
         {requests:?}\ncut {:?}\n{balancer:?}\n{layers:?}\n{story}",
        broken.join("; "),
        plan.url,
        plan.requests,
        plan.close,
        tester.ok,
        tester.connects_opened,
        tester.faults(),
        tester.closed,
        books.cut,
    ))
}

/// What the close policy of the tester promises of its connections.
fn ends_as_promised(books: &Books, plan: &Plan) -> bool {
    let (closed, ok) = (&books.tester.closed, books.tester.ok);
    match plan.close {
        ClosePolicy::Keep => closed.count(ClosedFirst::Simultaneous) == 0,
        ClosePolicy::Wait => closed.count(ClosedFirst::PeerFin) + closed.count(ClosedFirst::RstReceived) == ok,
        ClosePolicy::Fin | ClosePolicy::Rst | ClosePolicy::Half => closed.total() == ok,
    }
}

fn fair(seed: u64) -> Result<(), String> {
    let scene = Scene::draw(seed, Weather::fair, 200_000);
    let plain = scene.play(Seal::default()).map_err(|error| format!("without a layer: {error}"))?;
    for seal in SEALS {
        let sealed = scene.play(seal).map_err(|error| format!("{seal:?}: {error}"))?;
        compare(&scene.plan, &plain, &sealed, seal).map_err(|error| format!("{seal:?}: {error}"))?;
    }
    Ok(())
}

/// The same was asked, the same was answered, and nothing broke on the way.
fn compare(plan: &Plan, plain: &Books, sealed: &Books, seal: Seal) -> Result<(), String> {
    let ([tester, a, b], balancer) = (&sealed.layers, &sealed.balancer);
    let failed = |failures: &[u64]| failures.iter().sum::<u64>();
    // Whoever closes first by FIN may cross the other's: what that leaves is decided by microseconds.
    let waits = matches!(plan.close, ClosePolicy::Wait | ClosePolicy::Rst);
    let rules = [
        ("every request is answered", Some(sealed.tester.ok) == plan.requests && sealed.tester.failed() == 0),
        ("the answers are the same", sealed.answers == plain.answers),
        ("the origins were asked the same", sealed.requests == plain.requests),
        ("nothing ended in the middle", sealed.cut.is_empty()),
        ("as many bytes of bodies came", sealed.tester.body_bytes == plain.tester.body_bytes),
        ("the balancer failed at nothing", sealed.balancer.failed_total() == 0),
        ("connections end as promised", ends_as_promised(sealed, plan)),
        ("who waits or resets pays as much", !waits || sealed.time_waits[0] == plain.time_waits[0]),
        ("the front is sealed", (tester.done > 0) == seal.front),
        ("the back is sealed", (a.done + b.done > 0) == seal.back),
        (
            "no handshake fails",
            failed(&balancer.tls_failed) + failed(&balancer.server_tls_failed) + failed(&tester.failed) == 0,
        ),
        ("no stream is cut off", tester.cut_off + a.cut_off + b.cut_off == 0),
    ];
    require(sealed, plan, &rules)
}

fn rough(seed: u64) -> Result<(), String> {
    let scene = Scene::draw(seed, Weather::rough, 20_000);
    for seal in SEALS {
        let books = scene.play(seal).map_err(|error| format!("{seal:?}: {error}"))?;
        let Books { tester, balancer, .. } = &books;
        let answered = balancer.responses + balancer.failed_total();
        let asked = scene.plan.requests.unwrap_or(0);
        let rules = [
            ("every request has one end", tester.ok + tester.failed() == asked),
            ("nobody got an answer that was not given", tester.ok <= answered),
            ("failures have a cause", tester.failed() == 0 || books.injected.harmful() > 0),
            ("every connection of the tester has one end", tester.closed.total() == tester.connects_opened),
            ("every connection accepted has one end", balancer.client_closes.total() == balancer.accepted),
            ("every connection to a server has one end", balancer.server_closes.total() == balancer.connects),
        ];
        require(&books, &scene.plan, &rules).map_err(|error| format!("{seal:?}: {error}"))?;
    }
    Ok(())
}

fn replay(test: &'static str) -> Replay {
    Replay { package: "secure", target: "--test layers", test }
}

#[test]
fn applications_on_a_layer_do_what_they_do_without() {
    sweep(replay("applications_on_a_layer_do_what_they_do_without"), 100, fair);
}

#[test]
fn in_rough_weather_nothing_leaks_through_a_layer() {
    sweep(replay("in_rough_weather_nothing_leaks_through_a_layer"), 100, rough);
}
