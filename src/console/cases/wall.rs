//! The wall in every state a room meets it in.

use super::{State, lost, pending};
use crate::console::fixture::{self, ago, long_name};
use crate::console::harness::Harness;
use crate::console::msg::Msg;
use crate::domain::id::IncidentId;
use crate::domain::incident::{Incident, Mark, Severity};
use crate::domain::run::{Ending, Phase};
use crate::domain::workspace::Freeze;
use crate::domain::{PersonId, RunId, World};
use std::sync::Arc;

/// An incident of a workspace, opened so many minutes ago and acknowledged.
pub fn incident(world: &mut World, id: u64, severity: Severity, minutes: i64, title: &str, leads: Option<&str>) {
    let opened = ago(minutes);
    let one = Incident {
        id: IncidentId(id),
        workspace: "prod-web".into(),
        severity,
        title: title.to_owned(),
        tenant: "acme".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["alert-17".to_owned()],
        owner: PersonId::new("kim"),
        commander: leads.map(PersonId::new),
        by: PersonId::new("kim"),
        opened,
        marks: [(Mark::Acknowledged, opened)].into(),
        notes: imbl::Vector::new(),
    };
    world.incidents.insert(one.id, Arc::new(one));
    world.next_incident = world.next_incident.max(id + 1);
}

/// Freezes over one workspace, in its own zone's time.
pub fn freezes(world: &mut World, place: &str, freezes: &[(&str, &str, &str)]) {
    let mut site = (**world.site.as_ref().unwrap()).clone();
    let workspace = Arc::make_mut(site.workspaces.get_mut(&place.into()).unwrap());
    workspace.freezes = freezes
        .iter()
        .map(|(name, from, to)| Freeze {
            name: (*name).to_owned(),
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            zone: "Europe/Berlin".to_owned(),
            except: [].into(),
        })
        .collect();
    world.site = Some(Arc::new(site));
}

/// An evening with a grave incident; a quiet one; names as long as people make them; what is wrong with the site itself.
pub fn world(state: State) -> World {
    let mut world = match state {
        State::Error => pending(State::Busy),
        other => other.world(),
    };
    match state {
        State::Empty => {}
        State::Busy | State::Loading => {
            incident(&mut world, 1, Severity::P1, 12, "checkout fails for every customer", Some("kim"));
            incident(&mut world, 2, Severity::P3, 95, "one of two uplinks is down", None);
            freezes(&mut world, "prod-edge", &[("release", "2026-11-20T12:00:00", "2026-11-23T08:00:00")]);
        }
        State::Long => incident(&mut world, 1, Severity::P2, 4, &format!("{0} {0}", long_name()), Some(&long_name())),
        State::Error => {
            incident(&mut world, 1, Severity::P1, 4, "checkout fails for every customer", None);
            world.clock_jump = Some((ago(3), -90_000));
            let mut ended = fixture::ended_39();
            ended.phase = Phase::Closed(Ending::Failed);
            ended.ended = Some(ago(30 * 24 * 60));
            fixture::add(&mut world, ended);
            world.runs.remove(&RunId(43));
        }
    }
    world
}

/// The way there.
pub fn wall(state: State, mut console: Harness) -> Harness {
    console.send(Msg::Wall);
    match state {
        State::Busy | State::Empty | State::Long | State::Error => console,
        State::Loading => lost(console),
    }
}
