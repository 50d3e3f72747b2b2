//! The files of one folder do not call each other in a circle: each can be read after those it calls.
//!
//! Calls are followed by what is written down: `self`, typed parameters, fields of the folder's own structs, functions by
//! name. What cannot be told that way is not followed, so that every circle found is one.

use super::source::{Source, is_test};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// A function of the folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Function {
    file: String,
    /// The type it belongs to; empty for a free function.
    owner: String,
    name: String,
}

/// What the files of one folder declare.
#[derive(Default)]
struct Folder {
    functions: BTreeSet<Function>,
    /// Types of fields, by struct and name.
    fields: BTreeMap<(String, String), String>,
}

type Calls = BTreeMap<Function, BTreeSet<Function>>;

/// Circles through more than one file, the largest first, each as a line.
pub(super) fn find(sources: &[&Source]) -> Vec<String> {
    let mut folder = Folder::default();
    for source in sources {
        Declarations { folder: &mut folder, file: stem(source), owner: String::new() }.visit_file(&source.ast);
    }
    let mut calls = Calls::new();
    for source in sources {
        let (file, owner) = (stem(source), String::new());
        let mut reader =
            Bodies { folder: &folder, calls: &mut calls, file, owner, caller: None, types: BTreeMap::new() };
        reader.visit_file(&source.ast);
    }
    let mut circles = circles(&calls);
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles.iter().map(in_words).collect()
}

fn stem(source: &Source) -> String {
    source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn in_words(circle: &BTreeSet<Function>) -> String {
    let files: BTreeSet<&str> = circle.iter().map(|function| function.file.as_str()).collect();
    let names: Vec<String> = circle.iter().map(|one| format!("{}::{}", one.file, one.name)).collect();
    format!("{} functions of {} files call one another in a circle: {}", circle.len(), files.len(), names.join(", "))
}

/// Sets of functions that reach one another, where they stand in more than one file.
fn circles(calls: &Calls) -> Vec<BTreeSet<Function>> {
    let reach: BTreeMap<&Function, BTreeSet<&Function>> =
        calls.keys().map(|from| (from, reachable(calls, from))).collect();
    let mut circles: Vec<BTreeSet<Function>> = Vec::new();
    for (from, to) in &reach {
        if circles.iter().any(|circle| circle.contains(from)) {
            continue;
        }
        let back = to.iter().filter(|other| reach.get(*other).is_some_and(|reached| reached.contains(from)));
        let circle: BTreeSet<Function> = back.map(|other| (*other).clone()).collect();
        if circle.iter().any(|other| other.file != from.file) {
            circles.push(circle);
        }
    }
    circles
}

fn reachable<'a>(calls: &'a Calls, from: &'a Function) -> BTreeSet<&'a Function> {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(next) = open.pop() {
        for called in calls.get(next).into_iter().flatten() {
            if seen.insert(called) {
                open.push(called);
            }
        }
    }
    seen
}

/// The last name of a type, references aside.
fn type_name(of: &syn::Type) -> String {
    match of {
        syn::Type::Reference(reference) => type_name(&reference.elem),
        syn::Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

struct Declarations<'a> {
    folder: &'a mut Folder,
    file: String,
    owner: String,
}

impl Declarations<'_> {
    fn declare(&mut self, name: &syn::Ident) {
        let (file, owner) = (self.file.clone(), self.owner.clone());
        self.folder.functions.insert(Function { file, owner, name: name.to_string() });
    }
}

impl<'ast> Visit<'ast> for Declarations<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        for field in &item.fields {
            if let Some(name) = &field.ident {
                self.folder.fields.insert((item.ident.to_string(), name.to_string()), type_name(&field.ty));
            }
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.owner = type_name(&item.self_ty);
        visit::visit_item_impl(self, item);
        self.owner.clear();
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.declare(&function.sig.ident);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.declare(&function.sig.ident);
    }
}

struct Bodies<'a> {
    folder: &'a Folder,
    calls: &'a mut Calls,
    file: String,
    owner: String,
    caller: Option<Function>,
    /// Types of the parameters of the caller.
    types: BTreeMap<String, String>,
}

impl Bodies<'_> {
    fn enter(&mut self, signature: &syn::Signature) {
        self.types = BTreeMap::from([("self".to_owned(), self.owner.clone())]);
        for input in &signature.inputs {
            if let syn::FnArg::Typed(typed) = input
                && let syn::Pat::Ident(name) = &*typed.pat
            {
                self.types.insert(name.ident.to_string(), type_name(&typed.ty));
            }
        }
        let (file, owner) = (self.file.clone(), self.owner.clone());
        self.caller = Some(Function { file, owner, name: signature.ident.to_string() });
    }

    /// Of a receiver, where it can be told.
    fn type_of(&self, receiver: &syn::Expr) -> Option<String> {
        match receiver {
            syn::Expr::Path(path) => self.types.get(&path.path.get_ident()?.to_string()).cloned(),
            syn::Expr::Reference(reference) => self.type_of(&reference.expr),
            syn::Expr::Field(field) => {
                let syn::Member::Named(name) = &field.member else { return None };
                self.folder.fields.get(&(self.type_of(&field.base)?, name.to_string())).cloned()
            }
            _ => None,
        }
    }

    fn call(&mut self, is_called: impl Fn(&Function) -> bool) {
        let Some(caller) = &self.caller else { return };
        let called = self.folder.functions.iter().filter(|function| is_called(function)).cloned();
        self.calls.entry(caller.clone()).or_default().extend(called);
    }

    /// `name()`, `module::name()`, `Type::name()`, `Self::name()`.
    fn call_path(&mut self, path: &syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let Some((name, before)) = segments.split_last() else { return };
        let is_free = |function: &Function| function.owner.is_empty() && function.name == *name;
        match before.last().map(String::as_str) {
            None if self.folder.functions.iter().any(|one| is_free(one) && one.file == self.file) => {
                let file = self.file.clone();
                self.call(|function| is_free(function) && function.file == file);
            }
            // Imported; where several files have one of that name nobody can tell which.
            None if self.folder.functions.iter().filter(|one| is_free(one)).count() == 1 => self.call(is_free),
            None => {}
            Some("Self") => {
                let owner = self.owner.clone();
                self.call(|function| function.owner == owner && function.name == *name);
            }
            Some(before) => self.call(|function| {
                function.owner == before && function.name == *name || is_free(function) && function.file == before
            }),
        }
    }
}

impl<'ast> Visit<'ast> for Bodies<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.owner = type_name(&item.self_ty);
        visit::visit_item_impl(self, item);
        self.owner.clear();
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.enter(&function.sig);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.enter(&function.sig);
        visit::visit_item_fn(self, function);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if let Some(owner) = self.type_of(&call.receiver).filter(|owner| !owner.is_empty()) {
            self.call(|function| function.owner == owner && call.method == function.name);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let syn::Expr::Path(path) = &*call.func {
            self.call_path(&path.path);
        }
        visit::visit_expr_call(self, call);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn check(files: &[(&str, &str)], expect: &[&str]) {
        let parse =
            |(name, text): &(&str, &str)| Source::parse(&PathBuf::from(format!("{name}.rs")), (*text).to_owned());
        let sources: Vec<Source> = files.iter().map(|file| parse(file).unwrap()).collect();
        let found = find(&sources.iter().collect::<Vec<_>>());
        assert_eq!(found.len(), expect.len(), "{found:?}");
        for (found, words) in found.iter().zip(expect) {
            assert!(found.contains(words), "{found:?} should say {words:?}");
        }
    }

    #[test]
    fn methods_of_one_type_in_two_files() {
        let there = ("there", "impl Worker { fn there(&mut self) { self.back(); } }");
        check(&[there, ("back", "impl Worker { fn back(&self) {} }")], &[]);
        check(
            &[there, ("back", "impl Worker { fn back(&self) { if x { self.there() } } }")],
            &["back::back, there::there"],
        );
        check(&[there, ("back", "impl Other { fn back(&self) { self.there() } }")], &[]);
    }

    #[test]
    fn functions_parameters_and_fields() {
        let list = (
            "list",
            "struct Worker { list: List } impl List { fn add(&mut self, worker: &mut Worker) { worker.run() } }",
        );
        check(&[list, ("run", "impl Worker { fn run(&mut self) { self.list.add(self) } }")], &["list::add, run::run"]);
        check(&[("a", "fn a() { super::b::b() }"), ("b", "fn b() { a() }")], &["2 functions of 2 files"]);
        check(&[("a", "fn a() { a2() } fn a2() { a() }"), ("b", "fn b() { a() }")], &[]);
        check(&[("a", "fn a() { b() }"), ("b", "fn b() {} #[cfg(test)] mod tests { fn b() { a() } }")], &[]);
    }
}
