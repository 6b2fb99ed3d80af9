//! The events of a pack: their form, their place in the tree of the signed head, and the links between them.

use std::collections::BTreeMap;

use super::super::canonical;
use super::super::checkpoint::Checkpoint;
use super::super::hash::{Hash, leaf_hash};
use super::super::leaf::{self, Entry, LeafError};
use super::super::record::LEAF_BYTES_MAX;
use super::super::tree;
use super::check::{Checked, End, PackFinding, bad};

const FILE: &str = "leaves.jsonl";

/// The events by their index.
pub(super) type Leaves = BTreeMap<u64, Entry>;

/// Reads the leaves, each in its one form, in their order.
pub(super) fn read(bytes: &[u8], size: u64) -> Checked<Leaves> {
    let Some(lines) = bytes.strip_suffix(b"\n") else { return bad(FILE, "its last line is not whole") };
    let mut found = Leaves::new();
    for (at, line) in lines.split(|byte| *byte == b'\n').enumerate() {
        let wrong = |what: &str| bad(FILE, format!("line {}: {what}", at + 1));
        if line.len() > LEAF_BYTES_MAX {
            return wrong("it is longer than a leaf may be");
        }
        if canonical::check(line).is_err() {
            return wrong("it is not canonical JSON");
        }
        let entry = match leaf::read(line, leaf_hash(line)) {
            Ok(entry) => entry,
            Err(LeafError::Newer(version)) => {
                let what = format!("line {}: newer schema: format version {version}", at + 1);
                return Err(End::Unsure(PackFinding { file: FILE.to_owned(), what }));
            }
            Err(LeafError::Shape(_)) => return wrong("it has not the form of a leaf"),
        };
        if found.last_key_value().is_some_and(|(last, _)| *last >= entry.index) {
            return wrong("it is not in the order of events");
        }
        if entry.index >= size {
            return wrong("it lies behind the signed head");
        }
        found.insert(entry.index, entry);
    }
    Ok(found)
}

/// Whether these leaves, with the roots of all others, make the root that was signed.
pub(super) fn are_in_the_tree(leaves: &Leaves, nodes: &str, head: &Checkpoint) -> Checked {
    let lines = nodes.strip_suffix('\n').unwrap_or(nodes);
    let lines: Vec<&str> = if nodes.is_empty() { Vec::new() } else { lines.split('\n').collect() };
    let others: Option<Vec<Hash>> = lines.into_iter().map(Hash::from_base64).collect();
    let Some(others) = others.filter(|_| nodes.is_empty() || nodes.ends_with('\n')) else {
        return bad("nodes.txt", "a line is no hash");
    };
    let hashes: Vec<(u64, Hash)> = leaves.values().map(|entry| (entry.index, entry.hash)).collect();
    let mut others = others.into_iter();
    let root = root(&hashes, 0, head.size, &mut others);
    match root {
        Some(root) if root == head.root && others.next().is_none() => Ok(()),
        Some(_) | None => bad("nodes.txt", "with the events it does not make the root that was signed"),
    }
}

fn root(leaves: &[(u64, Hash)], from: u64, to: u64, others: &mut impl Iterator<Item = Hash>) -> Option<Hash> {
    match leaves {
        [] => others.next(),
        [(_, hash)] if to - from == 1 => Some(*hash),
        _ if to - from <= 1 => None,
        _ => {
            let middle = from + (to - from).next_power_of_two() / 2;
            let (left, right) = leaves.split_at(leaves.partition_point(|(index, _)| *index < middle));
            let left = root(left, from, middle, others)?;
            Some(tree::node(left, root(right, middle, to, others)?))
        }
    }
}

/// Neighbours are linked, and time never goes back.
pub(super) fn are_linked(leaves: &Leaves) -> Checked {
    let mut before: Option<&Entry> = None;
    for entry in leaves.values() {
        let wrong = |what: &str| bad(FILE, format!("event {}: {what}", entry.index));
        match before {
            None if entry.index == 0 && entry.prev.is_some() => return wrong("it has one before it"),
            Some(before) if before.index + 1 == entry.index && entry.prev != Some(before.hash) => {
                return wrong("its `prev` is not the hash of the event before");
            }
            Some(before) if before.at > entry.at => return wrong("time goes back"),
            Some(_) | None => {}
        }
        before = Some(entry);
    }
    Ok(())
}

/// Of each of these runs every event is here, from its first on without a gap.
pub(super) fn are_all_of_their_runs(leaves: &Leaves, runs: &[u64]) -> Checked {
    let mut known: BTreeMap<u64, Option<(u64, Hash, bool)>> = runs.iter().map(|run| (*run, None)).collect();
    for entry in leaves.values() {
        let Some(link) = entry.run else { continue };
        let Some(last) = known.get_mut(&link.id) else { continue };
        let wrong = |what: &str| bad(FILE, format!("event {}: {what} of run {}", entry.index, link.id));
        let (seq, prev) = match *last {
            None => (1, None),
            Some((_, _, true)) => return wrong("it stands behind the end"),
            Some((seq, hash, false)) => (seq + 1, Some(hash)),
        };
        if link.seq != seq {
            return wrong("an event is missing before it, or twice there,");
        }
        if link.prev != prev {
            return wrong("it is not linked to the event before");
        }
        *last = Some((link.seq, entry.hash, link.end));
    }
    match known.iter().find(|(_, last)| last.is_none()) {
        Some((run, _)) => bad(FILE, format!("no event of run {run} is there")),
        None => Ok(()),
    }
}
