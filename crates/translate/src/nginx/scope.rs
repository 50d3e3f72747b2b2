//! What holds at a place: its own directives, or those of the blocks around it.

use super::tree::Directive;

/// Blocks from the innermost outwards.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'t> {
    blocks: Vec<&'t [Directive]>,
}

impl<'t> Scope<'t> {
    /// A block with nothing around it.
    pub(crate) fn new(block: &'t [Directive]) -> Self {
        Self { blocks: vec![block] }
    }

    /// A block within this one.
    pub(crate) fn within(&self, block: &'t [Directive]) -> Self {
        Self { blocks: [&[block], self.blocks.as_slice()].concat() }
    }

    /// The first one like that, from the innermost block outwards.
    pub(crate) fn find(&self, is_it: impl Fn(&Directive) -> bool) -> Option<&'t Directive> {
        self.blocks.iter().find_map(|block| block.iter().find(|one| is_it(one)))
    }

    /// The first one like that in the innermost block, however deep, and then in those around it.
    pub(crate) fn find_below(&self, is_it: &dyn Fn(&&Directive) -> bool) -> Option<&'t Directive> {
        self.blocks.iter().find_map(|block| below(block, is_it))
    }

    /// The location of that name (`@app`) in a block around this place, with what holds there.
    pub(crate) fn named_location(&self, name: &str) -> Option<(&'t Directive, Self)> {
        (0..self.blocks.len()).find_map(|at| {
            let found = self.blocks[at].iter().find(|one| one.name == "location" && one.arg(0) == name)?;
            let around = Self { blocks: self.blocks[at..].to_vec() };
            Some((found, around.within(found.inner())))
        })
    }

    /// The directive that holds.
    pub(crate) fn get(&self, name: &str) -> Option<&'t Directive> {
        self.all(name).last().copied()
    }

    /// Its first argument.
    pub(crate) fn arg(&self, name: &str) -> Option<&'t str> {
        self.get(name).map(|directive| directive.arg(0))
    }

    /// Is it `on`?
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.arg(name) == Some("on")
    }

    /// All of that name in the innermost block that has one: what stands further out is then not inherited.
    pub(crate) fn all(&self, name: &str) -> Vec<&'t Directive> {
        self.any(&[name])
    }

    /// All of these names, in their order, in the innermost block that has one.
    pub(crate) fn any(&self, names: &[&str]) -> Vec<&'t Directive> {
        let is_one = |one: &&Directive| names.contains(&one.name.as_str());
        let in_block = |block: &&'t [Directive]| block.iter().filter(is_one).collect::<Vec<_>>();
        self.blocks.iter().map(in_block).find(|found| !found.is_empty()).unwrap_or_default()
    }
}

fn below<'t>(block: &'t [Directive], is_it: &dyn Fn(&&Directive) -> bool) -> Option<&'t Directive> {
    block.iter().find_map(|one| if is_it(&one) { Some(one) } else { below(one.inner(), is_it) })
}
