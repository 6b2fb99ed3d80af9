//! `people roles`: the review of access. Who holds what, since when, and when it was used last; lent roles with their end.

use super::json::time;
use super::out::{self, Gone, Io};
use super::{Cx, Exit, act, text};
use crate::domain::id::ElevationId;
use crate::domain::used::Use;
use crate::domain::{PersonId, Refusal, Role, Rule, Timestamp, WorkspaceId, World};
use serde_json::{Value, json};

/// A role somebody holds.
struct Row {
    workspace: WorkspaceId,
    person: PersonId,
    role: Role,
    held: Use,
    /// The elevation it is lent by, and until when.
    lent: Option<(ElevationId, Timestamp)>,
}

/// Every role that is held where the asker may read the record.
pub async fn roles(cx: &Cx<'_>, workspace: Option<&str>, unused: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let (world, now) = (cx.world(), cx.engine.now());
    if let Some(id) = workspace
        && !world.can_audit(cx.person, &WorkspaceId::new(id))
    {
        return act::refused(cx, &Refusal::new(Rule::NotFound, format!("no workspace {id}")), io).await;
    }
    let mut rows = held(&world, cx.person);
    rows.retain(|row| workspace.is_none_or(|id| row.workspace.as_str() == id));
    rows.retain(|row| !unused || row.is_unused(now));
    let answer = match cx.json {
        true => out::document(&json!({ "rows": rows.iter().map(|row| row.json(now)).collect::<Vec<_>>() })),
        false => text::table(
            &["workspace", "person", "role", "since", "last used", ""],
            &rows.iter().map(|row| row.cells(now)).collect::<Vec<_>>(),
        ),
    };
    io.out(&answer).await?;
    Ok(Exit::Done)
}

fn held(world: &World, asker: &PersonId) -> Vec<Row> {
    let places = world.site.iter().flat_map(|site| site.workspaces.keys());
    let seen = places.filter(|id| world.can_audit(asker, id));
    let mut rows: Vec<Row> = seen
        .flat_map(|id| {
            world.used.of(id).map(|(person, role, held)| Row {
                workspace: id.clone(),
                person: person.clone(),
                role,
                held: *held,
                lent: None,
            })
        })
        .collect();
    let lent = world.elevations.values().filter(|one| world.can_audit(asker, &one.workspace));
    rows.extend(lent.filter_map(|one| {
        let granted = one.granted.as_ref()?;
        Some(Row {
            workspace: one.workspace.clone(),
            person: one.person.clone(),
            role: one.role,
            held: Use { since: granted.at, last: None },
            lent: Some((one.id, granted.until)),
        })
    }));
    rows
}

impl Row {
    fn is_unused(&self, now: Timestamp) -> bool {
        self.lent.is_none() && self.held.is_unused(self.role, now)
    }

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let note = match &self.lent {
            Some((id, until)) => format!("lent by {id} until {}", text::time(*until)),
            None if self.is_unused(now) => "unused for a quarter".to_owned(),
            None => String::new(),
        };
        vec![
            self.workspace.to_string(),
            self.person.to_string(),
            self.role.word().to_owned(),
            text::time(self.held.since),
            self.held.last_words(self.role, text::time),
            note,
        ]
    }

    fn json(&self, now: Timestamp) -> Value {
        json!({
            "elevation": self.lent.map(|(id, _)| id.0),
            "last_used": time(self.held.last),
            "person": self.person.as_str(),
            "role": self.role.word(),
            "since": time(self.held.since),
            "until": time(self.lent.map(|(_, until)| until)),
            "unused": self.is_unused(now),
            "workspace": self.workspace.as_str(),
        })
    }
}
