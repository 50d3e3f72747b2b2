//! Bytes that were received and are to be sent as they are: the kernel keeps them, in a pipe, and nothing is copied.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::rc::Rc;
use sys::Errno;
use sys::pipe::Pipe;

/// Bytes of a pipe. More saves few calls.
/// Room of a pipe, in bytes.
pub const PIPE_BYTES: usize = 256 * 1024;
/// How often a pipe is done without before the kernel is asked again, once it had none: asking costs calls, too.
const REFUSAL_LASTS: u32 = 1024;

/// What was received through [`Reactor::recv_through`](crate::Reactor::recv_through). Whoever lets go of it loses the bytes.
#[derive(Debug)]
pub struct Piped {
    len: usize,
    kept: Kept,
}

#[derive(Debug)]
enum Kept {
    Kernel { pipe: Option<Pipe>, stock: Pipes },
    Memory(VecDeque<u8>),
}

impl Piped {
    /// Of a reactor whose kernel is simulated.
    pub fn in_memory(bytes: VecDeque<u8>) -> Self {
        Self { len: bytes.len(), kept: Kept::Memory(bytes) }
    }

    /// The bytes of [`Piped::in_memory`]; none of any other.
    pub fn into_memory(mut self) -> VecDeque<u8> {
        match &mut self.kept {
            Kept::Memory(bytes) => std::mem::take(bytes),
            Kept::Kernel { .. } => VecDeque::new(),
        }
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Is nothing left?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes what a socket has received: 0 is the peer's FIN.
    pub(crate) fn fill(&mut self, from: impl AsFd) -> Result<usize, Errno> {
        let Kept::Kernel { pipe: Some(pipe), .. } = &self.kept else { return Err(Errno::INVAL) };
        debug_assert_eq!(self.len, 0, "a pipe is filled once");
        self.len = pipe.fill(from)?;
        Ok(self.len)
    }

    /// Gives a socket as much as it takes, until nothing is left or it takes no more (EAGAIN).
    pub(crate) fn drain(&mut self, to: impl AsFd + Copy) -> Result<(), Errno> {
        let Kept::Kernel { pipe: Some(pipe), .. } = &self.kept else { return Err(Errno::INVAL) };
        while self.len > 0 {
            match pipe.drain(to, self.len)? {
                0 => return Err(Errno::PIPE), // cannot be: the bytes are there
                sent => self.len -= sent,
            }
        }
        Ok(())
    }
}

/// An empty pipe is for others; one with bytes in it is for nobody any more.
impl Drop for Piped {
    fn drop(&mut self) {
        let Kept::Kernel { pipe, stock } = &mut self.kept else { return };
        let mut stock = stock.0.borrow_mut();
        match pipe.take() {
            Some(pipe) if self.len == 0 => stock.free.push(pipe),
            _ => stock.made -= 1,
        }
    }
}

/// The pipes of one reactor, made as they are needed: two descriptors each. A pipe is taken while it holds bytes, so readers that
/// are slow to take theirs hold no more than these.
#[derive(Clone, Debug)]
pub(crate) struct Pipes(Rc<RefCell<Stock>>);

#[derive(Debug)]
struct Stock {
    free: Vec<Pipe>,
    made: usize,
    max: usize,
    /// What each is asked to hold.
    bytes: usize,
    /// Times that the kernel is not asked for another.
    refused: u32,
}

impl Pipes {
    /// `max` at most.
    pub(crate) fn new(max: usize) -> Self {
        Self(Rc::new(RefCell::new(Stock { free: Vec::new(), made: 0, max, bytes: PIPE_BYTES, refused: 0 })))
    }

    /// One without bytes; `None` where all are in use, or the kernel has none.
    pub(crate) fn take(&self) -> Option<Piped> {
        let mut stock = self.0.borrow_mut();
        let pipe = match stock.free.pop() {
            Some(pipe) => pipe,
            None => stock.make()?,
        };
        Some(Piped { len: 0, kept: Kept::Kernel { pipe: Some(pipe), stock: self.clone() } })
    }
}

impl Stock {
    fn make(&mut self) -> Option<Pipe> {
        self.refused = self.refused.saturating_sub(1);
        if self.made == self.max || self.refused > 0 {
            return None;
        }
        let pipe = Pipe::new(self.bytes).ok();
        match pipe {
            Some(_) => self.made += 1,
            None => self.refused = REFUSAL_LASTS,
        }
        pipe
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    const MAX: usize = 4;

    #[test]
    fn a_pipe_is_used_again_unless_bytes_were_left_in_it() {
        let pipes = Pipes::new(MAX);
        let (mut from, near) = UnixStream::pair().expect("a pair");
        let (mut to, far) = UnixStream::pair().expect("a pair");
        let made = || (pipes.0.borrow().made, pipes.0.borrow().free.len());
        for _ in 0..3 {
            let mut piped = pipes.take().expect("within the bound");
            from.write_all(b"bytes").expect("taken");
            assert_eq!((piped.fill(&near), made()), (Ok(5), (1, 0)));
            assert_eq!(piped.drain(&far), Ok(()));
            drop(piped);
            let mut seen = [0; 5];
            to.read_exact(&mut seen).expect("they arrive");
            assert_eq!((&seen, made()), (b"bytes", (1, 1)));
        }
        let mut piped = pipes.take().expect("within the bound");
        from.write_all(b"lost").expect("taken");
        assert_eq!(piped.fill(&near), Ok(4));
        drop(piped);
        assert_eq!(made(), (0, 0));
        let all: Vec<_> = std::iter::from_fn(|| pipes.take()).take(MAX + 1).collect();
        assert_eq!(all.len(), MAX);
        drop(all);
        assert_eq!(made(), (MAX, MAX));
    }

    /// A user whose pipes have as many pages as they may is told so each time, at the price of calls.
    #[test]
    fn a_kernel_that_gives_no_pipe_is_left_alone_for_a_while() {
        let pipes = Pipes::new(MAX);
        pipes.0.borrow_mut().bytes = usize::MAX / 2;
        assert!(pipes.take().is_none(), "no pipe is so large");
        pipes.0.borrow_mut().bytes = PIPE_BYTES;
        let missing = std::iter::from_fn(|| pipes.take().is_none().then_some(())).count();
        assert_eq!(missing as u32, REFUSAL_LASTS - 1);
        assert!(pipes.take().is_some() && pipes.0.borrow().made == 1);
    }
}
