//! Pages of the tester in a real Chromium: they say what was measured, fit a phone and a screen, and ask nobody for anything.

use crate::browser::Browser;
use crate::program::told;
use base64::Engine;
use std::path::Path;
use testkit::Folder;

/// Screens: wide and light, narrow and dark.
const SCREENS: [(u32, u32, bool); 2] = [(1280, 900, false), (390, 844, true)];

/// Shows a page on every screen; with QUINTET_PICTURES=FOLDER also to a person.
fn check_fits(browser: &mut Browser, page: &Path, name: &str) {
    for (width, height, dark) in SCREENS {
        browser.look_like(width, height, dark);
        browser.open(&format!("file://{}", page.display()));
        browser.wait_for("footer", |text| text.contains("quintet "));
        let wide = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(wide, 0, "{name} is wider than a screen of {width}");
        let paper = browser.value("getComputedStyle(document.body).backgroundColor");
        assert_eq!(paper == "rgb(255, 255, 255)", !dark, "{name}: {paper}");
        let outside = browser.value("performance.getEntriesByType('resource').length");
        assert_eq!(outside, 0, "{name} asks for something");
        if let Some(folder) = std::env::var_os("QUINTET_PICTURES") {
            let picture = base64::engine::general_purpose::STANDARD.decode(browser.picture()).expect("Base64");
            std::fs::write(Path::new(&folder).join(format!("{name}-{width}.png")), picture).expect("written");
        }
    }
}

#[test]
fn a_run_has_a_page_and_two_have_one_together() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = Folder::new();
    let path = |name: &str| folder.path().join(name);
    let [one, other, page, both] = ["before.json", "after.json", "run.html", "both.html"].map(path);
    let text = |path: &Path| path.display().to_string();
    for (json, rate) in [(&one, "300"), (&other, "150")] {
        let run = ["stress", "-z", "3s", "-R", rate, "--close", "fin", "--threshold", "p99<1h", "--quiet"];
        let files = ["--json", &text(json), "--html", &text(&page)];
        assert_eq!(told(&[&run[..], &files[..]].concat()).0, Some(0));
    }
    assert_eq!(told(&["compare", &text(&one), &text(&other), "--html", &text(&both)]).0, Some(0));
    check_fits(&mut browser, &page, "run");
    let shown = browser.wait_for("body", |text| text.contains("Plan and host"));
    for part in [
        "clean: every request got its response",
        "Latency by percentile",
        "p99<1h",
        "Status codes",
        "150.0/s asked for",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(browser.value("document.querySelectorAll('polyline').length").as_u64() >= Some(6), "curves are drawn");
    assert!(browser.value("document.querySelectorAll('svg.heat rect').length").as_u64() >= Some(3), "and a heat map");
    check_fits(&mut browser, &both, "compare");
    let shown = browser.wait_for("body", |text| text.contains("Figures"));
    for part in ["before", "after", "Complete responses per second", "99th percentile of latency"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
}
