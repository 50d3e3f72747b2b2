//! `cargo xtask honesty`: testers against origins whose behaviour is known. Does each tell what really happened?

mod behaviour;
mod judge;
mod origin;
mod scenes;
mod table;
mod tools;

use anyhow::{Context, ensure};
use judge::{Judge, Mark};
use scenes::{SCENES, Scene};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use table::Row;
use tools::{TOOLS, Tool};

/// Flags of `cargo xtask honesty`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct HonestyArgs {
    /// Only scenes with this in their name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    scene: String,
    /// Only this tester; may be given more than once.
    #[arg(long, value_name = "NAME")]
    tool: Vec<String>,
    /// Use this program instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Scenes at a time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    jobs: usize,
    /// The machine is busy: times may be longer, never shorter.
    #[arg(long)]
    lenient: bool,
    /// Write the table into docs/honesty.md.
    #[arg(long)]
    record: bool,
}

/// Plays the scenes, prints who was right, and fails where ours was not.
pub(crate) fn run(args: &HonestyArgs) -> anyhow::Result<()> {
    let program = crate::bench::program(args.binary.as_deref())?;
    let asked = |tool: &&Tool| args.tool.is_empty() || args.tool.iter().any(|name| name == tool.name);
    let has = |tool: &&Tool| tool.name == TOOLS[0].name || crate::bench::installed(tool.name);
    let tools: Vec<&Tool> = TOOLS.iter().filter(asked).filter(has).collect();
    ensure!(!tools.is_empty(), "{:?}: none of these testers is installed", args.tool);
    let scenes: Vec<&Scene> = SCENES.iter().filter(|scene| scene.name.contains(&args.scene)).collect();
    ensure!(!scenes.is_empty(), "{:?}: no scene has this in its name", args.scene);
    // Its ports may be made few.
    sys::netns::enter_private().map_err(|why| anyhow::anyhow!("{why}"))?;
    let body = BodyFile::write()?;
    let judge = Judge { program: &program, body: &body.0, lenient: args.lenient };
    let (alone, together): (Vec<&Scene>, Vec<&Scene>) =
        scenes.into_iter().partition(|scene| scene.load.ports_max.is_some());
    let mut rows = play(&together, &tools, &judge, args.jobs)?;
    rows.extend(play(&alone, &tools, &judge, 1)?);
    println!("{}", table::sums(&tools, &rows));
    if args.record {
        println!("recorded in {}", table::record(&tools, &rows)?.display());
    }
    let at = tools.iter().position(|tool| tool.name == TOOLS[0].name);
    let wrong = at.map_or(0, |at| rows.iter().filter(|row| row.marks[at] != Mark::Right).count());
    ensure!(wrong == 0, "ours is not right in {wrong} of {} scenes", rows.len());
    Ok(())
}

/// So many scenes at a time; most of them wait.
fn play(scenes: &[&Scene], tools: &[&Tool], judge: &Judge<'_>, jobs: usize) -> anyhow::Result<Vec<Row>> {
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let player = || -> anyhow::Result<()> {
        loop {
            let at = next.fetch_add(1, Ordering::SeqCst);
            let Some(scene) = scenes.get(at) else { return Ok(()) };
            let marks = tools.iter().map(|tool| judge.play(scene, tool)).collect::<anyhow::Result<Vec<Mark>>>()?;
            println!("{}", table::line(scene.name, tools, &marks));
            rows.lock().expect("nobody panics").push((at, Row { scene: scene.name, marks }));
        }
    };
    std::thread::scope(|scope| {
        let players: Vec<_> = (0..jobs.clamp(1, scenes.len().max(1))).map(|_| scope.spawn(player)).collect();
        players.into_iter().try_for_each(|player| player.join().expect("no player panics"))
    })?;
    let mut rows = rows.into_inner().expect("nobody panics");
    rows.sort_by_key(|(at, _)| *at);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// What is sent where a scene sends something.
#[derive(Debug)]
struct BodyFile(PathBuf);

impl BodyFile {
    fn write() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("quintet-honesty-{}", std::process::id()));
        std::fs::write(&path, vec![b'x'; 65_536]).with_context(|| format!("{}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for BodyFile {
    fn drop(&mut self) {
        let _as_good = std::fs::remove_file(&self.0);
    }
}
