//! What is known of a module after parsing, before any name is looked up.

use std::collections::HashMap;
use std::path::PathBuf;

/// All modules of the crates in one source folder. A crate's root is a module without a parent.
#[derive(Clone, Debug, Default)]
pub(super) struct Modules {
    pub(super) all: Vec<Module>,
    /// The library's root, and the name by which the programs beside it know it.
    pub(super) library: Option<(String, usize)>,
}

#[derive(Clone, Debug)]
pub(super) struct Module {
    /// Relative to the source folder.
    pub(super) file: PathBuf,
    pub(super) parent: Option<usize>,
    pub(super) names: HashMap<String, Vec<Name>>,
    /// Paths of `use path::*`.
    pub(super) globs: Vec<Vec<String>>,
    pub(super) references: Vec<Reference>,
}

/// What a name in a module stands for.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// An item that this file defines.
    Item(PathBuf),
    Module(usize),
    /// `use path::name`.
    Import(Vec<String>),
}

/// A path that the code of a module uses.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// The name of a macro that is called: modules below the macro's own know it too.
    pub(super) is_macro: bool,
}

impl Modules {
    /// Adds a module and returns its index.
    pub(super) fn add(&mut self, file: PathBuf, parent: Option<usize>) -> usize {
        self.all.push(Module {
            file,
            parent,
            names: HashMap::new(),
            globs: Vec::new(),
            references: Vec::new(),
        });
        self.all.len() - 1
    }

    /// The root of the crate that a module belongs to.
    pub(super) fn root(&self, module: usize) -> usize {
        let mut at = module;
        while let Some(parent) = self.all[at].parent {
            at = parent;
        }
        at
    }
}
