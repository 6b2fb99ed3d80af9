//! How states are visited: all of them within so many commands, or at random to the full length.

use super::ground::Move;
use super::node::Node;
use std::collections::BTreeSet;

/// Commands in a row.
pub const COMMANDS_MAX: usize = 7;

/// How many walks of full length a normal run takes from each world that it does not visit whole.
const QUICK_WALKS: u64 = 12;

/// How many states were visited, and what was tried there.
#[derive(Default)]
pub struct Tally {
    pub states: usize,
    pub commands: usize,
    pub refused: usize,
}

/// Says by which commands a fault was reached, before the test fails.
struct Trail<'a>(&'a Node, &'a Move);

impl Drop for Trail<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("after:\n  {}", self.0.path.iter().cloned().collect::<Vec<_>>().join("\n  "));
            println!("and then:\n  {}", self.1.words());
        }
    }
}

/// Every state that a move leads to from here.
pub fn next(node: &Node, tally: &mut Tally) -> Vec<Node> {
    let moves = node.moves();
    let made = moves.iter().filter_map(|chosen| {
        let _trail = Trail(node, chosen);
        node.make(chosen, tally)
    });
    made.collect()
}

/// Visits every state within `depth` commands.
fn visit_all(root: &Node, depth: usize, replay: bool) -> Tally {
    let mut tally = Tally { states: 1, ..Tally::default() };
    let mut known = BTreeSet::from([root.key().0]);
    let mut frontier = vec![root.clone()];
    for _ in 0..depth {
        let mut reached = Vec::new();
        for node in frontier {
            for after in next(&node, &mut tally) {
                if known.insert(after.key().0) {
                    if replay {
                        after.replays();
                    }
                    reached.push(after);
                }
            }
        }
        tally.states += reached.len();
        frontier = reached;
    }
    tally
}

/// Walks the full length, trying everything at every stop and going on with one of what is possible.
fn walk(root: &Node, mut seed: u64, tally: &mut Tally) {
    let mut node = root.clone();
    for _ in 0..COMMANDS_MAX {
        let mut open = next(&node, tally);
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = usize::try_from(seed >> 33).unwrap() % open.len();
        node = open.swap_remove(chosen);
        tally.states += 1;
    }
    node.replays();
}

/// How far the orders of commands from a world are visited whole.
#[derive(Clone, Copy)]
pub struct Depth {
    /// In a normal run; where that is less than all of it, walks of full length come on top.
    pub quick: usize,
    /// In `tests/run --deep`.
    pub deep: usize,
}

/// Visits what there is to visit from a world, and says how much that was.
pub fn prove(name: &str, root: &Node, depth: Depth) {
    let tally = if deep() {
        visit_all(root, depth.deep, true)
    } else {
        let mut tally = visit_all(root, depth.quick, false);
        let walks = if depth.quick < depth.deep { QUICK_WALKS } else { 0 };
        (1..=walks).for_each(|seed| walk(root, seed, &mut tally));
        tally
    };
    println!("{name}: {} states, {} commands, {} of them refused", tally.states, tally.commands, tally.refused);
    assert!(tally.states > 30 && tally.refused > tally.states, "the model went nowhere");
}

/// Whether full counts were asked for (`tests/run --deep`).
#[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
fn deep() -> bool {
    std::env::var_os("QUARTERDECK_DEEP").is_some()
}
