//! The inbox as people see it.

use crate::console::fixture;
use crate::console::harness::{Harness, keep};
use crate::domain::{RunId, World};

#[test]
fn frames() {
    keep("approvals-busy", &fixture::world(), |console| console.press("4"));
    keep("approvals-empty", &fixture::empty(), |console| console.press("4"));
    keep("approvals-long-names", &fixture::long_names(), |console| console.press("4"));
    keep("approvals-first-run", &World::default(), |console| console.press("4"));
}

#[test]
fn mine_come_first_and_open() {
    let console = Harness::new(fixture::world()).press("4");
    assert!(console.screen().contains("▸ #42"));
    assert!(console.press("enter").screen().contains("Approvals ▸ #42"));
    let console = Harness::new(fixture::world()).press("4 j enter");
    assert!(console.screen().contains("Approvals ▸ #43"));
    let console = console.press("esc");
    assert!(console.screen().contains("▸ #43"), "back on the same row");
    assert!(console.press("l").screen().contains("prod-db ▸ #43"), "l shows its checks");
}

#[test]
fn a_request_that_goes_takes_no_other_along() {
    let console = Harness::new(fixture::world()).press("4 j");
    let console = console.world(|world| drop(world.runs.remove(&RunId(42))));
    assert!(console.screen().contains("▸ #43"));
}
