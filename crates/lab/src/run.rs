//! Runs experiments one after the other and hands out their outcomes.

use crate::catalogue::{catalogue, find};
use crate::cliff::{self, Chooser};
use crate::cliff_verdict;
use crate::error::LabError;
use crate::experiment::{Experiment, Method, Scale, Traffic};
use crate::nat::{self, scene::NatScene};
use crate::outcome::{Outcome, Seen, Verdict};
use crate::stage::{Stage, host_scale};
use crate::traffic;
use crate::verdict::{self, Judgement};
use std::path::{Path, PathBuf};
use sys::netns::{self, Forbidden};

/// Fewest ports `--ports` takes.
pub const PORTS_MIN: u16 = 8;
/// Most ports `--ports` takes: every phase has to be over before the first TIME_WAIT entry ends after
/// 60 s, and near exhaustion a connect takes milliseconds in a large range.
pub const PORTS_MAX: u16 = 8_000;
/// Ports where none are asked for: few, so that a run is short.
pub const PORTS_DEFAULT: u16 = 300;
/// Fewest ports of the port cliff: in a smaller range the scan is too short to be seen.
pub const CLIFF_PORTS_MIN: u16 = 4_000;

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of the client's port range, [`PORTS_MIN`] to [`PORTS_MAX`].
    pub ports: u16,
    /// Where to run.
    pub isolation: Isolation,
    /// Folder for what our gateway carried, a pcap file for each experiment with one.
    pub pcap: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self { ports: PORTS_DEFAULT, isolation: Isolation::Auto, pcap: None }
    }
}

/// Where to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// In private namespaces, on the loopback where they are forbidden.
    Auto,
    /// On the loopback, as if namespaces were forbidden.
    Loopback,
}

/// What a run tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// Private namespaces cannot be had; said once, before everything else.
    NoNamespaces(&'a Forbidden),
    /// An experiment starts.
    Started {
        /// Which.
        experiment: &'static Experiment,
        /// Its number, from 1.
        at: usize,
        /// Of how many.
        of: usize,
    },
    /// An experiment is over.
    Finished(&'a Outcome),
}

/// Finds the experiments of these names, in the order of the catalogue; all of them where no name is given.
///
/// # Errors
/// A name that is not in the catalogue.
pub fn select(names: &[String]) -> Result<Vec<&'static Experiment>, LabError> {
    if let Some(unknown) = names.iter().find(|name| find(name).is_none()) {
        return Err(LabError::Unknown(unknown.clone()));
    }
    let wanted = |experiment: &&Experiment| names.is_empty() || names.iter().any(|name| name == experiment.name);
    Ok(catalogue().iter().filter(wanted).collect())
}

/// Runs the named experiments (all where `names` is empty).
///
/// Call it while the process has one thread: without root, private namespaces are to be had only then.
/// The process stays in its private namespace afterwards.
///
/// # Errors
/// An unknown name, or a wrong number of ports. What goes wrong in an experiment is in its outcome.
pub fn run(
    names: &[String],
    options: &Options,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Outcome>, LabError> {
    let selected = select(names)?;
    check_ports(options.ports)?;
    if let Some(folder) = &options.pcap {
        std::fs::create_dir_all(folder).map_err(|reason| LabError::Pcap { path: folder.clone(), reason })?;
    }
    let forbidden = match options.isolation {
        Isolation::Auto => netns::enter_private().err(),
        Isolation::Loopback => Some(Forbidden::NotAsked),
    };
    if let Some(why) = &forbidden {
        progress(Progress::NoNamespaces(why));
    }
    let mut outcomes = Vec::with_capacity(selected.len());
    for (at, experiment) in selected.iter().enumerate() {
        progress(Progress::Started { experiment, at: at + 1, of: selected.len() });
        let outcome = run_one(experiment, options, forbidden.as_ref());
        progress(Progress::Finished(&outcome));
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn check_ports(ports: u16) -> Result<(), LabError> {
    if (PORTS_MIN..=PORTS_MAX).contains(&ports) {
        return Ok(());
    }
    Err(LabError::Ports { ports, min: PORTS_MIN, max: PORTS_MAX })
}

/// A part of an outcome: what was expected, what was seen, and the judgement on it.
struct Finding {
    expected: String,
    seen: Option<Seen>,
    judgement: Judgement,
}

impl Finding {
    fn cannot(expected: String, why: &LabError) -> Self {
        let judgement = Judgement { verdict: Verdict::CannotRun, why: why.to_string() };
        Self { expected, seen: None, judgement }
    }
}

fn run_one(experiment: &'static Experiment, options: &Options, forbidden: Option<&Forbidden>) -> Outcome {
    let ports = options.ports;
    let finding = match experiment.method {
        Method::Traffic(traffic) => run_traffic(&traffic, ports, forbidden),
        Method::Cliff => run_cliff(ports.max(CLIFF_PORTS_MIN), forbidden),
        Method::Nat(scene) => {
            let file = options.pcap.as_ref().map(|folder| folder.join(format!("{}.pcap", experiment.name)));
            run_nat(&scene, file.as_deref(), forbidden)
        }
        Method::Recycle => run_recycle(),
    };
    Outcome {
        name: experiment.name,
        claim: format!("{} (guide: {})", experiment.claim, experiment.guide),
        expected: finding.expected,
        seen: finding.seen,
        verdict: finding.judgement.verdict,
        why: finding.judgement.why,
    }
}

fn run_traffic(traffic: &Traffic, ports: u16, forbidden: Option<&Forbidden>) -> Finding {
    let scale = match forbidden {
        None => Scale::for_ports(ports),
        Some(_) => match host_scale(ports) {
            Ok(scale) => scale,
            Err(why) => return Finding::cannot(String::new(), &why),
        },
    };
    let expected = verdict::expected_text(traffic.phases, scale);
    let stage = match forbidden {
        None => Stage::private(scale),
        Some(why) => Ok(Stage::Loopback { why: why.clone() }),
    };
    match stage.and_then(|stage| traffic::play(traffic, &stage, scale)) {
        Err(why) => Finding::cannot(expected, &why),
        Ok(played) => {
            let mut judgement = verdict::judge(traffic.phases, &played.phases, scale);
            note_left_out(&mut judgement, &played.left_out);
            Finding { expected, seen: Some(played.seen), judgement }
        }
    }
}

fn run_cliff(ports: u16, forbidden: Option<&Forbidden>) -> Finding {
    let expected = format!("{ports} ports: {}", cliff_verdict::expected_text());
    let measured = match forbidden {
        Some(why) => Err(LabError::NotIsolated(format!(
            "with IP_LOCAL_PORT_RANGE the kernel searches in another way, and no namespace can be made: {why}"
        ))),
        None => measure_both(Scale::for_ports(ports)),
    };
    match measured {
        Err(why) => Finding::cannot(expected, &why),
        Ok((kernel, own)) => {
            let own_failed = own.tried - own.succeeded;
            let too_slow = cliff_verdict::too_slow(kernel.succeeded, kernel.client_time_wait);
            let judge = || cliff_verdict::judge(&kernel.connect_times, &own.connect_times, own_failed);
            let judgement = too_slow.unwrap_or_else(judge);
            let seen = Seen::of_phases(vec![kernel, own]);
            Finding { expected, seen: Some(seen), judgement }
        }
    }
}

fn run_nat(scene: &NatScene, pcap: Option<&Path>, forbidden: Option<&Forbidden>) -> Finding {
    let expected = nat::verdict::expected_text(scene);
    let played = match forbidden {
        Some(why) => Err(LabError::NotIsolated(format!(
            "a gateway needs cables between namespaces, and no namespace can be made: {why}"
        ))),
        None => nat::play(scene, pcap),
    };
    match played {
        Err(why) => Finding::cannot(expected, &why),
        Ok(played) => {
            let mut judgement = nat::verdict::judge(scene, &played.facts);
            note_left_out(&mut judgement, &played.left_out);
            Finding { expected, seen: Some(played.seen), judgement }
        }
    }
}

fn run_recycle() -> Finding {
    let judgement = Judgement { verdict: Verdict::CannotRun, why: nat::recycle::why_not() };
    Finding { expected: nat::recycle::predicted(), seen: None, judgement }
}

fn note_left_out(judgement: &mut Judgement, left_out: &[String]) {
    if !left_out.is_empty() {
        judgement.why += &format!("; not isolated here: {}", left_out.join(", "));
    }
}

/// The kernel's choice, then own ports, each in namespaces of its own.
fn measure_both(scale: Scale) -> Result<(Seen, Seen), LabError> {
    Ok((cliff::measure(scale, Chooser::Kernel)?, cliff::measure(scale, Chooser::Own)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_select_in_the_order_of_the_catalogue() {
        let names = ["reset".to_owned(), "problem".to_owned()];
        let selected: Vec<&str> = select(&names).expect("known").iter().map(|one| one.name).collect();
        assert_eq!(selected, ["problem", "reset"]);
        assert_eq!(select(&[]).expect("all").len(), catalogue().len());
    }

    #[test]
    fn an_unknown_name_is_told_what_is_meant_or_where_the_known_ones_are() {
        let error = |name: &str| select(&[name.to_owned()]).expect_err("unknown").to_string();
        let near = error("problme");
        assert!(near.contains("\"problme\"") && near.contains("did you mean problem?"), "{near}");
        let far = error("xyzzy");
        assert!(far.contains("xyzzy") && far.contains("port-cliff") && !far.contains("did you mean"), "{far}");
    }

    #[test]
    fn a_wrong_number_of_ports_is_refused_with_the_bounds() {
        let options = Options { ports: 3, ..Options::default() };
        let error = run(&[], &options, &mut |_| {}).expect_err("too few").to_string();
        assert_eq!(error, "3 ports are too few: use 8 to 8000");
    }
}
