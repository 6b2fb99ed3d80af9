//! Sessions are tested where they are used: `server::tests` drives them over the protocol. Here is what needs no protocol.

use super::*;
use crate::domain::fixture;

#[test]
fn themes_that_are_wrong_are_left_out_and_some_theme_is_always_there() {
    let wrong =
        ThemeColours { name: "x".to_owned(), colours: BTreeMap::from([("text".to_owned(), "nope".to_owned())]) };
    let themes = themes(&[wrong], Colours::True);
    assert_eq!(themes.len(), 1);
}

#[test]
fn z04_only_the_mapped_account_may_enter() {
    let world = World { site: Some(Arc::new(fixture::site())), ..World::default() };
    let site = world.site.clone().unwrap();
    let person = site.people.values().find(|person| !person.unix.is_empty()).unwrap();
    let door = Door::Socket { uid: 1 };
    assert!(may_enter(&world, &person.unix[0], &person.id, &door).is_ok());
    assert!(may_enter(&world, "root", &person.id, &door).is_err());
    assert!(may_enter(&World::default(), &person.unix[0], &person.id, &door).is_err());
}
