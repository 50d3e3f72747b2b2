//! The operating system, one thin function per system call. The only crate with `unsafe`.
//!
//! Functions return [`Errno`] (an integer, cheap on the data path) or a typed error of their own
//! where a person will read it. "Not supported here" is an answer, never a guess.

pub mod alloc_count;
pub mod counters;
pub mod epoll;
pub mod exit;
pub mod file;
pub mod hand;
pub mod host;
pub mod limits;
pub mod link;
pub mod memory;
mod netlink;
pub mod netns;
pub mod nft;
pub mod offload;
pub mod packet;
pub mod pipe;
pub mod privileges;
pub mod resolve;
pub mod signal;
pub mod sock_diag;
pub mod socket;
pub mod sockopt;
pub mod sysctl;
pub mod tcp_info;
pub mod terminal;
pub mod thread;
pub mod unix;
pub mod waker;

pub use rustix::io::Errno;
