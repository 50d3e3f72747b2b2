//! One scene in fair weather: these settings, these sessions, one after the other.

use super::client::{ScriptedClient, Tally};
use super::origin::ScriptedOrigin;
use super::plan::{Expect, Request, Session};
use super::script::Act;
use super::world::{BALANCER, Balancer, CLIENT, ORIGINS, player};
use balancer_core::{BackendSetSettings, Counters, ListenerSettings, ServerSettings, Settings};
use reactor::{App, Close};
use reactor_sim::{Goal, HostConfig, Limits, SimNet, SimReactor, Weather, run_until};
use seed::Rng;
use std::net::SocketAddr;
use std::time::Duration;

/// A listener in front of both origins, defaults otherwise.
pub(crate) fn usual() -> Settings {
    let listener = ListenerSettings::new("web", SocketAddr::new(BALANCER, 80), 0);
    let servers = ORIGINS.map(|ip| ServerSettings::new(SocketAddr::new(ip, 8080)));
    Settings { listeners: vec![listener], backend_sets: vec![BackendSetSettings::new("app", servers.to_vec())] }
}

/// One request, of which this must come, sent in these pieces with a pause before each but the first.
pub(crate) fn session(method: &'static str, pieces: &[&[u8]], pause: Duration, expect: Expect) -> Session {
    let what = String::from_utf8_lossy(pieces[0]).into_owned();
    let mut acts = vec![Act::Send(pieces[0].to_vec())];
    acts.extend(pieces[1..].iter().flat_map(|piece| [Act::Pause(pause), Act::Send(piece.to_vec())]));
    acts.extend([Act::AwaitResponses(1), Act::Close(Close::Discard)]);
    Session { requests: vec![Request { method, what, may_close: true, expect }], acts, read_pause: None }
}

/// Plays it; what the balancer counted, and what its client saw.
pub(crate) fn play_scene(settings: &Settings, sessions: Vec<Session>) -> (Counters, Tally) {
    let mut rng = Rng::new(1);
    let weather = Weather::fair(&mut rng);
    let net = SimNet::new(rng.fork(), weather);
    let mut client_io = net.host(&[CLIENT], HostConfig::default());
    let mut balancer = Balancer::new(settings, net.host(&[BALANCER], HostConfig::default()));
    let mut ios = ORIGINS.map(|ip| net.host(&[ip], HostConfig::default()));
    let mut client = ScriptedClient::new(SocketAddr::new(BALANCER, 80), sessions, 1, true);
    let mut origins = ORIGINS.map(|ip| ScriptedOrigin::new(SocketAddr::new(ip, 8080), rng.fork()));
    let mut play_until = |balancer: &mut Balancer, goal| -> bool {
        let ([io_a, io_b], [origin_a, origin_b]) = (&mut ios, &mut origins);
        let mut players = [
            player("client", &mut client, &mut client_io),
            player("balancer", &mut balancer.worker, &mut balancer.io),
            player("origin a", origin_a, io_a),
            player("origin b", origin_b, io_b),
        ];
        run_until(&net, &mut players, Limits::default(), goal).expect("the scene goes on");
        App::<SimReactor>::is_done(&client)
    };
    // Passwords are compared now and then, by nobody else.
    while !play_until(&mut balancer, Goal::Time(net.now() + Duration::from_millis(10))) {
        balancer.boards.compare_passwords();
        balancer.io.wake();
    }
    balancer.drain(Duration::from_secs(10));
    play_until(&mut balancer, Goal::Done(1));
    play_until(&mut balancer, Goal::Time(net.now() + Duration::from_secs(130)));
    ios.iter().for_each(SimReactor::wake);
    let wrong: Vec<String> = origins.iter().flat_map(|origin| origin.wrong.clone()).collect();
    let tally = client.tally.clone();
    assert!(wrong.is_empty() && tally.wrong.is_empty(), "{wrong:?} {:?}", tally.wrong);
    (balancer.into_counters(), tally)
}
