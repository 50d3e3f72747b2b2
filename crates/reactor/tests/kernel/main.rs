//! The epoll backend against the kernel.

mod face;
mod listeners;
mod loops;
mod threads;
mod unix;
