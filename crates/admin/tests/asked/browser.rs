//! A real Chromium without a window, told what to do by its own protocol (Chrome DevTools Protocol over a WebSocket).

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use testkit::{Folder, PATIENCE, installed};
use tungstenite::{Message, WebSocket};

/// Nothing but the page itself: it asks nobody, keeps nothing, and runs as whoever tests are run.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
];

/// A browser with one page. It ends with its owner.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    session: String,
    last_id: u64,
    _profile: Folder,
}

impl Browser {
    /// An empty page; where no Chromium is installed, the calling test is skipped.
    #[track_caller]
    pub(crate) fn start() -> Option<Self> {
        let program = installed("chromium")?;
        let profile = Folder::new();
        let mut child = Command::new(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chromium starts");
        let said = BufReader::new(child.stderr.take().expect("piped"));
        let (url, rest) = listens_at(said);
        // Whatever else it says is for nobody; a full pipe would stop it.
        std::thread::spawn(move || rest.lines().for_each(drop));
        let at = url.trim_start_matches("ws://").split('/').next().expect("an address").to_owned();
        let stream = TcpStream::connect(at).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket of ours");
        let (socket, _) = tungstenite::client(&url, stream).expect("it speaks WebSocket");
        let mut browser = Self { child, socket, session: String::new(), last_id: 0, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let wanted = json!({ "targetId": target["targetId"], "flatten": true });
        browser.session =
            browser.call("Target.attachToTarget", wanted)["sessionId"].as_str().expect("an id").to_owned();
        Some(browser)
    }

    /// One command and its result.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut command = json!({ "id": self.last_id, "method": method, "params": params });
        if !self.session.is_empty() {
            command["sessionId"] = self.session.as_str().into();
        }
        self.socket.send(Message::text(command.to_string())).expect("it listens");
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("{method}: {error}"));
            let Ok(mut answer) = serde_json::from_slice::<Value>(&message.into_data()) else { continue };
            // All else are events.
            if answer["id"] == self.last_id {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }

    /// Goes to a page.
    pub(crate) fn open(&mut self, url: &str) {
        let result = self.call("Page.navigate", json!({ "url": url }));
        assert!(result["errorText"].is_null(), "{url}: {result}");
    }

    /// The value of an expression of the page's language.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let wanted = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut result = self.call("Runtime.evaluate", wanted);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].take()
    }

    /// Waits until the text of what this selects, all of it together, is as it should be.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, selector: &str, is_so: impl Fn(&str) -> bool) -> String {
        let expression =
            format!("[...document.querySelectorAll({selector:?})].map(one => one.innerText).join(\"\\n\")");
        let mut text = String::new();
        testkit::eventually(&format!("the page shows it in {selector}"), || {
            text = self.value(&expression).as_str().unwrap_or_default().to_owned();
            is_so(&text)
        });
        text
    }

    /// A key, pressed and let go, and what it writes.
    pub(crate) fn press(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Writes where the focus is.
    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// As on a screen of this width, in the light or in the dark.
    pub(crate) fn look_like(&mut self, width: u32, height: u32, dark: bool) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media);
    }

    /// All of the page as PNG, in Base64.
    pub(crate) fn picture(&mut self) -> String {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }));
        picture["data"].as_str().expect("a picture").to_owned()
    }
}

/// Where it says that it listens, and what it says after that.
fn listens_at(mut said: impl BufRead) -> (String, impl BufRead) {
    let mut line = String::new();
    while said.read_line(&mut line).expect("text") > 0 {
        if let Some(url) = line.trim().strip_prefix("DevTools listening on ") {
            return (url.to_owned(), said);
        }
        line.clear();
    }
    panic!("chromium ended before it listened")
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _no_zombie = self.child.wait();
    }
}
