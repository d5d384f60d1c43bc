//! Follows paths through imports and re-exports to the files that define what they name.

use super::graph::Arrow;
use super::module::{Modules, Name, Reference};
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// An item that this file defines, or something within it: a variant, a method.
    Item(PathBuf),
    Module(usize),
}

/// Modules and names that are being looked up: imports may lead back to themselves.
type Seen = HashSet<(usize, String)>;

/// Every use of an item of another file.
pub(super) fn arrows(modules: &Modules) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for (index, module) in modules.all.iter().enumerate() {
        for reference in &module.references {
            for target in modules.used(index, reference) {
                if let Target::Item(file) = target
                    && file != module.file
                {
                    arrows.push(Arrow {
                        from: module.file.clone(),
                        to: file,
                        line: reference.line,
                        path: reference.path.join("::"),
                    });
                }
            }
        }
    }
    arrows
}

impl Modules {
    /// What the code of a module means by a path.
    fn used(&self, module: usize, reference: &Reference) -> BTreeSet<Target> {
        let here = std::iter::once(module);
        let above = std::iter::successors(self.all[module].parent, |at| self.all[*at].parent);
        let places = here.chain(above.filter(|_| reference.is_macro));
        let mut found = places.map(|at| self.resolve(at, &reference.path, &mut Seen::new()));
        found.find(|targets| !targets.is_empty()).unwrap_or_default()
    }

    fn resolve(&self, module: usize, path: &[String], seen: &mut Seen) -> BTreeSet<Target> {
        let Some((first, mut rest)) = path.split_first() else { return BTreeSet::new() };
        let parent = |at: usize| self.all[at].parent;
        let mut targets: BTreeSet<Target> = match first.as_str() {
            "crate" => [Target::Module(self.root(module))].into(),
            "self" => [Target::Module(module)].into(),
            "super" => {
                let mut at = parent(module);
                while let Some(("super", below)) = rest.split_first().map(|(a, b)| (a.as_str(), b))
                {
                    (at, rest) = (at.and_then(parent), below);
                }
                at.map(Target::Module).into_iter().collect()
            }
            name => self.lookup(module, name, seen),
        };
        if targets.is_empty()
            && let Some((library, root)) = &self.library
            && library == first
        {
            targets.insert(Target::Module(*root));
        }
        for name in rest {
            let step = |target: Target| match target {
                Target::Module(at) => self.lookup(at, name, seen),
                item @ Target::Item(_) => [item].into(),
            };
            targets = targets.into_iter().flat_map(step).collect();
        }
        targets
    }

    fn lookup(&self, module: usize, name: &str, seen: &mut Seen) -> BTreeSet<Target> {
        if !seen.insert((module, name.to_owned())) {
            return BTreeSet::new();
        }
        let mut targets = BTreeSet::new();
        let here = &self.all[module];
        for meaning in here.names.get(name).into_iter().flatten() {
            match meaning {
                Name::Item(file) => {
                    targets.insert(Target::Item(file.clone()));
                }
                Name::Module(at) => {
                    targets.insert(Target::Module(*at));
                }
                Name::Import(path) => targets.extend(self.resolve(module, path, seen)),
            }
        }
        if targets.is_empty() {
            for glob in &here.globs {
                for target in self.resolve(module, glob, seen) {
                    if let Target::Module(at) = target {
                        targets.extend(self.lookup(at, name, seen));
                    }
                }
            }
        }
        seen.remove(&(module, name.to_owned()));
        targets
    }
}
