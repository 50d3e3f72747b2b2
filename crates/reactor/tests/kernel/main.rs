//! The epoll backend against the kernel.

mod face;
mod listeners;
mod loops;
mod rest;
mod threads;
mod unix;
