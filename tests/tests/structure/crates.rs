//! The arrows between crates, as their `Cargo.toml` files have them.

use std::process::Command;
use tests::structure::{Package, packages};
use tests::{root, succeed};

/// What each package may depend on, development dependencies aside. Packages that do not exist yet are
/// allowed to be missing.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("daa-core", &[]),
    ("daa-envs", &["daa-core"]),
    ("daa-trainer", &["daa-core", "daa-envs"]),
    ("daa-formats", &["daa-core", "daa-envs"]),
    ("daa-device", &["daa-core", "daa-envs", "daa-formats"]),
    ("daa-lab", &["daa-core", "daa-envs", "daa-trainer", "daa-formats", "daa-device"]),
    (
        "host-trainer",
        &["daa-core", "daa-envs", "daa-trainer", "daa-formats", "daa-device", "daa-lab"],
    ),
    ("firmware", &["daa-core"]),
    ("bench-mcu", &["daa-core"]),
    ("firmware-sim", &["daa-core", "daa-envs", "daa-formats", "daa-device"]),
    ("fuzz", &["daa-core", "daa-envs", "daa-trainer", "daa-formats", "daa-device"]),
    ("tests", &["daa-core", "xtask"]),
    ("xtask", &[]),
    ("firmware-log", &[]),
];

/// Arrows of the time before the host's code was divided into crates. Delete them when it is.
const BEFORE_THE_DIVISION: [(&str, &str); 2] =
    [("firmware-sim", "host-trainer"), ("fuzz", "host-trainer")];

/// Packages that are built without libtorch, with their default features.
const WITHOUT_LIBTORCH: [&str; 8] =
    ["daa-core", "daa-envs", "daa-formats", "daa-device", "firmware-sim", "fuzz", "tests", "xtask"];

/// Packages of the repository that are not members of the workspace.
const OUTSIDE: [&str; 3] =
    ["firmware/Cargo.toml", "firmware/bench/Cargo.toml", "tools/firmware-log/Cargo.toml"];

fn all_packages() -> Vec<Package> {
    let manifests = std::iter::once("Cargo.toml").chain(OUTSIDE);
    manifests.flat_map(|manifest| packages(&root().join(manifest))).collect()
}

/// Arrows between packages of the repository that the table does not allow, and packages that it does not
/// name.
fn forbidden<'p>(
    packages: impl Iterator<Item = (&'p str, &'p [String])>,
    before: &[(&str, &str)],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for (package, dependencies) in packages {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package) else {
            wrong.push(format!("{package} is not in the table"));
            continue;
        };
        let known = |to: &str| allowed.contains(&to) || before.contains(&(package, to));
        let arrows = dependencies.iter().filter(|to| !known(to));
        wrong.extend(arrows.map(|to| format!("{package} -> {to}")));
    }
    wrong
}

#[test]
fn crates_depend_on_each_other_only_in_the_allowed_direction() {
    let packages = all_packages();
    let pairs = packages.iter().map(|p| (p.name.as_str(), p.dependencies.as_slice()));
    assert_eq!(forbidden(pairs, &BEFORE_THE_DIVISION), [""; 0]);
    for (from, to) in BEFORE_THE_DIVISION {
        let package = packages.iter().find(|package| package.name == from).unwrap();
        assert!(package.dependencies.iter().any(|name| name == to), "{from} -> {to} is gone");
    }
    // The control: packages and arrows that the table does not have.
    let planted = [
        ("daa-core", vec!["daa-envs".to_owned()]),
        ("daa-trainer", vec!["daa-core".to_owned(), "daa-lab".to_owned()]),
        ("xtask", vec!["daa-core".to_owned()]),
        ("firmware", vec!["daa-core".to_owned(), "daa-formats".to_owned()]),
        ("daa-other", vec![]),
    ];
    let pairs = planted.iter().map(|(name, dependencies)| (*name, dependencies.as_slice()));
    assert_eq!(
        forbidden(pairs, &[]),
        [
            "daa-core -> daa-envs",
            "daa-trainer -> daa-lab",
            "xtask -> daa-core",
            "firmware -> daa-formats",
            "daa-other is not in the table"
        ]
    );
}

/// Whether libtorch's bindings are linked into a package with its default features.
fn links_libtorch(package: &str) -> bool {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--prefix", "none", "--edges", "normal,build"]);
    let tree = succeed(cargo.args(["--package", package]).current_dir(root()));
    assert!(tree.starts_with(package), "{tree}");
    tree.lines().any(|line| line.starts_with("tch ") || line.starts_with("torch-sys "))
}

#[test]
fn only_the_trainer_and_what_stands_on_it_link_libtorch() {
    let names: Vec<String> = all_packages().into_iter().map(|package| package.name).collect();
    let before = |name: &&&str| !BEFORE_THE_DIVISION.iter().any(|(from, _)| from == *name);
    for package in WITHOUT_LIBTORCH.iter().filter(before) {
        if names.iter().any(|name| name == package) {
            assert!(!links_libtorch(package), "{package} links libtorch");
        }
    }
    // The control.
    assert!(links_libtorch("host-trainer"));
}
