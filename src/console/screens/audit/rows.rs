//! Events as rows of a list, the question that a filter becomes, and one event in full.

use crate::console::filter::{Filter, Key, Row as Filtered, Term};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::sheet::{Part, Sheet};
use crate::console::pages::labelled;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::table::Row;
use crate::console::words;
use crate::domain::people::Vouched;
use crate::domain::query::{AuditQuery, AuditRow};
use crate::domain::sign_in::printed;
use crate::domain::words::KINDS;
use crate::domain::{Actor, Door, PersonId, Timestamp};
use crate::terminal::line::Safe;

/// Rows asked for at once: some screens, and still one short answer.
pub const PAGE_ROWS: u32 = 300;

/// What of a filter the store can answer; the rest is judged here, row by row.
pub fn query(cx: &Cx<'_>, filter: &Filter) -> AuditQuery {
    let mut query = AuditQuery { limit: PAGE_ROWS, ..AuditQuery::default() };
    let people: Vec<&PersonId> = cx.world.site.iter().flat_map(|site| site.people.keys()).collect();
    for term in filter.asked() {
        match term {
            Term::Field(Key::Run, number) => query.run = number.parse().ok(),
            Term::Field(Key::Person, typed) => {
                query.person = people.iter().find(|person| person.as_str() == typed).map(|person| (*person).clone());
            }
            Term::Field(Key::Kind, typed) => {
                query.kind = KINDS.iter().find(|kind| **kind == spelled(typed)).map(|kind| (*kind).to_owned());
            }
            Term::Field(..) | Term::Word(_) | Term::Since(_) | Term::Until(_) => {}
        }
    }
    query
}

/// `run proposed` and `run_proposed` are the same kind.
fn spelled(typed: &str) -> String {
    typed.replace([' ', '-'], "_")
}

/// An event in a list.
#[derive(Clone)]
pub struct Line<'a>(pub &'a AuditRow);

impl Line<'_> {
    fn who(&self) -> String {
        match &self.0.by {
            Actor::Person { person, door: Door::Socket { .. } | Door::Ssh { .. } | Door::Hook { .. } } => {
                person.to_string()
            }
            Actor::Person { person, door: Door::As { .. } } => format!("{person} (as)"),
            Actor::Engine => "engine".to_owned(),
        }
    }

    fn kind(&self) -> String {
        self.0.kind.replace('_', " ")
    }

    /// The row as text, for copying.
    pub fn text(&self, cx: &Cx<'_>) -> String {
        let row = self.0;
        let run = row.run.map(|run| run.to_string()).unwrap_or_default();
        let at = moment::whole(row.at, &cx.here.zone);
        format!("{}\t{at}\t{}\t{}\t{run}\t{}", row.index, self.who(), self.kind(), row.summary)
    }
}

impl Filtered for Line<'_> {
    fn words(&self) -> String {
        let run = self.0.run.map(|run| run.to_string()).unwrap_or_default();
        format!("{} {} {} {run} {}", self.0.index, self.who(), self.kind(), self.0.summary)
    }

    fn field(&self, key: Key) -> Option<String> {
        match key {
            Key::Person => Some(self.who()),
            Key::Kind => Some(format!("{} {}", self.kind(), self.0.kind)),
            Key::Run => Some(self.0.run.map(|run| run.0.to_string()).unwrap_or_default()),
            Key::Workspace
            | Key::Runbook
            | Key::Host
            | Key::State
            | Key::Impact
            | Key::Ticket
            | Key::Owner
            | Key::Since
            | Key::Until => None,
        }
    }

    fn at(&self) -> Option<Timestamp> {
        Some(self.0.at)
    }
}

/// Who came in how, in words.
fn door(by: &Actor) -> String {
    match by {
        Actor::Person { door: Door::Socket { uid }, .. } => format!("the socket, account {uid}"),
        Actor::Person { door: Door::As { uid }, .. } => format!("the socket, account {uid} acting as this person"),
        Actor::Person { door: Door::Ssh { key, vouched: None }, .. } => format!("SSH, key {}", printed(key)),
        Actor::Person { door: Door::Ssh { key, vouched: Some(Vouched { ca, serial }) }, .. } => {
            format!("SSH, key {}, certificate {serial} of {}", printed(key), printed(ca))
        }
        Actor::Person { door: Door::Hook { request }, .. } => format!("a signed request, {}", request.short()),
        Actor::Engine => "the server itself: its clock, or what its executor reported".to_owned(),
    }
}

/// One event in full.
pub fn sheet(cx: &Cx<'_>, row: &AuditRow) -> Sheet {
    let line = Line(row);
    let number = words::number(usize::try_from(row.index).unwrap_or(usize::MAX));
    let parts = [
        Some(Part::Air),
        labelled("event", number.as_str()),
        labelled("when", moment::whole(row.at, &cx.here.zone)),
        labelled("who", line.who()),
        labelled("through", door(&row.by)),
        labelled("what", line.kind()),
        labelled("run", row.run.map(|run| run.to_string()).unwrap_or_default()),
        Some(Part::Air),
        Some(Part::Words(Role::Text, row.summary.clone())),
    ];
    Sheet::new(safe!("event {number}"), parts.into_iter().flatten().collect())
}

/// Columns as wide as the rows need them.
pub struct Columns {
    index: u16,
    who: u16,
    run: u16,
    kind: u16,
}

const WHEN_COLUMNS: u16 = 15;

/// From this width on the record's own word is shown beside the sentence.
const KIND_FROM_COLUMNS: u16 = 120;
const KIND_COLUMNS: u16 = 18;

impl Columns {
    /// For these rows in so many columns.
    pub fn of(lines: &[Line<'_>], width: u16) -> Self {
        let widest = |of: &dyn Fn(&Line<'_>) -> usize| {
            let widest = lines.iter().map(of).max().unwrap_or(0);
            u16::try_from(widest).unwrap_or(u16::MAX)
        };
        let number = |line: &Line<'_>| words::number(usize::try_from(line.0.index).unwrap_or(0)).len();
        Self {
            index: widest(&number).max(5),
            who: widest(&|line| Safe::new(line.who()).width()).clamp(6, 14),
            run: widest(&|line| line.0.run.map_or(0, |run| run.to_string().len())).clamp(3, 9),
            kind: if width >= KIND_FROM_COLUMNS { KIND_COLUMNS } else { 0 },
        }
    }

    /// Their names.
    pub fn heads(&self) -> Vec<Piece> {
        let head = |word: &str| text(Role::Faint, word);
        self.line(head("event"), head("when"), head("who"), head("run"), head("kind"), head("what happened"))
    }

    /// One row.
    pub fn row(&self, cx: &Cx<'_>, line: &Line<'_>, mark: &'static str) -> Row {
        let row = line.0;
        let who = match &row.by {
            Actor::Person { .. } => Role::Text,
            Actor::Engine => Role::Faint,
        };
        let number = words::number(usize::try_from(row.index).unwrap_or(usize::MAX));
        let run = row.run.map(|run| run.to_string()).unwrap_or_default();
        let what = if row.kind == "refused" { Role::Refused } else { Role::Text };
        Row {
            mark,
            pieces: self.line(
                text(Role::Faint, number),
                text(Role::Muted, moment::when_to_second(row.at, cx.now(), &cx.here.zone)),
                name(who, line.who()),
                text(Role::Accent, run),
                text(Role::Muted, line.kind()),
                text(what, row.summary.as_str()),
            ),
        }
    }

    fn line(&self, index: Piece, when: Piece, who: Piece, run: Piece, kind: Piece, what: Piece) -> Vec<Piece> {
        let mut pieces = vec![
            index.right(self.index),
            gap(2),
            when.cols(WHEN_COLUMNS),
            gap(1),
            who.cols(self.who),
            gap(1),
            run.cols(self.run),
            gap(1),
        ];
        if self.kind > 0 {
            pieces.extend([kind.cols(self.kind), gap(1)]);
        }
        pieces.push(what.rest());
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Digest;
    use crate::domain::people::Serial;

    #[test]
    fn a_door_of_ssh_is_told_by_the_fingerprints_that_ssh_keygen_prints() {
        let key = Digest([0; 32]);
        let by = |vouched: Option<Vouched>| Actor::Person { person: "ada".into(), door: Door::Ssh { key, vouched } };
        let printed = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(door(&by(None)), format!("SSH, key {printed}"));
        let vouched = Vouched { ca: key, serial: Serial(17) };
        assert_eq!(door(&by(Some(vouched))), format!("SSH, key {printed}, certificate 17 of {printed}"));
    }
}
