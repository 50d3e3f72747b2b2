//! Functions fit a screen.

use super::source::Source;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines from `fn` to the closing brace.
const LINES_MAX: usize = 40;

/// Every function that does not fit.
pub(super) fn too_long(source: &Source) -> Vec<String> {
    let mut finder = Finder { source, found: Vec::new() };
    finder.visit_file(&source.ast);
    finder.found
}

struct Finder<'a> {
    source: &'a Source,
    found: Vec<String>,
}

impl Finder<'_> {
    fn look(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let first = signature.fn_token.span().start().line;
        let lines = block.brace_token.span.close().end().line - first + 1;
        if lines > LINES_MAX {
            let place = self.source.place(signature.fn_token.span());
            self.found.push(format!("{place}: {} has {lines} lines; {LINES_MAX} fit a screen", signature.ident));
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.look(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.look(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.look(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_function_of_forty_one_lines_is_too_long() {
        let check = |lines: usize, expect: usize| {
            let body = "    step();\n".repeat(lines - 2);
            let text = format!("/// Not counted.\n#[inline]\npub fn long() {{\n{body}}}\n");
            let source = Source::parse(Path::new("crates/a/src/lib.rs"), text).unwrap();
            assert_eq!(too_long(&source).len(), expect, "{lines} lines");
        };
        check(40, 0);
        check(41, 1);
    }
}
