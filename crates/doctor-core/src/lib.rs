//! What is wrong with a host or a balancer, from recorded facts: rules without a host.
