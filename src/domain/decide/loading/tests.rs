//! Who may put a change to the site into force, and what counts as accepted afterwards.

use super::*;
use crate::domain::fixture::{self, Driver};
use crate::domain::runbook::{Impact, Status};
use crate::domain::site::Sensitive;

/// prod-web belongs to grace and kim, prod-db to kim alone.
fn site() -> Site {
    let mut site = fixture::site();
    for (id, owners) in [("prod-web", ["grace", "kim"].as_slice()), ("prod-db", &["kim"])] {
        let mut workspace = fixture::workspace(id);
        workspace.owner = "kim".into();
        for (person, roles) in &mut workspace.members {
            roles.remove(&Role::Owner);
            if owners.contains(&person.as_str()) {
                roles.insert(Role::Owner);
            }
        }
        site.workspaces.insert(id.into(), Arc::new(workspace));
    }
    site
}

fn changed(site: &Site, name: &str, change: impl FnOnce(&mut Site)) -> Arc<Site> {
    let mut site = Site { digest: Digest::of(name.as_bytes()), ..site.clone() };
    change(&mut site);
    Arc::new(site)
}

fn members(id: &str) -> impl FnOnce(&mut Site) {
    move |site: &mut Site| {
        let workspace = Arc::make_mut(site.workspaces.get_mut(&crate::domain::WorkspaceId::new(id)).unwrap());
        workspace.members.insert("bo".into(), [Role::Approver].into());
    }
}

fn load(site: &Arc<Site>) -> Ask {
    Ask::LoadSite { site: Arc::clone(site), diff: "-a\n+b\n".to_owned() }
}

fn accept(driver: &mut Driver, who: &str, site: &Arc<Site>) -> Result<(), Rule> {
    let ask = Ask::AcceptSite { digest: site.digest, reason: "seen".to_owned() };
    driver.as_person(who, ask).map(|_| ()).map_err(|refusal| refusal.rule)
}

fn loader(driver: &Driver) -> Option<&str> {
    driver.world.pending.as_ref().unwrap().by.as_ref().map(PersonId::as_str)
}

#[test]
fn z37_an_editor_cannot_accept_their_own_change_by_letting_the_server_start_anew() {
    let mut driver = Driver::new(site());
    let edited = changed(&site(), "edited", members("prod-web"));
    driver.engine(load(&edited)).unwrap();
    assert_eq!(accept(&mut driver, "grace", &edited), Err(Rule::Site), "nobody stands for it yet");
    assert_eq!(driver.world.pending.as_ref().unwrap().by, None);
    driver.as_person("grace", load(&edited)).unwrap();
    for ask in [load(&edited), load(&edited)] {
        driver.as_person("kim", ask.clone()).unwrap();
        driver.engine(ask).unwrap();
        assert_eq!(loader(&driver), Some("grace"), "who loaded it first stays");
    }
    assert_eq!(accept(&mut driver, "grace", &edited), Err(Rule::SeparationSelf));
    assert_eq!(accept(&mut driver, "kim", &edited), Ok(()));
    assert_eq!(driver.world.site.as_ref().unwrap().digest, edited.digest);
}

#[test]
fn a_workspaces_changes_are_accepted_by_its_own_owner_and_the_rest_by_any() {
    let mut driver = Driver::new(site());
    let database = changed(&site(), "db", members("prod-db"));
    driver.as_person("ada", load(&database)).unwrap();
    assert_eq!(accept(&mut driver, "grace", &database), Err(Rule::Role), "grace owns prod-web alone");
    assert_eq!(accept(&mut driver, "kim", &database), Ok(()), "named as its owner");
    let joined = changed(&database, "people", |site| {
        site.people.insert("mallory".into(), fixture::person("mallory"));
    });
    driver.as_person("kim", load(&joined)).unwrap();
    assert_eq!(accept(&mut driver, "grace", &joined), Ok(()));
}

#[test]
fn whoever_a_workspace_names_as_its_owner_accepts_without_that_role() {
    let named = changed(&site(), "first", |site| {
        for workspace in site.workspaces.values_mut() {
            for roles in Arc::make_mut(workspace).members.values_mut() {
                roles.remove(&Role::Owner);
            }
        }
    });
    let mut driver = Driver::new((*named).clone());
    let edited = changed(&named, "edited", members("prod-web"));
    driver.as_person("ada", load(&edited)).unwrap();
    assert_eq!(accept(&mut driver, "grace", &edited), Err(Rule::Role));
    assert_eq!(accept(&mut driver, "kim", &edited), Ok(()));
}

#[test]
fn one_person_brings_in_a_second_and_is_not_alone_afterwards() {
    let alone = changed(&site(), "alone", |site| site.people.retain(|id, _| id.as_str() == "kim"));
    let mut driver = Driver::new((*alone).clone());
    driver.as_person("kim", load(&Arc::new(site()))).unwrap();
    assert!(driver.world.pending.is_none(), "nobody else could have accepted it");
    let back = changed(&alone, "back", |_| {});
    driver.as_person("kim", load(&back)).unwrap();
    assert!(driver.world.pending.is_some(), "nobody gets rid of the others by themselves");
}

#[test]
fn z55_accepting_one_change_accepts_no_other_runbook() {
    let digest = |name: &str| Digest::of(name.as_bytes());
    let runbook = |name: &str, status| {
        let mut runbook = fixture::runbook("draft");
        (runbook.status, runbook.impact, runbook.digest) = (status, Impact::Medium, digest(name));
        Arc::new(runbook)
    };
    let mut driver = Driver::new(site());
    let with_draft = changed(&site(), "draft", |site| {
        site.runbooks.insert("draft".into(), runbook("a draft", Status::Draft));
    });
    driver.as_person("ada", load(&with_draft)).unwrap();
    assert!(driver.world.pending.is_none(), "a draft needs nobody");
    let edited = changed(&with_draft, "members", members("prod-web"));
    driver.as_person("ada", load(&edited)).unwrap();
    accept(&mut driver, "kim", &edited).unwrap();
    assert!(!driver.world.accepted_runbooks.contains(&digest("a draft")), "nobody was asked about it");
    let approved = changed(&edited, "approved", |site| {
        site.runbooks.insert("draft".into(), runbook("approved", Status::Approved));
    });
    driver.as_person("ada", load(&approved)).unwrap();
    accept(&mut driver, "kim", &approved).unwrap();
    assert!(driver.world.accepted_runbooks.contains(&digest("approved")));
}

#[test]
fn an_approved_runbook_that_goes_or_is_a_draft_again_waits_as_well() {
    let of = |change: &dyn Fn(&mut Site)| site::sensitive_changes(&site(), &changed(&site(), "x", |site| change(site)));
    let expected = [Sensitive::Runbook("restart".into())];
    assert_eq!(of(&|site| site.runbooks.clear()), expected);
    let again = |site: &mut Site| {
        let mut runbook = fixture::runbook("restart");
        (runbook.status, runbook.digest) = (Status::Draft, Digest::of(b"draft"));
        site.runbooks.insert(runbook.id.clone(), Arc::new(runbook));
    };
    assert_eq!(of(&again), expected);
    assert_eq!(of(&|_| ()), []);
}

#[test]
fn a_change_that_was_not_shown_whole_is_accepted_by_nobody() {
    let mut driver = Driver::new(site());
    let edited = changed(&site(), "edited", members("prod-web"));
    let diff = "-a\n! runbooks/long.toml: 90000 lines of differences, left out here\n".to_owned();
    driver.as_person("ada", Ask::LoadSite { site: Arc::clone(&edited), diff }).unwrap();
    assert_eq!(accept(&mut driver, "kim", &edited), Err(Rule::Limit));
}
