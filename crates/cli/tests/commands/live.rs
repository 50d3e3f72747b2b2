//! The live view of `stress` on a terminal that script(1) makes.

use crate::target::Target;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use sys::signal::Signal;
use testkit::{Folder, eventually};

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// A run on a terminal of 80 columns and 24 rows.
struct OnTerminal {
    child: Child,
    shown: Arc<Mutex<String>>,
    folder: Folder,
}

impl OnTerminal {
    /// `None` where there is no script(1).
    fn start(environment: &str, arguments: &str) -> Option<Self> {
        let (script, folder) = (testkit::installed("script")?, Folder::new());
        let (binary, id) = (env!("CARGO_BIN_EXE_quintet"), folder.place("id"));
        // The shell becomes the run, so its id is known.
        let run = format!("stty cols 80 rows 24; echo $$ > {id}; exec env {environment} {binary} stress {arguments}");
        let mut command = Command::new(script);
        command.args(["-qec", &run, "/dev/null"]).env_remove("NO_COLOR").env_remove("CI");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut pipe, kept) = (child.stdout.take().expect("piped"), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut piece) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(&piece[..read]));
            }
        });
        Some(Self { child, shown, folder })
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        eventually(text, || self.shown().contains(text));
    }

    fn press(&mut self, keys: &str) {
        self.child.stdin.as_mut().expect("piped").write_all(keys.as_bytes()).expect("pressed");
    }

    fn signal(&self, signal: Signal) {
        let id = std::fs::read_to_string(self.folder.path().join("id")).expect("it wrote its id");
        sys::signal::send(id.trim().parse().expect("an id"), signal).expect("sent");
    }

    /// Its exit code, and everything that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        eventually("the end", || self.child.try_wait().expect("waited").is_some());
        let code = self.child.wait().expect("ended").code();
        // What it wrote last may still be on its way.
        eventually("the rest", || Arc::strong_count(&self.shown) == 1);
        (code, self.shown())
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}

/// What stands on the terminal's own screen after the view.
#[track_caller]
fn behind(shown: &str) -> &str {
    assert!(shown.contains(ENTER) && shown.contains("\x1b[?25l"), "{shown}");
    let (view, behind) = shown.rsplit_once(LEAVE).unwrap_or_else(|| panic!("the terminal was not given back: {shown}"));
    assert!(view.contains("\x1b[?25h"), "the cursor stays hidden: {shown}");
    behind
}

#[test]
fn keys_change_the_run_and_end_it_with_a_report() {
    let (target, folder) = (Target::start(), Folder::new());
    let json = folder.place("report.json");
    let arguments = format!("-R 200 -z 10m -c 4 --threshold 'rate>=50%' --json {json} {}", target.url());
    let Some(mut run) = OnTerminal::start("TERM=xterm", &arguments) else { return };
    run.shows("help");
    run.press("*");
    run.shows("asked for 400");
    // The run says so, not only the key.
    run.shows("by hand");
    run.press("q");
    let (code, shown) = run.end();
    let report = behind(&shown);
    assert_eq!(code, Some(0), "{shown}");
    for words in ["stopped before its end", "the rate was changed by hand 1 time: 400 requests/s", "Verdict:"] {
        assert!(report.contains(words), "{words:?} in {report}");
    }
    let written = std::fs::read_to_string(&json).expect("written");
    let report: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    assert_eq!(report["by_hand"][0]["rate_per_s"], 400.0, "{report:#}");
    assert_eq!(report["by_hand"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let target = Target::start();
    let arguments = format!("-z 10m -c 2 {}", target.url());
    let Some(run) = OnTerminal::start("TERM=xterm NO_COLOR=1", &arguments) else { return };
    run.shows("help");
    run.signal(Signal::Terminate);
    let (code, shown) = run.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(behind(&shown).contains("stopped before its end"), "{shown}");
    // Colours are 30 to 48 and 90 to 107; 39 and 49 are the terminal's own.
    let painted = regex::Regex::new("\x1b\\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;[0-9;]*)?m").expect("a pattern");
    assert!(!painted.is_match(&shown), "{shown}");
}

/// A run that is over at once takes no screen, and neither does one that nobody watches so.
#[test]
fn there_is_a_view_only_where_it_is_welcome() {
    let target = Target::start();
    let long = format!("-z 700ms -c 2 {}", target.url());
    let runs = [
        ("TERM=xterm", format!("-n 20 -c 2 {}", target.url())),
        ("TERM=xterm", format!("--no-tui {long}")),
        ("TERM=xterm", format!("--quiet {long}")),
        ("TERM=xterm", format!("--json - {long}")),
        ("TERM=xterm CI=true", long.clone()),
        ("TERM=dumb", long),
    ];
    let started: Vec<_> = runs.iter().filter_map(|(environment, line)| OnTerminal::start(environment, line)).collect();
    for ((environment, line), run) in runs.iter().zip(started) {
        let (code, shown) = run.end();
        assert_eq!(code, Some(0), "{environment} {line}: {shown}");
        assert!(!shown.contains(ENTER), "{environment} {line}: {shown}");
    }
}
