//! `quintet serve`: SIGHUP.

use crate::get;
use crate::program::Running;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use sys::signal::Signal;
use testkit::{eventually, free_address};

/// A configuration file that goes with its owner.
struct File(PathBuf);

impl File {
    fn new(content: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("quintet-reload-{}.toml", std::process::id())));
        file.write(content);
        file
    }

    /// As editors and ConfigMaps do it: whole, in one step.
    fn write(&self, content: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, content).expect("a file for the test");
        std::fs::rename(&new, &self.0).expect("in its place");
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _leftover_is_only_untidy = std::fs::remove_file(&self.0);
    }
}

/// A listener that answers this by itself.
fn answering(name: &str, bind: SocketAddr, says: &str) -> String {
    format!(
        "[[listener]]\nname = \"{name}\"\nbind = \"{bind}\"\n\
         [[listener.route]]\npath_prefix = \"/\"\nrespond = {{ status = 200, text = \"{says}\" }}\n"
    )
}

#[test]
fn a_good_file_is_worked_by_and_a_bad_one_changes_nothing() {
    let (first, second) = (free_address(), free_address());
    let file = File::new(&answering("web", first, "before"));
    let path = file.path().to_str().expect("plain").to_owned();
    let mut serve = Running::start(&["serve", "--config", &path, "--workers", "1"]);
    assert_eq!(serve.address(), first);
    assert!(get(first, "/").ends_with("before"));

    file.write(&answering("web", first, "after").replace("respond", "repsond"));
    serve.signal(Signal::Hangup);
    serve.complains("did you mean");
    assert!(get(first, "/").ends_with("before"));

    let both = answering("web", first, "after") + &answering("more", second, "too");
    file.write(&format!("[global]\nworkers = 2\n{both}"));
    serve.signal(Signal::Hangup);
    eventually("it is worked by", || get(first, "/").ends_with("after"));
    eventually("the new listener is there", || get(second, "/").ends_with("too"));

    file.write(&answering("web", first, "again"));
    serve.signal(Signal::Hangup);
    eventually("it is worked by", || get(first, "/").ends_with("again"));
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert_eq!(code, Some(0), "{err}");
    for part in [
        "quintet: not reloaded, nothing was changed: ",
        "did you mean",
        "quintet: reloaded: 2 listeners, 0 backend sets, 0 servers",
        &format!("; listening on http://{second}/; `workers` of [global] counts from the next start on"),
        &format!("; no longer listening on http://{second}/\n"),
    ] {
        assert!(err.contains(part), "{err} does not say {part:?}");
    }
    assert!(out.contains("draining"), "{out}");
}
