//! Listening sockets made by one and adopted by others.

use super::*;
use reactor::{ListenError, Listening};

fn plan() -> ListenPlan {
    ListenPlan::new(server_address())
}

/// A network whose server's socket was bound, and that nobody accepts from.
struct Hall {
    net: SimNet,
    client: SimReactor,
    workers: [SimReactor; 2],
    sockets: Vec<Listening>,
}

impl Hall {
    fn new(sockets: usize) -> Self {
        let net = SimNet::new(Rng::new(1), calm());
        let client = net.host(&[CLIENT], HostConfig::default());
        let first = net.host(&[SERVER], HostConfig::default());
        let workers = [first.sibling(), first];
        let sockets = workers[0].bind_listeners(&plan(), sockets).expect("nobody listens there");
        Self { net, client, workers, sockets }
    }

    fn connect(&mut self, count: usize) {
        for _ in 0..count {
            self.client.connect(&ConnectPlan::to(server_address()), Outgoing::default()).expect("a port is free");
        }
        let at = self.net.now() + Duration::from_millis(10);
        self.net.0.borrow_mut().advance_to(at);
    }

    /// Connects that succeeded and failed since the last look.
    fn outcomes(&mut self) -> (usize, usize) {
        let ends = std::iter::from_fn(|| self.client.poll_completion()).map(|completion| match completion {
            Completion::Connected { result, .. } => result.is_ok(),
            Completion::Received { .. } => true,
            other => panic!("{other:?}"),
        });
        let (stood, failed): (Vec<bool>, Vec<bool>) = ends.partition(|stood| *stood);
        (stood.len(), failed.len())
    }

    fn accepted(&mut self) -> [usize; 2] {
        self.workers.each_mut().map(|io| {
            let accepted = |completion: &Completion| matches!(completion, Completion::Accepted { .. });
            std::iter::from_fn(|| io.poll_completion()).filter(accepted).count()
        })
    }

    fn adopt(&mut self, worker: usize, socket: usize) -> ListenerId {
        let id = self.workers[worker].adopt_listener(self.sockets[socket].clone()).expect("adopted");
        assert_eq!(self.workers[worker].listener_address(id), Some(server_address()));
        id
    }
}

#[test]
fn nobody_is_refused_from_listen_on_whoever_adopts_and_lets_go() {
    let mut hall = Hall::new(1);
    hall.connect(3);
    assert_eq!((hall.outcomes(), hall.accepted()), ((3, 0), [0, 0]));
    let id = hall.adopt(0, 0);
    assert_eq!(hall.accepted(), [3, 0]);
    hall.workers[0].close_listener(id);
    assert_eq!(hall.workers[0].listener_address(id), None);
    hall.connect(2);
    assert_eq!((hall.outcomes(), hall.accepted()), ((2, 0), [0, 0]));
    hall.adopt(1, 0);
    assert_eq!(hall.accepted(), [0, 2]);
}

#[test]
fn the_socket_closes_with_the_last_who_holds_it() {
    let mut hall = Hall::new(1);
    let id = hall.adopt(0, 0);
    hall.sockets.clear();
    hall.connect(1);
    assert_eq!((hall.outcomes(), hall.accepted()), ((1, 0), [1, 0]));
    hall.workers[0].set_accepting(id, false);
    hall.connect(1);
    assert_eq!(hall.outcomes(), (1, 0));
    hall.workers[0].close_listener(id);
    hall.connect(1);
    assert_eq!(hall.outcomes(), (0, 1), "refused; the one that waited is reset");
    assert_eq!(hall.net.0.borrow().flows.len(), 2, "the accepted one, and the client's half of the one that waited");
}

#[test]
fn a_socket_that_nobody_ever_adopted_closes_with_its_owner() {
    let mut hall = Hall::new(2);
    hall.connect(4);
    assert_eq!(hall.outcomes(), (4, 0));
    hall.sockets.clear();
    hall.connect(1);
    assert_eq!(hall.outcomes(), (0, 1));
}

#[test]
fn workers_share_an_address_or_a_socket() {
    let mut hall = Hall::new(2);
    hall.adopt(0, 0);
    hall.adopt(1, 1);
    hall.connect(20);
    assert_eq!((hall.outcomes(), hall.accepted()), ((20, 0), [10, 10]));
    let mut hall = Hall::new(1);
    hall.adopt(0, 0);
    hall.adopt(1, 0);
    hall.connect(100);
    let [first, second] = hall.accepted();
    assert!(first + second == 100 && first > 20 && second > 20, "{first} + {second}");
}

#[test]
fn an_address_where_somebody_listens_is_refused_however_they_share() {
    let hall = Hall::new(2);
    let in_use = |result: Result<_, ListenError>| result.map(|_: Vec<Listening>| ()).map_err(|why| why.fault.errno);
    assert_eq!(in_use(hall.workers[1].bind_listeners(&plan(), 1)), Err(98));
    let alone = ListenPlan { reuse_port: false, ..plan() };
    let mut other = hall.workers;
    assert_eq!(other[1].listen(&alone).map_err(|fault| fault.errno), Err(98));
    assert!(other[1].listen(&plan()).is_ok(), "one who shares may share");
    let elsewhere = ListenPlan::new("10.9.9.9:80".parse::<std::net::SocketAddr>().expect("an address"));
    assert_eq!(in_use(other[0].bind_listeners(&elsewhere, 1)), Err(99));
}

#[test]
fn a_socket_of_another_host_cannot_be_adopted() {
    let mut hall = Hall::new(1);
    let theirs = hall.sockets[0].clone();
    assert!(hall.client.adopt_listener(theirs).is_err());
}
