//! Private network namespaces, without root where the host allows user namespaces.
//!
//! A namespace lives as long as a file descriptor, a thread or a socket of this process names it:
//! nothing is mounted and no file is written, so everything is gone when the process ends, SIGKILL
//! included.

mod forbidden;

pub use forbidden::Forbidden;

use forbidden::status_field;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, UnshareFlags};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// How this process came to its private network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// CAP_SYS_ADMIN was there: a network namespace in the user namespace we came from.
    Privileged,
    /// A user namespace of our own, in which we are root, around the network namespace.
    UserNamespace,
}

/// Moves the whole process into a network namespace of its own, with its loopback up.
///
/// Call it while the process has one thread; threads started later inherit it. After an `Err` the
/// process is where it was before.
///
/// # Errors
/// Who forbids it, and the way out.
pub fn enter_private() -> Result<Privacy, Forbidden> {
    match unshare(UnshareFlags::NEWNET) {
        Ok(()) => return raise_loopback().map(|()| Privacy::Privileged),
        Err(Errno::PERM) => {}
        Err(errno) => return Err(Forbidden::explain("unshare(CLONE_NEWNET)", errno)),
    }
    if thread_count() != Some(1) {
        return Err(Forbidden::ManyThreads);
    }
    // Tried in a child first: AppArmor lets the namespace be made and only then takes the
    // capabilities away, and there is no way back from there.
    try_in_child()?;
    become_root_inside()?;
    Ok(Privacy::UserNamespace)
}

/// A network namespace.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
}

impl Namespace {
    /// Makes an empty one: a loopback that is down, sysctls at their defaults.
    ///
    /// # Errors
    /// Who forbids it. [`enter_private`] first gives the capability.
    pub fn new() -> Result<Self, Forbidden> {
        let made = thread::spawn(|| {
            unshare(UnshareFlags::NEWNET)?;
            open_current()
        });
        let fd = made.join().expect("making a namespace does not panic");
        Ok(Self { fd: fd.map_err(|errno| Forbidden::explain("unshare(CLONE_NEWNET)", errno))? })
    }

    /// The one the calling thread is in.
    ///
    /// # Errors
    /// `/proc` is not mounted, or no file descriptor is left.
    pub fn current() -> io::Result<Self> {
        Ok(Self { fd: open_current()? })
    }

    /// A second handle of the same namespace.
    ///
    /// # Errors
    /// No file descriptor is left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }

    /// Runs `work` on a thread inside, waits for it. Threads and sockets it makes belong to this
    /// namespace. A panic of `work` is passed on.
    ///
    /// # Errors
    /// The thread could not be started or could not enter.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let inside = thread::Builder::new().spawn_scoped(scope, || {
                enter(self.fd.as_fd())?;
                Ok(work())
            })?;
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts a thread inside.
    ///
    /// # Errors
    /// The thread could not be started, or (from the thread itself) could not enter.
    pub fn spawn<T, F>(&self, name: &str, work: F) -> io::Result<JoinHandle<io::Result<T>>>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let fd = self.fd.try_clone()?;
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            enter(fd.as_fd())?;
            drop(fd);
            Ok(work())
        })
    }

    /// Starts a program inside. It is killed when its [`Guest`] is dropped, and when this process dies.
    ///
    /// # Errors
    /// As [`Command::spawn`].
    pub fn start_program(&self, mut command: Command) -> io::Result<Guest> {
        let (child_out, child_in) = mpsc::channel();
        let (release, until_released) = mpsc::channel::<()>();
        kill_with_parent(&mut command);
        let keeper = self.spawn("namespace-guest", move || {
            // PR_SET_PDEATHSIG fires when the *thread* that forked ends (prctl(2)): stay.
            if child_out.send(command.spawn()).is_ok() {
                let _ = until_released.recv();
            }
        })?;
        match child_in.recv() {
            Ok(child) => Ok(Guest { child: child?, release: Some(release), keeper: Some(keeper) }),
            Err(_) => Err(entering_failed(keeper)),
        }
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A program that runs inside a [`Namespace`].
#[derive(Debug)]
pub struct Guest {
    child: Child,
    release: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<io::Result<()>>>,
}

impl Guest {
    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.release.take());
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

fn entering_failed(keeper: JoinHandle<io::Result<()>>) -> io::Error {
    match keeper.join() {
        Ok(Err(error)) => error,
        _ => io::Error::other("the thread inside the namespace ended early"),
    }
}

fn kill_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only one async-signal-safe system call is made.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(io::Error::from)
        });
    }
}

fn enter(namespace: BorrowedFd<'_>) -> io::Result<()> {
    let kind = Some(LinkNameSpaceType::Network);
    rustix::thread::move_into_link_name_space(namespace, kind).map_err(io::Error::from)
}

/// `/proc/thread-self`, because `/proc/self` is the main thread's.
fn open_current() -> Result<OwnedFd, Errno> {
    rustix::fs::open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the descriptor table (UnshareFlags::FILES) is never unshared here.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

fn raise_loopback() -> Result<(), Forbidden> {
    crate::link::RouteSocket::open()
        .and_then(|mut socket| socket.set_up("lo"))
        .map_err(|error| Forbidden::explain("raising the loopback", error.errno))
}

/// A user and a network namespace, root mapped to whom we are.
fn become_root_inside() -> Result<(), Forbidden> {
    let uid = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let step = "unshare(CLONE_NEWUSER|CLONE_NEWNET)";
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET).map_err(|errno| Forbidden::explain(step, errno))?;
    // Without "deny" an unprivileged process may not write gid_map (user_namespaces(7)).
    write_proc("/proc/self/setgroups", "deny")?;
    write_proc("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write_proc("/proc/self/gid_map", &format!("0 {gid} 1"))?;
    raise_loopback()
}

fn write_proc(path: &'static str, text: &str) -> Result<(), Forbidden> {
    std::fs::write(path, text)
        .map_err(|error| Forbidden::Refused { step: path, errno: error.raw_os_error().unwrap_or(0) })
}

/// [`become_root_inside`] in a forked child that ends at once.
fn try_in_child() -> Result<(), Forbidden> {
    let step = "unshare(CLONE_NEWUSER|CLONE_NEWNET)";
    // SAFETY: the caller made sure that this process has one thread, so that no lock of another
    // thread is held in the child.
    let child = unsafe { libc::fork() };
    if child < 0 {
        return Err(Forbidden::explain("fork", Errno::NOMEM));
    }
    if child == 0 {
        let errno = become_root_inside().err().map_or(0, |why| why.errno());
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(errno) };
    }
    match wait_for(child) {
        Some(0) => Ok(()),
        Some(errno) => Err(Forbidden::explain(step, Errno::from_raw_os_error(errno))),
        None => Err(Forbidden::Refused { step, errno: libc::ECHILD }),
    }
}

fn wait_for(child: i32) -> Option<i32> {
    let pid = rustix::process::Pid::from_raw(child)?;
    let options = rustix::process::WaitOptions::empty();
    let (_, status) = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), options)).ok()??;
    status.exit_status()
}

fn thread_count() -> Option<usize> {
    status_field("Threads:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threaded_process_is_told_so_or_is_privileged() {
        // The test harness has threads: only the privileged way can work here, on this thread alone.
        let answer = thread::spawn(enter_private).join().expect("no panic");
        assert!(matches!(answer, Ok(Privacy::Privileged) | Err(Forbidden::ManyThreads)), "{answer:?}");
    }
}
