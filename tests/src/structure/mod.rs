//! Which file of a crate uses which: the arrows between its files and modules, and the circles among
//! them.
//!
//! The source is parsed with `syn`, and a path is followed through imports and re-exports to the file that
//! defines the item. What makes an arrow from file A to file B:
//!
//! - a private `use` in A of an item that B defines;
//! - a path in A's code (`crate::b::f()`, `super::X`, a name that a `pub use` or a glob brings in), also
//!   within a macro's arguments or an attribute, that leads to an item that B defines.
//!
//! `mod b;` and `pub use b::X` are no arrows: a module may show what lies below it. Code under
//! `#[cfg(test)]`, files named `tests.rs` and those below a folder `tests` are left out. Method calls are
//! not seen, because only a type checker knows whose method is called.

mod graph;

mod module;

mod package;

mod read;

mod resolve;

pub use graph::{Arrow, Graph};
pub use package::{Package, packages};
pub use read::{Crate, Files};

use std::path::Path;

/// The arrows between the files of the crates in a source folder: `lib.rs`, `main.rs` and `bin/`.
///
/// `package` is the name by which `main.rs` knows the library beside it.
///
/// # Panics
/// When a file cannot be read or is not Rust.
#[must_use]
pub fn files(package: &str, source: &Path) -> Graph {
    arrows(&Crate::read(package, &Files::on_disk(source)))
}

/// The arrows between the files of a crate.
#[must_use]
pub fn arrows(parsed: &Crate) -> Graph {
    Graph::new(resolve::arrows(parsed.modules()))
}
