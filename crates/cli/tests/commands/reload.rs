//! `quintet serve`: SIGHUP.

use crate::get;
use crate::program::Running;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use sys::signal::Signal;
use testkit::{Folder, eventually, free_address};

/// A listener that answers this by itself.
pub(crate) fn answering(name: &str, bind: SocketAddr, says: &str) -> String {
    format!(
        "[[listener]]\nname = \"{name}\"\nbind = \"{bind}\"\n\
         [[listener.route]]\npath_prefix = \"/\"\nrespond = {{ status = 200, text = \"{says}\" }}\n"
    )
}

#[test]
fn a_good_file_is_worked_by_and_a_bad_one_changes_nothing() {
    let (first, second) = (free_address(), free_address());
    let folder = Folder::new();
    let rewrite = |content: String| folder.write("quintet.toml", content);
    rewrite(format!("[global]\nworkers = 1\n{}", answering("web", first, "before")));
    let path = folder.place("quintet.toml");
    let mut serve = Running::start(&["serve", "--config", &path]);
    assert_eq!(serve.address(), first);
    assert!(get(first, "/").ends_with("before"));

    rewrite(answering("web", first, "after").replace("respond", "repsond"));
    serve.signal(Signal::Hangup);
    serve.complains("did you mean");
    assert!(get(first, "/").ends_with("before"));

    let both = answering("web", first, "after") + &answering("more", second, "too");
    rewrite(format!("[global]\nworkers = 2\nbuffers_max = 128\n{both}"));
    serve.signal(Signal::Hangup);
    eventually("it is worked by", || get(first, "/").ends_with("after"));
    eventually("the new listener is there", || get(second, "/").ends_with("too"));

    rewrite(answering("web", first, "again"));
    serve.signal(Signal::Hangup);
    eventually("it is worked by", || get(first, "/").ends_with("again"));
    serve.signal(Signal::Terminate);
    let (code, out, err) = serve.end();
    assert_eq!(code, Some(0), "{err}");
    for part in [
        "quintet: not reloaded, nothing was changed (by SIGHUP): ",
        "did you mean",
        "quintet: reloaded, by SIGHUP: 2 listeners, 0 backend sets, 0 servers",
        &format!(
            "; listening on http://{second}/; 2 workers instead of 1; `buffers_max` of [global] counts from the next start on"
        ),
        &format!("; no longer listening on http://{second}/\n"),
    ] {
        assert!(err.contains(part), "{err} does not say {part:?}");
    }
    assert!(out.contains("draining"), "{out}");
}

fn get_at_file(path: &str) -> String {
    let mut stream = UnixStream::connect(path).expect("nobody is refused");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Whoever listens at an address may be called otherwise, or change places: nobody is refused meanwhile.
#[test]
fn listeners_change_names_and_places() {
    let (first, second) = (free_address(), free_address());
    let folder = Folder::new();
    let file = format!("unix:{}", folder.place("socket"));
    let at_file = |name: &str| answering(name, first, "file").replace(&first.to_string(), &file);
    let rewrite = |listeners: [String; 3]| folder.write("quintet.toml", listeners.concat());
    rewrite([answering("a", first, "a"), answering("b", second, "b"), at_file("c")]);
    let serve = Running::start(&["serve", "--config", &folder.place("quintet.toml")]);
    eventually("it serves", || std::net::TcpStream::connect(second).is_ok());
    rewrite([answering("new", first, "new"), answering("b", second, "b"), at_file("other")]);
    serve.signal(Signal::Hangup);
    eventually("it has another name", || get(first, "/").ends_with("new"));
    rewrite([answering("new", second, "new"), answering("b", first, "b"), at_file("other")]);
    serve.signal(Signal::Hangup);
    eventually("they have changed places", || get(first, "/").ends_with("b") && get(second, "/").ends_with("new"));
    eventually("the file is answered at", || get_at_file(&folder.place("socket")).ends_with("file"));
    assert!(std::path::Path::new(&folder.place("socket")).exists(), "the file stays");
    serve.signal(Signal::Terminate);
    let (code, _, err) = serve.end();
    assert_eq!(code, Some(0), "{err}");
}
