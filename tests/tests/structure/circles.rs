//! No circle between the modules of a crate, and none between its files.

use std::path::PathBuf;
use tests::root;
use tests::structure::{Crate, Files, Graph, arrows, files, packages};

/// Source folders beside those of the workspace's members: packages with a lockfile of their own.
const OUTSIDE: [(&str, &str); 3] = [
    ("firmware", "firmware/src"),
    ("bench-mcu", "firmware/bench/src"),
    ("firmware-log", "tools/firmware-log/src"),
];

/// Every package with its source folders: libraries, programs, and test binaries of more than one file.
fn source_folders() -> Vec<(String, PathBuf)> {
    let mut found: Vec<(String, PathBuf)> = OUTSIDE
        .iter()
        .map(|(package, folder)| ((*package).to_owned(), root().join(folder)))
        .collect();
    for package in packages(&root().join("Cargo.toml")) {
        found.push((package.name.clone(), package.folder.join("src")));
        for file in package.tests.iter().filter(|file| file.ends_with("main.rs")) {
            found.extend(file.parent().map(|folder| (package.name.clone(), folder.to_owned())));
        }
    }
    found
}

/// A shortest circle of modules or else of files, one arrow a line; empty where there is none.
fn circle(graph: &Graph) -> String {
    let modules = graph.modules();
    let circle = modules.circle().or_else(|| graph.circle()).unwrap_or_default();
    circle.iter().map(|arrow| format!("\n  {arrow}")).collect()
}

#[test]
fn the_modules_and_files_of_every_crate_depend_on_each_other_in_one_direction() {
    let folders = source_folders();
    assert!(folders.len() > 10, "{folders:?}");
    for (package, folder) in folders {
        let circle = circle(&files(&package, &folder));
        assert!(circle.is_empty(), "a circle in {}:{circle}", folder.display());
    }
}

/// The circle in a crate that exists only here.
fn planted(files: &[(&str, &str)]) -> String {
    circle(&arrows(&Crate::read("made-up", &Files::made_up(files))))
}

#[test]
fn a_circle_between_two_files_is_named_arrow_by_arrow() {
    let circle = planted(&[
        ("lib.rs", "pub mod a;"),
        ("a/mod.rs", "pub mod x;\npub mod y;"),
        ("a/x.rs", "use super::y::g;\npub fn f() { g() }"),
        ("a/y.rs", "\npub fn g() { crate::a::x::f() }"),
    ]);
    assert_eq!(
        circle,
        "\n  a/x.rs:1: super::y::g is defined in a/y.rs\n  a/y.rs:2: crate::a::x::f is defined in a/x.rs"
    );
}

#[test]
fn a_circle_between_two_modules_is_found_where_their_files_have_none() {
    let circle = planted(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a/mod.rs", "pub mod one;\npub mod two;"),
        ("a/one.rs", "use crate::b::one::F;\npub struct G(F);"),
        ("a/two.rs", "pub struct H;"),
        ("b/mod.rs", "pub mod one;\npub mod two;"),
        ("b/one.rs", "pub struct F;"),
        ("b/two.rs", "use crate::a::two::H;\npub struct I(H);"),
    ]);
    assert!(circle.contains("a/one.rs:1") && circle.contains("b/two.rs:1"), "{circle}");
}

#[test]
fn a_child_and_a_parent_that_use_each_others_items_are_a_circle() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod child;\npub use child::F;\npub struct X(F);"),
        ("a/child.rs", "pub struct F;\npub fn g(x: super::X) {}"),
    ];
    assert!(planted(&files).contains("super::X is defined in a/mod.rs"), "{}", planted(&files));
    // A parent that only shows its child's items is used by the child without a circle.
    let mut shown = files;
    shown[1].1 = "mod child;\npub use child::F;\npub struct X;";
    assert_eq!(planted(&shown), "");
}

#[test]
fn a_circle_through_a_re_export_is_found() {
    let circle = planted(&[
        ("lib.rs", "mod a;\nmod b;\nmod shown;"),
        ("a.rs", "use crate::shown::Renamed;\npub struct Y(Renamed);"),
        ("b.rs", "pub struct X;\npub fn f(_: &crate::a::Y) {}"),
        ("shown.rs", "pub use crate::b::X as Renamed;"),
    ]);
    assert!(circle.contains("a.rs:1: crate::shown::Renamed is defined in b.rs"), "{circle}");
}

#[test]
fn a_circle_through_a_nested_use_is_found() {
    let circle = planted(&[
        ("lib.rs", "mod a;\nmod d;"),
        ("a/mod.rs", "pub mod b;"),
        ("a/b.rs", "pub struct c;\npub struct e(crate::d::f);"),
        ("d.rs", "use crate::{a::{b::{c, e}}};\npub struct f;\npub fn g(_: c, _: e) {}"),
    ]);
    assert!(circle.contains("d.rs:1: crate::a::b::c is defined in a/b.rs"), "{circle}");
    assert!(circle.contains("a/b.rs:2: crate::d::f is defined in d.rs"), "{circle}");
}

#[test]
fn globs_macros_attributes_and_the_program_beside_a_library_are_followed() {
    // Each of these uses `a.rs`, which uses `b.rs`.
    let uses = [
        "use crate::a::*;\npub fn f(_: X) {}",
        "pub fn f() { println!(\"{}\", crate::a::x()) }",
        "pub fn f() { crate::a::say!() }",
        "#[serde(with = \"crate::a\", default = \"crate::a::x\")]\npub struct F;",
        "pub fn f() { use crate::a as other; other::x() }",
        "mod inner { pub fn f(_: super::super::a::X) {} }",
        "impl crate::a::Trait for F {}\npub struct F;",
        "pub type G = Vec<<u8 as crate::a::Trait>::Out>;",
    ];
    for text in uses {
        let circle = planted(&[
            ("lib.rs", "mod a;\nmod b;"),
            (
                "a.rs",
                "use crate::b;\npub struct X;\npub trait Trait { type Out; }\npub fn x() { b::f() }\n\
                 macro_rules! say { () => {} }\npub(crate) use say;",
            ),
            (
                "b.rs",
                &format!("{text}\npub fn f() {{}}").replace("pub fn f() {}\npub fn f() {}", ""),
            ),
        ]);
        assert!(circle.contains("b.rs:") && circle.contains("is defined in a.rs"), "{text}");
    }
    let circle = planted(&[
        ("lib.rs", "pub mod a;\npub fn top() {}"),
        ("a.rs", "pub fn f() { crate::top() }"),
        ("main.rs", "mod b;\nfn main() { b::g() }\npub fn end() {}"),
        ("b.rs", "pub fn g() { made_up::a::f(); crate::end() }"),
    ]);
    assert!(circle.contains("main.rs") && !circle.contains("lib.rs"), "{circle}");
}

#[test]
fn tests_are_left_out_and_a_crate_without_circles_has_none() {
    let circle = planted(&[
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "pub struct X;\n#[cfg(test)]\nmod tests { use crate::b::Y; fn f(_: Y) {} }\n\
             #[cfg(all(test, unix))]\nfn g(_: crate::b::Y) {}",
        ),
        ("b/mod.rs", "use crate::a::X;\npub struct Y(X);\n#[cfg(test)]\nmod tests;\nmod c;"),
        ("b/tests.rs", "use super::c::Z;"),
        ("b/c.rs", "pub struct Z(super::Y);"),
    ]);
    assert_eq!(circle, "");
}
