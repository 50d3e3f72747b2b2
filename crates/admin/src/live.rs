//! What happens while somebody looks on: the state of everything once a second, and what changes by itself when it does
//! (server-sent events, HTML standard section 9.2). One look serves all who look on; nobody looks where nobody does.

use crate::state::State;
use crate::view;
use axum::body::{Body, Bytes, HttpBody};
use control::{Event, Told};
use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use hyper::body::Frame;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

const EVERY: Duration = Duration::from_secs(1);
/// Then who looks on comes again: sooner than a connection is ended.
const LOOK_ON_MAX: Duration = Duration::from_secs(100);

/// Where the state comes out, as text that all who look on share.
#[derive(Clone)]
pub(crate) struct Live(watch::Sender<Bytes>);

impl Live {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Bytes::new()))
    }

    /// Looks while somebody looks on; it ends with the balancer.
    pub(crate) async fn look(self, state: Arc<State>) {
        loop {
            if self.0.receiver_count() > 0 {
                let of = Arc::clone(&state);
                let overview = tokio::task::spawn_blocking(move || view::everything(&of)).await;
                let Some(text) = overview.ok().flatten().and_then(|overview| serde_json::to_string(&overview).ok())
                else {
                    drop(self.0.send_replace(framed("ending", "{}")));
                    return;
                };
                drop(self.0.send_replace(framed("state", &text)));
            }
            sleep(EVERY).await;
        }
    }

    /// A body that goes on for as long as it is read, but not for ever.
    pub(crate) fn body(&self, state: &State) -> Body {
        // One that waits, so that who reads slowly misses states instead of having them kept.
        let (out, told) = mpsc::channel(1);
        tokio::spawn(tell(self.0.subscribe(), state.remote.watch(), out));
        Body::new(Stream(told))
    }
}

async fn tell(mut states: watch::Receiver<Bytes>, mut news: control::Watch, out: mpsc::Sender<Bytes>) {
    let until = Instant::now() + LOOK_ON_MAX;
    // Whoever comes again after the end waits no longer than this.
    let mut next = Some(Bytes::from_static(b"retry: 1000\n\n"));
    while let Some(text) = next {
        if out.send(text).await.is_err() {
            return;
        }
        next = timeout_at(until, async {
            tokio::select! {
                changed = states.changed() => changed.ok().map(|()| states.borrow_and_update().clone()),
                event = news.recv() => event_framed(event),
                () = out.closed() => None,
            }
        })
        .await
        .ok()
        .flatten();
    }
}

fn event_framed(told: Result<Told, RecvError>) -> Option<Bytes> {
    let told = match told {
        Ok(told) => told,
        Err(RecvError::Lagged(count)) => Told::now(Event::LeftOut { count }),
        Err(RecvError::Closed) => return None,
    };
    let mut value = serde_json::to_value(&told.event).ok()?;
    value["time"] = told.time().into();
    value["level"] = told.event.level().name().into();
    value["text"] = told.event.to_string().into();
    Some(framed("news", &value.to_string()))
}

/// JSON has no line ends of its own.
fn framed(event: &str, data: &str) -> Bytes {
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}

/// What is told, as a body.
struct Stream(mpsc::Receiver<Bytes>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_an_event_with_its_words() {
        let event = Event::SetDown { set: "a\nb".to_owned() };
        let text = event_framed(Ok(Told { at: std::time::UNIX_EPOCH, event })).expect("an event");
        let data = std::str::from_utf8(&text).ok().and_then(|text| text.strip_prefix("event: news\ndata: "));
        let data: serde_json::Value = serde_json::from_str(data.expect("an event").trim_end()).expect("JSON");
        let expect = serde_json::json!({ "time": "1970-01-01T00:00:00.000000Z", "level": "error", "event": "set-down",
                                         "set": "a\nb", "text": "set a\nb: no server is up" });
        assert_eq!(data, expect);
        let missed = event_framed(Err(RecvError::Lagged(7))).expect("an event");
        assert!(std::str::from_utf8(&missed).is_ok_and(|text| text.contains("7 more events")));
        assert_eq!(event_framed(Err(RecvError::Closed)), None);
    }
}
