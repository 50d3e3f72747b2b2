//! Picks by a key: the same one goes to the same server, and yet nobody is overrun.

use super::*;

#[test]
fn a_key_goes_to_the_same_server_whichever_worker_is_asked() {
    let weights = [1, 2, 3, 1];
    let field = Stands::well(4);
    let all = |worker| {
        let mut selection = by(Balance::Hash, &weights, worker);
        (0..500).filter_map(|key| selection.picked(Ask { not: None, key: Some(key) }, &field)).collect::<Vec<_>>()
    };
    assert_eq!(all(0), all(1));
    // Nor does the order of servers in the configuration matter.
    let names = ["a:1", "b:1", "c:1"];
    let build = |order: [usize; 3]| Maglev::build(order.iter().map(|at| (names[*at].as_bytes(), *at as u32 + 1)));
    let (one, other) = (build([0, 1, 2]), build([2, 0, 1]));
    for key in (0..1000).map(|key| key::mix(key, 1)) {
        assert_eq!(one.server(key), other.server(key).map(|at| [2, 0, 1][at]));
    }
}

/// When a server leaves, its keys are divided among the others; of the others' keys few move. When it is aside, none does.
#[test]
fn few_keys_move_when_a_server_leaves() {
    for servers in [3usize, 10, 60] {
        let weights = vec![1; servers];
        let (before, after) = (table(&weights), table(&weights[..servers - 1]));
        let keys = || (0..20_000).map(|key| key::mix(key, 3));
        let stays = keys().filter(|key| before.server(*key) != Some(servers - 1));
        let moved = stays.filter(|key| before.server(*key) != after.server(*key)).count();
        assert!(moved < 20_000 / 20, "{servers} servers: {moved} of 20,000 keys moved");
        let mut selection = by(Balance::Hash, &weights, 0);
        let (mut well, mut aside) = (Stands::well(servers), Stands::well(servers));
        (well.in_flight, aside.in_flight) = (vec![10; servers], vec![10; servers]);
        aside.standings[servers - 1] = Aside;
        for key in keys().take(2000) {
            let ask = Ask { not: None, key: Some(key) };
            let picked = selection.picked(ask, &well).expect("somebody").server;
            let then = selection.picked(ask, &aside).expect("somebody").server;
            assert!(picked == servers - 1 || picked == then, "{picked} then {then}");
            assert_ne!(then, servers - 1);
        }
    }
}

/// One key that everybody asks for does not go to one server alone.
#[test]
fn a_key_that_is_all_the_rage_spreads() {
    let mut selection = by(Balance::Hash, &[1; 8], 0);
    let mut field = Stands::well(8);
    for _ in 0..800 {
        let pick = selection.picked(Ask { not: None, key: Some(5) }, &field).expect("somebody");
        field.in_flight[pick.server] += 1;
    }
    let most = field.in_flight.iter().max().expect("eight");
    assert!(*most <= 126, "a quarter more than 100: {:?}", field.in_flight);
    assert!(field.in_flight.iter().filter(|count| **count > 0).count() < 8, "no more than are needed: {field:?}");
}

/// Whoever asks for a few things at once on an idle site has them of one server, and so has whoever comes beside.
#[test]
fn the_connections_of_a_browser_have_one_server() {
    for weights in [vec![1; 3], vec![1, 3], vec![1; 50]] {
        let mut selection = by(Balance::Hash, &weights, 0);
        for client in (0..200).map(|client| key::mix(client, 9)) {
            let mut field = Stands::well(weights.len());
            let mut servers = (0..8).map(|_| {
                let pick = selection.picked(Ask { not: None, key: Some(client) }, &field).expect("somebody");
                field.in_flight[pick.server] += 1;
                pick.server
            });
            let first = servers.next().expect("eight");
            assert!(servers.all(|server| server == first), "weights {weights:?}, client {client}");
        }
    }
}

/// Few keys that are asked for by most, servers of any weight, requests that come and go at four workers: nobody has more
/// than a quarter over its share when it is given something, or next to nothing; and keys that few ask for stay at home.
#[test]
fn a_skew_is_bounded_while_requests_come_and_go() {
    testkit::sweep(replay("a_skew_is_bounded_while_requests_come_and_go"), 200, |seed| {
        let mut rng = Rng::new(seed);
        let weights: Vec<u32> = (0..rng.range(2, 12)).map(|_| rng.range(1, 6) as u32).collect();
        let mut workers: Vec<_> = (0..4).map(|number| by(Balance::Hash, &weights, number)).collect();
        let (table, sum) = (table(&weights), u64::from(weights.iter().sum::<u32>()));
        let mut field = Stands::well(weights.len());
        let mut under_way: Vec<usize> = Vec::new();
        for _ in 0..2000 {
            // Half of all requests are for the first key, a quarter for the second.
            let key = key::mix(u64::from(rng.next_u64().trailing_zeros()), 5);
            let worker = rng.index(4);
            let server = workers[worker].picked(Ask { not: None, key: Some(key) }, &field).expect("somebody").server;
            field.in_flight[server] += 1;
            under_way.push(server);
            let share = (5 * under_way.len() as u64 * u64::from(weights[server])).div_ceil(4 * sum);
            let load = u64::from(field.in_flight[server]);
            if load > share.max(8) {
                return Err(format!("{load} at {server} whose share is {share}: {field:?}, weights {weights:?}"));
            }
            let home = table.server(key::mix(key, 0)).expect("somebody");
            let left =
                u64::from(field.in_flight[home]) < (5 * under_way.len() as u64 * u64::from(weights[home])) / (4 * sum);
            if server != home && left {
                return Err(format!("{server} although {home} has room: {field:?}, weights {weights:?}"));
            }
            while under_way.len() > 200 || (!under_way.is_empty() && rng.chance(0.45)) {
                let ended = under_way.swap_remove(rng.index(under_way.len()));
                field.in_flight[ended] -= 1;
            }
        }
        Ok(())
    });
}
