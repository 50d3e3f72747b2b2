//! What people install, packed from the program that the tests are run with: every step of `cargo xtask dist` but the build of
//! a static program, which takes minutes.

use super::{chore, program, run};

#[test]
fn packages_are_installed_and_serve() {
    let Some(program) = program() else { return };
    let (Some(_), Some(_), Some(_)) =
        (testkit::installed("dpkg-deb"), testkit::installed("strip"), testkit::installed("unshare"))
    else {
        return;
    };
    let folder = testkit::Folder::new();
    let mut dist = chore(&["dist", "--check", "--quick", "--out"]);
    dist.arg(folder.path()).arg("--binary").arg(&program);
    let (output, said) = run(dist);
    assert!(output.status.success(), "{said}");
    for checked in ["the program serves", "the Debian package is installed, serves", "blobs are what their digests say"]
    {
        assert!(said.contains(checked), "{checked}: {said}");
    }
}
