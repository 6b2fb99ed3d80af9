//! Taking evidence out: who may, and what the record says of it.

use super::*;
use crate::domain::Event;
use crate::domain::beside::Beside;
use crate::domain::exported::Selection;
use crate::domain::id::{IncidentId, WorkspaceId};

fn export(what: Selection) -> Ask {
    Ask::Export(vec![(WorkspaceId::new("prod-web"), what)])
}

#[test]
fn whoever_audits_or_owns_a_workspace_takes_evidence_out_and_the_record_says_so() {
    let mut driver = driver();
    let what = Selection::Incident(IncidentId(3));
    assert_eq!(driver.as_person("ada", export(what.clone())).unwrap_err().rule, Rule::Role);
    assert_eq!(driver.as_person("mallory", export(what.clone())).unwrap_err().rule, Rule::ActorUnknown);
    assert_eq!(driver.as_person("grace", Ask::Export(Vec::new())).unwrap_err().rule, Rule::NotFound);
    assert_eq!(driver.as_person("grace", export(Selection::Runs(Vec::new()))).unwrap_err().rule, Rule::Limit);
    let elsewhere = Ask::Export(vec![("prod-web".into(), what.clone()), ("elsewhere".into(), what.clone())]);
    assert_eq!(driver.as_person("grace", elsewhere).unwrap_err().rule, Rule::NotFound);
    let none =
        |driver: &Driver| driver.log.iter().all(|one| !matches!(one.event, Event::Beside(Beside::Exported { .. })));
    assert!(none(&driver), "what was refused was not taken out");
    driver.as_person("grace", export(what.clone())).unwrap();
    let last = driver.log.last().unwrap();
    assert_eq!(last.event, Event::Beside(Beside::Exported { workspace: "prod-web".into(), what }));
    assert_eq!(last.by.person(), Some(&"grace".into()));
    assert!(last.details.is_empty() && last.event.is_signed_at_once());
}
