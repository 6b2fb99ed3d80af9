//! Incidents: what they must name, who works on them, what clocks they are held against.

use super::*;
use crate::domain::decide::incidents::Deed;
use crate::domain::fixture::NOON;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Clocks, Mark, Opening, Severity};
use crate::domain::people::Role;
use crate::domain::site::Site;

const MINUTE_MS: u64 = 60_000;
const I1: IncidentId = IncidentId(1);

fn opening() -> Opening {
    Opening {
        workspace: "prod-web".into(),
        severity: Severity::P1,
        title: "checkout fails".to_owned(),
        tenant: "shop".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["CheckoutErrors".to_owned()],
        owner: "grace".into(),
        commander: None,
    }
}

fn open(driver: &mut Driver, who: &str, opening: Opening) -> Result<(), Rule> {
    let before = driver.world.clone();
    let done = driver.as_person(who, Ask::OpenIncident(Box::new(opening))).map(|_| ()).map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

fn deed(driver: &mut Driver, who: &str, deed: Deed, text: &str) -> Result<(), Rule> {
    let before = driver.world.clone();
    let ask = Ask::InIncident { incident: I1, deed, text: text.to_owned() };
    let done = driver.as_person(who, ask).map(|_| ()).map_err(|refusal| refusal.rule);
    if done.is_err() {
        assert_eq!(driver.world, before, "a refusal changes nothing");
    }
    done
}

fn house() -> Driver {
    driver_of(|site: &mut Site| {
        site.people.insert("stranger".into(), fixture::person("stranger"));
    })
}

#[test]
fn an_incident_names_tenant_impact_monitoring_and_owner_or_is_not_opened() {
    let mut driver = house();
    type Wrong = (fn(&mut Opening), Rule);
    let wrong: [Wrong; 7] = [
        (|o| o.title.clear(), Rule::ReasonMissing),
        (|o| o.tenant = "  ".to_owned(), Rule::ReasonMissing),
        (|o| o.impact.clear(), Rule::ReasonMissing),
        (|o| o.monitoring.clear(), Rule::ReasonMissing),
        (|o| o.monitoring = vec!["a\nb".to_owned()], Rule::ReasonMissing),
        (|o| o.owner = "stranger".into(), Rule::Input),
        (|o| o.commander = Some("nobody".into()), Rule::Input),
    ];
    for (change, rule) in wrong {
        let mut said = opening();
        change(&mut said);
        assert_eq!(open(&mut driver, "ada", said.clone()), Err(rule), "{said:?}");
    }
    open(&mut driver, "ada", opening()).unwrap();
    let one = driver.world.incidents[&I1].clone();
    assert_eq!((one.by.as_str(), one.tenant.as_str(), one.monitoring.len()), ("ada", "shop", 1));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn z51_an_incident_of_another_workspace_does_not_exist() {
    let mut driver = house();
    assert_eq!(open(&mut driver, "stranger", opening()), Err(Rule::NotFound));
    open(&mut driver, "ada", opening()).unwrap();
    assert_eq!(deed(&mut driver, "stranger", Deed::Note, "hm"), Err(Rule::NotFound));
    // Whoever only reviews reads it and does not work on it.
    assert_eq!(deed(&mut driver, "lea", Deed::Note, "hm"), Err(Rule::Role));
}

#[test]
fn its_clocks_run_from_its_beginning_through_every_mark() {
    let mut driver = house();
    open(&mut driver, "ada", opening()).unwrap();
    let clocks = Clocks::default();
    let one = |driver: &Driver| driver.world.incidents[&I1].clone();
    assert_eq!(one(&driver).next_due(&clocks), Some((Mark::Acknowledged, NOON.plus_ms(5 * MINUTE_MS))));
    deed(&mut driver, "bo", Deed::Mark(Mark::Acknowledged), "").unwrap();
    assert_eq!(deed(&mut driver, "bo", Deed::Mark(Mark::Acknowledged), ""), Err(Rule::State), "once");
    driver.at = NOON.plus_ms(11 * MINUTE_MS);
    assert_eq!(one(&driver).late(&clocks, driver.at), [Mark::Told]);
    deed(&mut driver, "bo", Deed::Mark(Mark::Told), "status page").unwrap();
    assert_eq!(one(&driver).next_due(&clocks), Some((Mark::Mitigated, NOON.plus_ms(30 * MINUTE_MS))));
    // A server that starts anew reads the same clocks off the record.
    driver.engine(Ask::Boot { repaired_bytes: 0 }).unwrap();
    assert_eq!(fold(&driver).incidents, driver.world.incidents);
    // What was late stays late, also when the record is read a day later.
    assert_eq!(one(&driver).late(&clocks, NOON.plus_ms(12 * MINUTE_MS)), [Mark::Told]);
    // Nobody is held to minutes where it is less grave.
    deed(&mut driver, "bo", Deed::Grade(Severity::P3), "one customer alone").unwrap();
    assert_eq!(one(&driver).next_due(&clocks), None);
    assert_eq!(deed(&mut driver, "bo", Deed::Grade(Severity::P2), ""), Err(Rule::ReasonMissing));
}

#[test]
fn who_leads_or_answers_for_it_closes_it_once_it_is_resolved() {
    let mut driver = driver_of(|site| {
        in_workspace(site, |place| {
            place.members.insert("kim".into(), [Role::Approver, Role::Commander].into());
        });
    });
    open(&mut driver, "ada", opening()).unwrap();
    deed(&mut driver, "ada", Deed::Command("bo".into()), "").unwrap();
    assert_eq!(deed(&mut driver, "grace", Deed::Close, "done"), Err(Rule::State), "not resolved");
    deed(&mut driver, "ada", Deed::Mark(Mark::Resolved), "").unwrap();
    assert_eq!(deed(&mut driver, "ada", Deed::Close, "done"), Err(Rule::Role), "only works on it");
    assert_eq!(deed(&mut driver, "bo", Deed::Close, ""), Err(Rule::ReasonMissing));
    for closes in ["bo", "grace", "kim"] {
        let mut again = Driver { world: driver.world.clone(), log: driver.log.clone(), at: driver.at };
        deed(&mut again, closes, Deed::Close, "a certificate had run out").unwrap();
        assert!(again.world.incidents.is_empty());
        assert_eq!(deed(&mut again, closes, Deed::Note, "late"), Err(Rule::NotFound));
        assert_eq!(fold(&again), again.world);
    }
}
