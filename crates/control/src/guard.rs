//! Work beside the plane that may have a mistake of its own: whatever becomes of it, the plane hears of it. What waits for
//! a message that never comes would wait for ever.

use crate::plane::Message;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::{JoinError, JoinHandle};

/// Why some work came to nothing.
pub(crate) type Broken = String;

/// Does `work` on the plane's own thread, between other things, and tells what it came to.
pub(crate) fn spawn<T: Send + 'static>(
    outbox: &UnboundedSender<Message>,
    work: impl Future<Output = T> + Send + 'static,
    tell: impl FnOnce(Result<T, Broken>) -> Message + Send + 'static,
) {
    watch(outbox, tokio::spawn(work), tell);
}

/// The same with work that waits for others, on a thread of its own.
pub(crate) fn spawn_blocking<T: Send + 'static>(
    outbox: &UnboundedSender<Message>,
    work: impl FnOnce() -> T + Send + 'static,
    tell: impl FnOnce(Result<T, Broken>) -> Message + Send + 'static,
) {
    watch(outbox, tokio::task::spawn_blocking(work), tell);
}

fn watch<T: Send + 'static>(
    outbox: &UnboundedSender<Message>,
    work: JoinHandle<T>,
    tell: impl FnOnce(Result<T, Broken>) -> Message + Send + 'static,
) {
    let outbox = outbox.clone();
    tokio::spawn(async move {
        let outcome = work.await.map_err(in_words);
        let _plane_has_ended = outbox.send(tell(outcome));
    });
}

fn in_words(error: JoinError) -> Broken {
    match error.try_into_panic() {
        Ok(panic) => words_of(&*panic),
        Err(_) => "it was cut short".to_owned(),
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn std::any::Any + Send)) -> Broken {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a mistake of quintet's own ({}); please report it", said.unwrap_or("it said nothing"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::names::{Answer, Question};
    use tokio::sync::mpsc::unbounded_channel;

    fn question() -> Question {
        Question::V4("app.test".into())
    }

    #[test]
    fn work_that_breaks_is_told_like_any_other() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let heard = runtime.block_on(async {
            let (outbox, mut inbox) = unbounded_channel();
            let tell = |outcome: Result<(), Broken>| {
                Message::Answered(question(), Answer::Failed { why: outcome.expect_err("it broke") })
            };
            spawn(&outbox, async { panic!("over {}", 7) }, tell);
            spawn_blocking(&outbox, || panic!("under"), tell);
            [inbox.recv().await, inbox.recv().await]
        });
        let mut said: Vec<String> = heard
            .into_iter()
            .map(|message| match message {
                Some(Message::Answered(_, Answer::Failed { why })) => why,
                _ => panic!("another message"),
            })
            .collect();
        said.sort();
        assert!(said[0].contains("own (over 7)") && said[1].contains("own (under)"), "{said:?}");
    }
}
