//! Gathers facts of this host and of a balancer, for the rules of `doctor-core`.
