//! Home as people see it.

use crate::console::fixture;
use crate::console::harness::Harness;
use crate::domain::World;

#[test]
fn look() {
    println!("{}", Harness::new(fixture::world()).screen());
    println!("{}", Harness::new(fixture::world()).at(160, 50).screen());
    println!("{}", Harness::new(fixture::long_names()).screen());
    println!("{}", Harness::new(fixture::empty()).screen());
    println!("{}", Harness::new(World::default()).screen());
}
