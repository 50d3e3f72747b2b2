//! The process that goes.

use super::{DrainedRow, Message, PATIENCE, ROWS_MAX, SaidRow, SocketRow, TicketRow, VARIABLE, VERSION, receive, send};
use admin::Admin;
use control::{Control, Heritage};
use reactor::Listening;
use reactor::epoll::{FileOwner, file_owner};
use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sys::Errno;
use sys::hand;

/// What is for one process only, and not for its children.
const NOT_INHERITED: [&str; 4] = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_PID"];

/// How long a process that hung up may take to say why, and to end.
const LAST_WORDS: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A hand-over that is under way. Dropped, the next process is ended.
pub(in crate::serve) struct Giving {
    child: Option<Child>,
    gives: Option<JoinHandle<Result<(), String>>>,
}

/// Starts the next process, and gives it what it needs.
///
/// # Errors
/// Why it cannot be started.
pub(in crate::serve) fn begin(control: &Control, admin: &Admin) -> Result<Giving, String> {
    let failed = |errno: Errno| format!("what it needs: {errno}");
    let heritage = control.to_inherit();
    let (rows, sockets) = rows_of(&heritage, admin).map_err(failed)?;
    let (said, drained, tickets) = (said_of(&heritage), drained_of(&heritage), tickets_of(&heritage));
    // It holds the sockets of files, which must not go with it.
    drop(heritage);
    let (ours, theirs) = hand::pair().map_err(failed)?;
    hand::set_patience(&ours, PATIENCE).map_err(failed)?;
    let mut giving = Giving { child: Some(start_next(theirs)?), gives: None };
    let hand_overs = control.remote().hand_overs().done.count;
    let gives = move || give(&ours, Gift { hand_overs, tickets, said, drained, rows, sockets });
    let thread = std::thread::Builder::new().name("hand-over".to_owned()).spawn(gives);
    giving.gives = Some(thread.map_err(|error| format!("a thread for it: {error}"))?);
    Ok(giving)
}

/// As this process was started.
fn start_next(wire: OwnedFd) -> Result<Child, String> {
    let mut args = std::env::args_os();
    let program = args.next().unwrap_or_else(|| OsString::from("quintet"));
    let mut command = Command::new(&program);
    command.args(args).stdin(Stdio::from(wire)).env(VARIABLE, std::process::id().to_string());
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    command.spawn().map_err(|error| format!("{} cannot be started: {error}", program.to_string_lossy()))
}

fn rows_of(heritage: &Heritage, admin: &Admin) -> Result<(Vec<SocketRow>, Vec<OwnedFd>), Errno> {
    let (mut rows, mut sockets) = (Vec::new(), Vec::new());
    let mut add = |place, listener: Option<&str>, asked: String, listening: &Listening| {
        let is_own_file = file_owner(listening) == FileOwner::Us;
        rows.push(SocketRow { place, listener: listener.map(str::to_owned), asked, is_own_file });
        reactor::epoll::duplicate(listening).map(|socket| sockets.push(socket))
    };
    for (place, door) in heritage.sockets.doors.iter().enumerate() {
        let asked = door.asked.map(|asked| asked.to_string()).unwrap_or_default();
        door.sockets.iter().try_for_each(|socket| add(place, Some(&door.name), asked.clone(), socket))?;
    }
    if let Some((asked, listening)) = admin.to_inherit() {
        add(heritage.sockets.doors.len(), None, asked.to_string(), &listening)?;
    }
    Ok((rows, sockets))
}

fn said_of(heritage: &Heritage) -> Vec<SaidRow> {
    let row = |(set, server, said): (&str, &str, balancer_core::Override)| SaidRow {
        set: set.to_owned(),
        server: server.to_owned(),
        drained: said.drained,
        disabled: said.disabled,
        weight: said.weight,
    };
    heritage.said.all().map(row).collect()
}

fn tickets_of(heritage: &Heritage) -> Vec<TicketRow> {
    let row = |of: &balancer::TicketKeys| TicketRow {
        admission: of.admission.clone(),
        keys: of.keys.iter().map(|key| key.as_bytes().to_vec()).collect(),
    };
    heritage.sockets.tickets.iter().map(row).collect()
}

fn drained_of(heritage: &Heritage) -> Vec<DrainedRow> {
    let row = |(listener, time): &(String, Duration)| DrainedRow {
        listener: listener.clone(),
        for_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
    };
    heritage.drained.iter().map(row).collect()
}

/// Everything that the next process gets.
struct Gift {
    hand_overs: u64,
    tickets: Vec<TicketRow>,
    said: Vec<SaidRow>,
    drained: Vec<DrainedRow>,
    rows: Vec<SocketRow>,
    sockets: Vec<OwnedFd>,
}

/// Until the next process serves, or why it does not.
fn give(wire: &OwnedFd, gift: Gift) -> Result<(), String> {
    send_all(wire, gift).map_err(|errno| match errno {
        Errno::PIPE | Errno::CONNRESET => "it ended before it was ready".to_owned(),
        errno => format!("it does not take what it is given: {errno}"),
    })?;
    match receive(wire) {
        Ok(Some((Message::Ready, _))) => Ok(()),
        Ok(None) | Err(Errno::CONNRESET) => Err("it ended before it was ready".to_owned()),
        Err(Errno::AGAIN) => Err(format!("it was not ready within {} s", PATIENCE.as_secs())),
        Ok(Some(_)) | Err(_) => Err("it says what this version does not understand".to_owned()),
    }
}

/// As often as there are keys of tickets for.
fn send_hello(wire: &OwnedFd, hand_overs: u64, tickets: Vec<TicketRow>) -> Result<(), Errno> {
    let mut tickets = tickets.into_iter();
    loop {
        let tickets: Vec<TicketRow> = tickets.by_ref().take(ROWS_MAX).collect();
        let is_last = tickets.len() < ROWS_MAX;
        send(wire, &Message::Hello { version: VERSION, hand_overs, tickets }, &[])?;
        if is_last {
            return Ok(());
        }
    }
}

fn send_all(wire: &OwnedFd, gift: Gift) -> Result<(), Errno> {
    send_hello(wire, gift.hand_overs, gift.tickets)?;
    let mut said = gift.said.into_iter().peekable();
    while said.peek().is_some() {
        send(wire, &Message::Said(said.by_ref().take(ROWS_MAX).collect()), &[])?;
    }
    let mut drained = gift.drained.into_iter().peekable();
    while drained.peek().is_some() {
        send(wire, &Message::Drained(drained.by_ref().take(ROWS_MAX).collect()), &[])?;
    }
    let (mut rows, sockets) = (gift.rows.into_iter(), gift.sockets);
    for sockets in sockets.chunks(ROWS_MAX) {
        let files: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
        send(wire, &Message::Sockets(rows.by_ref().take(ROWS_MAX).collect()), &files)?;
    }
    send(wire, &Message::Whole, &[])
}

impl Giving {
    /// Whom it goes to.
    pub(in crate::serve) fn next(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// What came of it, once that is known: the next process serves, or this one goes on.
    pub(in crate::serve) fn poll(&mut self) -> Option<Result<u32, String>> {
        let gives = self.gives.take_if(|gives| gives.is_finished())?;
        match gives.join().unwrap_or_else(|_| Err("a mistake of quintet's own".to_owned())) {
            // It is nobody's to be ended from now on.
            Ok(()) => self.child.take().map(|child| Ok(child.id())),
            Err(why) => Some(Err(self.end_next().map_or(why.clone(), |status| format!("{why} ({status})")))),
        }
    }

    /// It may be about to say why.
    fn end_next(&mut self) -> Option<ExitStatus> {
        let mut child = self.child.take()?;
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until {
            if let Ok(Some(status)) = child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        let _ended_already = child.kill();
        child.wait().ok()
    }
}

impl Drop for Giving {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ended_already = child.kill();
            let _no_zombie = child.wait();
        }
    }
}
