//! `if` and `unless`: names of ACLs and their combination, as clauses of which any has to hold.

use super::acl::{Acl, Around, Facts};
use super::asked::Asked;
use super::bind::TlsWords;
use super::counted::{Counted, Tables};
use super::lex::Line;
use super::userlist::Userlists;
use crate::condition::Matches;
use crate::routes::Clause;
use std::collections::BTreeMap;

/// Clauses one condition may come to.
const CLAUSES_MAX: usize = 200;

/// What a whole file knows of clients.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) users: Userlists,
    pub(crate) tables: Tables,
    /// What holds for TLS everywhere.
    pub(crate) tls: TlsWords,
}

/// When a rule holds, and what has to be asked besides: whether the answer is to be yes.
#[derive(Clone, Debug, Default)]
pub(crate) struct When {
    pub(crate) clause: Clause,
    pub(crate) asked: Option<(bool, Asked)>,
    /// Why it holds for less than it should.
    pub(crate) narrower: Option<String>,
}

/// All `acl` lines of a section, by name; for a name that cannot be translated, why.
#[derive(Debug)]
pub(crate) struct Acls<'f> {
    facts: Facts,
    users: &'f Userlists,
    counted: Counted,
    named: BTreeMap<String, Named>,
}

/// What all lines of one name come to.
#[derive(Debug, Default)]
struct Named {
    acl: Option<Acl>,
    /// Why one of the lines is not among it.
    left_out: Option<String>,
}

/// One word of a condition.
struct Term {
    negated: bool,
    acl: Acl,
    /// What it would hold for as well has no counterpart, and why.
    left_out: Option<String>,
}

impl Named {
    fn add(&mut self, line: Result<Acl, String>) {
        let joined = line.and_then(|acl| self.acl.clone().map_or(Ok(acl.clone()), |known| known.or(acl)));
        match joined {
            Ok(acl) => self.acl = Some(acl),
            Err(why) => self.left_out = self.left_out.take().or(Some(why)),
        }
    }
}

impl<'f> Acls<'f> {
    pub(crate) fn of(lines: &[Line], facts: Facts, known: &'f Known) -> Self {
        let counted = Counted::of(lines, &known.tables);
        let around = Around { facts, users: &known.users, counted: &counted };
        let mut named: BTreeMap<String, Named> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.word(0) == "acl" && line.words.len() > 2) {
            named.entry(line.word(1).to_owned()).or_default().add(Acl::parse(&line.words[2..], around));
        }
        Self { facts, users: &known.users, counted, named }
    }

    fn around(&self) -> Around<'_> {
        Around { facts: self.facts, users: self.users, counted: &self.counted }
    }

    /// Of the words behind `if` or `unless`; without any the rule holds always. No clause: it never holds.
    pub(crate) fn clauses(&self, words: &[String]) -> Result<Vec<When>, String> {
        let Some((first, rest)) = words.split_first() else { return Ok(vec![When::default()]) };
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
            let (acl, left_out) = match name {
                "" => continue,
                "{" => {
                    let inner: Vec<String> = words.by_ref().take_while(|word| *word != "}").cloned().collect();
                    (Acl::parse(&inner, self.around())?, None)
                }
                name => self.named(name)?,
            };
            all.push(Term { negated: std::mem::take(&mut negated), acl, left_out });
        }
        any.push(all);
        Ok(any)
    }

    /// With why it would hold for more, where it would.
    fn named(&self, name: &str) -> Result<(Acl, Option<String>), String> {
        let why = |why: &String| format!("acl {name}: {why}");
        match self.named.get(name) {
            // Nothing is left of it but what has no counterpart.
            Some(Named { acl: Some(Acl::Known(false)), left_out: Some(left_out) }) => Err(why(left_out)),
            Some(Named { acl: Some(acl), left_out }) => Ok((acl.clone(), left_out.as_ref().map(why))),
            Some(Named { left_out, .. }) => Err(left_out.as_ref().map(why).unwrap_or_default()),
            None => Acl::predefined(name).map(|acl| (acl, None)).ok_or_else(|| format!("there is no acl {name}")),
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
fn conjunction(terms: Vec<Term>) -> Result<Vec<When>, String> {
    let mut clauses = vec![Clause::default()];
    let (mut question, mut narrower) = (None, None);
    for Term { negated, acl, left_out } in terms {
        match left_out {
            // A part of it may do less than it should; of what must not hold all has to be known.
            Some(why) if negated => return Err(why),
            why => narrower = narrower.or(why),
        }
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
            Acl::Asked(_) if question.is_some() => return Err("two questions of whoever comes at once".to_owned()),
            Acl::Asked(asked) => question = Some((!negated, asked)),
            Acl::Any(alternatives) if negated => {
                clauses.iter_mut().for_each(|clause| clause.not.push(alternatives.clone()))
            }
            Acl::Any(alternatives) => clauses = product(&clauses, &alternatives)?,
        }
    }
    Ok(clauses.into_iter().map(|clause| When { clause, asked: question.clone(), narrower: narrower.clone() }).collect())
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
