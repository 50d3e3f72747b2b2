//! Rules that hold for every segment and every version, over seeds.

use seed::Rng;
use std::time::Duration;
use tcp_model::decide::TIME_WAIT_LEN;
use tcp_model::decide::clock::Flow;
use tcp_model::decide::time_wait::{Answer, Recent, Substate, TimeWait, Verdict};
use tcp_model::host::{Host, Profile};
use tcp_model::seq::{after, ahead};
use tcp_model::{Flags, Segment, Sysctls, Version};
use testkit::{Replay, sweep};

/// Seeds of each sweep.
const SEEDS: u64 = 256;
/// Segments of each seed.
const SEGMENTS: u32 = 200;

fn replay(test: &'static str) -> Replay {
    Replay { package: "tcp-model", target: "--test model", test }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

/// Near `base` mostly, anywhere sometimes.
fn near(rng: &mut Rng, base: u32) -> u32 {
    if rng.chance(0.1) { rng.next_u64() as u32 } else { base.wrapping_add(rng.range(0, 7) as u32).wrapping_sub(3) }
}

fn segment(rng: &mut Rng, seq: u32, ack: u32, tsval: u32) -> Segment {
    let (_, flags) = *rng.pick(&Flags::NAMED);
    let len = if flags.syn || flags.rst || rng.chance(0.7) { 0 } else { rng.range(1, 1400) as u16 };
    let segment = Segment::new(flags, near(rng, seq), near(rng, ack)).with_len(len);
    if rng.chance(0.7) { segment.stamped(near(rng, tsval), 0) } else { segment }
}

fn time_wait(rng: &mut Rng, now: Duration) -> TimeWait {
    let recent = Recent { val: rng.next_u64() as u32, at: now };
    TimeWait {
        substate: *rng.pick(&[Substate::FinWait2, Substate::TimeWait, Substate::TimeWait]),
        rcv_nxt: rng.next_u64() as u32,
        snd_nxt: rng.next_u64() as u32,
        rcv_wnd: rng.range(0, 100_000) as u32,
        recent: rng.chance(0.7).then_some(recent),
        since: now,
        expires: now + TIME_WAIT_LEN,
        after_fin: TIME_WAIT_LEN,
        last_ack: None,
    }
}

#[test]
fn a_time_wait_keeps_its_rules() {
    sweep(replay("a_time_wait_keeps_its_rules"), SEEDS, |seed| {
        let mut rng = Rng::new(seed);
        let version = *rng.pick(&Version::STUDIED);
        let sysctls = Sysctls { tcp_rfc1337: rng.chance(0.5), ..Sysctls::defaults(version) };
        let mut now = Duration::from_secs(100);
        let mut tw = time_wait(&mut rng, now);
        for _ in 0..SEGMENTS {
            now += Duration::from_millis(rng.range(0, 800));
            let before = tw;
            let (seq, ack, ts) = (tw.rcv_nxt, tw.snd_nxt, tw.recent.map_or(0, |recent| recent.val));
            let segment = segment(&mut rng, seq, ack, ts);
            let outcome = tw.handle_segment(version, &sysctls, &segment, now);
            time_wait_rules(&before, &tw, &segment, outcome.verdict, now)
                .map_err(|rule| format!("{version}: {segment} at {before:?}: {rule}"))?;
            if !matches!(outcome.verdict, Verdict::Stays(_)) {
                tw = time_wait(&mut rng, now);
            }
        }
        Ok::<(), String>(())
    });
}

fn time_wait_rules(
    before: &TimeWait,
    tw: &TimeWait,
    segment: &Segment,
    verdict: Verdict,
    now: Duration,
) -> Result<(), String> {
    let waiting = before.substate == Substate::TimeWait;
    let answers =
        matches!(verdict, Verdict::Stays(Answer::Ack | Answer::Reset) | Verdict::Ends(Answer::Ack | Answer::Reset));
    ensure(!(waiting && segment.flags.rst && answers), || "an RST is answered".to_owned())?;
    ensure(tw.snd_nxt == before.snd_nxt, || "our own sequence number moves".to_owned())?;
    ensure(!waiting || tw.rcv_nxt == before.rcv_nxt, || "rcv_nxt moves in TIME_WAIT".to_owned())?;
    ensure(tw.expires >= before.expires.min(now + TIME_WAIT_LEN), || "the end comes nearer".to_owned())?;
    ensure(tw.expires <= before.expires.max(now + TIME_WAIT_LEN), || "it lasts longer than 60 s".to_owned())?;
    ensure(tw.recent.is_some() == before.recent.is_some(), || "timestamps are negotiated late".to_owned())?;
    if let Verdict::TakenOver { isn } = verdict {
        ensure(waiting && segment.flags == Flags::SYN, || "taken over by something else than a SYN".to_owned())?;
        ensure(ahead(isn, tw.snd_nxt) > 65_535, || format!("the new ISN {isn} is not ahead of the old connection"))?;
        let newer = before.recent.zip(segment.timestamp).is_some_and(|(recent, ts)| after(ts.val, recent.val));
        ensure(newer || after(segment.seq, before.rcv_nxt), || "nothing about the SYN is newer".to_owned())?;
    }
    Ok(())
}

/// Whatever arrives, a host answers a segment by at most one, an RST by none but FIN_WAIT2's ACK, and keeps at most one
/// thing on a flow.
#[test]
fn a_host_answers_with_measure() {
    let flow = Flow { source: 1, destination: 2, source_port: 80, destination_port: 40_000 };
    sweep(replay("a_host_answers_with_measure"), SEEDS, |seed| {
        let mut rng = Rng::new(seed);
        let version = *rng.pick(&Version::STUDIED);
        let profile =
            Profile { version, sysctls: Sysctls::defaults(version), hz: 250, uptime: Duration::ZERO, secret: seed };
        let mut host = Host::new(profile);
        host.listen(80, 4);
        let (mut now, mut last) = (Duration::from_secs(10), Segment::syn(1000));
        for _ in 0..SEGMENTS {
            now += Duration::from_millis(rng.range(0, 300));
            host.handle_timers(now);
            while host.poll_transmit().is_some() {}
            let segment = segment(&mut rng, last.ack, last.end_seq(), 500);
            host.handle_segment(flow, &segment, now);
            let answers: Vec<Segment> =
                std::iter::from_fn(|| host.poll_transmit()).map(|(_, _, segment)| segment).collect();
            ensure(answers.len() <= 1, || format!("{version}: {segment} is answered by {answers:?}"))?;
            last = answers.first().copied().unwrap_or(last);
            ensure(host.flows().count() <= 1, || format!("{version}: two things stand on one flow"))?;
            if rng.chance(0.3)
                && let Ok(socket) = host.accept()
            {
                host.close(socket, rng.chance(0.2), now);
            }
        }
        Ok::<(), String>(())
    });
}
