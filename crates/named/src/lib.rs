//! A closed set with names, declared once: the enum, every member's name, the list of them all.
//!
//! ```
//! named::named! {
//!     /// Who chooses source ports.
//!     #[derive(Default)]
//!     pub enum PortMode {
//!         /// The kernel, in `connect()`.
//!         #[default]
//!         Kernel = "kernel",
//!         /// Our allocator.
//!         Own = "own",
//!     }
//! }
//! assert_eq!(PortMode::Own.name(), "own");
//! assert_eq!(PortMode::ALL[PortMode::Own.index()], PortMode::Own);
//! assert_eq!(PortMode::from_name("kernel"), Some(PortMode::Kernel));
//! assert_eq!(PortMode::list(), "kernel or own");
//! ```
//! Flags, files, reports and JSON all take the name from here: a member displays and serialises as its name.

mod nearest;

pub use nearest::nearest;
#[doc(hidden)]
pub use serde;

/// A member of a closed set, for code that takes any of them. [`named!`] implements it, and gives the enum the same
/// items as its own, so that nobody else needs this trait in scope.
pub trait Named: Copy + Eq + 'static {
    /// Every member, in the order of declaration: the order in which reports list them and choices are offered.
    const ALL: &'static [Self];

    /// As files, flags and reports write it.
    fn name(self) -> &'static str;

    /// Position in [`Named::ALL`], for tables with a place per member.
    fn index(self) -> usize;

    /// The member of that name.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|member| member.name() == name)
    }

    /// What can be chosen, for messages: `kernel or own`, `server, client or reset`.
    fn list() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|member| member.name()).collect();
        match names.as_slice() {
            [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => names.concat(),
        }
    }
}

/// Declares an enum without fields together with its names; see the [crate's example](crate).
///
/// The enum gets `ALL` (an array), `name()`, `index()`, `from_name()` and `list()` as in [`Named`]; `Display` and
/// `Serialize`, which show the name; and the derives of plain data: `Clone`, `Copy`, `Debug`, `PartialEq`, `Eq`, `Hash`.
/// Others, such as `Default` or `Ord`, are asked for as usual.
#[macro_export]
macro_rules! named {
    (
        $(#[$about:meta])*
        $visibility:vis enum $set:ident {
            $( $(#[$about_member:meta])* $member:ident = $name:literal ),+ $(,)?
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility enum $set {
            $( $(#[$about_member])* $member, )+
        }

        #[allow(dead_code, reason = "no set uses every item")]
        impl $set {
            /// Every member, in the order of declaration.
            $visibility const ALL: [Self; [$($name),+].len()] = [$(Self::$member),+];

            /// As files, flags and reports write it.
            $visibility const fn name(self) -> &'static str {
                match self {
                    $(Self::$member => $name,)+
                }
            }

            /// Position in `ALL`, for tables with a place per member.
            $visibility const fn index(self) -> usize {
                self as usize
            }

            /// The member of that name.
            $visibility fn from_name(name: &str) -> ::core::option::Option<Self> {
                <Self as $crate::Named>::from_name(name)
            }

            /// What can be chosen, for messages.
            $visibility fn list() -> ::std::string::String {
                <Self as $crate::Named>::list()
            }
        }

        impl $crate::Named for $set {
            const ALL: &'static [Self] = &Self::ALL;

            fn name(self) -> &'static str {
                self.name()
            }

            fn index(self) -> usize {
                self.index()
            }
        }

        impl ::core::fmt::Display for $set {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl $crate::serde::Serialize for $set {
            fn serialize<S: $crate::serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    named! {
        /// Two, for the tests.
        #[derive(Default, PartialOrd, Ord)]
        enum Side {
            /// The first.
            Left = "left",
            /// The second.
            #[default]
            Right = "right",
        }
    }

    #[test]
    fn names_lead_back_to_their_member() {
        for (at, side) in Side::ALL.into_iter().enumerate() {
            assert_eq!((Side::from_name(side.name()), side.index()), (Some(side), at));
        }
        assert_eq!(Side::from_name("Left"), None);
        assert_eq!(Side::list(), "left or right");
    }

    #[test]
    fn a_member_is_shown_as_its_name() {
        assert_eq!(format!("{:<6}|{}", Side::Left, Side::default()), "left  |right");
        let counts = BTreeMap::from([(Side::Left, 1), (Side::Right, 2)]);
        assert_eq!(serde_json::to_string(&counts).expect("plain data"), r#"{"left":1,"right":2}"#);
    }
}
