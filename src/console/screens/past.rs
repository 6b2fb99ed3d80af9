//! One run as it was: how it ended, every host's cell, who approved and why, what was noted, what happened when, and the
//! definition as it ran then, whatever the site says today.

use super::live::matrix;
use super::{Face, Screen};
use crate::console::commands::PaletteAct;
use crate::console::compare;
use crate::console::effect::{Do, Stage, Want, over, push};
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, LogAct, Motion, RowAct, RunAct, Scope};
use crate::console::layout::{beside, inset};
use crate::console::model::Cx;
use crate::console::msg::Answer;
use crate::console::overlays::Overlay;
use crate::console::overlays::sheet::Sheet;
use crate::console::pages;
use crate::console::safe;
use crate::console::screens::listing;
use crate::console::theme::Role;
use crate::console::widgets::log::{Growth, LogPane};
use crate::console::widgets::page::Page;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, text};
use crate::domain::plan::Plan;
use crate::domain::query::{AuditQuery, AuditRow, Fetch, Fetched};
use crate::domain::run::Run;
use crate::domain::{RunId, Timestamp};
use crate::terminal::line::Safe;
use ratatui::layout::Rect;
use std::sync::Arc;

/// Events of the timeline asked for: a run of thousands of hosts has more, and the audit screen pages through them.
const TIMELINE_EVENTS_MAX: u32 = 500;

/// From this width on the definition stands beside what happened.
const WIDE_COLUMNS: u16 = 130;

/// One past run.
#[derive(Debug)]
pub struct Past {
    pub(super) run: RunId,
    found: Found,
    timeline: Vec<AuditRow>,
    happened: Page,
    definition: Page,
    log: LogPane,
    shows: Shows,
    /// Whose choice it was to look at it.
    chosen: Chosen,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chosen {
    /// This person's, who knows its number.
    Here,
    /// Of whomever they follow: until it is known that they may see it, it has no number.
    ByAnother,
}

#[derive(Clone, Debug)]
enum Found {
    Asked,
    Run(Arc<Run>),
    Not(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shows {
    Happened,
    Definition,
    Log,
    /// The runbook's own text, once the run is there.
    Raw,
}

struct Parts {
    head: Rect,
    rule: Rect,
    matrix: Rect,
    left_rule: Rect,
    left: Rect,
    right_rule: Rect,
    right: Rect,
}

/// Opens the last good run of what a plan runs, where there is one.
pub fn last_good(cx: &Cx<'_>, plan: &Plan) -> Do {
    match compare::last_good(cx.world, plan) {
        Some(last) => push(Screen::Past(Box::new(Past::of(last.run)))),
        None => Do::Say("no good run of this runbook here yet".to_owned()),
    }
}

impl Past {
    /// The screen of this run.
    pub fn of(run: RunId) -> Self {
        Self {
            run,
            found: Found::Asked,
            timeline: Vec::new(),
            happened: Page::default(),
            definition: Page::default(),
            log: LogPane::new(run),
            shows: Shows::Happened,
            chosen: Chosen::Here,
        }
    }

    /// The screen of a run that somebody else looks at: where it is not for this person, it says nothing of it.
    pub fn led_to(run: RunId) -> Self {
        Self { chosen: Chosen::ByAnother, ..Self::of(run) }
    }

    /// The screen of this run, showing its log.
    pub fn log_of(run: RunId) -> Self {
        Self { shows: Shows::Log, ..Self::of(run) }
    }

    /// The screen of this run, showing its runbook's text.
    pub fn raw_of(run: RunId) -> Self {
        Self { shows: Shows::Raw, ..Self::of(run) }
    }

    /// Its number, where this person knows it.
    fn called(&self) -> String {
        match self.chosen {
            Chosen::Here => self.run.to_string(),
            Chosen::ByAnother => "a run".to_owned(),
        }
    }

    fn found(&self) -> Option<&Arc<Run>> {
        match &self.found {
            Found::Run(run) => Some(run),
            Found::Asked | Found::Not(_) => None,
        }
    }

    fn parts(&self, cx: &Cx<'_>, run: &Run) -> Parts {
        let body = inset(cx.areas.body);
        let (head, rest) = (top(body, 2), below(body, 2));
        let none = Rect { height: 0, width: 0, ..rest };
        if self.shows == Shows::Log {
            let (rule, log) = (top(rest, 1), below(rest, 1));
            return Parts { head, rule, matrix: none, left_rule: none, left: log, right_rule: none, right: none };
        }
        let wanted = matrix::height(run, rest.width, None);
        // What was said and decided matters more afterwards than each cell.
        let matrix_high = wanted.min(rest.height / 3);
        let (rule, matrix) = (top(rest, 1), top(below(rest, 1), matrix_high));
        let under = below(rest, 1 + matrix_high);
        let (left, right) = match body.width >= WIDE_COLUMNS {
            true => beside(under, under.width / 2),
            false => (under, none),
        };
        Parts {
            head,
            rule,
            matrix,
            left_rule: top(left, 1),
            left: below(left, 1),
            right_rule: top(right, 1),
            right: below(right, 1),
        }
    }

    fn make_pages(&mut self, cx: &Cx<'_>) {
        let Some(run) = self.found().cloned() else { return };
        self.happened.replace(pages::run::parts(cx, &run, &self.timeline));
        self.definition.replace(pages::plan::parts(cx, &run.plan));
    }

    /// The page that keys scroll, and where it stands.
    fn page(&mut self, cx: &Cx<'_>) -> Option<(&mut Page, Rect)> {
        let run = self.found().cloned()?;
        let parts = self.parts(cx, &run);
        let wide = parts.right.height > 0;
        match (self.shows, wide) {
            (Shows::Happened | Shows::Raw, _) => Some((&mut self.happened, parts.left)),
            (Shows::Definition, true) => Some((&mut self.definition, parts.right)),
            (Shows::Definition, false) => Some((&mut self.definition, parts.left)),
            (Shows::Log, _) => None,
        }
    }

    fn open_log(&mut self) -> Vec<Do> {
        self.shows = Shows::Log;
        self.log.open()
    }

    fn log_act(&mut self, cx: &Cx<'_>, act: LogAct) -> Vec<Do> {
        match (act, self.shows) {
            (LogAct::Full, Shows::Log) => {
                self.shows = Shows::Happened;
                Vec::new()
            }
            (_, Shows::Happened | Shows::Definition | Shows::Raw) => self.open_log(),
            (LogAct::Merge, Shows::Log) => self.next_host(),
            (
                LogAct::Follow
                | LogAct::Wrap
                | LogAct::Times
                | LogAct::Search
                | LogAct::NextHit
                | LogAct::PrevHit
                | LogAct::Mark,
                Shows::Log,
            ) => {
                let Some(run) = self.found().cloned() else { return Vec::new() };
                let area = self.parts(cx, &run).left;
                self.log.act(cx, act, area)
            }
        }
    }

    /// From all hosts merged to the first alone, and on through them.
    fn next_host(&mut self) -> Vec<Do> {
        let Some(run) = self.found().cloned() else { return Vec::new() };
        let (host, item) = self.log.shows();
        let hosts = &run.plan.hosts;
        let at = host.and_then(|host| hosts.iter().position(|known| known.name.as_str() == host));
        let next = match at {
            None => hosts.first(),
            Some(at) => hosts.get(at + 1),
        };
        let said = next.map_or("all hosts".to_owned(), |host| host.name.to_string());
        let mut todo = self.log.show(next.map(|host| host.name.to_string()), item);
        todo.push(Do::Say(format!("log of {said}")));
        todo
    }

    fn row(&mut self, cx: &Cx<'_>, act: RowAct) -> Vec<Do> {
        let Some(run) = self.found().cloned() else { return Vec::new() };
        match act {
            RowAct::Log => self.open_log(),
            RowAct::Raw => vec![raw(&run)],
            RowAct::LastRun => match compare::last_good(cx.world, &run.plan) {
                Some(last) => vec![push(Screen::Past(Box::new(Past::of(last.run))))],
                None => vec![Do::Say("no other good run of this runbook here yet".to_owned())],
            },
            RowAct::Describe => {
                self.shows = Shows::Definition;
                Vec::new()
            }
            RowAct::Open | RowAct::Mark | RowAct::Filter | RowAct::Sort | RowAct::New | RowAct::EditDraft => Vec::new(),
        }
    }
}

fn raw(run: &Run) -> Do {
    let runbook = &run.plan.runbook;
    let title = safe!("{} as {} ran it", runbook.file, run.id);
    over(Overlay::Sheet(Sheet::verbatim(title, &runbook.source)))
}

impl Face for Past {
    fn scope(&self) -> Scope {
        Scope::Past
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        let name = match self.found() {
            Some(run) => {
                let runbook = &run.plan.runbook;
                safe!("{} {} v{}", run.id, runbook.id, runbook.version.trim_start_matches('v'))
            }
            None => safe!("{}", self.called()),
        };
        vec![Safe::new("History"), name]
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        match self.shows {
            Shows::Log => vec![
                foot(Act::Log(LogAct::Search)),
                foot(Act::Log(LogAct::NextHit)),
                foot(Act::Log(LogAct::Merge)).says("next host"),
                foot(Act::Log(LogAct::Wrap)),
                foot(Act::Log(LogAct::Times)),
                foot(Act::Anywhere(Anywhere::Back)).says("back to the run"),
            ],
            Shows::Happened | Shows::Definition | Shows::Raw => vec![
                foot(Act::Row(RowAct::Log)),
                foot(Act::Run(RunAct::NextPane)).says(match self.shows {
                    Shows::Definition => "what happened",
                    Shows::Happened | Shows::Raw | Shows::Log => "definition",
                }),
                foot(Act::Row(RowAct::Raw)),
                foot(Act::Row(RowAct::LastRun)),
                foot(Act::Motion(Motion::Right)).says("next part"),
                foot(Act::Anywhere(Anywhere::Back)),
                foot(Act::Anywhere(Anywhere::Help)),
            ],
        }
    }

    fn status(&self, _: &Cx<'_>) -> Vec<Piece> {
        match self.found() {
            Some(run) => vec![text(Role::Faint, pages::run::record(run))],
            None => Vec::new(),
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let run = match &self.found {
            Found::Run(run) => run,
            Found::Asked => {
                if let Some(reading) = listing::loading(cx, Want::Run, &self.called()) {
                    paint.text(inset(below(area, 1)), Role::Muted, reading);
                }
                return;
            }
            Found::Not(_) if self.chosen == Chosen::ByAnother => {
                paint.text(inset(below(area, 1)), Role::Title, "Nothing is found here for you.");
                let words =
                    "Whoever you follow looks at a run that is not there, or not for you; where they go next, you go.";
                paint.text(inset(below(area, 2)), Role::Text, words);
                return;
            }
            Found::Not(why) => {
                paint.text(inset(below(area, 1)), Role::Title, safe!("{} cannot be shown.", self.run));
                paint.text(inset(below(area, 2)), Role::Text, why.as_str());
                return;
            }
        };
        let parts = self.parts(cx, run);
        let head = pages::run::head(cx, run);
        paint.lines(parts.head, &head);
        if self.shows == Shows::Log {
            let whose = self.log.shows().0.map_or("all hosts".to_owned(), str::to_owned);
            paint.rule_of(parts.rule, Role::Accent, safe!("log: {whose}"), self.log.standing(Growth::Over));
            self.log.view(cx, paint, parts.left, run.started, Growth::Over);
            return;
        }
        paint.rule(parts.rule, "hosts", matrix::summary(run));
        matrix::view(cx, paint, parts.matrix, run, None);
        let wide = parts.right.height > 0;
        let focus = |here: bool| if here { Role::Accent } else { Role::Title };
        let definition = self.shows == Shows::Definition;
        if wide || !definition {
            let standing = self.happened.standing(parts.left).words();
            paint.rule_of(parts.left_rule, focus(!definition), "what happened", standing);
            self.happened.view(paint, parts.left);
        }
        if wide || definition {
            let (rule, page) = match wide {
                true => (parts.right_rule, parts.right),
                false => (parts.left_rule, parts.left),
            };
            let standing = self.definition.standing(page).words();
            paint.rule_of(rule, focus(definition), "as it ran", standing);
            self.definition.view(paint, page);
        }
    }

    fn enter(&mut self, _: &Cx<'_>) -> Vec<Do> {
        let audit = AuditQuery { run: Some(self.run), limit: TIMELINE_EVENTS_MAX, ..AuditQuery::default() };
        let mut todo = vec![Do::Fetch(Want::Run, Fetch::Run(self.run)), Do::Fetch(Want::Rows, Fetch::Audit(audit))];
        if self.shows == Shows::Log {
            todo.extend(self.log.open());
        }
        todo
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match act {
            Act::Motion(motion) if self.shows == Shows::Log => {
                let Some(run) = self.found().cloned() else { return Vec::new() };
                let area = self.parts(cx, &run).left;
                self.log.go(motion, area)
            }
            Act::Motion(motion) => {
                if let Some((page, area)) = self.page(cx) {
                    match motion {
                        Motion::Left => page.to_heading(Motion::Up, area),
                        Motion::Right => page.to_heading(Motion::Down, area),
                        Motion::Down
                        | Motion::Up
                        | Motion::Top
                        | Motion::Bottom
                        | Motion::PageDown
                        | Motion::PageUp
                        | Motion::HalfDown
                        | Motion::HalfUp => page.scroll(motion, area),
                    }
                }
                Vec::new()
            }
            Act::Run(RunAct::NextPane | RunAct::PrevPane) => {
                self.shows = match self.shows {
                    Shows::Definition => Shows::Happened,
                    Shows::Happened | Shows::Raw | Shows::Log => Shows::Definition,
                };
                Vec::new()
            }
            Act::Row(act) => self.row(cx, act),
            Act::Log(act) => self.log_act(cx, act),
            Act::Anywhere(_)
            | Act::Go(_)
            | Act::Approval(_)
            | Act::Run(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Task(_)
            | Act::Line(_) => Vec::new(),
        }
    }

    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        match self.shows {
            Shows::Log => {
                self.shows = Shows::Happened;
                Some(Vec::new())
            }
            Shows::Happened | Shows::Definition | Shows::Raw => None,
        }
    }

    fn line(&mut self, _: &Cx<'_>, stage: Stage, typed: &str) -> Vec<Do> {
        self.log.line(stage, typed)
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        match (want, answer) {
            (Want::Run, Answer::Plain(Fetched::Run(run))) => {
                let show_raw = self.shows == Shows::Raw;
                self.found = Found::Run(Arc::clone(run));
                self.make_pages(cx);
                if show_raw {
                    self.shows = Shows::Definition;
                    return vec![raw(run)];
                }
            }
            (Want::Run, Answer::Plain(Fetched::Failed(why))) => self.found = Found::Not(why.clone()),
            (Want::Rows, Answer::Plain(Fetched::Audit(page))) => {
                self.timeline.clone_from(&page.rows);
                self.make_pages(cx);
            }
            (Want::Log | Want::Hits, answer) => {
                let area = match self.found().cloned() {
                    Some(run) => self.parts(cx, &run).left,
                    None => inset(below(cx.areas.body, 3)),
                };
                return self.log.fetched(cx, want, answer, area);
            }
            (_, Answer::Plain(_) | Answer::Log(_)) => {}
        }
        Vec::new()
    }

    fn run(&self, cx: &Cx<'_>) -> Option<RunId> {
        cx.world.run(self.run).map(|run| run.id)
    }

    fn ran(&self, _: &Cx<'_>) -> Option<Sheet> {
        let run = self.found()?;
        let title = safe!("what {} ran", run.id);
        Some(Sheet::new(title, pages::runbook::commands(&run.plan.runbook)))
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        match act {
            PaletteAct::Since(ms) => {
                // A run that is over is looked at from its end, not from today.
                let end = self.found().and_then(|run| run.ended).unwrap_or(cx.now());
                let at = Timestamp(end.0.saturating_sub(i64::try_from(*ms).unwrap_or(i64::MAX)));
                self.shows = Shows::Log;
                self.log.since(at)
            }
            PaletteAct::Copy => self.log.copied(),
            PaletteAct::Schedule(_) | PaletteAct::BreakGlass(_) => {
                vec![Do::Say("it is over: there is nothing to start".to_owned())]
            }
            PaletteAct::HandOver(_) => vec![Do::Say("it is over: there is nothing to drive".to_owned())],
            PaletteAct::Save(name) => self.log.saved(name),
        }
    }
}
