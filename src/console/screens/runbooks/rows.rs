//! Runbooks as rows of a list.

use crate::console::filter::{Key, Row as Filtered};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::pages::runbook as page;
use crate::console::theme::Role;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::table::Row;
use crate::domain::runbook::{Runbook, Status};
use crate::domain::world::LastGood;
use crate::domain::{RunbookId, Timestamp};
use crate::terminal::line::Safe;
use std::sync::Arc;

/// What a list is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sort {
    #[default]
    Name,
    Impact,
    Review,
    LastGood,
}

impl Sort {
    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Sort::Name => Sort::Impact,
            Sort::Impact => Sort::Review,
            Sort::Review => Sort::LastGood,
            Sort::LastGood => Sort::Name,
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Name => "name",
            Sort::Impact => "impact, highest first",
            Sort::Review => "review, soonest due first",
            Sort::LastGood => "last good run, latest first",
        }
    }
}

/// A runbook in a list.
pub struct Line {
    /// Which.
    pub runbook: Arc<Runbook>,
    /// Whether and where it may run.
    standing: (&'static str, Role),
    last: Option<Timestamp>,
    last_words: String,
}

/// Every runbook, sorted.
pub fn all(cx: &Cx<'_>, sort: Sort) -> Vec<Line> {
    let Some(site) = &cx.world.site else {
        return Vec::new();
    };
    let line = |runbook: &Arc<Runbook>| {
        let last = last_good(cx, &runbook.id).map(|last| last.at);
        let last_words = last.map(|at| moment::day(at, cx.now(), &cx.here.zone)).unwrap_or_default();
        Line { runbook: Arc::clone(runbook), standing: standing(cx, runbook), last, last_words }
    };
    let mut lines: Vec<Line> = site.runbooks.values().map(line).collect();
    match sort {
        Sort::Name => {}
        Sort::Impact => lines.sort_by_key(|line| std::cmp::Reverse(line.runbook.impact)),
        Sort::Review => lines.sort_by(|a, b| a.runbook.next_review.cmp(&b.runbook.next_review)),
        Sort::LastGood => lines.sort_by_key(|line| std::cmp::Reverse(line.last)),
    }
    lines
}

/// The latest good run of a runbook anywhere this person may look.
pub fn last_good<'a>(cx: &Cx<'a>, runbook: &RunbookId) -> Option<&'a LastGood> {
    cx.world
        .usual
        .iter()
        .filter(|((workspace, of), _)| of == runbook && cx.world.can_see(cx.me(), workspace))
        .filter_map(|(_, usual)| usual.last_good.as_ref())
        .max_by_key(|last| last.at)
}

/// One word where there is something to say about it.
fn standing(cx: &Cx<'_>, runbook: &Runbook) -> (&'static str, Role) {
    let (_, overdue) = page::reviewed(cx, runbook);
    match runbook.status {
        Status::Draft => ("draft", Role::Warning),
        Status::Retired => ("retired", Role::Skipped),
        Status::Approved if overdue => ("! overdue", Role::Warning),
        Status::Approved if !cx.world.accepted_runbooks.contains(&runbook.digest) => ("! new", Role::Warning),
        Status::Approved => ("", Role::Muted),
    }
}

impl Line {
    /// The row as text, for copying.
    pub fn text(&self) -> String {
        let runbook = &self.runbook;
        format!("{}\t{}\t{}\t{}", runbook.id, runbook.version, runbook.impact.word(), runbook.title)
    }
}

impl Filtered for Line {
    fn words(&self) -> String {
        let runbook = &self.runbook;
        format!("{} {} {} {}", runbook.id, runbook.title, page::kind(runbook.kind), runbook.scope.changes)
    }

    fn field(&self, key: Key) -> Option<String> {
        let runbook = &self.runbook;
        match key {
            Key::Runbook => Some(runbook.id.to_string()),
            Key::Kind => Some(page::kind(runbook.kind).to_owned()),
            Key::Impact => Some(runbook.impact.word().to_owned()),
            Key::Owner => Some(runbook.owner.clone()),
            Key::State => Some(match (self.standing.0, runbook.status) {
                ("", _) => "approved".to_owned(),
                (word, Status::Approved) => format!("approved {word}"),
                (word, Status::Draft | Status::Retired) => word.to_owned(),
            }),
            Key::Workspace | Key::Person | Key::Host | Key::Ticket | Key::Run | Key::Since | Key::Until => None,
        }
    }

    fn at(&self) -> Option<Timestamp> {
        self.last
    }
}

/// Columns as wide as the rows need them.
pub struct Columns {
    id: u16,
    standing: u16,
}

const IMPACT_COLUMNS: u16 = 8;
const LAST_COLUMNS: u16 = 11;

impl Columns {
    /// For these rows in so many columns.
    pub fn of(lines: &[Line], width: u16) -> Self {
        let widest = |columns: &dyn Fn(&Line) -> usize| lines.iter().map(columns).max().unwrap_or(0);
        let id = widest(&|line| Safe::new(line.runbook.id.as_str()).width());
        let standing = widest(&|line| line.standing.0.len());
        let columns = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        Self { id: columns(id).clamp(9, (width / 3).max(9)), standing: columns(standing) }
    }

    /// Their names; the one sorted by is marked.
    pub fn heads(&self, sort: Sort) -> Vec<Piece> {
        let head = |word: &str, by: Sort| Safe::new(if sort == by { format!("{word} ▾") } else { word.to_owned() });
        self.line(
            name(Role::Faint, head("runbook", Sort::Name)),
            text(Role::Faint, "title"),
            text(Role::Faint, head("", Sort::Review)),
            text(Role::Faint, head("impact", Sort::Impact)),
            text(Role::Faint, head("last good", Sort::LastGood)),
        )
    }

    /// One row.
    pub fn row(&self, line: &Line, mark: &'static str) -> Row {
        let impact = glyph::impact(line.runbook.impact);
        let (standing, role) = line.standing;
        Row {
            mark,
            pieces: self.line(
                name(Role::Text, line.runbook.id.as_str()),
                text(Role::Muted, line.runbook.title.as_str()),
                text(role, standing),
                text(impact.role, impact.word),
                text(Role::Muted, line.last_words.as_str()),
            ),
        }
    }

    fn line(&self, id: Piece, title: Piece, standing: Piece, impact: Piece, last: Piece) -> Vec<Piece> {
        vec![
            id.cols(self.id),
            gap(2),
            title.rest(),
            gap(1),
            standing.cols(self.standing),
            gap(u16::from(self.standing > 0)),
            impact.cols(IMPACT_COLUMNS),
            gap(1),
            last.cols(LAST_COLUMNS),
        ]
    }
}
