//! No panic can be reached from the control tick: every branch of the linked firmware is followed, in
//! the program for the board and for the emulator.

use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};
use tests::{firmware_elf, small_image};

/// Functions by address, and the functions that each of them branches to.
struct Calls {
    names: BTreeMap<u64, String>,
    branches: BTreeMap<u64, BTreeSet<u64>>,
    /// Functions with a branch to an address in a register: where it leads is not known.
    indirect: BTreeSet<u64>,
}

fn calls(elf: &[u8]) -> Calls {
    let file = object::File::parse(elf).unwrap();
    let mut names = BTreeMap::new();
    let mut ends = BTreeMap::new();
    // `$t` and `$d`: where code and where constants begin.
    let mut data = BTreeMap::new();
    for symbol in file.symbols() {
        let (name, address) = (symbol.name().unwrap_or_default(), symbol.address());
        if symbol.kind() == SymbolKind::Text && symbol.size() > 0 {
            names.insert(address & !1, name.to_owned());
            ends.insert(address & !1, (address & !1) + symbol.size());
        } else if name.starts_with("$d") || name.starts_with("$t") {
            data.insert(address & !1, name.starts_with("$d"));
        }
    }
    assert!(!data.is_empty(), "no mapping symbols: code and constants cannot be told apart");
    let text = file.section_by_name(".text").unwrap();
    let (base, code) = (text.address(), text.data().unwrap());
    let half = |at: u64| {
        let at = usize::try_from(at - base).unwrap();
        code.get(at..at + 2).map(|bytes| u32::from(u16::from_le_bytes([bytes[0], bytes[1]])))
    };
    let owner = |at: u64| names.range(..=at).next_back().map(|(start, _)| *start);
    let (mut branches, mut indirect) = (BTreeMap::<u64, BTreeSet<u64>>::new(), BTreeSet::new());
    for (&start, &end) in &ends {
        let mut at = start;
        while at < end {
            if data.range(..=at).next_back().is_some_and(|(_, is_data)| *is_data) {
                at += 2;
                continue;
            }
            let Some(first) = half(at) else { break };
            let wide = first >> 11 >= 0b11101;
            let target = if wide {
                half(at + 2).and_then(|second| wide_target(at, first, second))
            } else {
                narrow_target(at, first)
            };
            if let Some(target) = target.filter(|target| !(start..end).contains(target)) {
                branches.entry(start).or_default().extend(owner(target));
            }
            // BLX Rm, and BX Rm other than LR.
            let through_register =
                first & 0xFF87 == 0x4780 || (first & 0xFF87 == 0x4700 && first != 0x4770);
            if !wide && through_register {
                indirect.insert(start);
            }
            at += if wide { 4 } else { 2 };
        }
    }
    Calls { names, branches, indirect }
}

/// B<cond> and B in 16 bits, CBZ and CBNZ never leave a function.
fn narrow_target(at: u64, op: u32) -> Option<u64> {
    let offset = match op >> 12 {
        0b1101 if op >> 8 & 0xF < 14 => i64::from((op as u8) as i8) * 2,
        0b1110 if op >> 11 == 0b11100 => i64::from(((op & 0x7FF) << 21) as i32 >> 20),
        _ => return None,
    };
    Some((at as i64 + 4 + offset) as u64)
}

/// BL, B and B<cond> in 32 bits.
fn wide_target(at: u64, first: u32, second: u32) -> Option<u64> {
    if first >> 11 != 0b11110 || second >> 15 != 1 {
        return None;
    }
    let (s, j1, j2) = (first >> 10 & 1, second >> 13 & 1, second >> 11 & 1);
    let conditional = second >> 14 & 1 == 0 && second >> 12 & 1 == 0;
    let bits = if conditional {
        if first >> 7 & 0b111 == 0b111 {
            return None; // MSR, hints, barriers.
        }
        let imm = s << 20 | j2 << 19 | j1 << 18 | (first & 0x3F) << 12 | (second & 0x7FF) << 1;
        (imm << 11) as i32 >> 11
    } else if second >> 12 & 1 == 1 {
        let (i1, i2) = (1 ^ j1 ^ s, 1 ^ j2 ^ s);
        let imm = s << 24 | i1 << 23 | i2 << 22 | (first & 0x3FF) << 12 | (second & 0x7FF) << 1;
        (imm << 7) as i32 >> 7
    } else {
        return None; // BLX to Arm code, which this core does not have.
    };
    Some((at as i64 + 4 + i64::from(bits)) as u64)
}

/// Every call of a panicking function that can be reached from the tick, or from what it does to actuators
/// and watchdog, with a way to it: the function, its caller, the caller's caller and so on.
fn panics(calls: &Calls) -> Vec<Vec<String>> {
    let roots: Vec<u64> = calls
        .names
        .iter()
        .filter(|(_, name)| {
            let of = |owner: &str, method: &str| name.contains(owner) && name.contains(method);
            name.contains("10supervisor")
                && (of("Supervisor", "4tick")
                    || of("Supervisor", "7reflect")
                    || of("Session", "5drive"))
        })
        .map(|(start, _)| *start)
        .collect();
    assert_eq!(roots.len(), 3, "drive, tick and reflect are symbols of their own");
    let (mut from, mut ways) = (BTreeMap::<u64, u64>::new(), BTreeSet::new());
    let mut queue = roots.clone();
    let mut seen: BTreeSet<u64> = roots.iter().copied().collect();
    while let Some(at) = queue.pop() {
        assert!(!calls.indirect.contains(&at), "{} branches to a register", calls.names[&at]);
        for next in calls.branches.get(&at).into_iter().flatten() {
            if is_panic(&calls.names[next]) {
                ways.insert((*next, at));
            } else if seen.insert(*next) {
                from.insert(*next, at);
                queue.push(*next);
            }
        }
    }
    let recursive: Vec<_> = recursive(calls, &seen).iter().map(|at| &calls.names[at]).collect();
    assert!(recursive.is_empty(), "recursion: {recursive:?}");
    let way = |(sink, mut at): (u64, u64)| {
        let mut way = vec![calls.names[&sink].clone(), calls.names[&at].clone()];
        while let Some(before) = from.get(&at) {
            at = *before;
            way.push(calls.names[&at].clone());
        }
        way
    };
    ways.into_iter().map(way).collect()
}

/// The functions that can be reached from the tick and from themselves; those that are left when,
/// again and again, all that call nobody left are taken away.
fn recursive(calls: &Calls, reached: &BTreeSet<u64>) -> BTreeSet<u64> {
    let mut left = reached.clone();
    loop {
        let calls_left = |at: &u64| {
            calls.branches.get(at).is_some_and(|next| next.iter().any(|next| left.contains(next)))
        };
        let next: BTreeSet<u64> = left.iter().copied().filter(calls_left).collect();
        if next.len() == left.len() {
            return left;
        }
        left = next;
    }
}

#[test]
fn recursion_is_found_where_there_is_some() {
    let branches = [(1, [2].into()), (2, [3].into()), (3, [2].into()), (4, [1].into())];
    let calls =
        Calls { names: BTreeMap::new(), branches: branches.into(), indirect: BTreeSet::new() };
    assert!(recursive(&calls, &[4, 1].into()).is_empty());
    assert!(recursive(&calls, &[1, 2, 3].into()).contains(&2));
}

fn is_panic(name: &str) -> bool {
    ["panic", "unwrap_failed", "expect_failed", "slice_index", "_fail", "rust_begin_unwind"]
        .iter()
        .any(|part| name.contains(part))
}

#[test]
fn no_panic_can_be_reached_from_the_tick_and_a_planted_one_is_found() {
    for machine in ["board", "emulator"] {
        let calls = calls(&firmware_elf(&[machine], small_image()));
        // The programs have panics, and the graph leads to them from elsewhere.
        assert!(calls.names.values().any(|name| is_panic(name)));
        let found = panics(&calls);
        assert!(found.is_empty(), "{machine}: {found:#?}");
    }
    let planted = calls(&firmware_elf(&["emulator", "planted"], small_image()));
    let found = panics(&planted);
    assert!(!found.is_empty(), "the planted panic was not found");
}
