//! Numbers that wrap: sequence numbers and timestamps are compared by the sign of their difference, as
//! `before()` and `after()` of the kernel's tcp.h do (RFC 9293, 3.4).

/// Is `a` later than `b`, modulo 2^32?
pub const fn after(a: u32, b: u32) -> bool {
    (b.wrapping_sub(a) as i32) < 0
}

/// Is `a` earlier than `b`, modulo 2^32?
pub const fn before(a: u32, b: u32) -> bool {
    after(b, a)
}

/// How far `a` is ahead of `b`; negative when behind.
pub const fn ahead(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_the_wrap() {
        for (a, b, later) in [
            (1, 0, true),
            (0, 1, false),
            (5, 5, false),
            (0, u32::MAX, true),
            (0x8000_0001, 0, false),
            (10, 0xffff_fff0, true),
        ] {
            assert_eq!(after(a, b), later, "after({a}, {b})");
            assert_eq!(before(b, a), later, "before({b}, {a})");
        }
        assert_eq!(ahead(3, u32::MAX), 4);
    }
}
