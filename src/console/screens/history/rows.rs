//! Past runs as rows of a list, and the question that a filter becomes.

use crate::console::filter::{Filter, Key, Row as Filtered, Term};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::places::PlaceColumns;
use crate::console::widgets::table::Row;
use crate::console::words;
use crate::domain::query::{HistoryQuery, HistoryRow};
use crate::domain::run::{Ending, PhaseTag};
use crate::domain::{PersonId, RunbookId, Timestamp, WorkspaceId};
use crate::terminal::line::Safe;

/// Rows asked for at once: some screens, and still one short answer.
pub const PAGE_ROWS: u32 = 200;

/// What of a filter the store can answer. The rest is judged here, row by row.
///
/// # Errors
/// A name that could be several, or none.
pub fn query(cx: &Cx<'_>, filter: &Filter) -> Result<HistoryQuery, String> {
    let mut query = HistoryQuery { limit: PAGE_ROWS, ..HistoryQuery::default() };
    for term in filter.asked() {
        match term {
            Term::Since(at) => query.since = Some(*at),
            Term::Until(at) => query.until = Some(*at),
            Term::Field(Key::Workspace, typed) => query.workspace = Some(workspace(cx, typed)?),
            Term::Field(Key::Person, typed) => query.person = Some(person(cx, typed)?),
            Term::Field(Key::Runbook, typed) => query.runbook = runbook(cx, typed),
            Term::Field(Key::Host, typed) => query.host = Some(typed.clone()),
            Term::Field(Key::State, typed) | Term::Word(typed) if ending(typed).is_some() => {
                query.ending = ending(typed);
            }
            Term::Field(Key::State, typed) | Term::Word(typed) if phase(typed).is_some() => {
                query.phase = phase(typed);
            }
            // The first of several: the others are judged here.
            Term::Word(typed) if query.text.is_none() => query.text = Some(typed.clone()),
            Term::Word(_) | Term::Field(..) => {}
        }
    }
    Ok(query)
}

fn ending(word: &str) -> Option<Ending> {
    Ending::ALL.into_iter().find(|ending| ending.word() == word)
}

fn phase(word: &str) -> Option<PhaseTag> {
    PhaseTag::ALL.into_iter().find(|tag| tag.word() == word)
}

/// `web` for `prod-web`, where nothing else could be meant.
fn workspace(cx: &Cx<'_>, typed: &str) -> Result<WorkspaceId, String> {
    let places = crate::console::facts::workspaces(cx.world, cx.me());
    let known: Vec<&str> = places.iter().map(|place| place.id.as_str()).collect();
    one_of("workspace", typed, &known).map(WorkspaceId::new)
}

fn person(cx: &Cx<'_>, typed: &str) -> Result<PersonId, String> {
    let people = cx.world.site.iter().flat_map(|site| site.people.keys());
    let known: Vec<&str> = people.map(PersonId::as_str).collect();
    one_of("person", typed, &known).map(PersonId::new)
}

/// A runbook that is gone from the site still has a history: then the row's own text decides.
fn runbook(cx: &Cx<'_>, typed: &str) -> Option<RunbookId> {
    let runbooks = cx.world.site.iter().flat_map(|site| site.runbooks.keys());
    let known: Vec<&str> = runbooks.map(RunbookId::as_str).collect();
    one_of("runbook", typed, &known).ok().map(RunbookId::new)
}

fn one_of<'a>(what: &str, typed: &str, known: &[&'a str]) -> Result<&'a str, String> {
    if let Some(exact) = known.iter().find(|known| known.eq_ignore_ascii_case(typed)) {
        return Ok(exact);
    }
    let fits: Vec<&&str> = known.iter().filter(|known| known.to_lowercase().contains(typed)).collect();
    match fits.as_slice() {
        [only] => Ok(only),
        [] => Err(format!("no {what} is called {typed}")),
        several => {
            let names: Vec<&str> = several.iter().map(|name| **name).collect();
            Err(format!("{typed} could be {}: write more of it", names.join(", ")))
        }
    }
}

/// A past run in a list.
#[derive(Clone)]
pub struct Line<'a>(pub &'a HistoryRow);

impl Line<'_> {
    /// `✔ 04:51`, or where it stands.
    fn outcome(&self) -> (glyph::Mark, String) {
        let row = self.0;
        let mark = glyph::phase_tag(row.phase, row.ending);
        match (row.started, row.ended) {
            (Some(started), Some(ended)) => (mark, moment::counter(ended.ms_since(started))),
            (None | Some(_), None | Some(_)) => (mark, mark.word.to_owned()),
        }
    }

    fn who(&self) -> String {
        let row = self.0;
        let approved: Vec<&str> = row.approved_by.iter().map(PersonId::as_str).collect();
        match approved.is_empty() {
            true => row.by.to_string(),
            false => format!("{} → {}", row.by, approved.join(", ")),
        }
    }

    /// The row as text, for copying.
    pub fn text(&self, cx: &Cx<'_>) -> String {
        let row = self.0;
        let at = moment::when(row.proposed, cx.now(), &cx.here.zone);
        let (mark, _) = self.outcome();
        format!("{at}\t{}\t{}\t{}\t{}\t{}", row.run, row.runbook, row.workspace, self.who(), mark.word)
    }
}

impl Filtered for Line<'_> {
    fn words(&self) -> String {
        let row = self.0;
        let state = self.outcome().0.word;
        let place = format!("{} {}", row.workspace, row.environment.word());
        format!(
            "{} {} {place} {} {} {} {state} {}",
            row.run,
            row.runbook,
            self.who(),
            row.ticket,
            row.note,
            row.phase.word()
        )
    }

    fn field(&self, key: Key) -> Option<String> {
        let row = self.0;
        Some(match key {
            Key::Workspace => row.workspace.to_string(),
            Key::Runbook => row.runbook.to_string(),
            Key::Person => {
                let reviewed = row.reviewed_by.iter().chain(&row.driver);
                let all: Vec<&str> = reviewed.map(PersonId::as_str).collect();
                format!("{} {}", self.who(), all.join(" "))
            }
            Key::State => format!("{} {}", row.phase.word(), self.outcome().0.word),
            Key::Impact => row.impact.word().to_owned(),
            Key::Ticket => row.ticket.clone(),
            Key::Run => row.run.0.to_string(),
            // Judged by the store, which knows every host of every run.
            Key::Host | Key::Owner | Key::Kind | Key::Since | Key::Until => return None,
        })
    }

    fn at(&self) -> Option<Timestamp> {
        Some(self.0.proposed)
    }
}

/// Columns as wide as the rows need them.
pub struct Columns {
    places: PlaceColumns,
    run: u16,
    who: u16,
    note: u16,
}

const WHEN_COLUMNS: u16 = 12;
const OUTCOME_COLUMNS: u16 = 13;
const PLACE_COLUMNS_MAX: u16 = 12;

/// From this width on the outcome note is shown.
const NOTE_FROM_COLUMNS: u16 = 120;

impl Columns {
    /// For these rows in so many columns.
    pub fn of(lines: &[Line<'_>], width: u16) -> Self {
        let places = lines.iter().map(|line| (line.0.environment, line.0.workspace.as_str()));
        let widest = |of: &dyn Fn(&Line<'_>) -> usize| {
            let widest = lines.iter().map(of).max().unwrap_or(0);
            u16::try_from(widest).unwrap_or(u16::MAX)
        };
        Self {
            places: PlaceColumns::of(places, PLACE_COLUMNS_MAX),
            run: widest(&|line| line.0.run.to_string().len()).clamp(3, 9),
            who: widest(&|line| Safe::new(line.who()).width()).clamp(14, (width / 5).max(14)),
            note: if width >= NOTE_FROM_COLUMNS { width * 3 / 10 } else { 0 },
        }
    }

    /// Their names.
    pub fn heads(&self) -> Vec<Piece> {
        let head = |word: &str| text(Role::Faint, word);
        let places = vec![head("where").cols(self.places.width())];
        self.line(
            head("when"),
            head("run"),
            head("runbook"),
            places,
            head("who → approver"),
            head("outcome"),
            head("note"),
        )
    }

    /// One row.
    pub fn row(&self, cx: &Cx<'_>, line: &Line<'_>, mark: &'static str) -> Row {
        let row = line.0;
        let (state, outcome) = line.outcome();
        let accepted = if row.warnings_accepted > 0 { " !" } else { "" };
        let failed = match row.hosts_failed {
            0 => String::new(),
            n => format!(" {n} {}", glyph::FAILED.glyph),
        };
        let note = row.note.lines().next().unwrap_or_default();
        Row {
            mark,
            pieces: self.line(
                text(Role::Muted, moment::when(row.proposed, cx.now(), &cx.here.zone)),
                text(Role::Accent, safe!("{}", row.run)),
                name(Role::Text, row.runbook.as_str()),
                self.places.pieces(row.environment, row.workspace.as_str()).to_vec(),
                name(Role::Text, line.who()),
                text(state.role, safe!("{} {outcome}{accepted}{failed}", state.glyph)),
                text(Role::Muted, note),
            ),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one for each column")]
    fn line(
        &self,
        when: Piece,
        run: Piece,
        runbook: Piece,
        place: Vec<Piece>,
        who: Piece,
        outcome: Piece,
        note: Piece,
    ) -> Vec<Piece> {
        let mut pieces = vec![when.cols(WHEN_COLUMNS), gap(1), run.cols(self.run), gap(1), runbook.rest(), gap(1)];
        pieces.extend(place);
        pieces.extend([gap(1), who.cols(self.who), gap(1), outcome.cols(OUTCOME_COLUMNS)]);
        if self.note > 0 {
            pieces.extend([gap(1), note.cols(self.note)]);
        }
        pieces
    }
}

/// `31 of 4 812 runs`, as the store counts them.
pub fn counted(matching: u64, total: u64) -> String {
    let number = |n: u64| words::number(usize::try_from(n).unwrap_or(usize::MAX));
    match matching == total {
        true => number(total),
        false => format!("{} of {}", number(matching), number(total)),
    }
}
