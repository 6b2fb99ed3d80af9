//! One request for approval: what you approve is what runs. Drawn from the plan the binding covers, and from nothing
//! that a host wrote.
//!
//! Invariants: `a` is locked until every host, command line and input value has been on screen for a moment, whole;
//! what is folded, cut or scrolled away is unread, and the row above the footer says what that is. A burst of keys
//! shows nothing, so it unlocks nothing.

mod doc;
mod words;

use super::live::Live;
use super::past;
use super::{Face, Screen};
use crate::console::effect::{Do, push};
use crate::console::facts;
use crate::console::footer::{Foot, foot};
use crate::console::glyph;
use crate::console::keymap::{Act, Anywhere, ApprovalAct, Motion, RowAct, RunAct, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::asks;
use crate::console::overlays::menu::Choice as Picked;
use crate::console::overlays::sheet::{self, Part, Sheet};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, gap, name, spring, text};
use crate::console::widgets::places::block;
use crate::console::words as speech;
use crate::domain::policy;
use crate::domain::proved;
use crate::domain::run::{Choice, Phase, Round, Run};
use crate::domain::runbook::Impact;
use crate::domain::{RunId, Timestamp};
use crate::terminal::line::Safe;
use doc::{Chunk, Doc, Row, Token};
use ratatui::layout::Rect;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stood on screen for less than this was not read: fingers that page faster hear "wait".
pub const SHOWN_MS: u64 = 150;

/// One request for approval.
#[derive(Debug)]
pub struct Approval {
    pub(super) run: RunId,
    top: usize,
    open: BTreeSet<Chunk>,
    seen: BTreeSet<Token>,
    /// Since when the rows now on screen stand there.
    still: Still,
    /// The document as it was last made: thousands of hosts are laid out once per change, not per frame.
    made: RefCell<Option<(Made, Arc<Doc>)>>,
}

/// What a document depends on. Its times of day change by the minute.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Made {
    events: u64,
    minute: i64,
    columns: u16,
    open: BTreeSet<Chunk>,
}

/// The view the eyes rest on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Still {
    since: Timestamp,
    body: Rect,
}

impl Approval {
    /// The screen of this run's request.
    pub fn of(run: RunId) -> Self {
        let still = Still { since: Timestamp(i64::MAX), body: Rect::ZERO };
        Self { run, top: 0, open: BTreeSet::new(), seen: BTreeSet::new(), still, made: RefCell::new(None) }
    }

    fn found<'a>(&self, cx: &Cx<'a>) -> Option<&'a Arc<Run>> {
        let run = cx.world.run(self.run)?;
        cx.world.can_see(cx.me(), &run.plan.proposal.workspace).then_some(run)
    }

    /// Where the document scrolls: under the line that says where and how grave.
    fn page(cx: &Cx<'_>) -> Rect {
        inset(below(cx.areas.body, 1))
    }

    fn doc(&self, cx: &Cx<'_>, run: &Run) -> Arc<Doc> {
        let (events, minute) = (cx.world.events, cx.now().0.div_euclid(60_000));
        let columns = Self::page(cx).width;
        let mut made = self.made.borrow_mut();
        match made.as_ref() {
            Some((of, doc))
                if (of.events, of.minute, of.columns) == (events, minute, columns) && of.open == self.open =>
            {
                doc.clone()
            }
            Some(_) | None => {
                let doc = Arc::new(doc::of(cx, run, columns, &self.open));
                *made = Some((Made { events, minute, columns, open: self.open.clone() }, doc.clone()));
                doc
            }
        }
    }

    fn top(&self, doc: &Doc, height: u16) -> usize {
        self.top.min(doc.rows.len().saturating_sub(usize::from(height)))
    }

    fn visible(&self, cx: &Cx<'_>, doc: &Doc) -> BTreeSet<Token> {
        let height = Self::page(cx).height;
        let rows = doc.rows.iter().skip(self.top(doc, height)).take(usize::from(height));
        rows.flat_map(|row| match row {
            Row::Rule(..) => &[],
            Row::Line(_, tokens) => tokens.as_slice(),
        })
        .copied()
        .collect()
    }

    /// What is on screen counts as read once it stood there for a moment.
    fn note_seen(&mut self, cx: &Cx<'_>, doc: &Doc) -> Rested {
        if self.still.body != cx.areas.body {
            self.still = Still { since: cx.now(), body: cx.areas.body };
        }
        let since = self.still.since.max(cx.here.uncovered);
        if cx.now().ms_since(since) < SHOWN_MS {
            return Rested::NotYet;
        }
        self.seen.extend(self.visible(cx, doc));
        Rested::Yes
    }

    fn moved(&mut self, cx: &Cx<'_>) {
        self.still = Still { since: cx.now(), body: cx.areas.body };
    }

    /// What was never shown; what is on screen now counts as shown to whoever reads the footer.
    fn unread(&self, cx: &Cx<'_>, doc: &Doc) -> BTreeSet<Token> {
        let visible = self.visible(cx, doc);
        doc.tokens.iter().filter(|token| !self.seen.contains(token) && !visible.contains(token)).copied().collect()
    }

    /// Why `a` is locked, most final first; empty where it is open.
    fn locks(&self, cx: &Cx<'_>, run: &Run) -> Vec<String> {
        let mut locks = voting(cx, run);
        let unread = self.unread(cx, &self.doc(cx, run));
        if !unread.is_empty() {
            locks.push(format!("unread: {} · space shows it", words::unread(&unread)));
        }
        locks
    }

    /// Shows the next part that was never on screen.
    fn next_unread(&mut self, cx: &Cx<'_>, run: &Run) -> Vec<Do> {
        let doc = self.doc(cx, run);
        if self.note_seen(cx, &doc) == Rested::NotYet {
            return Vec::new();
        }
        let unread = self.unread(cx, &doc);
        // In the order of the page: a row that carries it, else the chunk it is folded in.
        let next = doc.rows.iter().position(|row| match row {
            Row::Rule(..) => false,
            Row::Line(_, tokens) => tokens.iter().any(|token| unread.contains(token)),
        });
        let folded = unread.iter().find_map(|token| match token {
            Token::Command { chunk, .. } if !self.open.contains(chunk) => Some(*chunk),
            Token::Command { .. } | Token::Host(_) | Token::Input { .. } => None,
        });
        match (next, folded) {
            (Some(row), _) => self.top = row.saturating_sub(1),
            (None, Some(chunk)) => {
                self.open.insert(chunk);
                let doc = self.doc(cx, run);
                let height = usize::from(Self::page(cx).height);
                let of_chunk = |row: &Row| match row {
                    Row::Rule(..) => false,
                    Row::Line(_, tokens) => {
                        tokens.iter().any(|token| matches!(token, Token::Command { chunk: c, .. } if *c == chunk))
                    }
                };
                let first = doc.rows.iter().position(of_chunk).unwrap_or(0);
                let last = doc.rows.iter().rposition(of_chunk).unwrap_or(0);
                let top = self.top(&doc, Self::page(cx).height);
                // Stays where it is when all of the chunk fits; else its title goes to the top.
                if first < top || last >= top + height {
                    self.top = first.saturating_sub(1);
                }
            }
            (None, None) => return vec![Do::Say("everything was shown".to_owned())],
        }
        self.moved(cx);
        Vec::new()
    }

    fn vote(&self, cx: &Cx<'_>, run: &Run, choice: Choice) -> Vec<Do> {
        let locks = match choice {
            Choice::Approve => self.locks(cx, run),
            Choice::Deny => denying(cx, run),
            Choice::Retract => retracting(cx, run),
        };
        match locks.first() {
            Some(why) => vec![Do::Say(format!("locked · {why}"))],
            None => vec![asks::vote(cx, run, choice)],
        }
    }

    fn scroll(&mut self, cx: &Cx<'_>, run: &Run, motion: Motion) {
        let doc = self.doc(cx, run);
        self.note_seen(cx, &doc);
        let height = usize::from(Self::page(cx).height);
        let top = self.top(&doc, Self::page(cx).height);
        let to = match motion {
            Motion::Down => top + 1,
            Motion::Up => top.saturating_sub(1),
            // A row of the page before stays in sight.
            Motion::PageDown => top + height.saturating_sub(1).max(1),
            Motion::PageUp => top.saturating_sub(height.saturating_sub(1).max(1)),
            Motion::HalfDown => top + height.div_ceil(2),
            Motion::HalfUp => top.saturating_sub(height.div_ceil(2)),
            Motion::Top => 0,
            Motion::Bottom => usize::MAX,
            Motion::Left | Motion::Right => top,
        };
        self.top = to.min(doc.rows.len().saturating_sub(height));
        self.moved(cx);
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rested {
    Yes,
    NotYet,
}

impl Face for Approval {
    fn scope(&self) -> Scope {
        Scope::Approval
    }

    fn crumbs(&self, cx: &Cx<'_>) -> Vec<Safe> {
        let of_run = match self.found(cx) {
            Some(run) => {
                let version = run.plan.runbook.version.trim_start_matches('v');
                safe!("{} {} v{version}", run.id, run.plan.runbook.id)
            }
            None => safe!("{}", self.run),
        };
        vec![Safe::new("Approvals"), of_run]
    }

    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot> {
        let Some(run) = self.found(cx) else { return vec![foot(Act::Anywhere(Anywhere::Back))] };
        let locked = !self.locks(cx, run).is_empty();
        let mut feet = match is_past_deciding(run) {
            true => vec![foot(Act::Row(RowAct::Log)).says("watch the run")],
            false => vec![
                foot(Act::Approval(ApprovalAct::NextUnread)),
                foot(Act::Approval(ApprovalAct::Approve)).locked(locked),
                foot(Act::Approval(ApprovalAct::Deny)).locked(!denying(cx, run).is_empty()),
            ],
        };
        if retracting(cx, run).is_empty() {
            feet.push(foot(Act::Approval(ApprovalAct::Retract)));
        }
        if !policy::open_warnings(run).is_empty() {
            feet.push(foot(Act::Run(RunAct::Accept)));
        }
        feet.extend([
            foot(Act::Approval(ApprovalAct::AllLines)),
            foot(Act::Anywhere(Anywhere::Why)).says(if locked { "why locked" } else { "why" }),
            foot(Act::Anywhere(Anywhere::Back)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]);
        feet
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        let Some(run) = self.found(cx) else { return Vec::new() };
        if is_past_deciding(run) {
            return vec![text(Role::Text, safe!("{} {}", run.id, speech::standing(run)))];
        }
        match self.locks(cx, run).into_iter().next() {
            Some(why) => vec![text(Role::Warning, why)],
            None => vec![text(Role::Ok, "everything was shown: a approves exactly this")],
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let Some(run) = self.found(cx) else {
            let lines = [
                vec![text(Role::Title, safe!("{} no longer waits.", self.run))],
                vec![text(Role::Text, "It was withdrawn, denied, expired or is over; 6 shows it in the history.")],
            ];
            paint.lines(inset(below(area, 1)), &lines);
            return;
        };
        paint.line(inset(top(area, 1)), &head(cx, run));
        let doc = self.doc(cx, run);
        let page = Self::page(cx);
        let mut left = page;
        for row in doc.rows.iter().skip(self.top(&doc, page.height)) {
            if left.height == 0 {
                break;
            }
            match row {
                Row::Rule(title, right) => paint.rule(left, title.clone(), right.clone()),
                Row::Line(pieces, _) => paint.line(left, pieces),
            }
            left = below(left, 1);
        }
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        if let Some(run) = self.found(cx) {
            // Where all of it fits unfolded, nothing is folded.
            let all = doc::chunks(run);
            if doc::of(cx, run, Self::page(cx).width, &all).rows.len() <= usize::from(Self::page(cx).height) {
                self.open = all;
            }
        }
        self.moved(cx);
        Vec::new()
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        let Some(run) = self.found(cx).cloned() else { return Vec::new() };
        match act {
            Act::Motion(motion) => {
                self.scroll(cx, &run, motion);
                Vec::new()
            }
            Act::Approval(ApprovalAct::NextUnread) => self.next_unread(cx, &run),
            Act::Approval(ApprovalAct::AllLines) => {
                let doc = self.doc(cx, &run);
                self.note_seen(cx, &doc);
                let all = doc::chunks(&run);
                self.open = if self.open == all { BTreeSet::new() } else { all };
                self.moved(cx);
                Vec::new()
            }
            Act::Approval(ApprovalAct::Approve) => {
                let doc = self.doc(cx, &run);
                match self.note_seen(cx, &doc) {
                    Rested::Yes => self.vote(cx, &run, Choice::Approve),
                    Rested::NotYet => Vec::new(),
                }
            }
            Act::Approval(ApprovalAct::Deny) => self.vote(cx, &run, Choice::Deny),
            Act::Approval(ApprovalAct::Retract) => self.vote(cx, &run, Choice::Retract),
            Act::Run(RunAct::Accept) => vec![asks::accept(cx, &run)],
            Act::Row(RowAct::Raw) => {
                vec![sheet::source(&run.plan.runbook)]
            }
            Act::Row(RowAct::LastRun) => vec![past::last_good(cx, &run.plan)],
            Act::Row(RowAct::Log) => vec![push(Screen::Live(Box::new(Live::of(run.id))))],
            Act::Row(
                RowAct::Open
                | RowAct::Mark
                | RowAct::Filter
                | RowAct::Sort
                | RowAct::New
                | RowAct::Describe
                | RowAct::EditDraft,
            )
            | Act::Run(
                RunAct::Open
                | RunAct::NextPane
                | RunAct::PrevPane
                | RunAct::Take
                | RunAct::Start
                | RunAct::Pause
                | RunAct::Stop
                | RunAct::Close
                | RunAct::Review
                | RunAct::Back
                | RunAct::Secret,
            )
            | Act::Anywhere(_)
            | Act::Go(_)
            | Act::Log(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Task(_)
            | Act::Line(_) => Vec::new(),
        }
    }

    fn picked(&mut self, cx: &Cx<'_>, choice: &Picked) -> Vec<Do> {
        match (self.found(cx), choice) {
            (Some(run), Picked::Accept(id)) => vec![asks::accept_id(cx, run, id)],
            (Some(_) | None, _) => Vec::new(),
        }
    }

    fn run(&self, _: &Cx<'_>) -> Option<RunId> {
        Some(self.run)
    }

    fn why(&self, cx: &Cx<'_>) -> Option<Sheet> {
        let run = self.found(cx)?;
        let locks = self.locks(cx, run);
        if locks.is_empty() {
            return None;
        }
        let mut parts = vec![Part::Air];
        for lock in locks {
            parts.push(Part::Words(Role::Text, format!("· {lock}")));
            parts.push(Part::Air);
        }
        parts.push(Part::Words(Role::Muted, format!("still needed: {}", words::needed(cx, run))));
        Some(Sheet::new(safe!("why {} is locked for you", run.id), parts))
    }
}

fn head(cx: &Cx<'_>, run: &Run) -> Vec<Piece> {
    let plan = &run.plan;
    let impact = glyph::impact(plan.impact);
    let mut pieces = vec![
        block(plan.environment),
        gap(1),
        name(Role::Title, plan.proposal.workspace.as_str()),
        gap(2),
        text(impact.role, safe!("{} impact", impact.word)),
        gap(2),
        text(Role::Text, safe!("{} {}", plan.requester, moment::when(run.proposed, cx.now(), &cx.here.zone))),
        gap(2),
        name(Role::Muted, plan.proposal.ticket.as_str()).rest(),
        gap(2),
    ];
    match facts::start_by(cx.world, run, cx.now()) {
        Some(by) => pieces.push(text(
            if plan.impact == Impact::High { Role::Warning } else { Role::Text },
            safe!("must start {}", moment::when(by, cx.now(), &cx.here.zone)),
        )),
        None => pieces.push(spring()),
    }
    pieces
}

/// Why this person may not approve at all.
fn voting(cx: &Cx<'_>, run: &Run) -> Vec<String> {
    let mut locks = locked_for(cx, run, Choice::Approve);
    if locks.is_empty() && policy::has_approved(run, cx.me()) {
        locks.push("you approved it already; t takes it back".to_owned());
    }
    if let Some(lacks) = proved::lacks(cx.world, &run.plan, cx.me()).filter(|_| locks.is_empty()) {
        locks.push(format!("{} ({}) · {}", lacks.what, lacks.rule.code(), lacks.next));
    }
    locks
}

/// Why this person has nothing to take back.
fn retracting(cx: &Cx<'_>, run: &Run) -> Vec<String> {
    match (policy::has_approved(run, cx.me()), run.started) {
        (true, None) => Vec::new(),
        (true, Some(_)) => vec!["it has started; an approval is used once".to_owned()],
        (false, _) => vec!["you have not approved it".to_owned()],
    }
}

/// Whether it was decided, or is over undecided: there is a run to look at, and nothing to say to the request.
fn is_past_deciding(run: &Run) -> bool {
    !matches!(run.phase, Phase::Checking(Round::Proposal) | Phase::Waiting)
}

/// Why this person may not decide at all.
fn denying(cx: &Cx<'_>, run: &Run) -> Vec<String> {
    locked_for(cx, run, Choice::Deny)
}

fn locked_for(cx: &Cx<'_>, run: &Run, choice: Choice) -> Vec<String> {
    let Some(workspace) = cx.world.workspace(&run.plan.proposal.workspace) else {
        return vec!["its workspace is no longer there".to_owned()];
    };
    let mut locks = Vec::new();
    match run.phase {
        Phase::Waiting => {}
        Phase::Checking(_) => locks.push("its checks run; then it can be decided".to_owned()),
        Phase::Approved
        | Phase::Running
        | Phase::Paused(_)
        | Phase::Stopping(_)
        | Phase::Verifying
        | Phase::Ended(_)
        | Phase::Closed(_)
        | Phase::Reviewed(_)
        | Phase::Cancelled(_) => locks.push(format!("it is past deciding: {}", speech::phase(&run.phase))),
    }
    if let Some(refusal) = policy::refuses_vote(workspace, run, cx.me(), choice) {
        let rule = refusal.rule.code();
        locks.push(format!("{} ({rule}). Still needed: {}", speech::not_yours(&refusal), words::needed(cx, run)));
    }
    locks
}

#[cfg(test)]
mod tests;
