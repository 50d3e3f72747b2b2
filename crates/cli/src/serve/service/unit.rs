//! `quintet serve --install-unit`: a unit for systemd, with what this configuration needs and nothing else.

use balancer::{Config, LogTarget};
use balancer_core::Timestamps;
use std::path::{Path, PathBuf};

/// Where a configuration is looked for when nothing is said.
const CONFIG_DEFAULT: &str = "/etc/quintet/quintet.toml";
/// The folder that `LogsDirectory=quintet` stands for.
const LOGS: &str = "/var/log/quintet";
/// Beside the time of a drain: who has no answer is told, and the rest is cut.
const STOP_SPARE_S: u64 = 10;

/// The text of the unit.
pub(in crate::serve) fn text(config: Option<(&Path, &Config)>) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/usr/bin/quintet"));
    let file = config.map_or_else(|| PathBuf::from(CONFIG_DEFAULT), |(path, _)| whole(path));
    unit(&program, &file, config.map(|(_, config)| config))
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn unit(program: &Path, file: &Path, config: Option<&Config>) -> String {
    let capabilities = match config.is_some_and(needs_admin) {
        // Rules of nf_tables.
        true => "CAP_NET_BIND_SERVICE CAP_NET_ADMIN",
        false => "CAP_NET_BIND_SERVICE",
    };
    let (stop, user, logs) = (stop_patience(config), user_of(config), logs_of(config));
    format!(
        "{HEAD}\
         [Unit]\n\
         Description=Quintet load balancer\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         Type=notify-reload\n\
         NotifyAccess=main\n\
         ExecStart={} serve --config {}\n\
         WatchdogSec=30\n\
         Restart=on-failure\n\
         RestartSec=1\n\
         KillMode=mixed\n\
         TimeoutStopSec={stop}\n\
         LimitNOFILE=1048576\n\
         {user}\n\
         RuntimeDirectory=quintet\n\
         {logs}\
         AmbientCapabilities={capabilities}\n\
         CapabilityBoundingSet={capabilities}\n\
         {HARDENING}\
         \n\
         [Install]\n\
         WantedBy=multi-user.target\n",
        quoted(program),
        quoted(file),
    )
}

/// How long a drain may take.
fn stop_patience(config: Option<&Config>) -> String {
    match config.map(|config| (config.drain, config.drain_grace)) {
        Some((units::OFF, _)) => "infinity".to_owned(),
        Some((drain, grace)) => (drain + grace).as_secs().saturating_add(STOP_SPARE_S).to_string(),
        None => (30 + STOP_SPARE_S).to_string(),
    }
}

/// Whom the manager makes it: nothing is left to be dropped.
fn user_of(config: Option<&Config>) -> String {
    match config.and_then(|config| config.identity) {
        Some(who) => format!("User={}\nGroup={}", who.user, who.group),
        None => "DynamicUser=yes".to_owned(),
    }
}

/// Where an access log may be written: the rest of the disk is not to be touched.
fn logs_of(config: Option<&Config>) -> String {
    let Some(LogTarget::File(file)) = config.and_then(|config| Some(&config.access_log.as_ref()?.to)) else {
        return String::new();
    };
    match file.parent() {
        // Made by the manager, and given to whom the service runs as.
        Some(folder) if folder == Path::new(LOGS) => "LogsDirectory=quintet\n".to_owned(),
        Some(folder) => format!("ReadWritePaths={}\n", quoted(&whole(folder))),
        None => String::new(),
    }
}

/// For whoever reads it.
const HEAD: &str = "\
# Made by `quintet serve --install-unit`: put it into /etc/systemd/system/quintet.service, then
# `systemctl daemon-reload && systemctl enable --now quintet`. `systemctl reload quintet` reads the configuration
# again; `systemctl kill --signal=USR2 --kill-whom=main quintet` hands over to the program as it is on disk by then.
# Where the configuration names no `user` it runs as one that exists only while it does: keys of certificates have to be readable by a group, which
# SupplementaryGroups= names. systemd before 253 knows no notify-reload: there write Type=notify, and
# ExecReload=/bin/kill -HUP $MAINPID.
";

/// All of the kernel that a balancer has no business with.
const HARDENING: &str = "\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
UMask=0027
";

fn needs_admin(config: &Config) -> bool {
    config.settings.listeners.iter().any(|listener| listener.timestamps != Timestamps::On)
}

/// As systemd reads it: `%` begins a specifier, `$` a variable, and words end with spaces.
fn quoted(path: &Path) -> String {
    let escaped =
        path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    if escaped.contains(char::is_whitespace) || escaped.contains('"') { format!("\"{escaped}\"") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit_of(timestamps: &str, drain: &str) -> String {
        let text = format!(
            "[global]\ndrain = \"{drain}\"\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:80\"\nbackends = \"app\"\n\
             timestamps = \"{timestamps}\"\n[[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n"
        );
        let config = Config::parse("q.toml", &text).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
        unit(Path::new("/usr/bin/quintet"), Path::new("/etc/my q/50%.toml"), Some(&config))
    }

    #[test]
    fn a_unit_gives_what_the_configuration_needs() {
        let text = unit_of("on", "50s");
        for line in [
            "ExecStart=/usr/bin/quintet serve --config \"/etc/my q/50%%.toml\"",
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
            "TimeoutStopSec=60",
        ] {
            assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
        }
        assert!(text.contains("\nDynamicUser=yes\n") && !text.contains("\nUser="), "{text}");
        let text = unit_of("off-if-possible", "off");
        assert!(text.contains("\nAmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_ADMIN\n"), "{text}");
        assert!(text.contains("\nTimeoutStopSec=infinity\n"), "{text}");
    }

    /// The balancer has nothing to drop then, and may not either.
    #[test]
    fn a_user_is_the_managers_to_become() {
        let text = "[global]\nuser = \"1234\"\ngroup = \"5678\"\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:80\"\nbackends = \"app\"\n\
                    [[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n";
        let config = Config::parse("q.toml", text).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
        let text = unit(Path::new("/usr/bin/quintet"), Path::new("/etc/q.toml"), Some(&config));
        assert!(text.contains("\nUser=1234\nGroup=5678\n") && !text.contains("\nDynamicUser="), "{text}");
    }

    #[test]
    fn an_access_log_can_be_written_where_it_is_to_be() {
        let check = |log: &str, expect: &str| {
            let text = format!(
                "[global]\naccess_log = \"{log}\"\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:80\"\nbackends = \"app\"\n\
                 [[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\n"
            );
            let config = Config::parse("q.toml", &text).unwrap_or_else(|error| panic!("{}", error.render(100, false)));
            assert_eq!(logs_of(Some(&config)), expect, "{log}");
        };
        check("/var/log/quintet/access.log", "LogsDirectory=quintet\n");
        check("/srv/my logs/access.log", "ReadWritePaths=\"/srv/my logs\"\n");
        check("stdout", "");
        assert_eq!(logs_of(None), "");
    }

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        for (path, expect) in
            [("/a/b", "/a/b"), ("/a b", "\"/a b\""), ("/a%$\"", "\"/a%%$$\\\"\""), ("/a\\b", "/a\\\\b")]
        {
            assert_eq!(quoted(Path::new(path)), expect);
        }
    }
}
