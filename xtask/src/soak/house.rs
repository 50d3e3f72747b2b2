//! The balancer, its servers, and what is done to them.

use super::at_work::AtWork;
use super::record::Sample;
use super::{faulty, hoarder, names, secured};
use anyhow::{Context, anyhow};
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::signal::{self, Signal};

/// The last one is known by name.
const SERVERS: [&str; 3] = ["127.0.0.1:9001", "127.0.0.1:9002", "0.0.0.0:9003"];
const NAMED: &str = "app.soak.example:9003";
const ADDRESS: &str = "127.0.0.1:8080";
/// Lines of what balancers have said that are shown with a failure.
const SAID_LINES_MAX: usize = 30;
/// For something to start or end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// All that is written to a pipe, once nobody can write to it any more.
type Words = JoinHandle<std::io::Result<String>>;

/// All processes. Its folder goes with it.
pub(super) struct House {
    program: PathBuf,
    pub(super) folder: PathBuf,
    names: AtWork,
    faulty: AtWork,
    hoarder: AtWork,
    pub(super) address: SocketAddr,
    servers: Vec<Child>,
    /// One that is stopped, and since when.
    stopped: Option<usize>,
    first: Child,
    /// What all balancers, one after the other, have to say.
    out: Option<Words>,
    /// Where they say who serves.
    manager: UnixDatagram,
    serving: u32,
    reloads: u64,
    upgrades: u64,
    /// The last one that was asked for, until it has taken over.
    upgrade_since: Option<Instant>,
    disturbed: u64,
    certificates: u64,
    /// There is no balancer any more.
    has_ended: bool,
}

/// What the balancers have counted, all processes together, and what was done to them.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) processes: u64,
    pub(super) requests: u64,
    pub(super) responses: u64,
    pub(super) reloads: u64,
    pub(super) upgrades: u64,
    pub(super) servers_disturbed: u64,
    pub(super) requests_spoilt: u64,
    /// All ports towards a server were somebody else's.
    pub(super) ports_taken: u64,
    /// Connects that failed for want of one.
    pub(super) portless: u64,
    pub(super) names_changed: u64,
    pub(super) certificates_changed: u64,
}

impl House {
    pub(super) fn build(program: &Path) -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("quintet-soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        write_configuration(&folder, 0)?;
        secured::make_certificates(&folder)?;
        let (names, faulty) = (names::start()?, faulty::start()?);
        let servers = SERVERS.iter().map(|at| start_server(program, at)).collect::<anyhow::Result<Vec<_>>>()?;
        let manager = UnixDatagram::bind(folder.join("notify"))?;
        manager.set_nonblocking(true)?;
        let (first, out) = start_balancer(program, &folder)?;
        let (serving, address) = (first.id(), ADDRESS.parse()?);
        let hoarder = hoarder::start(SERVERS[0].parse()?);
        let house = Self {
            program: program.to_path_buf(),
            folder,
            names,
            faulty,
            hoarder,
            address,
            servers,
            stopped: None,
            first,
            out: Some(out),
            manager,
            serving,
            reloads: 0,
            upgrades: 0,
            upgrade_since: None,
            disturbed: 0,
            certificates: 0,
            has_ended: false,
        };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            anyhow::ensure!(Instant::now() < until, "the balancer does not listen: {}", house.said());
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(house)
    }

    /// What the balancers have complained of last.
    fn said(&self) -> String {
        let all = std::fs::read_to_string(self.folder.join("events.log")).unwrap_or_default();
        let last: Vec<&str> = all.lines().rev().take(SAID_LINES_MAX).collect();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// Learns which process serves.
    pub(super) fn hear(&mut self) -> anyhow::Result<()> {
        let mut text = [0; 4096];
        loop {
            match self.manager.recv(&mut text) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&text[..length]).into_owned();
                    if let Some(next) = text.lines().find_map(|line| line.strip_prefix("MAINPID=")) {
                        self.serving = next.parse()?;
                        self.upgrades += 1;
                        self.upgrade_since = None;
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(why) => return Err(why.into()),
            }
        }
    }

    /// Another configuration, and not the same as before.
    pub(super) fn reload(&mut self) -> anyhow::Result<()> {
        self.reloads += 1;
        write_configuration(&self.folder, self.reloads)?;
        self.tell(Signal::Hangup)
    }

    /// The next reload finds another one.
    pub(super) fn change_certificate(&mut self) -> anyhow::Result<()> {
        self.certificates += 1;
        secured::change_certificate(&self.folder, self.certificates)
    }

    /// The program as it is on disk takes over, once the one before it has.
    pub(super) fn upgrade(&mut self) -> anyhow::Result<()> {
        if let Some(since) = self.upgrade_since {
            anyhow::ensure!(since.elapsed() < PATIENCE, "nobody takes over: {}", self.said());
            return Ok(());
        }
        self.upgrade_since = Some(Instant::now());
        self.tell(Signal::User2)
    }

    fn tell(&mut self, wish: Signal) -> anyhow::Result<()> {
        self.of_who_serves(|serving| signal::send(serving, wish).map_err(|why| anyhow!("{why}")))
    }

    /// Of the process that serves; of the next one where it has gone meanwhile.
    fn of_who_serves<T>(&mut self, mut what: impl FnMut(u32) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            self.hear()?;
            let asked = self.serving;
            match what(asked) {
                Ok(answer) => return Ok(answer),
                Err(why) if Instant::now() > until => {
                    return Err(why.context(format!("process {asked} is gone: {}", self.said())));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// In turn: one is killed and started again, one is stopped, and goes on the next time.
    pub(super) fn disturb_a_server(&mut self) -> anyhow::Result<()> {
        self.disturbed += 1;
        if self.stopped.is_some() {
            return self.calm();
        }
        let which = (self.disturbed / 2) as usize % 2;
        if self.disturbed % 4 == 1 {
            self.stopped = Some(which);
            return signal::halt(self.servers[which].id()).map_err(|why| anyhow!("a server cannot be stopped: {why}"));
        }
        self.servers[which].kill()?;
        self.servers[which].wait()?;
        self.servers[which] = start_server(&self.program, SERVERS[which])?;
        Ok(())
    }

    /// Whoever was stopped goes on.
    pub(super) fn calm(&mut self) -> anyhow::Result<()> {
        let Some(stopped) = self.stopped.take() else { return Ok(()) };
        signal::go_on(self.servers[stopped].id()).map_err(|why| anyhow!("a server cannot go on: {why}"))
    }

    /// What the process that serves costs.
    pub(super) fn sample(&mut self) -> anyhow::Result<Sample> {
        self.of_who_serves(|serving| {
            let status = std::fs::read_to_string(format!("/proc/{serving}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon")?;
            let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
            let files = std::fs::read_dir(format!("/proc/{serving}/fd"))?.count() as u64;
            Ok(Sample { memory_bytes: kib * 1024, files, ..Sample::default() })
        })
    }

    /// Drains, and adds up what each process said at its end.
    pub(super) fn end(mut self) -> anyhow::Result<Counted> {
        self.tell(Signal::Terminate)?;
        // The end of the last process that has it.
        let said = self.out.take().context("it ends once")?.join();
        let text = said.map_err(|_| anyhow!("whoever reads what the balancers say has panicked"))??;
        self.has_ended = true;
        let mut counted = Counted {
            reloads: self.reloads,
            upgrades: self.upgrades,
            servers_disturbed: self.disturbed,
            requests_spoilt: self.faulty.count(),
            ports_taken: self.hoarder.count(),
            names_changed: self.names.count(),
            certificates_changed: self.certificates,
            ..Counted::default()
        };
        for line in text.lines() {
            counted.processes += u64::from(line.starts_with("requests "));
            counted.requests += told(line, "requests ");
            counted.responses += told(line, "responses ");
            counted.portless += told(line, "connects failed ");
        }
        anyhow::ensure!(counted.processes > 0, "no balancer said what it has counted: {text}");
        Ok(counted)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ended_already = server.kill();
            let _no_zombie = server.wait();
        }
        if !self.has_ended {
            let _gone_already = signal::kill(self.serving);
        }
        let _ended_already = self.first.kill();
        let _no_zombie = self.first.wait();
        let _nothing_is_left = std::fs::remove_dir_all(&self.folder);
    }
}

/// The count of this name in a line of totals; 0 in any other line.
fn told(line: &str, name: &str) -> u64 {
    let count = line.split(", ").find_map(|part| part.strip_prefix(name)).unwrap_or_default();
    let digits = count.chars().take_while(|one| one.is_ascii_digit() || *one == ',').filter(char::is_ascii_digit);
    digits.collect::<String>().parse().unwrap_or(0)
}

/// With the file of its folder; and what it has to say.
fn start_balancer(program: &Path, folder: &Path) -> anyhow::Result<(Child, Words)> {
    let log = std::fs::File::create(folder.join("events.log"))?;
    let mut first = Command::new(program)
        .args(["serve", "--config"])
        .arg(folder.join("quintet.toml"))
        .env("NOTIFY_SOCKET", folder.join("notify"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let mut out = first.stdout.take().context("piped")?;
    // Read all the time: nobody waits until there is room in a pipe.
    let out = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    Ok((first, out))
}

fn start_server(program: &Path, at: &str) -> anyhow::Result<Child> {
    let mut command = Command::new(program);
    command.args(["origin", "--listen", at]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().with_context(|| format!("starting a server at {at}"))
}

/// Weights and a route change with each, workers and servers come and go, among them one that is never well. In one step, as editors
/// do it.
fn write_configuration(folder: &Path, number: u64) -> anyhow::Result<()> {
    let [one, two, _] = SERVERS;
    let named = if (number / 30).is_multiple_of(2) { format!(", \"{NAMED}\"") } else { String::new() };
    let faulty = if number % 3 == 1 { format!(", \"{}\"", faulty::ADDRESS) } else { String::new() };
    let text = format!(
        "[global]\nworkers = {}\nresolvers = [\"{}\"]\n\n[admin]\nbind = \"unix:{}\"\n\n\
         [[listener]]\nname = \"web\"\nbind = \"{ADDRESS}\"\nbackends = \"app\"\n\n\
         [[listener.route]]\npath_prefix = \"/only-{number}/\"\nbackends = \"app\"\n\n\
         [[listener]]\nname = \"secure\"\nprotocol = \"https\"\nbind = \"{}\"\nbackends = \"app\"\n\
         tls = {{ certificate = \"site.pem\", key = \"site.pem\" }}\n\n\
         [[backend_set]]\nname = \"app\"\nretries_max = 3\nport_range = [{}, {}]\nresolve = \"1s\"\nresolve_at_start = \"optional\"\n\
         servers = [\"{one}\", {{ address = \"{two}\", weight = {} }}{named}{faulty}]\n",
        1 + number / 20 % 3,
        names::ADDRESS,
        folder.join("admin.sock").display(),
        secured::ADDRESS,
        hoarder::PORTS.start(),
        hoarder::PORTS.end(),
        1 + number % 5
    );
    let fresh = folder.join("quintet.toml.new");
    std::fs::write(&fresh, text)?;
    Ok(std::fs::rename(fresh, folder.join("quintet.toml"))?)
}
