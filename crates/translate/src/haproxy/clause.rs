//! `if` and `unless`: names of ACLs and their combination, as clauses of which any has to hold.

use super::acl::{Acl, Facts};
use super::lex::Line;
use crate::condition::Matches;
use crate::routes::Clause;
use std::collections::BTreeMap;

/// Clauses one condition may come to.
const CLAUSES_MAX: usize = 200;

/// All `acl` lines of a section, by name; for a name that cannot be translated, why.
#[derive(Debug)]
pub(crate) struct Acls {
    facts: Facts,
    named: BTreeMap<String, Result<Acl, String>>,
}

/// One word of a condition.
struct Term {
    negated: bool,
    acl: Acl,
}

impl Acls {
    pub(crate) fn of(lines: &[Line], facts: Facts) -> Self {
        let mut named: BTreeMap<String, Result<Acl, String>> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.word(0) == "acl" && line.words.len() > 2) {
            let acl = Acl::parse(&line.words[2..], facts);
            let acl = match named.remove(line.word(1)) {
                Some(Ok(known)) => acl.and_then(|acl| known.or(acl)),
                Some(Err(why)) => Err(why),
                None => acl,
            };
            named.insert(line.word(1).to_owned(), acl);
        }
        Self { facts, named }
    }

    /// Of the words behind `if` or `unless`; without any the rule holds always. No clause: it never holds.
    pub(crate) fn clauses(&self, words: &[String]) -> Result<Vec<Clause>, String> {
        let Some((first, rest)) = words.split_first() else { return Ok(vec![Clause::default()]) };
        let unless = match first.as_str() {
            "if" => false,
            "unless" => true,
            other => return Err(format!("`{other}` has no counterpart")),
        };
        let mut any = self.terms(rest)?;
        if unless {
            any = inverted(any)?;
        }
        let mut clauses = Vec::new();
        for all in any {
            clauses.extend(conjunction(all)?);
        }
        if clauses.len() > CLAUSES_MAX {
            Err("the condition has too many alternatives".to_owned())
        } else {
            Ok(clauses)
        }
    }

    /// Alternatives, each of terms that all have to hold.
    fn terms(&self, words: &[String]) -> Result<Vec<Vec<Term>>, String> {
        let (mut any, mut all) = (Vec::new(), Vec::new());
        let mut negated = false;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if ["||", "or", "OR"].contains(&word.as_str()) {
                any.push(std::mem::take(&mut all));
                continue;
            }
            let name = word.trim_start_matches('!');
            negated ^= (word.len() - name.len()) % 2 == 1;
            let acl = match name {
                "" => continue,
                "{" => {
                    let inner: Vec<String> = words.by_ref().take_while(|word| *word != "}").cloned().collect();
                    Acl::parse(&inner, self.facts)?
                }
                name => self.named(name)?,
            };
            all.push(Term { negated: std::mem::take(&mut negated), acl });
        }
        any.push(all);
        Ok(any)
    }

    fn named(&self, name: &str) -> Result<Acl, String> {
        match self.named.get(name) {
            Some(Ok(acl)) => Ok(acl.clone()),
            Some(Err(why)) => Err(format!("acl {name}: {why}")),
            None => Acl::predefined(name).ok_or_else(|| format!("there is no acl {name}")),
        }
    }
}

/// Not any of them: of one alternative each term alone, of many with one term each all of them.
fn inverted(any: Vec<Vec<Term>>) -> Result<Vec<Vec<Term>>, String> {
    let not = |term: Term| Term { negated: !term.negated, ..term };
    match any.iter().all(|all| all.len() == 1) {
        true => Ok(vec![any.into_iter().flatten().map(not).collect()]),
        false if any.len() == 1 => Ok(any.into_iter().flatten().map(|term| vec![not(term)]).collect()),
        false => Err("`unless` with \"and\" and \"or\" at once: write it with `if`".to_owned()),
    }
}

/// All terms at once; an ACL with alternatives gives a clause for each.
fn conjunction(terms: Vec<Term>) -> Result<Vec<Clause>, String> {
    let mut clauses = vec![Clause::default()];
    for Term { negated, acl } in terms {
        match acl {
            Acl::Known(holds) if holds == negated => return Ok(Vec::new()),
            Acl::Known(_) => {}
            Acl::Source(networks) => {
                for clause in &mut clauses {
                    if clause.sources.is_some() {
                        return Err("a client's address is asked for twice".to_owned());
                    }
                    clause.sources = Some((!negated, networks.clone()));
                }
            }
            Acl::Any(alternatives) if negated => {
                clauses.iter_mut().for_each(|clause| clause.not.push(alternatives.clone()))
            }
            Acl::Any(alternatives) => clauses = product(&clauses, &alternatives)?,
        }
    }
    Ok(clauses)
}

fn product(clauses: &[Clause], alternatives: &[Matches]) -> Result<Vec<Clause>, String> {
    let mut all = Vec::new();
    for clause in clauses {
        for alternative in alternatives {
            if let Some(matches) = clause.matches.and(alternative)? {
                all.push(Clause { matches, ..clause.clone() });
            }
        }
    }
    Ok(all)
}
