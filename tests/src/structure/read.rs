//! Parses the files of a crate and collects names, imports and paths by module.

use super::module::{Modules, Name, Reference};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, UseTree, Visibility};

/// Rust files by their paths relative to a source folder.
#[derive(Clone, Debug)]
pub struct Files(BTreeMap<PathBuf, String>);

impl Files {
    /// All `.rs` files below a folder.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn on_disk(source: &Path) -> Self {
        let mut found = BTreeMap::new();
        let mut folders = vec![source.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder)
                .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
            for path in entries.map(|entry| entry.expect("the folder can be read").path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|kind| kind == "rs") {
                    let text = std::fs::read_to_string(&path)
                        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
                    let name = path.strip_prefix(source).expect("it lies below").to_owned();
                    found.insert(name, text);
                }
            }
        }
        Self(found)
    }

    /// Files that exist only in a test: path and text of each.
    #[must_use]
    pub fn made_up(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect())
    }

    /// Roots of crates: the library, the program and further programs in `bin/`.
    fn roots(&self) -> Vec<PathBuf> {
        let is_root = |path: &&PathBuf| {
            let parts: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
            matches!(parts[..], ["lib.rs" | "main.rs"] | ["bin", _] | ["bin", _, "main.rs"])
        };
        self.0.keys().filter(is_root).cloned().collect()
    }
}

/// The parsed crates of one source folder: a library, programs, or both.
#[derive(Clone, Debug)]
pub struct Crate(Modules);

impl Crate {
    /// Parses the files that the roots reach through `mod`. `package` is the name by which the programs know
    /// the library.
    ///
    /// # Panics
    /// When a file is missing or is not Rust.
    #[must_use]
    pub fn read(package: &str, files: &Files) -> Self {
        let mut modules = Modules::default();
        let roots = files.roots();
        assert!(!roots.is_empty(), "{package}: neither lib.rs nor main.rs");
        for file in roots {
            let root = modules.add(file.clone(), None);
            if file == Path::new("lib.rs") {
                modules.library = Some((package.replace('-', "_"), root));
            }
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            parse(&mut modules, files, root, folder);
        }
        Self(modules)
    }

    pub(super) fn modules(&self) -> &Modules {
        &self.0
    }
}

/// Parses the file of a module. `folder` is where the files of its children lie.
fn parse(modules: &mut Modules, files: &Files, module: usize, folder: PathBuf) {
    let file = modules.all[module].file.clone();
    let text = &files.0[&file];
    let syntax = syn::parse_file(text).unwrap_or_else(|error| {
        panic!("{}:{}: {error}", file.display(), error.span().start().line)
    });
    if !only_for_tests(&syntax.attrs) {
        let mut reader = Reader { modules, files, module, folder, in_block: false };
        reader.visit_file(&syntax);
    }
}

/// `a/../b` as `b`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

/// Files that hold only tests.
fn is_test_file(file: &Path) -> bool {
    let folders = file.parent().into_iter().flat_map(Path::iter);
    file.file_name().is_some_and(|name| name == "tests.rs")
        || folders.into_iter().any(|part| part == "tests")
}

/// Whether an item has `#[cfg(test)]`, `#[cfg(all(test, …))]` or `#[test]`.
fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return attribute.path().is_ident("test");
        };
        let mut words = list.tokens.clone().into_iter().map(|token| token.to_string());
        list.path.is_ident("cfg")
            && match words.next().as_deref() {
                Some("test") => true,
                Some("all") => words.next().is_some_and(|inner| {
                    inner.trim_matches(['(', ')']).split(',').any(|word| word.trim() == "test")
                }),
                _ => false,
            }
    })
}

struct Reader<'r> {
    modules: &'r mut Modules,
    files: &'r Files,
    module: usize,
    folder: PathBuf,
    /// Within a function's body, whose items have no names outside of it.
    in_block: bool,
}

impl Reader<'_> {
    fn name(&mut self, name: &str, meaning: Name) {
        self.modules.all[self.module].names.entry(name.to_owned()).or_default().push(meaning);
    }

    fn refer(&mut self, path: Vec<String>, line: usize) {
        self.modules.all[self.module].references.push(Reference { path, line, is_macro: false });
    }

    /// The leaves of `use a::{b, c::{self, d}, e::*};`.
    fn import(&mut self, tree: &UseTree, before: &[String], shown: bool) {
        let join = |name: &syn::Ident| {
            let name = plain(name);
            let mut path = before.to_vec();
            if name != "self" || path.is_empty() {
                path.push(name);
            }
            path
        };
        match tree {
            UseTree::Path(inner) => self.import(&inner.tree, &join(&inner.ident), shown),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, shown);
                }
            }
            UseTree::Glob(glob) => {
                // Of an enum, not of a module, it is a use of the enum.
                self.refer(before.to_vec(), glob.star_token.spans[0].start().line);
                self.modules.all[self.module].globs.push(before.to_vec());
            }
            UseTree::Name(leaf) => {
                let path = join(&leaf.ident);
                let alias = path.last().cloned().unwrap_or_default();
                self.leaf(path, alias, leaf.ident.span().start().line, shown);
            }
            UseTree::Rename(leaf) => {
                let line = leaf.ident.span().start().line;
                self.leaf(join(&leaf.ident), plain(&leaf.rename), line, shown);
            }
        }
    }

    fn leaf(&mut self, path: Vec<String>, alias: String, line: usize, shown: bool) {
        if !shown {
            self.refer(path.clone(), line);
        }
        if alias != "_" {
            self.name(&alias, Name::Import(path));
        }
    }

    /// Paths in the arguments of a macro or an attribute, which are not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        // Colons since the last name; whether the next name is a field, a method or a lifetime.
        let (mut colons, mut skip) = (0, false);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons == 2 && !path.is_empty() {
                        path.push(plain(&ident));
                    } else {
                        self.end(&mut path, line);
                        if !skip && colons != 2 {
                            path.push(plain(&ident));
                            line = ident.span().start().line;
                        }
                    }
                    (colons, skip) = (0, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(punct) => {
                    self.end(&mut path, line);
                    (colons, skip) = (0, matches!(punct.as_char(), '.' | '\''));
                }
                TokenTree::Group(group) => {
                    self.end(&mut path, line);
                    (colons, skip) = (0, false);
                    self.tokens(group.stream());
                }
                TokenTree::Literal(_) => {
                    self.end(&mut path, line);
                    (colons, skip) = (0, false);
                }
            }
        }
        self.end(&mut path, line);
    }

    fn end(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.refer(std::mem::take(path), line);
        }
    }

    /// The file of `mod name;`, or none where it holds tests or lies elsewhere.
    fn file_of(&self, item: &ItemMod) -> Option<PathBuf> {
        let name = plain(&item.ident);
        let given = item.attrs.iter().find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        if let Some(given) = given {
            let here = self.modules.all[self.module].file.parent().unwrap_or(Path::new(""));
            return Some(normal(&here.join(given))).filter(|file| self.files.0.contains_key(file));
        }
        let flat = self.folder.join(format!("{name}.rs"));
        let deep = self.folder.join(&name).join("mod.rs");
        let file = if self.files.0.contains_key(&flat) { flat } else { deep };
        let here = self.modules.all[self.module].file.display();
        assert!(self.files.0.contains_key(&file), "{here}: mod {name} has no file");
        Some(file).filter(|file| !is_test_file(file))
    }
}

/// An identifier without `r#`.
fn plain(ident: &syn::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

/// The name that an item gives to what it defines.
fn defined(item: &Item) -> Option<&syn::Ident> {
    Some(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if only_for_tests(attributes(item)) {
            return;
        }
        if let Some(ident) = defined(item).filter(|_| !self.in_block) {
            let file = self.modules.all[self.module].file.clone();
            let exported = |attribute: &Attribute| attribute.path().is_ident("macro_export");
            if matches!(item, Item::Macro(_)) && attributes(item).iter().any(exported) {
                let root = self.modules.root(self.module);
                let names = &mut self.modules.all[root].names;
                names.entry(plain(ident)).or_default().push(Name::Item(file.clone()));
            }
            self.name(&plain(ident), Name::Item(file));
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let (parent, folder) = (self.module, self.folder.clone());
        let name = plain(&item.ident);
        if let Some((_, items)) = &item.content {
            let module = self.modules.add(self.modules.all[parent].file.clone(), Some(parent));
            self.name(&name, Name::Module(module));
            (self.module, self.folder) = (module, folder.join(&name));
            for item in items {
                self.visit_item(item);
            }
            (self.module, self.folder) = (parent, folder);
        } else if let Some(file) = self.file_of(item) {
            let module = self.modules.add(file.clone(), Some(parent));
            self.name(&name, Name::Module(module));
            let place = file.parent().unwrap_or(Path::new(""));
            let below = match file.file_stem() {
                Some(stem) if stem != "mod" => place.join(stem),
                _ => place.to_owned(),
            };
            parse(self.modules, self.files, module, below);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() {
            let shown = !matches!(item.vis, Visibility::Inherited);
            self.import(&item.tree, &[], shown);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let before = std::mem::replace(&mut self.in_block, true);
        visit::visit_block(self, block);
        self.in_block = before;
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes: &[Attribute] = match item {
            syn::ImplItem::Const(item) => &item.attrs,
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            _ => &[],
        };
        if !only_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !only_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none()
            && let Some(first) = path.segments.first()
        {
            let names = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
            self.refer(names, first.ident.span().start().line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        if let Some(last) = self.modules.all[self.module].references.last_mut() {
            last.is_macro = called.path.get_ident().is_some();
        }
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let Meta::List(list) = &attribute.meta else { return };
        if list.path.is_ident("cfg") || list.path.is_ident("doc") || list.path.is_ident("derive") {
            return;
        }
        self.tokens(list.tokens.clone());
        if list.path.is_ident("serde") {
            // `with = "module"` and `default = "path"` are paths too.
            for token in list.tokens.clone() {
                let TokenTree::Literal(literal) = token else { continue };
                let text = literal.to_string();
                let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) else {
                    continue;
                };
                let names = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
                self.refer(names, literal.span().start().line);
            }
        }
    }
}
