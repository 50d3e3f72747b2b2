//! When a balancer is ready to be sent clients.

use named::named;

named! {
    /// When a balancer is ready to be sent clients. One that drains never is.
    #[derive(Default)]
    pub enum Ready {
        /// As long as it accepts them.
        #[default]
        Accepting = "accepting",
        /// And a server is up, of any set.
        AnyServer = "any-server",
        /// And a server of each set is up.
        EverySet = "every-set",
    }
}

impl Ready {
    /// Why not, if it is not; of each set its name, and whether a server of it is asked. Where there are none, nobody has to be up.
    ///
    /// # Errors
    /// It is not, and why.
    pub fn decide(self, sets: &[(String, bool)]) -> Result<(), String> {
        let without: Vec<&str> = sets.iter().filter(|(_, served)| !served).map(|(name, _)| name.as_str()).collect();
        match self {
            Self::EverySet if !without.is_empty() => Err(format!("no server is up of {}", without.join(", "))),
            Self::AnyServer if !sets.is_empty() && without.len() == sets.len() => Err("no server is up".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_to_be_up() {
        let check = |rule: Ready, sets: &[(&str, bool)], expect: Result<(), &str>| {
            let sets: Vec<_> = sets.iter().map(|(name, served)| ((*name).to_owned(), *served)).collect();
            assert_eq!(rule.decide(&sets), expect.map_err(str::to_owned), "{rule} {sets:?}");
        };
        for rule in Ready::ALL {
            check(rule, &[], Ok(()));
            check(rule, &[("app", true), ("api", true)], Ok(()));
        }
        check(Ready::Accepting, &[("app", false)], Ok(()));
        check(Ready::AnyServer, &[("app", false), ("api", true)], Ok(()));
        check(Ready::AnyServer, &[("app", false), ("api", false)], Err("no server is up"));
        check(Ready::EverySet, &[("app", false), ("api", true)], Err("no server is up of app"));
        check(Ready::EverySet, &[("app", false), ("api", false)], Err("no server is up of app, api"));
    }
}
