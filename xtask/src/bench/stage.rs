//! The namespaces, the origin, and starting and stopping programs in them.

use anyhow::{Context, bail};
use lab::{Role, Topology};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use sys::netns::Guest;

/// The core of the process under test, and that of everything else.
pub(super) const CORE_UNDER_TEST: usize = 0;
/// The other core.
pub(super) const CORE_OTHER: usize = 1;

/// Length of a large body.
const BIG_BYTES: usize = 100 * 1024;

/// How long a program may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// Where everything runs.
pub(super) struct Stage {
    topology: Topology,
    folder: PathBuf,
    /// Our own binary.
    pub quintet: PathBuf,
}

impl Stage {
    /// Namespaces with wide port ranges, so that no peer is stopped by the client's ports.
    pub(super) fn build(quintet: PathBuf) -> anyhow::Result<Self> {
        let topology = Topology::build()?;
        for role in Role::ALL {
            topology.set(role, "net.ipv4.ip_local_port_range", "1024 65535")?;
            topology.set(role, "net.ipv4.tcp_tw_reuse", "1")?;
        }
        let folder = std::env::temp_dir().join(format!("quintet-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).context("making a folder for configurations")?;
        Ok(Self { topology, folder, quintet })
    }

    /// Writes a configuration file and returns its path.
    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Where a file of this name would be.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Starts a server program on one core and waits until it listens.
    pub(super) fn serve(
        &self,
        role: Role,
        core: usize,
        program: &Command,
        listens: SocketAddr,
    ) -> anyhow::Result<Guest> {
        let mut command = pinned(core, program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut guest = self.topology.namespace(role).start_program(command).context("starting a server")?;
        let until = Instant::now() + START_PATIENCE;
        while self.connect(role, listens).is_err() {
            if let Some(status) = guest.child().try_wait()? {
                bail!("{program:?} ended at once: {status}");
            }
            if Instant::now() > until {
                bail!("{program:?} does not listen on {listens}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(guest)
    }

    /// Connects from inside a role's namespace.
    pub(super) fn connect(&self, role: Role, to: SocketAddr) -> anyhow::Result<TcpStream> {
        Ok(self.topology.run(role, || TcpStream::connect(to))??)
    }

    /// Runs a program in the client's namespace to its end; what it printed.
    pub(super) fn run_client(&self, core: usize, program: &Command) -> anyhow::Result<String> {
        let mut command = pinned(core, program);
        command.stdin(Stdio::null());
        let output = self.topology.run(Role::Client, || command.output())?.context("running a client")?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("{program:?}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr));
        }
        Ok(text)
    }

    /// Starts a program in the client's namespace; what it prints goes nowhere.
    pub(super) fn start_client(&self, core: usize, program: &Command) -> anyhow::Result<Guest> {
        let mut command = pinned(core, program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.topology.namespace(Role::Client).start_program(command).context("starting a client")
    }

    /// nginx as an origin over TLS 1.3, with a key on P-256 and no sessions to take up.
    pub(super) fn nginx_tls(&self, role: Role, at: Ipv4Addr, port: u16, core: usize) -> anyhow::Result<Guest> {
        let (certificate, key) = super::tls::certificate(self)?;
        let text = format!(
            "{}\nhttp {{ access_log off; server {{ listen {at}:{port} ssl reuseport backlog=4096; ssl_certificate {}; \
             ssl_certificate_key {}; ssl_protocols TLSv1.3; ssl_session_tickets off; location / {{ return 200 \"a small \
             answer\\n\"; }} }} }}\n",
            self.nginx_preamble("origin-tls"),
            certificate.display(),
            key.display()
        );
        let path = self.write("nginx-origin-tls.conf", &text)?;
        self.serve(role, core, Command::new("nginx").arg("-c").arg(path), SocketAddr::from((at, port)))
    }

    /// nginx as an origin that answers from memory, and at `/big`, `/kib` and `/mib` with [`BIG_BYTES`], 1 KiB and 1 MiB from
    /// files.
    pub(super) fn nginx(&self, role: Role, at: Ipv4Addr, port: u16, core: usize) -> anyhow::Result<Guest> {
        for (name, bytes) in [("big", BIG_BYTES), ("kib", 1024), ("mib", 1024 * 1024)] {
            self.write(name, &"x".repeat(bytes))?;
        }
        let text = format!(
            "{}\nhttp {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s;\n server {{ listen \
             {at}:{port} reuseport backlog=4096; location = / {{ return 200 \"a small answer, as an API gives it\\n\"; }} \
             location / {{ root {}; }} }} }}\n",
            self.nginx_preamble("origin"),
            self.folder.display()
        );
        let path = self.write("nginx-origin.conf", &text)?;
        self.serve(role, core, Command::new("nginx").arg("-c").arg(path), SocketAddr::from((at, port)))
    }

    /// What every nginx of ours needs: one process, in the foreground, files in our folder.
    pub(super) fn nginx_preamble(&self, name: &str) -> String {
        let folder = self.folder.display();
        format!(
            "daemon off; master_process off; worker_processes 1; pid {folder}/{name}.pid; error_log \
             {folder}/{name}.err;\nevents {{ worker_connections 15000; }}"
        )
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _left_to_the_system = std::fs::remove_dir_all(&self.folder);
    }
}

/// Is a program on this host?
pub(crate) fn installed(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).chain([PathBuf::from("/usr/sbin")]).any(|folder| folder.join(program).is_file())
}

fn pinned(core: usize, program: &Command) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program.get_program()).args(program.get_args());
    command
}
