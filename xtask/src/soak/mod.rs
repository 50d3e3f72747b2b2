//! `cargo xtask soak`: a balancer at half load for minutes, while everything around it changes: its configuration ten times a second,
//! the number of workers with it, its program (SIGUSR2) each second for a third of the time, certificates, what a name leads to; servers
//! are killed, started again and stopped, one of them resets, talks nonsense, closes without a word and is slow, and towards another one
//! somebody else takes all local ports. What it costs is sampled each
//! second; what clients got has to be what it counted, and nothing may leak.

mod at_work;
mod clients;
mod faulty;
mod hoarder;
mod house;
mod names;
mod record;
mod secured;

use anyhow::{Context, ensure};
use clients::Clients;
use house::House;
use record::Sample;
use secured::Secured;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const RELOAD_EVERY: Duration = Duration::from_millis(100);
const SERVER_EVERY: Duration = Duration::from_secs(4);
const CERTIFICATE_EVERY: Duration = Duration::from_secs(3);
/// Within the first third of each round; in the rest of it one process has to last.
const UPGRADE_EVERY: Duration = Duration::from_secs(1);
const ROUND: Duration = Duration::from_secs(60);
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// One request of so many may be lost: a server that was killed had its answer half sent.
const LOST_ONE_OF: u64 = 10_000;
/// A process that has reloaded its configuration very often may hold so much more than one that has not.
const GROWN_BYTES_MAX: u64 = 16 << 20;
/// Files that may be open beside those of a fresh process: connections kept to servers, and what two more workers have.
const GROWN_FILES_MAX: u64 = 64;

/// Flags of `cargo xtask soak`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SoakArgs {
    /// Minutes that it takes.
    #[arg(default_value_t = 20.0)]
    minutes: f64,
    /// Clients, each with a request every few milliseconds.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Use this program instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Record the run below bench/runs/.
    #[arg(long)]
    record: bool,
}

/// Runs it, and says what came of it.
pub(crate) fn run(args: &SoakArgs) -> anyhow::Result<()> {
    ensure!((0.05..=24.0 * 60.0).contains(&args.minutes), "{} minutes: from 0.05 to a day", args.minutes);
    let program = crate::bench::program(args.binary.as_deref())?;
    // Addresses of its own, and nobody's ports.
    sys::netns::enter_private().map_err(|why| anyhow::anyhow!("{why}"))?;
    let mut house = House::build(&program)?;
    let fresh = house.sample()?;
    let clients = Clients::start(house.address, args.clients);
    let secured = Secured::start(&program, &house.folder)?;
    let samples = disturb(&mut house, &clients, Duration::from_secs_f64(args.minutes * 60.0))?;
    let (seen, over_tls) = (clients.end(), secured.end()?);
    let counted = house.end()?;
    let said = record::summary(args.minutes, &fresh, &samples, (&seen, &over_tls), &counted);
    println!("{said}");
    if args.record {
        println!("recorded in {}", record::write(&said, &samples)?.display());
    }
    judge(&fresh, &samples, (&seen, &over_tls), &counted)
}

/// Until the time is over.
fn disturb(house: &mut House, clients: &Clients, time: Duration) -> anyhow::Result<Vec<Sample>> {
    let start = Instant::now();
    let round = ROUND.min(time);
    let server_every = SERVER_EVERY.min(time / 6);
    let due = |every: Duration| start + every;
    let (mut reload, mut server, mut upgrade, mut sample) =
        (due(RELOAD_EVERY), due(server_every), due(UPGRADE_EVERY), due(SAMPLE_EVERY));
    let mut certificate = due(CERTIFICATE_EVERY);
    let mut samples = Vec::new();
    while start.elapsed() < time {
        let now = Instant::now();
        house.hear()?;
        if now >= reload {
            house.reload()?;
            reload = now + RELOAD_EVERY;
        }
        if now >= server {
            house.disturb_a_server()?;
            server = now + server_every;
        }
        let in_round = start.elapsed().as_secs_f64() % round.as_secs_f64();
        if now >= upgrade && in_round < round.as_secs_f64() / 3.0 {
            house.upgrade()?;
            upgrade = now + UPGRADE_EVERY;
        }
        if now >= certificate {
            house.change_certificate()?;
            certificate = now + CERTIFICATE_EVERY;
        }
        if now >= sample {
            samples.push(Sample { at_s: start.elapsed().as_secs(), ..clients.sample(house.sample()?) });
            sample = now + SAMPLE_EVERY;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // Nobody waits for a server that would never go on.
    house.calm()?;
    Ok(samples)
}

/// Everything adds up, nothing leaks, and next to nobody was lost.
fn judge(
    fresh: &Sample,
    samples: &[Sample],
    (seen, over_tls): (&clients::Seen, &secured::Seen),
    counted: &house::Counted,
) -> anyhow::Result<()> {
    let last = samples.last().context("it was too short to look at anything")?;
    ensure!(seen.answered > 0, "nobody was answered");
    let (answered, lost) = (seen.answered + over_tls.answered, seen.lost + over_tls.failed);
    ensure!(lost * LOST_ONE_OF <= answered, "{lost} of {answered} requests were lost");
    ensure!(counted.responses >= answered, "{answered} responses reached clients, {} were counted", counted.responses);
    let missing = counted.responses - answered;
    // Those that met a connection that was being closed.
    let unanswered = lost + seen.again;
    ensure!(missing <= unanswered, "{missing} responses were counted that no client got, of {unanswered} unanswered");
    ensure!(
        last.memory_bytes <= fresh.memory_bytes + GROWN_BYTES_MAX,
        "memory has grown from {} to {} bytes",
        fresh.memory_bytes,
        last.memory_bytes
    );
    let was_short = counted.ports_taken < 10 || counted.portless > 0;
    ensure!(was_short, "no connect failed for want of a port, which were all taken {} times", counted.ports_taken);
    let files = last.files.saturating_sub(fresh.files + 2 * seen.clients as u64);
    ensure!(files <= GROWN_FILES_MAX, "{files} more files are open than clients account for");
    Ok(())
}
