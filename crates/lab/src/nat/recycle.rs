//! `tcp_tw_recycle`: the kernels that had it are the model's alone.

use std::time::Duration;
use sys::sysctl;
use tcp_model::decide::recycle::{Peer, Verdict, handle_syn};
use tcp_model::sysctls::Sysctls;
use tcp_model::version::Version;

const RECYCLE: &str = "net.ipv4.tcp_tw_recycle";
/// The guide's own, and one from after the change of 3.17 (a26552afe894).
const KERNELS: [Version; 2] = [Version::old(32), Version::new(4, 9)];
/// TSval of the first client's last segment, and when it came.
const KNOWN: Peer = Peer { tsval: 5_000, stamp: Duration::from_secs(100) };
/// The second client's SYN comes this much later.
const LATER: Duration = Duration::from_secs(10);

/// What the model says of a second client's SYN, by kernel.
pub(crate) fn predicted() -> String {
    let lines: Vec<String> = KERNELS.iter().map(|version| predicted_on(*version)).collect();
    format!("predicted by the model, not observed: {}", lines.join("; "))
}

/// Why nothing is observed.
pub(crate) fn why_not() -> String {
    match sysctl::read(RECYCLE) {
        Err(error) if error.is_unknown() => {
            format!("predicted, not runnable on this kernel: {error} (removed in 4.12, 4396e46187ca)")
        }
        _ => format!(
            "predicted, not run: on kernels that have {RECYCLE} it is the whole host's, which the lab never changes"
        ),
    }
}

fn predicted_on(version: Version) -> String {
    let sysctls = Sysctls { tcp_tw_recycle: true, ..Sysctls::defaults(version) };
    let syn = |tsval: Option<u32>| match handle_syn(version, &sysctls, Some(KNOWN), tsval, KNOWN.stamp + LATER) {
        Verdict::Passes => "passes",
        Verdict::Dropped(_) => "is dropped silently",
    };
    format!(
        "on Linux {version} a SYN {} s later from the same address whose timestamp is older {}, one tick older {}, newer {}, \
         without timestamps {}",
        LATER.as_secs(),
        syn(Some(KNOWN.tsval - 1_000)),
        syn(Some(KNOWN.tsval - 1)),
        syn(Some(KNOWN.tsval + 1)),
        syn(None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guides_kernel_drops_what_is_older_and_3_17_what_has_no_timestamp_too() {
        let [old, new] = KERNELS.map(predicted_on);
        assert!(
            old.contains("older is dropped silently, one tick older passes, newer passes, without timestamps passes"),
            "{old}"
        );
        assert!(new.ends_with("without timestamps is dropped silently"), "{new}");
    }

    #[test]
    fn nothing_is_claimed_to_have_run() {
        assert!(why_not().contains("predicted, not run"), "{}", why_not());
    }
}
