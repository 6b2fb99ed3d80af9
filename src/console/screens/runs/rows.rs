//! Open runs as rows of a list.

use crate::console::facts;
use crate::console::filter::{Key, Row as Filtered};
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::widgets::places::PlaceColumns;
use crate::console::widgets::table::Row;
use crate::console::words;
use crate::domain::run::{PauseCause, Phase, Run};
use crate::domain::{PersonId, Timestamp, policy};
use crate::terminal::line::Safe;
use std::sync::Arc;

/// What a list is sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Sort {
    #[default]
    Newest,
    State,
    Place,
    Person,
}

impl Sort {
    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Sort::Newest => Sort::State,
            Sort::State => Sort::Place,
            Sort::Place => Sort::Person,
            Sort::Person => Sort::Newest,
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Sort::Newest => "number, newest first",
            Sort::State => "state, what needs somebody first",
            Sort::Place => "place, production first",
            Sort::Person => "person",
        }
    }
}

/// A run in a list.
#[derive(Clone)]
pub struct Line<'a> {
    /// Which.
    pub run: &'a Arc<Run>,
}

/// Every open run this person may see, sorted.
pub fn all<'a>(cx: &Cx<'a>, sort: Sort) -> Vec<Line<'a>> {
    let me: &'a PersonId = &cx.here.me.person;
    let mut lines: Vec<Line<'a>> = cx.world.visible_runs(me).map(|run| Line { run }).collect();
    match sort {
        Sort::Newest => {}
        Sort::State => lines.sort_by_key(|line| urgency(&line.run.phase)),
        Sort::Place => lines.sort_by(|a, b| {
            let place = |line: &Line<'_>| {
                let plan = &line.run.plan;
                (std::cmp::Reverse(plan.environment), plan.proposal.workspace.clone())
            };
            place(a).cmp(&place(b))
        }),
        Sort::Person => lines.sort_by(|a, b| whose(a.run).cmp(whose(b.run))),
    }
    lines
}

/// Who drives it, or asked for it.
fn whose(run: &Run) -> &PersonId {
    run.driver.as_ref().unwrap_or(&run.plan.requester)
}

/// What holds people up comes first, what is over last.
fn urgency(phase: &Phase) -> u8 {
    match phase {
        Phase::Paused(
            PauseCause::Failure | PauseCause::NoRoom | PauseCause::Batch | PauseCause::Authority | PauseCause::Window,
        ) => 0,
        Phase::Paused(PauseCause::Person(_)) | Phase::Stopping(_) => 1,
        Phase::Running | Phase::Verifying | Phase::Checking(_) => 2,
        Phase::Waiting | Phase::Approved => 3,
        Phase::Ended(_) => 4,
        Phase::Closed(_) | Phase::Reviewed(_) | Phase::Cancelled(_) => 5,
    }
}

/// What it does or waits for now, in a few words.
fn now(cx: &Cx<'_>, run: &Run) -> String {
    match &run.phase {
        Phase::Waiting => {
            let waits = policy::waits_for(cx.world, run, cx.now());
            waits
                .first()
                .map(|first| words::waits_short(first, cx.me(), cx.now(), &cx.here.zone))
                .unwrap_or_else(|| "may start".to_owned())
        }
        Phase::Approved if run.queued.is_some() => {
            let waits = policy::waits_for(cx.world, run, cx.now());
            let first = waits
                .iter()
                .find(|waits| words::is_of_the_start(waits))
                .map(|waits| words::waits_short(waits, cx.me(), cx.now(), &cx.here.zone));
            first.unwrap_or_else(|| "its turn has come".to_owned())
        }
        Phase::Approved => match facts::start_by(cx.world, run, cx.now()) {
            Some(by) => format!("start by {}", moment::when(by, cx.now(), &cx.here.zone)),
            None => "may start".to_owned(),
        },
        Phase::Running | Phase::Stopping(_) | Phase::Verifying => {
            let done = facts::done(run);
            let (hosts, all) = (words::number(done.hosts), words::number(run.plan.hosts.len()));
            format!("step {}/{} · {hosts}/{all} hosts", done.step, run.plan.steps.len())
        }
        Phase::Paused(PauseCause::Failure) => "a person must decide".to_owned(),
        Phase::Paused(PauseCause::Person(person)) => format!("paused by {person}"),
        Phase::Paused(PauseCause::Batch) => "a batch is through".to_owned(),
        Phase::Paused(PauseCause::NoRoom) => "the disk was full".to_owned(),
        Phase::Paused(PauseCause::Authority) => "a role it stands on was lost".to_owned(),
        Phase::Paused(PauseCause::Window) => "its window closed".to_owned(),
        Phase::Checking(_) => "checks run".to_owned(),
        Phase::Ended(_) => "outcome note missing".to_owned(),
        Phase::Closed(_) => "review due".to_owned(),
        Phase::Reviewed(_) => "reviewed".to_owned(),
        Phase::Cancelled(why) => why.word().to_owned(),
    }
}

impl Line<'_> {
    /// The row as text, for copying.
    pub fn text(&self, cx: &Cx<'_>) -> String {
        let plan = &self.run.plan;
        let (state, now) = (glyph::standing(self.run).word, now(cx, self.run));
        let place = &plan.proposal.workspace;
        format!("{}\t{state}\t{}\t{place}\t{}\t{now}", self.run.id, plan.runbook.id, whose(self.run))
    }
}

impl Filtered for Line<'_> {
    fn words(&self) -> String {
        let plan = &self.run.plan;
        format!(
            "{} {} {} {} {} {} {} {}",
            self.run.id,
            plan.runbook.id,
            plan.runbook.title,
            plan.proposal.workspace,
            plan.environment.word(),
            whose(self.run),
            glyph::standing(self.run).word,
            plan.proposal.ticket,
        )
    }

    fn field(&self, key: Key) -> Option<String> {
        let plan = &self.run.plan;
        Some(match key {
            Key::Workspace => plan.proposal.workspace.to_string(),
            Key::Runbook => plan.runbook.id.to_string(),
            Key::Person => format!("{} {}", plan.requester, whose(self.run)),
            Key::State => {
                let tag = self.run.phase.tag().word();
                format!("{tag} {}", glyph::standing(self.run).word)
            }
            Key::Impact => plan.impact.word().to_owned(),
            Key::Ticket => plan.proposal.ticket.clone(),
            Key::Host => plan.hosts.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(" "),
            Key::Run => self.run.id.0.to_string(),
            Key::Owner => plan.runbook.owner.clone(),
            Key::Kind => crate::console::pages::runbook::kind(plan.runbook.kind).to_owned(),
            Key::Since | Key::Until => return None,
        })
    }

    fn at(&self) -> Option<Timestamp> {
        Some(self.run.proposed)
    }
}

/// Columns as wide as the rows need them.
pub struct Columns {
    places: PlaceColumns,
    run: u16,
    who: u16,
    now: u16,
    version: bool,
}

const STATE_COLUMNS: u16 = 11;
const AGE_COLUMNS: u16 = 4;
const PLACE_COLUMNS_MAX: u16 = 12;

/// From this width on the runbook's version is shown: a whole name comes first.
const VERSION_FROM_COLUMNS: u16 = 100;

impl Columns {
    /// For these rows in so many columns.
    pub fn of(lines: &[Line<'_>], width: u16) -> Self {
        let places = lines.iter().map(|line| {
            let plan = &line.run.plan;
            (plan.environment, plan.proposal.workspace.as_str())
        });
        let widest = |of: &dyn Fn(&Line<'_>) -> usize| {
            let widest = lines.iter().map(of).max().unwrap_or(0);
            u16::try_from(widest).unwrap_or(u16::MAX)
        };
        Self {
            places: PlaceColumns::of(places, PLACE_COLUMNS_MAX),
            run: widest(&|line| line.run.id.to_string().len()).clamp(3, 8),
            who: widest(&|line| Safe::new(whose(line.run).as_str()).width()).clamp(3, 10),
            now: (width * 3 / 10).clamp(20, 44),
            version: width >= VERSION_FROM_COLUMNS,
        }
    }

    /// Their names; the one sorted by is marked.
    pub fn heads(&self, sort: Sort) -> Vec<Piece> {
        let head =
            |word: &str, by: Sort| text(Role::Faint, if sort == by { format!("{word} ▾") } else { word.to_owned() });
        let places = vec![head("where", Sort::Place).cols(self.places.width())];
        self.line(
            head("state", Sort::State),
            text(Role::Faint, if sort == Sort::Newest { "# ▾" } else { "#" }),
            text(Role::Faint, "runbook"),
            places,
            head("who", Sort::Person),
            text(Role::Faint, "for"),
            text(Role::Faint, "now"),
        )
    }

    /// One row.
    pub fn row(&self, cx: &Cx<'_>, line: &Line<'_>, mark: &'static str) -> Row {
        let run = line.run;
        let plan = &run.plan;
        let state = glyph::standing(run);
        let age = moment::age(cx.now().ms_since(run.phase_since));
        let place = self.places.pieces(plan.environment, plan.proposal.workspace.as_str());
        let version = plan.runbook.version.trim_start_matches('v');
        Row {
            mark,
            pieces: self.line(
                text(state.role, safe!("{} {}", state.glyph, state.word)),
                text(Role::Accent, safe!("{}", run.id)),
                match self.version {
                    true => name(Role::Text, safe!("{} v{version}", plan.runbook.id)),
                    false => name(Role::Text, plan.runbook.id.as_str()),
                },
                place.to_vec(),
                name(Role::Text, whose(run).as_str()),
                text(Role::Muted, age),
                name(Role::Muted, now(cx, run)),
            ),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one for each column")]
    fn line(
        &self,
        state: Piece,
        run: Piece,
        runbook: Piece,
        place: Vec<Piece>,
        who: Piece,
        age: Piece,
        now: Piece,
    ) -> Vec<Piece> {
        let mut pieces = vec![state.cols(STATE_COLUMNS), gap(1), run.cols(self.run), gap(1), runbook.rest(), gap(1)];
        pieces.extend(place);
        pieces.extend([gap(1), who.cols(self.who), gap(1), age.right(AGE_COLUMNS), gap(1), now.cols(self.now)]);
        pieces
    }
}
