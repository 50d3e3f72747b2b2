//! What is public is used outside of its crate.
//!
//! By name: what no crate that can see a crate says anywhere, nor the crate's own tests, is used by nobody. Types in the
//! signature of what is used are needed, too, and so is what its documentation links to.

use super::source::{Source, is_test};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use syn::visit::{self, Visit};

/// Names said in some files.
pub(super) type Names = BTreeSet<String>;

/// Something public.
#[derive(Debug)]
struct Item {
    name: String,
    /// `None`: only adds to the face of the item of this name.
    place: Option<String>,
    /// Names in its public face.
    face: Names,
}

/// Public items of `sources` (one crate) that are neither in `said`, the names of everybody who can see the crate, nor in the
/// face of an item that is.
pub(super) fn unused(sources: &[&Source], said: &Names) -> Vec<(String, String)> {
    let mut items = Vec::new();
    for source in sources {
        let mut finder = Finder { source, items: &mut items };
        finder.visit_file(&source.ast);
    }
    let pages = Face::of(|face| {
        let attributes = sources.iter().flat_map(|source| &source.ast.attrs);
        attributes.for_each(|attribute| face.visit_attribute(attribute));
    });
    let needed = needed(&items, said.union(&pages).cloned().collect());
    let unused = items.into_iter().filter(|item| !needed.contains(&item.name));
    unused.filter_map(|item| Some((item.name, item.place?))).collect()
}

/// All names that are said, or in the face of what is needed.
fn needed(items: &[Item], said: Names) -> Names {
    let mut needed = said;
    loop {
        let (before, mut faces) = (needed.len(), Names::new());
        for item in items.iter().filter(|item| needed.contains(&item.name)) {
            faces.extend(item.face.iter().cloned());
        }
        needed.append(&mut faces);
        if needed.len() == before {
            return needed;
        }
    }
}

/// Attributes, visibility and name of something declared.
type Declared<'a> = (&'a [syn::Attribute], &'a syn::Visibility, &'a syn::Ident);

/// Collects the items of one file.
struct Finder<'a> {
    source: &'a Source,
    items: &'a mut Vec<Item>,
}

impl Finder<'_> {
    fn note(&mut self, item: &Declared<'_>, face: impl FnOnce(&mut Face)) {
        let (attributes, visibility, name) = *item;
        if matches!(visibility, syn::Visibility::Public(_)) {
            let place = self.source.place(name.span());
            let face = Face::of(|all| {
                attributes.iter().for_each(|attribute| all.visit_attribute(attribute));
                face(all);
            });
            self.items.push(Item { name: name.to_string(), place: Some(place), face });
        }
    }

    /// What a trait asks to be public (its parameters, its associated types) belongs to the face of the type.
    fn note_trait_impl(&mut self, item: &syn::ItemImpl, path: &syn::Path) {
        let types = item.items.iter().filter_map(|item| match item {
            syn::ImplItem::Type(associated) => Some(&associated.ty),
            _ => None,
        });
        let face = Face::of(|face| {
            face.visit_path(path);
            types.for_each(|associated| face.visit_type(associated));
        });
        let names = Face::of(|face| face.visit_type(&item.self_ty));
        self.items.extend(names.into_iter().map(|name| Item { name, place: None, face: face.clone() }));
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&(&item.attrs, &item.vis, &item.sig.ident), |face| face.visit_signature(&item.sig));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        let public = item.fields.iter().filter(|field| matches!(field.vis, syn::Visibility::Public(_)));
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| {
            for field in public {
                face.visit_type(&field.ty);
                field.attrs.iter().for_each(|attribute| face.visit_attribute(attribute));
            }
        });
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| {
            item.variants.iter().for_each(|variant| face.visit_variant(variant))
        });
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| face.visit_item_trait(item));
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| face.visit_type(&item.ty));
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| face.visit_type(&item.ty));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| face.visit_type(&item.ty));
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        match &item.trait_ {
            Some((path, _)) => self.note_trait_impl(item, path),
            None => visit::visit_item_impl(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&(&item.attrs, &item.vis, &item.sig.ident), |face| face.visit_signature(&item.sig));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.note(&(&item.attrs, &item.vis, &item.ident), |face| face.visit_type(&item.ty));
    }
}

/// The names that a part of a declaration says.
struct Face(Names);

impl Face {
    fn of(read: impl FnOnce(&mut Self)) -> Names {
        let mut face = Self(Names::new());
        read(&mut face);
        face.0
    }
}

impl<'ast> Visit<'ast> for Face {
    fn visit_ident(&mut self, name: &'ast syn::Ident) {
        self.0.insert(name.to_string());
    }

    /// Of attributes only the links of documentation count.
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::NameValue(pair) = &attribute.meta
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value
        {
            self.0.extend(links_in(&text.value()));
        }
    }

    // What stands inside of braces is nobody's face.
    fn visit_block(&mut self, _block: &'ast syn::Block) {}
}

/// The names `A` and `b` of a link to `A::b`, for each link.
fn links_in(text: &str) -> Vec<String> {
    let links = text.split("[`").skip(1).filter_map(|rest| rest.split_once("`]"));
    links.flat_map(|(link, _)| link.split("::")).map(|name| name.trim_end_matches("()").to_owned()).collect()
}

/// Every name in the tokens of a file.
pub(super) fn names_in(text: &str) -> Names {
    let mut names = Names::new();
    if let Ok(tokens) = text.parse::<TokenStream>() {
        collect(tokens, &mut names);
    }
    names
}

fn collect(tokens: TokenStream, names: &mut Names) {
    for token in tokens {
        match token {
            TokenTree::Ident(name) => drop(names.insert(name.to_string())),
            TokenTree::Group(group) => collect(group.stream(), names),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn check(library: &str, user: &str, expect: &[&str]) {
        let source = Source::parse(Path::new("crates/a/src/lib.rs"), library.to_owned()).unwrap();
        let unused = unused(&[&source], &names_in(user));
        let names: Vec<&str> = unused.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expect, "{library}");
    }

    #[test]
    fn what_is_said_elsewhere_is_used() {
        check("pub fn used() {} pub fn unused() {} fn private() {}", "fn main() { a::used() }", &["unused"]);
        check(
            "pub struct A; impl A { pub fn used(&self) {} pub fn not(&self) {} }",
            "fn f(a: A) { a.used() }",
            &["not"],
        );
        check("pub enum A { One } pub const NOT: u8 = 1;", "vec![A::One]", &["NOT"]);
        check("#[cfg(test)] mod tests { pub fn helper() {} }", "", &[]);
    }

    #[test]
    fn the_face_of_what_is_used_is_needed() {
        check("pub struct B; pub fn used() -> Option<B> { None }", "use a::used;", &[]);
        check("pub struct B; pub fn unused() -> B { B }", "", &["B", "unused"]);
        check("pub struct A; pub struct E; impl FromStr for A { type Err = E; }", "use a::A;", &[]);
        check("pub struct B; pub struct A; impl A { fn private(&self, b: B) {} }", "use a::A;", &["B"]);
        check(
            "/// At most [`MAX`].\npub fn used() {} pub const MAX: u8 = 1; pub const NOT: u8 = 2;",
            "used()",
            &["NOT"],
        );
    }
}
