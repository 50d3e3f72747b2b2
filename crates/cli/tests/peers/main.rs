//! Our programs against other people's, over loopback: clients in front of the balancer, servers behind it, the tester
//! against a server we did not write. A program that is not installed is skipped, and the test says so.

mod clients;
mod origins;
mod program;
mod retries;
mod secured;
mod servers;
mod sockets;
mod tester;
mod tester_asks;
mod tester_tls;
mod tester_ways;
mod translated;
mod translated_guards;
mod translated_streams;
