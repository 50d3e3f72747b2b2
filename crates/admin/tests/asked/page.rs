//! The page of the balancer in a real browser.

use crate::browser::Browser;
use crate::house::House;
use std::io::Write;
use testkit::Folder;

const ENTER: (&str, u32, &str) = ("Enter", 13, "\r");

/// A house whose token is known, and a browser at its page.
fn page() -> Option<(House, Browser)> {
    let mut browser = Browser::start()?;
    let folder = Folder::new();
    let token = folder.write("token", "0123456789abcdef\n");
    let house = House::new(&format!("bind = \"127.0.0.1:0\"\ntoken_file = \"{}\"", token.display()));
    browser.look_like(1200, 900, false);
    browser.open(&format!("http://{}/", house.admin()));
    Some((house, browser))
}

#[test]
fn everything_is_shown_and_stays_live() {
    let Some((house, mut browser)) = page() else { return };
    browser.wait_for("#link", |text| text == "live");
    let server = house.origin.address().to_string();
    let row = browser.wait_for("#sets tbody tr", |text| text.contains(&server));
    assert!(row.contains("up") && row.contains("drain"), "{row}");
    browser.wait_for("#listeners h3", |text| text.starts_with("web") && text.contains("http 127.0.0.1:"));
    (0..7).for_each(|_| assert_eq!(house.client_asks("/no"), 403));
    browser.wait_for("#listeners .legend", |text| text.contains("p50 ") && text.contains(", p99 "));
    let routes = browser.wait_for("#listeners tbody tr", |text| text.contains("no\t7\t"));
    assert!(routes.contains("otherwise"), "{routes}");
    // What the page holds on to is its own, not the balancer's: nothing came from elsewhere.
    let from = browser.value("performance.getEntriesByType('resource').map(one => new URL(one.name).origin).join()");
    let home = format!("http://{}", house.admin());
    assert!(from.as_str().is_some_and(|all| !all.is_empty() && all.split(',').all(|one| one == home)), "{from}");
}

/// By keyboard alone: the button, the token that is asked for, and the button again.
#[test]
fn a_server_is_drained_by_keyboard() {
    let Some((house, mut browser)) = page() else { return };
    browser.wait_for("#sets button", |text| text == "drain");
    let asks = |browser: &mut Browser| browser.value("document.querySelector('#ask').open").as_bool();
    browser.value("document.querySelector('#sets button').focus()");
    browser.press(ENTER.0, ENTER.1, ENTER.2);
    // It is asked once more, and who would rather not is back where he was.
    let is_sure = |browser: &mut Browser| browser.value("document.querySelector('#sure').open").as_bool();
    testkit::eventually("it is asked once more", || is_sure(&mut browser) == Some(true));
    browser.press("Escape", 27, "");
    testkit::eventually("nothing is done", || is_sure(&mut browser) == Some(false));
    assert_eq!(house.client_asks("/"), 200);
    browser.press(ENTER.0, ENTER.1, ENTER.2);
    testkit::eventually("it is asked once more", || is_sure(&mut browser) == Some(true));
    browser.press(ENTER.0, ENTER.1, ENTER.2);
    testkit::eventually("the token is asked for", || asks(&mut browser) == Some(true));
    browser.write("0123456789abcdef");
    browser.press(ENTER.0, ENTER.1, ENTER.2);
    browser.wait_for("#sets .badge", |text| text == "draining");
    assert_eq!(house.client_asks("/"), 503);
    // It is told as what happened, and the focus is where it was.
    browser.wait_for("#news", |text| text.contains("drain, by the token, from 127.0.0.1"));
    browser.wait_for("#sets button", |text| text == "undrain");
    testkit::eventually("the button has the focus", || {
        browser.value("document.activeElement.dataset.order").as_str() == Some("undrain")
    });
    browser.press(ENTER.0, ENTER.1, ENTER.2);
    browser.wait_for("#sets .badge", |text| text == "up");
    assert_eq!((house.client_asks("/"), asks(&mut browser)), (200, Some(false)));
}

#[test]
fn a_listener_is_drained_and_opened_again() {
    let Some((house, mut browser)) = page() else { return };
    browser.wait_for("#listeners h3 button", |text| text == "drain");
    let click = "document.querySelector('#listeners h3 button').click()";
    browser.value(&format!("sessionStorage.setItem('quintet-token', '0123456789abcdef'), {click}"));
    browser.wait_for("#sure-text", |text| text.starts_with("Drain listener web?"));
    browser.value("document.querySelector('#sure-do').click()");
    browser.wait_for("#listeners h3 .badge", |text| text == "drained");
    browser.wait_for("#news", |text| text.contains("listener web: accepts nobody any more"));
    browser.wait_for("#listeners h3 button", |text| text == "undrain");
    browser.value(click);
    browser.wait_for("#listeners h3 .badge", str::is_empty);
    assert_eq!(house.client_asks("/"), 200);
}

/// Over TCP without a token.
#[test]
fn where_nothing_may_be_changed_there_are_no_buttons() {
    let Some(mut browser) = Browser::start() else { return };
    let house = House::new("bind = \"127.0.0.1:0\"");
    browser.open(&format!("http://{}/", house.admin()));
    browser.wait_for("#link", |text| text == "live");
    browser.wait_for("#only-read", |text| text.contains("token_file"));
    let buttons = "[...document.querySelectorAll('main button, footer button')]";
    let shown = browser.value(&format!("{buttons}.filter(one => one.checkVisibility()).length"));
    assert_eq!(shown, 0);
}

#[test]
fn nothing_sticks_out_on_a_phone() {
    let Some((_house, mut browser)) = page() else { return };
    browser.wait_for("#link", |text| text == "live");
    for (width, dark) in [(390, false), (390, true), (1200, false), (1200, true)] {
        browser.look_like(width, 844, dark);
        let sizes = browser.value("[document.documentElement.scrollWidth, innerWidth].join()");
        let (wide, inner) = sizes.as_str().and_then(|both| both.split_once(',')).expect("two numbers");
        let [wide, inner]: [u32; 2] = [wide, inner].map(|text| text.parse().expect("a number"));
        assert!(wide <= inner && inner == width, "{wide} of {inner} at {width}");
        keep(&browser.picture(), &format!("page-{width}-{}.base64", if dark { "dark" } else { "light" }));
    }
}

/// Where somebody wants to look at them: `QUINTET_PICTURES=FOLDER`.
fn keep(picture: &str, name: &str) {
    let Some(folder) = std::env::var_os("QUINTET_PICTURES") else { return };
    let file = std::fs::File::create(std::path::Path::new(&folder).join(name));
    file.and_then(|mut file| file.write_all(picture.as_bytes())).expect("a folder for pictures");
}

#[test]
fn a_balancer_that_goes_is_missed() {
    let Some((mut house, mut browser)) = page() else { return };
    browser.wait_for("#link", |text| text == "live");
    drop(house.admin.take());
    browser.wait_for("#link", |text| text == "gone: trying again");
}
