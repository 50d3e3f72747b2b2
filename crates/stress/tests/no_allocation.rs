//! Nothing is allocated per request or per connection once a run is warm, whatever the close policy.

#[allow(dead_code)] // the other scripts are for the test of failures
mod common;

use common::{Script, Server};
use ports::{PortRange, PortSet, SourceSet};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Inbox, Reactor, face};
use stress::{Share, Tester};
use stress_core::{ClosePolicy, PlanDraft, PortMode, RequestDraft, ScriptDraft};
use sys::alloc_count::{CountingAllocator, allocations_in};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Responses before counting starts: tables have their size then.
const WARM: u64 = 300;
/// Responses while allocations are counted.
const COUNTED: u64 = 1000;
/// Turns before a step counts as stuck.
const TURNS_MAX: usize = 200_000;

fn turn_until(tester: &mut Tester, io: &mut EpollReactor, ok: u64) {
    for _ in 0..TURNS_MAX {
        if tester.tally().ok >= ok {
            return;
        }
        let deadline = <Tester as App<EpollReactor>>::poll_deadline(tester);
        io.turn(deadline);
        face::handle_ready(tester, io);
    }
    panic!("stuck at {} responses, {} failures", tester.tally().ok, tester.tally().failed());
}

#[track_caller]
fn check(script: Script, close: ClosePolicy, own: Option<PortRange>) {
    check_requests(script, close, own, ScriptDraft::default());
}

#[track_caller]
fn check_requests(script: Script, close: ClosePolicy, own: Option<PortRange>, requests: ScriptDraft) {
    let server = Server::start(script);
    let ports = if own.is_some() { PortMode::Own } else { PortMode::Kernel };
    let draft = PlanDraft {
        connections: 4,
        requests: Some(1 << 40),
        close,
        ports,
        recycle: own.is_none() && matches!(close, ClosePolicy::Wait | ClosePolicy::Rst),
        script: requests,
        ..PlanDraft::new(server.url())
    };
    let plan = draft.check().expect("a good draft");
    let local = || vec![server.address.ip()];
    let whole = Share::whole(&plan, server.address);
    let own_ports = |range| SourceSet::Own(PortSet::new(local(), range).expect("a good set"));
    let share = Share { sources: own.map_or(whole.sources.clone(), own_ports), ..whole };
    let mut tester = Tester::new(&plan, share, Inbox::silent());
    let config = EpollConfig { reuses_sockets: plan.recycle, greets_late: true, ..EpollConfig::default() };
    let mut io = EpollReactor::new(config).expect("an event loop");
    tester.start(&mut io).expect("started");
    // As many buffers as could ever be in use at once: when they are needed is up to the server's timing.
    drop((0..16).map(|_| io.take_buf()).collect::<Vec<_>>());
    turn_until(&mut tester, &mut io, WARM);
    let ((), allocations) = allocations_in(|| turn_until(&mut tester, &mut io, WARM + COUNTED));
    assert_eq!((allocations, tester.tally().failed()), (0, 0), "{script:?} {close:?} {own:?}");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations_in(|| vec![0u8; 100]).1, 1);
}

#[test]
fn a_warm_run_allocates_nothing() {
    for script in [Script::Polite, Script::Chunked] {
        for close in ClosePolicy::ALL {
            check(script, close, None);
        }
    }
    let range = PortRange::new(22_000, 22_063).expect("a good range");
    check(Script::Polite, ClosePolicy::Fin, Some(range));
}

/// Few have buffers of their own, many are written one by one, and so is what has variables.
#[test]
fn which_of_several_requests_is_next_allocates_nothing() {
    for count in [3u32, 500] {
        let request = |at: u32| RequestDraft { weight: 1 + at % 3, ..RequestDraft::new(format!("/{at}")) };
        let requests = ScriptDraft { requests: (0..count).map(request).collect(), ..ScriptDraft::default() };
        for close in [ClosePolicy::Keep, ClosePolicy::Fin] {
            check_requests(Script::Polite, close, None, requests.clone());
        }
    }
    let headers = vec!["X-Id: {{uuid}}".into()];
    let variables =
        RequestDraft { headers, body: b"{{counter}} {{string 20}}".to_vec(), ..RequestDraft::new("/{{random 1 9}}") };
    let requests = ScriptDraft { requests: vec![variables], ..ScriptDraft::default() };
    check_requests(Script::Polite, ClosePolicy::Keep, None, requests);
}
