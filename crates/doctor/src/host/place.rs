//! Whose network this is: container, network namespace, privileges.

use doctor_core::facts::Place;
use std::path::Path;

/// Reads it off `/proc` and the marks that container engines leave.
pub(super) fn read() -> Place {
    let namespace = namespace_of("thread-self");
    let container = container();
    // Process 1 stands for the machine only where we see the machine's processes, and only root may look at it.
    let first = namespace_of("1").filter(|_| container.is_none());
    Place {
        initial_namespace: first.and_then(|first| Some(first == namespace?)),
        namespace,
        container,
        root: effective_uid() == Some(0),
    }
}

/// `net:[4026531840]`
fn namespace_of(process: &str) -> Option<u64> {
    let link = std::fs::read_link(format!("/proc/{process}/ns/net")).ok()?;
    link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok()
}

fn container() -> Option<String> {
    let marks = [
        ("/var/run/secrets/kubernetes.io", "a Kubernetes pod"),
        ("/.dockerenv", "a Docker container"),
        ("/run/.containerenv", "a Podman container"),
    ];
    let marked = marks.iter().find(|(path, _)| Path::new(path).exists()).map(|(_, kind)| (*kind).to_owned());
    let told =
        || std::fs::read_to_string("/run/systemd/container").ok().map(|kind| format!("a container ({})", kind.trim()));
    marked.or_else(told)
}

fn effective_uid() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
