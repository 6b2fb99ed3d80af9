//! The live run as people see it.

use crate::console::fixture;
use crate::console::harness::Harness;

#[test]
fn look() {
    let open = |world| {
        Harness::new(world)
            .press(":")
            .type_str("run 40")
            .press("enter")
    };
    println!("{}", open(fixture::world()).screen());
    println!("{}", open(fixture::world()).press("c").screen());
    println!("{}", open(fixture::world()).at(160, 50).screen());
    println!("{}", open(fixture::long_names()).screen());
    for n in [1, 5, 12, 200, 2000] {
        let open = |world| {
            Harness::new(world)
                .press(":")
                .type_str("run 42")
                .press("enter")
        };
        println!("{}", open(fixture::fleet(n)).screen());
    }
    let open = |world| {
        Harness::new(world)
            .press(":")
            .type_str("run 42")
            .press("enter")
    };
    println!("{}", open(fixture::world()).screen());
}
