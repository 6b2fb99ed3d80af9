//! What was done by hand, entered afterwards: what it must say, and who looks at it.

use super::*;
use crate::domain::decide::by_hand::Done;
use crate::domain::fixture::NOON;
use crate::domain::id::HandId;
use crate::domain::people::Role;
use crate::domain::site::Site;

const H1: HandId = HandId(1);

fn done() -> Done {
    Done {
        workspace: "prod-web".into(),
        who: "ada".into(),
        from: NOON.minus_ms(3_600_000),
        until: NOON.minus_ms(1_800_000),
        hosts: vec!["web-1".to_owned(), "the old load balancer".to_owned()],
        commands: "systemctl restart web".to_owned(),
        reason: "the console could not be reached".to_owned(),
    }
}

fn tries(driver: &mut Driver, who: &str, ask: Ask) -> Result<(), Rule> {
    let before = driver.world.clone();
    let said = driver.as_person(who, ask).map(|_| ()).map_err(|refusal| refusal.rule);
    if said.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    said
}

fn review(driver: &mut Driver, who: &str) -> Result<(), Rule> {
    tries(driver, who, Ask::ReviewByHand { entry: H1, comment: "asked ada".to_owned() })
}

fn house() -> Driver {
    driver_of(|site: &mut Site| {
        site.people.insert("stranger".into(), fixture::person("stranger"));
        in_workspace(site, |place| {
            for who in ["ada", "bo", "grace"] {
                place.members.get_mut(&who.into()).unwrap().insert(Role::Reviewer);
            }
        });
    })
}

#[test]
fn it_says_who_when_where_what_and_why_or_is_not_entered() {
    let mut driver = house();
    let wrong: [(Done, Rule); 8] = [
        (Done { who: "stranger".into(), ..done() }, Rule::Input),
        (Done { from: NOON, until: NOON.minus_ms(1), ..done() }, Rule::Input),
        (Done { until: NOON.plus_ms(1), ..done() }, Rule::Input),
        (Done { hosts: Vec::new(), ..done() }, Rule::Input),
        (Done { hosts: vec!["a\nb".to_owned()], ..done() }, Rule::Input),
        (Done { commands: " ".to_owned(), ..done() }, Rule::ReasonMissing),
        (Done { reason: String::new(), ..done() }, Rule::ReasonMissing),
        (Done { workspace: "elsewhere".into(), ..done() }, Rule::NotFound),
    ];
    for (said, rule) in wrong {
        assert_eq!(tries(&mut driver, "bo", Ask::EnterByHand(Box::new(said.clone()))), Err(rule), "{said:?}");
    }
    assert_eq!(tries(&mut driver, "stranger", Ask::EnterByHand(Box::new(done()))), Err(Rule::NotFound));
    assert_eq!(tries(&mut driver, "lea", Ask::EnterByHand(Box::new(done()))), Err(Rule::Role));
    tries(&mut driver, "bo", Ask::EnterByHand(Box::new(done()))).unwrap();
    assert_eq!(driver.world.by_hand[&H1].hosts, "web-1\nthe old load balancer");
}

#[test]
fn two_who_took_no_part_look_at_it_and_its_files_and_it_is_red_until_then() {
    let mut driver = house();
    tries(&mut driver, "bo", Ask::EnterByHand(Box::new(done()))).unwrap();
    let file =
        |name: &str, content: &[u8]| Ask::ShowByHand { entry: H1, name: name.to_owned(), content: content.into() };
    assert_eq!(tries(&mut driver, "bo", file("../../x", b"x")), Err(Rule::Input));
    assert_eq!(tries(&mut driver, "bo", file("shell.log", b"")), Err(Rule::Limit));
    tries(&mut driver, "bo", file("shell.log", b"$ systemctl restart web")).unwrap();
    assert_eq!(driver.world.by_hand[&H1].files[0].2, 23);

    assert_eq!(review(&mut driver, "ada"), Err(Rule::SeparationReview), "did it");
    assert_eq!(review(&mut driver, "bo"), Err(Rule::SeparationReview), "entered it");
    assert_eq!(review(&mut driver, "kim"), Err(Rule::Role));
    assert_eq!(review(&mut driver, "stranger"), Err(Rule::NotFound));
    review(&mut driver, "lea").unwrap();
    assert_eq!(review(&mut driver, "lea"), Err(Rule::SeparationReview), "twice by one");
    review(&mut driver, "grace").unwrap();
    assert!(driver.world.by_hand.is_empty());
    assert_eq!(review(&mut driver, "lea"), Err(Rule::NotFound));
    assert_eq!(fold(&driver), driver.world);
}
