//! One open run, live: where it stands, the matrix of steps and hosts, what needs a person, and the log of what is
//! selected. Everybody on the bastion sees the same run; leaving this screen leaves the run alone.

mod acts;
mod by_hand;
mod head;
pub(super) mod matrix;
mod person;
mod way_back;

use super::approval::Approval;
use super::past;
use super::{Face, Screen};
use crate::console::bookmark::Kept;
use crate::console::commands::PaletteAct;
use crate::console::effect::{Do, Effect, Stage, Want, over, push};
use crate::console::facts;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, DecideAct, LogAct, Motion, RowAct, RunAct, Scope};
use crate::console::layout::{beside, inset};
use crate::console::model::Cx;
use crate::console::msg::{Answer, LogRow};
use crate::console::overlays::menu::{Choice, Item as Row, Menu};
use crate::console::overlays::sheet::{self, Sheet};
use crate::console::overlays::{Overlay, asks, back, glass};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::log::{Growth, LogPane};
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, gap, text};
use crate::console::widgets::script;
use crate::console::words;
use crate::domain::plan::{How, Settled};
use crate::domain::presence::Selected;
use crate::domain::query::{Fetch, Fetched};
use crate::domain::run::{CellState, Phase, Run, Slot};
use crate::domain::{Decision, HostIx, RunId};
use crate::terminal::line::Safe;
use matrix::At;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

/// From this width on the log stands beside the matrix.
const WIDE_COLUMNS: u16 = 130;

/// Lines a log pane needs to be of use.
const LOG_ROWS_MIN: u16 = 5;

/// One open run.
#[derive(Debug)]
pub struct Live {
    pub(super) run: RunId,
    pane: Pane,
    size: Size,
    /// What a person selected; `None` follows what happens.
    at: Option<At>,
    log: LogPane,
    merged: Merged,
    /// The cell somebody is deciding about.
    taken: Option<Slot>,
    /// What somebody said so far of steps whose end nobody saw, on the way to the rest of the run.
    settled: Vec<Settled>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pane {
    Matrix,
    Log,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Size {
    Part,
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Merged {
    Selected,
    All,
}

/// Where the parts stand.
struct Parts {
    head: Rect,
    hosts_rule: Rect,
    hosts: Rect,
    person_rule: Rect,
    person: Rect,
    log_rule: Rect,
    log: Rect,
}

impl Live {
    /// The screen of this run.
    pub fn of(run: RunId) -> Self {
        Self {
            run,
            pane: Pane::Matrix,
            size: Size::Part,
            at: None,
            log: LogPane::new(run),
            merged: Merged::Selected,
            taken: None,
            settled: Vec::new(),
        }
    }

    fn found<'a>(&self, cx: &Cx<'a>) -> Option<&'a Arc<Run>> {
        let run = cx.world.run(self.run)?;
        cx.world.can_see(cx.me(), &run.plan.proposal.workspace).then_some(run)
    }

    /// What is selected: a person's choice, else what needs one, else what runs.
    fn selected(&self, run: &Run) -> Option<At> {
        let items = matrix::items(run);
        if let Some(at) = self.at.filter(|at| items.contains(&at.item)) {
            return Some(at);
        }
        let needs = run.progress.attention.iter().next().map(|slot| At { item: slot.item, host: slot.host });
        let needs = needs.filter(|at| items.contains(&at.item));
        let open = || facts::hand_step(run).map(|(slot, _)| At { item: slot.item, host: None });
        let at_work = || {
            let furthest =
                run.cells.iter().rev().find(|(slot, cell)| cell.state.is_in_flight() && items.contains(&slot.item));
            furthest.map(|(slot, _)| At { item: slot.item, host: None })
        };
        needs.or_else(open).or_else(at_work).or_else(|| items.first().map(|item| At { item: *item, host: None }))
    }

    fn slot(&self, run: &Run) -> Option<Slot> {
        self.selected(run).map(|at| Slot { item: at.item, host: at.host })
    }

    /// Points the log at what is selected.
    fn aim(&mut self, run: &Run) -> Vec<Do> {
        let at = match self.merged {
            Merged::All => None,
            Merged::Selected => self.selected(run),
        };
        let host = at.and_then(|at| at.host).and_then(|ix| run.plan.host(ix)).map(|host| host.name.to_string());
        self.log.show(host, at.map(|at| at.item))
    }

    fn parts(&self, cx: &Cx<'_>, run: &Run) -> Parts {
        let body = cx.areas.body;
        let none = Rect { height: 0, ..body };
        let (head, rest) = (top(body, 2), below(body, 2));
        if self.size == Size::Full {
            let log = below(rest, 1);
            return Parts {
                head,
                hosts_rule: none,
                hosts: none,
                person_rule: none,
                person: none,
                log_rule: top(rest, 1),
                log,
            };
        }
        let (left, right) = match body.width >= WIDE_COLUMNS {
            true => beside(rest, rest.width / 2),
            false => (rest, none),
        };
        let needs = person::lines(cx, run, self.taken, self.slot(run)).len();
        let needs = u16::try_from(needs).unwrap_or(u16::MAX);
        let person_high = if needs > 0 { needs + 1 } else { 0 };
        let wanted = matrix::height(run, inset(left).width, self.selected(run));
        let log_high = if right.height > 0 { 0 } else { LOG_ROWS_MIN + 1 };
        let hosts_high = wanted.min(left.height.saturating_sub(1 + person_high + log_high).max(2));
        let hosts_rule = top(left, 1);
        let hosts = top(below(left, 1), hosts_high);
        let person_rule = top(below(left, 1 + hosts_high), person_high.min(1));
        let person = top(below(left, 1 + hosts_high + person_rule.height), needs);
        let under = if right.height > 0 { right } else { below(left, 1 + hosts_high + person_high) };
        Parts { head, hosts_rule, hosts, person_rule, person, log_rule: top(under, 1), log: below(under, 1) }
    }

    fn motion(&mut self, cx: &Cx<'_>, run: &Run, motion: Motion) -> Vec<Do> {
        let parts = self.parts(cx, run);
        if self.pane == Pane::Log || self.size == Size::Full {
            return self.log.go(motion, inset(parts.log));
        }
        let items = matrix::items(run);
        let Some(at) = self.selected(run) else { return Vec::new() };
        let index = items.iter().position(|item| *item == at.item).unwrap_or(0);
        let last = items.len().saturating_sub(1);
        let hosts = u32::try_from(run.plan.hosts.len()).unwrap_or(u32::MAX);
        let to = match motion {
            Motion::Down | Motion::HalfDown => index + 1,
            Motion::Up | Motion::HalfUp => index.saturating_sub(1),
            Motion::Top | Motion::PageUp => 0,
            Motion::Bottom | Motion::PageDown => last,
            Motion::Left | Motion::Right => index,
        };
        let host = match (motion, at.host) {
            (Motion::Right, None) => Some(HostIx(0)).filter(|_| hosts > 0),
            (Motion::Right, Some(HostIx(ix))) => Some(HostIx((ix + 1).min(hosts.saturating_sub(1)))),
            (Motion::Left, None | Some(HostIx(0))) => None,
            (Motion::Left, Some(HostIx(ix))) => Some(HostIx(ix - 1)),
            (
                Motion::Down
                | Motion::Up
                | Motion::Top
                | Motion::Bottom
                | Motion::PageDown
                | Motion::PageUp
                | Motion::HalfDown
                | Motion::HalfUp,
                host,
            ) => host,
        };
        if let Some(item) = items.get(to.min(last)).copied() {
            let host = host.filter(|_| !matrix::is_once(run, item));
            self.at = Some(At { item, host });
        }
        self.aim(run)
    }
}

impl Face for Live {
    fn scope(&self) -> Scope {
        match self.taken {
            Some(_) => Scope::Decide,
            None => Scope::Live,
        }
    }

    fn crumbs(&self, cx: &Cx<'_>) -> Vec<Safe> {
        match self.found(cx) {
            Some(run) => {
                let runbook = &run.plan.runbook;
                let version = runbook.version.trim_start_matches('v');
                vec![safe!("{}", run.plan.proposal.workspace), safe!("{} {} v{version}", run.id, runbook.id)]
            }
            None => vec![Safe::new("Runs"), safe!("{}", self.run)],
        }
    }

    fn kept(&self) -> Kept {
        let slot = self.at.map(|at| Slot { item: at.item, host: at.host });
        Kept { pick: slot.and_then(|slot| serde_json::to_string(&slot).ok()), ..Kept::default() }
    }

    fn restore(&mut self, _: &Cx<'_>, kept: &Kept) {
        let slot = kept.pick.as_deref().and_then(|text| serde_json::from_str::<Slot>(text).ok());
        self.at = slot.map(|slot| At { item: slot.item, host: slot.host });
    }

    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot> {
        let Some(run) = self.found(cx) else { return vec![foot(Act::Anywhere(Anywhere::Back))] };
        if self.taken.is_some() {
            let acts = self.taken.map(|slot| person::choices_of(run, slot)).unwrap_or_default();
            let mut feet: Vec<Foot> = acts.into_iter().map(|act| foot(Act::Decide(act))).collect();
            feet.push(foot(Act::Anywhere(Anywhere::Back)).says("leave it"));
            return feet;
        }
        let mut feet = Vec::new();
        let (fails, by_hand) = (!facts::undecided(run).is_empty(), facts::hand_step(run).is_some());
        let needs = fails || by_hand;
        let executes = facts::executes(cx.world, run, cx.me());
        let stops = facts::stops(cx.world, run, cx.me());
        if needs {
            let acts = !facts::looks_only(cx.world, cx.me(), Some(run.id));
            let may = if fails { executes } else { acts };
            feet.push(foot(Act::Run(RunAct::Take)).locked(!may));
        }
        feet.extend(match run.phase {
            Phase::Waiting => {
                vec![foot(Act::Run(RunAct::Open)).says("the request"), foot(Act::Anywhere(Anywhere::Why))]
            }
            Phase::Approved if run.queued.is_some() => {
                vec![foot(Act::Run(RunAct::Pause)).says("take back").locked(!stops), foot(Act::Anywhere(Anywhere::Why))]
            }
            Phase::Approved => {
                vec![foot(Act::Run(RunAct::Start)).locked(!executes), foot(Act::Anywhere(Anywhere::Why))]
            }
            Phase::Running => vec![foot(Act::Run(RunAct::Pause)).locked(!stops)],
            Phase::Paused(_) => vec![foot(Act::Run(RunAct::Pause)).says("continue").locked(needs || !executes)],
            Phase::Ended(_) => {
                vec![foot(Act::Run(RunAct::Close)).locked(!stops), foot(Act::Run(RunAct::Back)).locked(!executes)]
            }
            Phase::Closed(_) => {
                let may = facts::reviewers(cx.world, run).contains(cx.me());
                vec![foot(Act::Run(RunAct::Review)).locked(!may), foot(Act::Run(RunAct::Back)).locked(!executes)]
            }
            Phase::Checking(_) | Phase::Stopping(_) | Phase::Verifying | Phase::Reviewed(_) | Phase::Cancelled(_) => {
                Vec::new()
            }
        });
        feet.extend([
            foot(Act::Run(RunAct::NextPane)),
            foot(Act::Log(LogAct::Full)),
            foot(Act::Log(LogAct::Search)),
            foot(Act::Anywhere(Anywhere::Note)),
            foot(Act::Anywhere(Anywhere::Help)),
            foot(Act::Log(LogAct::Merge)),
        ]);
        feet
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        let Some(run) = self.found(cx) else { return Vec::new() };
        let mut pieces = Vec::new();
        let ends = match run.started {
            Some(_) => facts::stops(cx.world, run, cx.me()),
            None => !facts::looks_only(cx.world, cx.me(), Some(run.id)),
        };
        if !run.is_over() && run.ended.is_none() && ends {
            let word = if run.started.is_some() { " stop run …" } else { " withdraw …" };
            pieces.extend([text(Role::Accent, "X"), text(Role::Muted, word), gap(3)]);
        }
        let leave = if facts::is_at_work(run) { " leave: the run goes on without you" } else { " back" };
        pieces.extend([text(Role::Accent, "esc"), text(Role::Muted, leave)]);
        if let Some(note) = run.notes.last() {
            pieces.extend([gap(3), text(Role::Faint, safe!("{}: {}", note.by, note.text)).rest(), gap(1)]);
        }
        pieces
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let Some(run) = self.found(cx) else {
            let lines = [
                vec![text(Role::Title, safe!("{} is no longer open.", self.run))],
                vec![text(Role::Text, "It is over and signed off, or was cancelled; 6 shows it in the history.")],
            ];
            paint.lines(inset(below(area, 1)), &lines);
            return;
        };
        let parts = self.parts(cx, run);
        let at = self.selected(run);
        paint.line(inset(parts.head), &head::first(cx, run));
        paint.line(inset(below(parts.head, 1)), &head::second(cx, run));
        if parts.hosts_rule.height > 0 {
            let focus = if self.pane == Pane::Matrix { Role::Accent } else { Role::Title };
            let title = if run.started.is_some() { "hosts" } else { "checks" };
            paint.rule_of(inset(parts.hosts_rule), focus, title, matrix_right(run));
            matrix::view(cx, paint, inset(parts.hosts), run, at);
        }
        if parts.person_rule.height > 0 {
            let right = if self.taken.is_some() { "yours to decide" } else { "" };
            let title = if run.ended.is_some() { "left as it is" } else { "needs a person" };
            paint.rule_of(inset(parts.person_rule), Role::Warning, title, right);
            paint.lines(inset(parts.person), &person::lines(cx, run, self.taken, self.slot(run)));
        }
        if parts.log_rule.height > 0 {
            let focus = if self.pane == Pane::Log || self.size == Size::Full { Role::Accent } else { Role::Title };
            let area = inset(parts.log);
            let item = at.map(|at| at.item).filter(|_| self.merged == Merged::Selected);
            if let Some((item, page)) = item.and_then(|item| Some((item, by_hand::page(run, item)?))) {
                let standing = page.standing(area).words();
                paint.rule_of(inset(parts.log_rule), focus, by_hand::title(run, item), standing);
                page.view(paint, area);
            } else {
                let growth = if facts::is_at_work(run) { Growth::Growing } else { Growth::Over };
                paint.rule_of(inset(parts.log_rule), focus, self.log_title(run), self.log.standing(growth));
                self.log.view(cx, paint, area, run.started, growth);
            }
        }
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        // Also where it is not seen yet: it is followed from its first line.
        let mut todo = vec![Do::Effect(Effect::Follow(self.run))];
        let aimed = self.found(cx).cloned().map(|run| self.aim(&run)).unwrap_or_default();
        todo.extend(if aimed.is_empty() { self.log.open() } else { aimed });
        todo
    }

    fn leave(&mut self, _: &Cx<'_>) -> Vec<Do> {
        vec![Do::Effect(Effect::Unfollow)]
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        let Some(run) = self.found(cx).cloned() else { return Vec::new() };
        match act {
            Act::Motion(motion) => self.motion(cx, &run, motion),
            Act::Run(act) => self.run_act(cx, &run, act),
            Act::Log(act) => self.log_act(cx, &run, act),
            Act::Decide(act) => self.decide(cx, &run, act),
            Act::Row(act) => self.row_act(cx, &run, act),
            Act::Anywhere(_) | Act::Go(_) | Act::Approval(_) | Act::Form(_) | Act::Task(_) | Act::Line(_) => Vec::new(),
        }
    }

    fn selected(&self, cx: &Cx<'_>) -> Option<Selected> {
        self.slot(self.found(cx)?).map(Selected::Cell)
    }

    fn select(&mut self, cx: &Cx<'_>, selected: Selected) -> Vec<Do> {
        let (Selected::Cell(slot), Some(run)) = (selected, self.found(cx).cloned()) else { return Vec::new() };
        self.at = Some(At { item: slot.item, host: slot.host });
        self.aim(&run)
    }

    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        if self.taken.take().is_some() {
            return Some(Vec::new());
        }
        if self.size == Size::Full {
            self.size = Size::Part;
            return Some(Vec::new());
        }
        None
    }

    fn line(&mut self, _: &Cx<'_>, stage: Stage, text: &str) -> Vec<Do> {
        self.log.line(stage, text)
    }

    fn palette(&mut self, cx: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        match act {
            PaletteAct::Since(ms) => {
                self.pane = Pane::Log;
                self.log.since(cx.now().minus_ms(*ms))
            }
            PaletteAct::Copy => self.log.copied(),
            PaletteAct::Save(name) => self.log.saved(name),
            PaletteAct::BreakGlass(incident) => {
                self.found(cx).map(|run| glass::ask(cx, run, *incident)).into_iter().collect()
            }
            PaletteAct::Schedule(at) => self.found(cx).map(|run| asks::schedule(cx, run, *at)).into_iter().collect(),
            PaletteAct::HandOver(to) => self.found(cx).map(|run| asks::hand_over(cx, run, to)).into_iter().collect(),
        }
    }

    fn picked(&mut self, cx: &Cx<'_>, choice: &Choice) -> Vec<Do> {
        let Some(run) = self.found(cx) else { return Vec::new() };
        match choice {
            Choice::Stop(how) => vec![asks::stop(cx, run, *how)],
            Choice::Answer(choice) => vec![asks::answer(cx, run, *choice)],
            Choice::Back(how) => {
                self.settled.clear();
                vec![back::next(cx, run, *how, &self.settled)]
            }
            Choice::Became(became) => {
                self.settled.extend(back::said(run, &self.settled, *became));
                vec![back::next(cx, run, How::Resume, &self.settled)]
            }
            Choice::Withdraw => vec![asks::withdraw(cx, run)],
            Choice::Accept(id) => vec![asks::accept_id(cx, run, id)],
            Choice::Named(secret) => vec![asks::secret(cx, run, secret)],
            Choice::Preset(_) | Choice::Draft(_) | Choice::Propose | Choice::Wherever(_) => Vec::new(),
        }
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        let Some(run) = self.found(cx) else { return Vec::new() };
        if matches!(want, Want::Secrets | Want::Start) {
            return secrets(cx, run, want, answer);
        }
        let area = inset(self.parts(cx, run).log);
        self.log.fetched(cx, want, answer, area)
    }

    fn tail(&mut self, _: &Cx<'_>, run: RunId, rows: &[Arc<LogRow>]) -> Vec<Do> {
        if run == self.run {
            self.log.tail(rows);
        }
        Vec::new()
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let Some(run) = self.found(cx).cloned() else { return Vec::new() };
        if self.taken.is_some_and(|slot| !facts::undecided(&run).contains(&slot)) {
            self.taken = None;
        }
        self.aim(&run)
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        let Some(run) = self.found(cx).cloned() else { return Vec::new() };
        let parts = self.parts(cx, &run);
        if parts.log.contains(at) || parts.log_rule.contains(at) {
            self.pane = Pane::Log;
            return Vec::new();
        }
        if parts.person.contains(at) {
            return self.take(cx, &run);
        }
        if parts.hosts.contains(at) {
            self.pane = Pane::Matrix;
            if let Some(hit) = matrix::hit(&run, inset(parts.hosts), self.selected(&run), at.x, at.y) {
                self.at = Some(hit);
                return self.aim(&run);
            }
        }
        Vec::new()
    }

    fn pointed(&mut self, cx: &Cx<'_>, at: Position) {
        let Some(run) = self.found(cx).cloned() else { return };
        let parts = self.parts(cx, &run);
        if parts.log.contains(at) {
            self.pane = Pane::Log;
        } else if parts.hosts.contains(at) {
            self.pane = Pane::Matrix;
        }
    }

    fn run(&self, _: &Cx<'_>) -> Option<RunId> {
        Some(self.run)
    }

    fn ran(&self, cx: &Cx<'_>) -> Option<Sheet> {
        let run = self.found(cx)?;
        let slot = self.slot(run)?;
        Some(script::sheet(&run.plan, slot))
    }
}

impl Live {
    fn log_title(&self, run: &Run) -> Safe {
        let (host, item) = self.log.shows();
        let item = item.map(|item| run.plan.item_name(item).0);
        match (host, item) {
            (Some(host), Some(item)) => safe!("log: {host} · {item}"),
            (Some(host), None) => safe!("log: {host}"),
            (None, Some(item)) => safe!("log: all hosts · {item}"),
            (None, None) => Safe::new("log: everything"),
        }
    }
}

/// What follows from the names of the secrets that nobody has typed yet.
fn secrets(cx: &Cx<'_>, run: &Run, want: Want, answer: &Answer) -> Vec<Do> {
    let missing = match answer {
        Answer::Plain(Fetched::Secrets(missing)) => missing,
        Answer::Plain(Fetched::Failed(why)) => return vec![Do::Say(format!("not read: {why}"))],
        Answer::Plain(_) | Answer::Log(_) => return Vec::new(),
    };
    let all = asks::prompts(run);
    match (want, missing.first(), all.as_slice()) {
        (Want::Start, None, _) => vec![asks::start(cx, run)],
        (Want::Start, Some(first), _) => vec![asks::secret(cx, run, first)],
        (_, _, [(only, _)]) => vec![asks::secret(cx, run, only)],
        (_, _, all) => {
            let row = |(name, words): &(&str, &str)| {
                let open = missing.iter().any(|missing| missing == name);
                let standing = if open { "missing" } else { "given; type it anew" };
                Row {
                    label: Safe::new(name),
                    detail: safe!("{standing}   {words}").cut_end(40),
                    mark: None,
                    choice: Choice::Named((*name).to_owned()),
                }
            };
            vec![over(Overlay::Menu(Menu::new("which secret?", all.iter().map(row).collect())))]
        }
    }
}

fn matrix_right(run: &Run) -> Safe {
    match run.started {
        Some(_) => matrix::summary(run),
        None => {
            let passed = run.builtin.values().filter(|j| j.verdict == crate::domain::run::Verdict::Pass).count();
            let hosts = words::count(run.plan.hosts.len(), "host", "hosts");
            safe!("{hosts} · built-in {passed} of {} ✔", crate::domain::run::BuiltIn::ALL.len())
        }
    }
}

#[cfg(test)]
mod tests;
