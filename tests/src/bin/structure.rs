//! Prints which modules and files of a source folder use each other in a circle.
//!
//! ```sh
//! cargo run -p tests --bin structure -- host-trainer/src            # circles and components
//! cargo run -p tests --bin structure -- host-trainer/src --arrows   # every arrow between modules
//! cargo run -p tests --bin structure -- host-trainer/src train run  # each use of `run` by `train`
//! cargo run -p tests --bin structure -- host-trainer/src --order task,agent/update,train/cli
//! ```
//!
//! `--order` names groups of modules, lower ones first, and prints every use of a module of a higher group.

use std::path::Path;
use std::process::ExitCode;
use tests::structure::{Graph, files};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((folder, rest)) = words.split_first() else {
        eprintln!(
            "error: name a source folder: structure SRC [--arrows | FROM TO | --order A,B/C,D]"
        );
        return ExitCode::from(2);
    };
    let source = Path::new(folder);
    let package = source
        .canonicalize()
        .ok()
        .and_then(|place| Some(place.parent()?.file_name()?.to_string_lossy().into_owned()));
    let graph = files(&package.unwrap_or_default(), source);
    let modules = graph.modules();
    match rest {
        [] => {
            print("modules", &modules);
            print("files", &graph);
        }
        ["--arrows"] => {
            for (from, to, arrows) in modules.pairs() {
                println!("{from} -> {to}  ({} uses)", arrows.len());
            }
        }
        ["--order", order] => upward(&modules, order),
        [from, to] => {
            let wanted = modules.pairs().filter(|pair| (pair.0, pair.1) == (from, to));
            wanted.flat_map(|(.., arrows)| arrows).for_each(|arrow| println!("{arrow}"));
        }
        _ => {
            eprintln!("error: what is {rest:?}?");
            return ExitCode::from(2);
        }
    }
    ExitCode::from(u8::from(graph.circle().is_some() || modules.circle().is_some()))
}

/// Components with all arrows inside of them, and a shortest circle.
fn print(what: &str, graph: &Graph) {
    let components = graph.components();
    println!(
        "{what}: {} nodes, {} components with circles",
        graph.nodes().count(),
        components.len()
    );
    for component in components {
        let names: Vec<&str> = component.iter().copied().collect();
        println!("  component of {}: {}", names.len(), names.join(" "));
        for (from, to, arrows) in graph.pairs() {
            if component.contains(from) && component.contains(to) {
                println!("    {from} -> {to}  ({} uses, {})", arrows.len(), arrows[0]);
            }
        }
    }
    if let Some(circle) = graph.circle() {
        println!("  a shortest circle:");
        circle.iter().for_each(|arrow| println!("    {arrow}"));
    }
}

/// Uses of modules of a higher group, and modules that no group names.
fn upward(modules: &Graph, order: &str) {
    let groups: Vec<Vec<&str>> = order.split('/').map(|group| group.split(',').collect()).collect();
    let height = |name: &str| groups.iter().position(|group| group.contains(&name));
    for name in modules.nodes().filter(|name| height(name).is_none()) {
        println!("{name} is in no group");
    }
    for (from, to, arrows) in modules.pairs() {
        if height(from) < height(to) && height(from).is_some() {
            println!("{from} -> {to}");
            arrows.iter().for_each(|arrow| println!("    {arrow}"));
        }
    }
}
