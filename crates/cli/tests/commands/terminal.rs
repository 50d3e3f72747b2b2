//! What stands on a terminal: nothing wider than it, colours and escapes only where they are welcome.

use std::process::{Command, Stdio};

/// Every verb that prints for people and ends by itself.
const VERBS: [&[&str]; 10] = [
    &["doctor", "--rate", "5000"],
    &["doctor", "--watch=100ms"],
    &["doctor", "explain"],
    &["doctor", "explain", "recycle"],
    &["lab", "--list"],
    &["lab", "keep-alive", "--ports", "50"],
    &["simulate", "--duration", "5s"],
    &["simulate", "--duration", "5s", "--sweep=4.11,6.18"],
    &["simulate", "guide"],
    &["simulate", "--help"],
];

#[test]
fn text_keeps_to_the_terminal() {
    for (columns, args) in [60, 80, 118].into_iter().flat_map(|columns| VERBS.map(|args| (columns, args))) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quintet"));
        let output =
            command.args(args).env("COLUMNS", columns.to_string()).stdin(Stdio::null()).output().expect("started");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        // One long word (a path, a list of ports) is never broken.
        let fits = |line: &&str| line.chars().count() <= columns || !line.trim().contains(' ');
        let wide: Vec<&str> = text.lines().filter(|line| !fits(line)).collect();
        assert!(wide.is_empty(), "{args:?} in {columns} columns: {wide:#?}");
    }
}

/// On a terminal that script(1) makes.
fn on_terminal(environment: &str, line: &str) -> Option<String> {
    let script = testkit::installed("script")?;
    let line = format!("stty cols 80 rows 24; {environment} {} {line}", env!("CARGO_BIN_EXE_quintet"));
    let mut command = Command::new(script);
    let command = command.args(["-qec", &line, "/dev/null"]).env_remove("NO_COLOR").stdin(Stdio::null());
    Some(String::from_utf8_lossy(&command.output().expect("started").stdout).into_owned())
}

#[test]
fn colours_and_escapes_only_where_they_are_welcome() {
    const ESCAPE: char = '\x1b';
    for line in ["lab keep-alive --ports 50", "doctor --rate 1m", "stress --no-such-flag", "doctor --help"] {
        let Some(colourful) = on_terminal("TERM=xterm", line) else { return };
        assert!(colourful.contains(ESCAPE), "{line}: {colourful}");
        let told = |environment: &str| on_terminal(environment, line).expect("it was there before");
        let dumb = told("TERM=dumb");
        assert!(dumb.contains(' ') && !dumb.contains(ESCAPE), "{line}: {dumb}");
        let plain = told("TERM=xterm NO_COLOR=1");
        // The cursor may be moved, but nothing is painted (SGR ends with m).
        let painted = plain
            .split(ESCAPE)
            .skip(1)
            .any(|rest| rest.trim_start_matches(['[', ';', '0', '1', '2', '3']).starts_with('m'));
        assert!(plain.contains(' ') && !painted, "{line}: {plain}");
    }
}
