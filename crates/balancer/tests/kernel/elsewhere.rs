//! Statuses that another server is asked for (`retry_on`): while the request may be sent again, and another server is well.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::budget::RetryBudget;
use balancer_core::{CloseReason, Counters, RetryReason, Settings};
use std::net::TcpListener;
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const PUT: &str = "PUT /a HTTP/1.1\nHost: a\nContent-Length: 2\n\nhi";
const POST: &str = "POST /a HTTP/1.1\nHost: a\nContent-Length: 2\n\nhi";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\nContent-Length: 4\n\nbusy";

struct Scene {
    balancer: Handle,
    origins: [TcpListener; 2],
}

impl Scene {
    /// Two servers, the first of which is asked first.
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let origins = [stage::listener(), stage::listener()];
        let mut settings = stage::settings(&[0, 1].map(|at| stage::address(&origins[at])));
        settings.backend_sets[0].retry_on = [503].into_iter().collect();
        change(&mut settings);
        Self { balancer: stage::start(settings, 1, Default::default()), origins }
    }

    fn ask(&self, request: &str) -> Wire {
        let mut client = Wire::connect(self.balancer.addresses()[0], "the client");
        client.sends(request);
        client
    }

    /// The server of that number has a new connection, and reads so much on it.
    fn asked(&self, server: usize, body: &str) -> Wire {
        let mut server = stage::accept(&self.origins[server], PATIENCE).expect("a connection of the balancer");
        server.reads_head();
        server.sees(body);
        server
    }

    /// One of both has a new connection.
    fn either_is_asked(&self) -> Wire {
        let mut found = None;
        stage::eventually("a server is asked", || {
            found = self.origins.iter().find_map(|origin| stage::accept(origin, Duration::ZERO));
            found.is_some()
        });
        found.expect("found")
    }

    fn end(self) -> Counters {
        let counters = self.balancer.drain(Duration::ZERO);
        stage::check_books(&counters);
        let by_reason: u64 = counters.retried.iter().sum();
        assert_eq!(counters.retries, by_reason, "{counters:?}");
        counters
    }
}

#[test]
fn another_server_answers_and_the_client_learns_nothing_of_the_first() {
    for (request, body) in [(GET, ""), (PUT, "hi")] {
        let scene = Scene::new(|_| {});
        let mut client = scene.ask(request);
        let mut first = scene.asked(0, body);
        first.sends(BUSY);
        let mut second = scene.asked(1, body);
        second.sends(OK);
        client.sees(OK);
        // All of the first answer had come: its connection takes another request, too.
        for server in [&mut second, &mut first] {
            client.sends(GET);
            server.reads_head();
            server.sends(OK);
            client.sees(OK);
        }
        drop(client);
        let counters = scene.end();
        assert_eq!((counters.retries, counters.retried[RetryReason::Status as usize]), (1, 1), "{counters:?}");
        assert_eq!((counters.responses, counters.pooled, counters.failed_total()), (3, 2, 0), "{counters:?}");
    }
}

/// Who may not be sent again, and who has nobody else to go to.
#[test]
fn where_nobody_else_may_be_asked_the_answer_is_passed_on() {
    let alone = |settings: &mut Settings| settings.backend_sets[0].servers.truncate(1);
    let never = |settings: &mut Settings| settings.backend_sets[0].retries_max = 0;
    let other_status = |settings: &mut Settings| settings.backend_sets[0].retry_on = [502].into_iter().collect();
    type Change<'c> = &'c dyn Fn(&mut Settings);
    let cases: [(&str, &str, Change<'_>); 4] =
        [(GET, "", &alone), (GET, "", &never), (GET, "", &other_status), (POST, "hi", &|_| {})];
    for (request, body, change) in cases {
        let scene = Scene::new(change);
        let mut client = scene.ask(request);
        scene.asked(0, body).sends(BUSY);
        client.sees(BUSY);
        drop(client);
        let counters = scene.end();
        assert_eq!((counters.retries, counters.responses, counters.statuses[4]), (0, 1, 1), "{counters:?}");
    }
}

/// Both say the same: the last answer is the client's, and nobody is asked for ever.
#[test]
fn the_last_answer_is_passed_on() {
    let scene = Scene::new(|_| {});
    let mut client = scene.ask(GET);
    let mut first = scene.asked(0, "");
    first.sends(BUSY);
    scene.asked(1, "").sends(BUSY);
    first.reads_head();
    first.sends(BUSY);
    client.sees(BUSY);
    drop(client);
    let counters = scene.end();
    assert_eq!((counters.retries, counters.responses, counters.pooled), (2, 1, 1), "{counters:?}");
}

/// What is still to come of an answer that nobody wants is not waited for.
#[test]
fn an_answer_that_goes_on_is_cut_off() {
    let scene = Scene::new(|_| {});
    let mut client = scene.ask(GET);
    let mut first = scene.asked(0, "");
    first.sends("HTTP/1.1 503 Service Unavailable\nContent-Length: 1000000\n\nbusy");
    scene.asked(1, "").sends(OK);
    client.sees(OK);
    assert!(!first.next_head(), "its connection is closed");
    drop(client);
    let counters = scene.end();
    assert_eq!(counters.server_reasons[CloseReason::AskedElsewhere as usize], 1, "{counters:?}");
}

/// Servers that are replaced take nothing of the budget with them: what was asked of them was asked of the set.
#[test]
fn a_budget_outlives_the_servers_it_was_earned_at() {
    let all = RetryBudget { percent: 20, per_second: 0 };
    let mut scene = Scene::new(|settings| {
        settings.backend_sets[0].retry_budget = Some(all);
        settings.backend_sets[0].servers.truncate(1);
    });
    let mut client = scene.ask(GET);
    let mut server = scene.asked(0, "");
    for _ in 0..9 {
        server.sends(OK);
        client.sees(OK);
        client.sends(GET);
        server.reads_head();
    }
    server.sends(OK);
    client.sees(OK);
    // Ten requests pay for two repetitions, at whoever is here by then.
    for _ in 0..2 {
        let origins = [stage::listener(), stage::listener()];
        let mut settings = stage::settings(&[0, 1].map(|at| stage::address(&origins[at])));
        let set = &mut settings.backend_sets[0];
        (set.retry_on, set.retry_budget) = ([503].into_iter().collect(), Some(all));
        settings.listeners[0].binds = vec![scene.balancer.addresses()[0].into()];
        scene.balancer.apply(&settings).expect("it is good");
        scene.origins = origins;
        client.sends(GET);
        let mut first = scene.either_is_asked();
        first.reads_head();
        first.sends(BUSY);
        let mut other = scene.either_is_asked();
        other.reads_head();
        other.sends(OK);
        client.sees(OK);
    }
    drop(client);
    let counters = scene.end();
    assert_eq!((counters.retries, counters.retry_budget_spent), (2, 0), "{counters:?}");
}

/// A server in distress is not asked twice as much: what the budget does not pay for is passed on as it is.
#[test]
fn where_the_budget_is_spent_answers_are_passed_on() {
    let scene = Scene::new(|settings| {
        let set = &mut settings.backend_sets[0];
        (set.retry_budget, set.retries_max) = (Some(RetryBudget { percent: 90, per_second: 0 }), 1);
    });
    let mut client = scene.ask(GET);
    // One request does not pay for a repetition, two do.
    let mut first = scene.asked(0, "");
    first.sends(BUSY);
    client.sees(BUSY);
    client.sends(GET);
    scene.asked(1, "").sends(BUSY);
    first.reads_head();
    first.sends(OK);
    client.sees(OK);
    drop(client);
    let counters = scene.end();
    assert_eq!((counters.retries, counters.retry_budget_spent, counters.responses), (1, 1, 2), "{counters:?}");
}
