//! What people install, packed from the program that the tests are run with: every step of `cargo xtask dist` but the build of
//! a static program, which takes minutes.

use std::path::Path;
use std::process::Command;

#[test]
fn packages_are_installed_and_serve() {
    let program = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("quintet");
    let missing = || format!("{} was not built: cargo build", program.display());
    let Some(()) = testkit::require(program.is_file().then_some(()).ok_or_else(missing)) else { return };
    let (Some(_), Some(_), Some(_)) =
        (testkit::installed("dpkg-deb"), testkit::installed("strip"), testkit::installed("unshare"))
    else {
        return;
    };
    let folder = testkit::Folder::new();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["dist", "--check", "--quick", "--out"])
        .arg(folder.path())
        .arg("--binary")
        .arg(&program)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("the chores run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for checked in ["the program serves", "the Debian package is installed, serves", "blobs are what their digests say"]
    {
        assert!(said.contains(checked), "{checked}: {said}");
    }
}
