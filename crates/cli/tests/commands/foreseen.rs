//! `quintet serve --check`: what a start would say, told before.

use crate::program::told;
use testkit::Folder;

const WEB: &str = "[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nbackends = \"app\"\n";

/// Exit code, standard output, standard error of a check of this text.
fn checked(text: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    folder.write("quintet.toml", text);
    told(&[&["serve", "--config", &folder.place("quintet.toml"), "--check"], more].concat())
}

#[test]
fn what_comes_to_nothing_and_what_a_start_fails_by_is_told_by_a_check() {
    let sets = "[[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\"]\nsources = [\"192.0.2.77\"]\n\
                [[backend_set]]\nname = \"spare\"\nservers = [\"127.0.0.1:9002\"]\n";
    let (code, said, error) = checked(&[WEB, sets].concat(), &[]);
    assert!(code == Some(0) && said.contains("quintet.toml: good: "), "{said}{error}");
    for expect in [
        "warning: backend set \"spare\": no listener and no route sends anything there; name it in `backends`",
        "warning: backend set \"app\": source 192.0.2.77 cannot be used: ",
        "ip route add local 192.0.2.77/32 dev lo",
        "; on this host a start fails by it",
    ] {
        assert!(error.contains(expect), "{expect:?} in {error}");
    }
}

/// A resolver at a port where nobody answers: every name leads nowhere, at once.
#[test]
fn good_and_the_exit_code_are_of_one_mind_about_names() {
    let global = "[global]\nresolvers = [\"127.0.0.1:1\"]\n";
    let set = |at_start: &str| {
        format!(
            "[[backend_set]]\nname = \"app\"\nservers = [\"127.0.0.1:9001\", \"nowhere.invalid:80\"]\n\
             resolve_at_start = \"{at_start}\"\n"
        )
    };
    let of = |at_start| checked(&[global, WEB, &set(at_start)].concat(), &["--resolve"]);
    let (code, said, error) = of("optional");
    assert!(code == Some(0) && said.contains("good, without 1 name that leads nowhere and may: "), "{said}{error}");
    assert!(said.contains("nowhere.invalid:80: nobody: "), "{said}");
    let (code, said, error) = of("required");
    assert!(code == Some(1) && said.contains("a start fails: 1 name leads nowhere: "), "{said}{error}");
    assert!(!said.contains("good"), "{said}");
}

#[test]
fn keys_that_a_reload_cannot_read_are_told() {
    if sys::privileges::identity().user != 0 {
        return testkit::skip("only root can become another user");
    }
    let (folder, signed) = (Folder::new(), testkit::Authority::new(testkit::KeyKind::P256, "authority"));
    let site = signed.sign("site", &["site.example"], 2999);
    let key = folder.write("site.key", &site.key);
    folder.write("site.pem", &site.certificate);
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    let text = "[global]\nuser = \"nobody\"\n[[listener]]\nname = \"web\"\nbind = \"127.0.0.1:0\"\nprotocol = \"https\"\n\
                [listener.tls]\ncertificate = \"site.pem\"\nkey = \"site.key\"\nstrict_sni = true\n[[listener.route]]\n\
                host = [\"site.example\", \"other.example\"]\nrespond = { status = 200 }\n";
    folder.write("quintet.toml", text);
    let (code, _, error) = told(&["serve", "--config", &folder.place("quintet.toml"), "--check"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(error.contains("site.key is read again with every reload, and user "), "{error}");
    let expect =
        "no certificate is for other.example, which a route is for: with strict_sni its clients are turned away";
    assert!(error.contains(expect) && !error.contains("is for site.example"), "{error}");
}
