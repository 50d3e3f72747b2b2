//! The `target.` lines of a case.

use doctor_core::TargetFacts;
use doctor_core::target::{ClosedBy, Closing, Failed, Handshake, KeepAlive, Probe, Response, ReuseTry, Speaks};

/// A target at which no rule finds anything.
pub(crate) fn good() -> TargetFacts {
    let end = |by, after_ms| Closing { by, response: Response::Whole, status: Some(200), after_ms, then_reset: false };
    let closed = |probe| match probe {
        Probe::Idle => (probe, end(ClosedBy::StaysOpen, 2000)),
        _ => (probe, end(ClosedBy::ServerFin, 0)),
    };
    TargetFacts {
        url: "http://10.0.0.1/".to_owned(),
        address: Some(([10, 0, 0, 1], 80).into()),
        unreachable: None,
        failed: None,
        speaks: None,
        dead: Vec::new(),
        handshake: Handshake {
            timestamps: true,
            sack: true,
            window_scale: Some((7, 7)),
            connects: 8,
            connect_us_median: Some(300),
            connect_us_max: Some(900),
            syn_retransmits: 0,
        },
        closings: Probe::ALL.map(closed).to_vec(),
        keep_alive: KeepAlive { asked: 8, served: 8, announced: None },
        after_our_close: Some(ReuseTry::Connected { connect_us: 300, syn_retransmits: 0 }),
        after_server_close: Some(ReuseTry::Connected { connect_us: 300, syn_retransmits: 0 }),
        connections: 12,
    }
}

pub(crate) fn read(target: &mut TargetFacts, key: &str, value: &str) -> Option<()> {
    match key {
        "timestamps" => target.handshake.timestamps = value == "yes",
        "unreachable" => target.unreachable = Some(value.to_owned()),
        "failed" => target.failed = Failed::from_name(value),
        "speaks" => target.speaks = Some(Speaks::from_name(value)?),
        "dead" => {
            let (address, why) = value.split_once(' ')?;
            target.dead.push((address.parse().ok()?, why.to_owned()));
        }
        "announced" => target.keep_alive.announced = Some(value.to_owned()),
        "statuses" => {
            let status = value.parse().ok();
            target.closings.iter_mut().for_each(|(_, closing)| closing.status = status);
        }
        "address" => target.address = Some(value.parse().ok()?),
        "connect" => {
            let mut numbers = value.split(' ').map(|word| word.trim_start_matches('+').parse::<u64>());
            target.handshake.connect_us_median = Some(numbers.next()?.ok()?);
            target.handshake.connect_us_max = Some(numbers.next()?.ok()?);
            target.handshake.syn_retransmits = numbers.next()?.ok()? as u32;
        }
        "keep-alive" => {
            let (served, asked) = value.split_once('/')?;
            target.keep_alive = KeepAlive { asked: asked.parse().ok()?, served: served.parse().ok()?, announced: None };
        }
        "after-our-close" => target.after_our_close = Some(reuse(value)?),
        "after-server-close" => target.after_server_close = Some(reuse(value)?),
        probe => {
            let probe = *Probe::ALL.iter().find(|known| known.name() == probe)?;
            target.closings.retain(|(known, _)| *known != probe);
            target.closings.push((probe, closing(value)?));
        }
    }
    Some(())
}

/// `server_fin whole 200 3`, or `server_fin+rst whole 200 3`
fn closing(value: &str) -> Option<Closing> {
    let words: Vec<&str> = value.split(' ').collect();
    let [by, response, status, after_ms] = words[..] else { return None };
    let (by, then_reset) = by.strip_suffix("+rst").map_or((by, false), |by| (by, true));
    let bys = [ClosedBy::ServerFin, ClosedBy::ClientFin, ClosedBy::Rst, ClosedBy::StaysOpen, ClosedBy::NotSeen];
    let responses = [Response::Whole, Response::Cut, Response::Nothing];
    Some(Closing {
        by: *bys.iter().find(|known| known.name() == by)?,
        response: *responses.iter().find(|known| known.name() == response)?,
        status: status.parse().ok(),
        after_ms: after_ms.parse().ok()?,
        then_reset,
    })
}

/// `refused 99`, `timed-out`, or `US +SYNS`
fn reuse(value: &str) -> Option<ReuseTry> {
    if value == "timed-out" {
        return Some(ReuseTry::TimedOut);
    }
    if let Some(errno) = value.strip_prefix("refused ") {
        return Some(ReuseTry::Refused { errno: errno.parse().ok()? });
    }
    let (connect_us, again) = value.split_once(" +")?;
    Some(ReuseTry::Connected { connect_us: connect_us.parse().ok()?, syn_retransmits: again.parse().ok()? })
}
