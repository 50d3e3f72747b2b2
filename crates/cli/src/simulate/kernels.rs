//! The kernels that `--sweep` names.

use anyhow::bail;
use tcp_model::Version;

/// Where the decisions change: 2.6.32 of the guide, recycle's end (4.12), reuse on loopback (4.19), two long-term ones.
const KERNELS: [&str; 8] = ["2.6.32", "3.10", "3.18", "4.9", "4.11", "4.12", "5.4", "6.18"];
/// Kernels of one sweep.
const KERNELS_MAX: usize = 64;

/// With commas between; none named: the usual ones.
pub(super) fn parse(list: &str) -> anyhow::Result<Vec<String>> {
    if list.is_empty() {
        return Ok(KERNELS.map(str::to_owned).to_vec());
    }
    let kernels: Vec<String> = list.split(',').map(|kernel| kernel.trim().to_owned()).collect();
    if kernels.len() > KERNELS_MAX {
        bail!("--sweep: {} kernels; at most {KERNELS_MAX}", kernels.len());
    }
    for kernel in &kernels {
        kernel.parse::<Version>().map_err(|error| anyhow::anyhow!("--sweep: {error}, with commas between"))?;
    }
    Ok(kernels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, expect: Result<usize, &str>) {
        match (parse(list), expect) {
            (Ok(kernels), Ok(count)) => assert_eq!(kernels.len(), count, "{list}"),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{list}: {error}"),
            (result, _) => panic!("{list}: {result:?}"),
        }
    }

    #[test]
    fn kernels_are_named_with_commas() {
        check("", Ok(8));
        check("2.6.32, 6.18", Ok(2));
        check("4.11", Ok(1));
        check("six", Err("six"));
        check(&["6.18"; 65].join(","), Err("at most 64"));
    }
}
