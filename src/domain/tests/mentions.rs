//! Notes that name people: who is told, what the record keeps of it, and when it is seen.

use super::*;
use crate::domain::decide::incidents::Deed;
use crate::domain::event::Event;
use crate::domain::id::{IncidentId, PersonId};
use crate::domain::incident::{Opening, Severity};
use crate::domain::mention::{self, KEPT_MAX, Mention, NAMED_MAX, On};
use crate::domain::notice::{self, Notify, Topic};
use crate::domain::site::Site;

const FIRST: On = On::Run(RunId(1));

fn house() -> Driver {
    let mut driver = driver_of(|site: &mut Site| {
        site.people.insert("stranger".into(), fixture::person("stranger"));
        site.notify = Some(Notify {
            command: vec!["/usr/local/bin/page".to_owned()],
            webhook: None,
            link: Some("ssh -t bastion quarterdeck attach {{ run }}".to_owned()),
            remind_ms: None,
            tell: [Topic::Mention].into(),
        });
    });
    driver.start_one();
    driver
}

fn note(driver: &mut Driver, who: &str, text: &str) -> Result<(), Rule> {
    let ask = Ask::Note { run: RunId(1), text: text.to_owned() };
    driver.as_person(who, ask).map(drop).map_err(|refusal| refusal.rule)
}

fn see(driver: &mut Driver, who: &str, on: On) -> Result<(), Rule> {
    driver.as_person(who, Ask::SeeMentions { on }).map(drop).map_err(|refusal| refusal.rule)
}

fn unseen(driver: &Driver, who: &str) -> Vec<Mention> {
    mention::unseen(&driver.world, &who.into()).cloned().collect()
}

#[test]
fn whoever_is_named_in_a_note_finds_it_until_they_have_looked() {
    let mut driver = house();
    note(&mut driver, "ada", "@grace web-2 looks odd, @kim too? and @stranger").unwrap();
    let found = unseen(&driver, "grace");
    assert_eq!(found.iter().map(|one| (one.on, one.by.as_str())).collect::<Vec<_>>(), [(FIRST, "ada")]);
    assert_eq!(mention::text(&driver.world, &found[0]), "@grace web-2 looks odd, @kim too? and @stranger");
    assert_eq!((unseen(&driver, "kim").len(), unseen(&driver, "ada").len()), (1, 0));
    assert!(!driver.world.mentions.contains_key(&PersonId::new("stranger")), "who cannot see it is not named");

    see(&mut driver, "grace", FIRST).unwrap();
    assert!(unseen(&driver, "grace").is_empty() && unseen(&driver, "kim").len() == 1, "each looks for themselves");
    let seen = mention::of(&driver.world, &"grace".into()).next().unwrap().seen;
    assert_eq!(seen, Some(driver.at), "it stays in the list, with when it was seen");
    assert_eq!(see(&mut driver, "grace", FIRST), Err(Rule::NotFound), "nothing is left to see");
    note(&mut driver, "ada", "@grace and once more").unwrap();
    assert_eq!(unseen(&driver, "grace").len(), 1);
    assert_eq!(fold(&driver), driver.world, "a restart knows it all");
}

#[test]
fn a_leaf_holds_handles_and_the_text_is_a_detail_beside_it() {
    let mut driver = house();
    note(&mut driver, "ada", "@grace the password is hunter2").unwrap();
    let last = driver.log.last().unwrap();
    let leaf = serde_json::to_value(&last.event).unwrap();
    assert_eq!(leaf, serde_json::json!({ "kind": "noted", "run": 1, "mentions": ["grace"] }));
    assert_eq!(last.details.get("text").map(|detail| detail.text()), Some("@grace the password is hunter2"));
    note(&mut driver, "ada", "a note to nobody").unwrap();
    let leaf = serde_json::to_value(&driver.log.last().unwrap().event).unwrap();
    assert_eq!(leaf, serde_json::json!({ "kind": "noted", "run": 1 }), "as every note was before there were names");
    assert!(serde_json::from_value::<Event>(leaf).is_ok());
}

#[test]
fn what_is_told_of_a_mention_is_who_and_where_and_never_what() {
    let mut driver = house();
    note(&mut driver, "ada", "nobody is named here").unwrap();
    assert!(driver.world.outbox.pending.is_empty());
    note(&mut driver, "ada", "@grace the password is hunter2").unwrap();
    let told = &driver.world.outbox.pending.get_max().unwrap().1.notice;
    assert_eq!(notice::summary(told), "#1 restart in prod-web (production): ada names people in a note: grace");
    let document = notice::document("origin", told);
    assert_eq!(
        (&document["kind"], &document["by"], &document["may_act"], &document["link"]),
        (&"mention".into(), &"ada".into(), &["grace"].as_slice().into(), &"ssh -t bastion quarterdeck attach 1".into())
    );
    assert!(!document.to_string().contains("hunter2"), "{document}");
}

#[test]
fn a_note_on_an_incident_names_people_as_one_on_a_run_does() {
    let mut driver = house();
    let opening = Opening {
        workspace: "prod-web".into(),
        severity: Severity::P1,
        title: "checkout fails".to_owned(),
        tenant: "shop".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["CheckoutErrors".to_owned()],
        owner: "grace".into(),
        commander: None,
    };
    driver.as_person("bo", Ask::OpenIncident(Box::new(opening))).unwrap();
    let noted = |text: &str| Ask::InIncident { incident: IncidentId(1), deed: Deed::Note, text: text.to_owned() };
    driver.as_person("bo", noted("all is written down")).unwrap();
    assert!(unseen(&driver, "grace").is_empty());
    driver.as_person("bo", noted("@grace please tell the hunter2 team")).unwrap();
    let [one] = unseen(&driver, "grace").try_into().unwrap();
    assert_eq!(
        (one.on, mention::text(&driver.world, &one)),
        (On::Incident(IncidentId(1)), "@grace please tell the hunter2 team")
    );
    let told = &driver.world.outbox.pending.get_max().unwrap().1.notice;
    assert_eq!(notice::summary(told), "incident I1 in prod-web (production): bo names people in a note: grace");
    assert!(!notice::document("origin", told).to_string().contains("hunter2"));
    let leaf = serde_json::to_value(&driver.log.last().unwrap().event).unwrap();
    assert_eq!(leaf["act"], serde_json::json!({ "noted_to": { "people": ["grace"] } }));
    see(&mut driver, "grace", one.on).unwrap();
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z51_whoever_may_not_see_the_workspace_any_more_finds_nothing_and_marks_nothing() {
    let mut driver = house();
    note(&mut driver, "ada", "@lea look").unwrap();
    assert_eq!(unseen(&driver, "lea").len(), 1);
    let mut site = fixture::site();
    let mut place = fixture::workspace("prod-web");
    place.members.remove(&PersonId::new("lea"));
    site.workspaces.insert("prod-web".into(), Arc::new(place));
    driver.world.site = Some(Arc::new(site));
    assert!(unseen(&driver, "lea").is_empty());
    let other = driver.as_person("lea", Ask::SeeMentions { on: On::Run(RunId(99)) }).unwrap_err();
    let hidden = driver.as_person("lea", Ask::SeeMentions { on: FIRST }).unwrap_err();
    assert_eq!(hidden.what.replace("#1", "#99"), other.what, "the same words as for what never was");
}

#[test]
fn one_note_names_few_and_few_are_kept() {
    let crowd: Vec<String> = (0..=NAMED_MAX).map(|nth| format!("p{nth}")).collect();
    let mut driver = driver_of(|site: &mut Site| {
        let mut place = fixture::workspace("prod-web");
        for name in &crowd {
            site.people.insert(name.as_str().into(), fixture::person(name));
            place.members.insert(name.as_str().into(), [crate::domain::people::Role::Viewer].into());
        }
        site.workspaces.insert("prod-web".into(), Arc::new(place));
    });
    driver.start_one();
    let all = crowd.iter().map(|name| format!("@{name}")).collect::<Vec<_>>().join(" ");
    assert_eq!(note(&mut driver, "ada", &all), Err(Rule::Limit));
    let all = crowd.iter().skip(1).map(|name| format!("@{name}")).collect::<Vec<_>>().join(" ");
    note(&mut driver, "ada", &all).unwrap();
    for nth in 0..KEPT_MAX + 5 {
        note(&mut driver, "ada", &format!("@grace {nth}")).unwrap();
        driver.at = driver.at.plus_ms(1);
    }
    let kept = unseen(&driver, "grace");
    assert_eq!(kept.len(), KEPT_MAX);
    assert_eq!(mention::text(&driver.world, &kept[0]), format!("@grace {}", KEPT_MAX + 4), "the newest first");
}

#[test]
fn a_machine_names_people_and_is_named_by_nobody() {
    let mut driver = driver_of(|site: &mut Site| {
        let mut bot = fixture::person("bot");
        bot.machine_of = Some("ada".into());
        site.people.insert("bot".into(), bot);
        let mut place = fixture::workspace("prod-web");
        place.members.insert("bot".into(), [crate::domain::people::Role::Operator].into());
        site.workspaces.insert("prod-web".into(), Arc::new(place));
    });
    driver.start_one();
    note(&mut driver, "bot", "@grace the error budget is gone").unwrap();
    note(&mut driver, "ada", "@bot thank you").unwrap();
    assert_eq!((unseen(&driver, "grace").len(), driver.world.mentions.len()), (1, 1));
    assert_eq!(see(&mut driver, "bot", FIRST), Err(Rule::ActorMachine));
}
