//! Arrows between nodes, and the circles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};

/// A line of one file that uses an item of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrow {
    /// The file that uses the item, relative to the source folder.
    pub from: PathBuf,
    /// The file that defines the item.
    pub to: PathBuf,
    /// Where in `from`.
    pub line: usize,
    /// The path as the code has it.
    pub path: String,
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.display(), self.to.display());
        write!(f, "{from}:{}: {} is defined in {to}", self.line, self.path)
    }
}

/// Which node uses which, and where: nodes are files or modules.
#[derive(Clone, Debug, Default)]
pub struct Graph(BTreeMap<String, BTreeMap<String, Vec<Arrow>>>);

impl Graph {
    /// A graph whose nodes are files.
    #[must_use]
    pub fn new(arrows: Vec<Arrow>) -> Self {
        Self::grouped(arrows, |file| file.display().to_string())
    }

    /// The same arrows between the modules at the top of the source folder.
    #[must_use]
    pub fn modules(&self) -> Self {
        Self::grouped(self.arrows().cloned().collect(), module)
    }

    fn grouped(mut arrows: Vec<Arrow>, node: impl Fn(&Path) -> String) -> Self {
        arrows.sort();
        let mut graph = Self::default();
        for arrow in arrows {
            let (from, to) = (node(&arrow.from), node(&arrow.to));
            graph.0.entry(to.clone()).or_default();
            let ends = graph.0.entry(from.clone()).or_default();
            if from != to {
                ends.entry(to).or_default().push(arrow);
            }
        }
        graph
    }

    /// Every arrow.
    pub fn arrows(&self) -> impl Iterator<Item = &Arrow> {
        self.pairs().flat_map(|(.., arrows)| arrows)
    }

    /// Pairs of nodes, user first, with the arrows from one to the other.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str, &[Arrow])> {
        self.0.iter().flat_map(|(from, ends)| {
            ends.iter().map(|(to, arrows)| (from.as_str(), to.as_str(), arrows.as_slice()))
        })
    }

    /// The nodes, in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A shortest way from a node to each node that it reaches over one arrow or more: the node before.
    fn ways<'g>(&'g self, from: &str) -> BTreeMap<&'g str, &'g str> {
        let mut before = BTreeMap::new();
        let mut queue: VecDeque<&str> =
            self.0.get_key_value(from).map(|(name, _)| name.as_str()).into_iter().collect();
        while let Some(at) = queue.pop_front() {
            for next in self.0[at].keys() {
                if !before.contains_key(next.as_str()) {
                    before.insert(next.as_str(), at);
                    queue.push_back(next);
                }
            }
        }
        before
    }

    /// Sets of two nodes or more that reach each other: strongly connected components.
    #[must_use]
    pub fn components(&self) -> Vec<BTreeSet<&str>> {
        let ways: BTreeMap<&str, _> = self.nodes().map(|node| (node, self.ways(node))).collect();
        let mut found = Vec::new();
        let mut seen = BTreeSet::<&str>::new();
        for (node, reached) in &ways {
            if reached.contains_key(node) && !seen.contains(node) {
                let back = |other: &&&str| ways[**other].contains_key(node);
                let component: BTreeSet<&str> = reached.keys().filter(back).copied().collect();
                seen.extend(&component);
                found.push(component);
            }
        }
        found
    }

    /// A shortest circle: one arrow for each of its steps. None where there is no circle.
    #[must_use]
    pub fn circle(&self) -> Option<Vec<&Arrow>> {
        let circles = self.nodes().filter_map(|node| {
            let ways = self.ways(node);
            let (mut at, mut circle) = (node, Vec::new());
            while circle.is_empty() || at != node {
                let before = ways.get(at)?;
                circle.push(&self.0[*before][at][0]);
                at = before;
            }
            circle.reverse();
            Some(circle)
        });
        circles.min_by_key(Vec::len)
    }
}

/// The module at the top of the source folder that a file belongs to.
fn module(file: &Path) -> String {
    let mut parts = file.iter().map(|part| part.to_string_lossy());
    let first = parts.next().unwrap_or_default();
    match (&*first, parts.next()) {
        ("bin", Some(program)) => format!("bin/{}", program.trim_end_matches(".rs")),
        _ => first.trim_end_matches(".rs").to_owned(),
    }
}
