//! Applications on threads of their own: started or refused, ordered about, asked, ended.

use ports::{Fault, FaultKind};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Completion, Inbox, Mail, Place, Reply, Running, SpawnError, Starting, spawn};
use std::time::Duration;
use testkit::PATIENCE;

/// What a [`Counter`] does when told to.
enum Order {
    Add(u32),
    Sum(Reply<u32>),
    Stop,
}

/// Adds up what it is told; ends when told, or when nobody will tell it anything any more.
struct Counter {
    inbox: Inbox<Order>,
    sum: u32,
    done: bool,
}

impl App<EpollReactor> for Counter {
    fn start(&mut self, _: &mut EpollReactor) -> Result<(), Fault> {
        Ok(())
    }

    fn handle_completion(&mut self, completion: Completion, _: &mut EpollReactor) {
        assert!(matches!(completion, Completion::Woken));
        while let Some(mail) = self.inbox.poll() {
            match mail {
                Mail::Order(Order::Add(number)) => self.sum += number,
                Mail::Order(Order::Sum(reply)) => reply.send(self.sum),
                Mail::Order(Order::Stop) | Mail::Closed => self.done = true,
            }
        }
    }

    fn handle_time(&mut self, _: &mut EpollReactor) {}

    fn poll_deadline(&self) -> Option<Duration> {
        None
    }

    fn is_done(&self) -> bool {
        self.done
    }
}

fn starting(first: u32, core: Option<usize>) -> Starting<Order, u32, u32> {
    let place = Place { name: format!("counter-{first}"), core, ..Place::default() };
    let start = move |inbox, _: &mut EpollReactor| Ok((Counter { inbox, sum: first, done: false }, first));
    spawn(place, start, |app, _| app.sum).expect("a thread")
}

fn running(first: u32) -> Running<Order, u32> {
    let (running, told) = starting(first, None).wait().expect("it starts");
    assert_eq!(told, first);
    running
}

fn sum_of(running: &Running<Order, u32>) -> u32 {
    running.outbox().ask(Order::Sum).expect("it listens").wait(PATIENCE).expect("an answer")
}

#[test]
fn orders_arrive_in_a_loop_that_sleeps_and_answers_come_back() {
    let counter = running(0);
    for number in 1..=10 {
        counter.outbox().post(Order::Add(number)).expect("it keeps up");
        assert_eq!(sum_of(&counter), (1..=number).sum());
    }
    counter.outbox().post(Order::Stop).expect("it keeps up");
    assert_eq!(counter.join(), 55);
}

#[test]
fn many_start_together_pinned_or_not_and_end_together() {
    let starting: Vec<_> = (0..5).map(|first| starting(first, (first % 2 == 0).then_some(first as usize))).collect();
    let all: Vec<_> = starting.into_iter().map(|one| one.wait().expect("it starts").0).collect();
    assert_eq!(all.iter().map(sum_of).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(all.into_iter().map(Running::end).sum::<u32>(), 10);
}

#[test]
fn dropping_it_ends_it_while_others_still_hold_its_outbox() {
    let counter = running(1);
    let outbox = counter.outbox().clone();
    drop(counter);
    assert!(outbox.post(Order::Add(1)).is_err());
    drop(starting(2, None));
}

#[test]
fn an_application_that_cannot_start_says_why() {
    let refuse = |_: Inbox<Order>, _: &mut EpollReactor| -> Result<(Counter, ()), Fault> {
        Err(Fault::of(FaultKind::Permission))
    };
    let refused = spawn(Place::default(), refuse, |app, _| app.sum).expect("a thread").wait();
    assert!(matches!(refused, Err(SpawnError::App(fault)) if fault.kind == FaultKind::Permission));
}

#[test]
#[should_panic(expected = "a bug in start")]
fn a_panic_before_the_start_reaches_the_starter() {
    let panics = |_: Inbox<Order>, _: &mut EpollReactor| -> Result<(Counter, ()), Fault> { panic!("a bug in start") };
    let place = Place { reactor: EpollConfig::default(), ..Place::default() };
    drop(spawn(place, panics, |app, _| app.sum).expect("a thread").wait());
}
