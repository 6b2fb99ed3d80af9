//! A request for approval as a document, made from its plan and run alone. Every host, command line and input value in
//! it carries a token; what was never on screen is unread.
//!
//! Invariant: a token stands on a row only if that row shows all of it. What is cut or folded carries none.

use super::words as phrases;
use crate::console::compare;
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::pages;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::fold;
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::words;
use crate::domain::HostIx;
use crate::domain::binding;
use crate::domain::looks;
use crate::domain::plan::Plan;
use crate::domain::policy;
use crate::domain::run::{Run, Verdict};
use crate::domain::runbook::{Action, Check, Step};
use crate::domain::voided;
use crate::terminal::line::Safe;
use std::collections::BTreeSet;

/// Something that must have been shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Token {
    /// A host's name.
    Host(HostIx),
    /// A line of what a chunk runs; `part` counts the rows of a line too long for one.
    Command { chunk: Chunk, line: u16, part: u16 },
    /// An input's value.
    Input { nth: u16, part: u16 },
}

/// A part of the document that can be folded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Chunk {
    /// A step's script and undo.
    Step(u16),
    /// The scripts of the checks before and after.
    Checks,
}

/// A row of the document.
#[derive(Debug)]
pub(super) enum Row {
    /// A section begins.
    Rule(Safe, Safe),
    /// A line.
    Line(Vec<Piece>, Vec<Token>),
}

/// The document.
#[derive(Debug)]
pub(super) struct Doc {
    pub rows: Vec<Row>,
    /// Everything that must have been shown, folded or not.
    pub tokens: BTreeSet<Token>,
}

/// Columns of a step's number, id and effect before its command.
const STEP_ID_COLUMNS: u16 = 12;
const EFFECT_COLUMNS: u16 = 11;

/// Columns behind it: how much is folded, and whether it can be undone.
const FOLD_COLUMNS: u16 = 10;
const UNDO_COLUMNS: u16 = 6;

/// The document in so many columns, these chunks unfolded.
pub(super) fn of(cx: &Cx<'_>, run: &Run, columns: u16, open: &BTreeSet<Chunk>) -> Doc {
    let mut doc = Doc { rows: Vec::new(), tokens: BTreeSet::new() };
    doc.standing(cx, run);
    doc.again(cx, run, columns);
    doc.why(run, columns);
    doc.hosts(run, columns);
    doc.steps(run, columns, open);
    doc.inputs(run, columns);
    doc.checked(cx, run, columns);
    doc.checkpoints(cx, run, columns);
    doc.compared(cx, run, columns);
    doc.line(Vec::new());
    doc.line(vec![text(Role::Muted, "binding "), text(Role::Title, binding::code(&run.binding))]);
    doc
}

/// The chunks there are.
pub(super) fn chunks(run: &Run) -> BTreeSet<Chunk> {
    let steps = run.plan.steps().map(|(position, _)| Chunk::Step(position));
    steps.chain([Chunk::Checks]).collect()
}

impl Doc {
    fn line(&mut self, pieces: Vec<Piece>) {
        self.rows.push(Row::Line(pieces, Vec::new()));
    }

    fn rule(&mut self, title: impl Into<Safe>, right: impl Into<Safe>) {
        self.rows.push(Row::Rule(title.into(), right.into()));
    }

    fn tell(&mut self, role: Role, words: &str, columns: u16) {
        for line in fold::words(words, usize::from(columns)) {
            self.line(vec![text(role, line)]);
        }
    }

    fn show(&mut self, pieces: Vec<Piece>, tokens: Vec<Token>) {
        self.tokens.extend(tokens.iter().copied());
        self.rows.push(Row::Line(pieces, tokens));
    }

    /// That it is asked for once more, and what is different since somebody approved it.
    fn again(&mut self, cx: &Cx<'_>, run: &Run, columns: u16) {
        let Some((before, different)) = voided::before(cx.world, run, cx.now()) else { return };
        let whom: Vec<&str> =
            before.approvers.iter().map(|who| if who == cx.me() { "you" } else { who.as_str() }).collect();
        let age = moment::age(cx.now().ms_since(before.at));
        let what = if different.is_empty() { "nothing that runs".to_owned() } else { different.join(", ") };
        let words =
            format!("{} approved this as {}, void {age} ago. Different now: {what}.", whom.join(", "), before.run);
        self.tell(Role::Accent, &words, columns);
    }

    /// Who still has to, who has.
    fn standing(&mut self, cx: &Cx<'_>, run: &Run) {
        let needed = phrases::needed(cx, run);
        let given: Vec<String> = run
            .votes
            .iter()
            .map(|vote| {
                let when = moment::when(vote.at, cx.now(), &cx.here.zone);
                let with = vote.proved.words();
                if with.is_empty() { format!("{} {when}", vote.by) } else { format!("{} {when} {with}", vote.by) }
            })
            .collect();
        let mut pieces = vec![text(Role::Muted, "still needed: "), text(Role::Text, needed)];
        if !given.is_empty() {
            pieces.extend([gap(3), text(Role::Muted, "given: "), text(Role::Ok, given.join(", "))]);
        }
        self.line(pieces);
        if !run.plan.demands.is_nothing() {
            self.line(vec![text(Role::Muted, "approvals: "), text(Role::Text, run.plan.demands.words())]);
        }
    }

    fn why(&mut self, run: &Run, columns: u16) {
        let (plan, scope) = (&run.plan, &run.plan.runbook.scope);
        self.rule("why", plan.proposal.purpose.words());
        let reason =
            [plan.proposal.reason.as_str(), scope.why.as_str()].into_iter().find(|text| !text.trim().is_empty());
        self.tell(Role::Text, reason.unwrap_or("no reason was given"), columns);
        let of_runbook = [("Changes", &scope.changes), ("Expected", &scope.expected)];
        let of_runbook = of_runbook.iter().filter(|(_, words)| !words.is_empty());
        let of_runbook: Vec<String> = of_runbook.map(|(label, words)| format!("{label}: {words}")).collect();
        if !of_runbook.is_empty() {
            self.tell(Role::Text, &of_runbook.join(" "), columns);
        }
        if !plan.proposal.communication.is_empty() {
            self.tell(Role::Muted, &format!("Tells: {}", plan.proposal.communication), columns);
        }
        if !plan.runbook.rollback.is_empty() {
            self.tell(Role::Muted, &format!("If it fails: {}", plan.runbook.rollback), columns);
        }
    }

    fn hosts(&mut self, run: &Run, columns: u16) {
        let plan = &run.plan;
        let tolerance = pages::plan::tolerance(plan.max_failures);
        let count = words::count(plan.hosts.len(), "host", "hosts");
        let batches = words::count(plan.batches.len(), "batch", "batches");
        self.rule("where", safe!("{count} · {batches} · {tolerance}"));
        for (nth, batch) in plan.batches.iter().enumerate() {
            self.batch(run, nth, batch, columns);
        }
        if let Some(words) = plan.runbook.targets.between.words().filter(|_| plan.batches.len() > 1) {
            self.tell(Role::Text, &format!("Between batches {words}."), columns);
        }
        if let Some(words) = plan.runbook.targets.pace.words() {
            self.tell(Role::Text, &format!("Order: {words}."), columns);
        }
        if let Some(exclude) = &plan.runbook.scope.exclude {
            self.line(vec![text(Role::Muted, safe!("out of scope: {exclude}"))]);
        }
    }

    fn batch(&mut self, run: &Run, nth: usize, batch: &[HostIx], columns: u16) {
        const HEAD: u16 = 4;
        let room = usize::from(columns.saturating_sub(HEAD));
        let head = |first: bool| {
            let number = if first { safe!("{}", nth + 1) } else { Safe::default() };
            vec![text(Role::Muted, number).cols(HEAD)]
        };
        let (mut pieces, mut tokens, mut used) = (head(true), Vec::new(), 0);
        for ix in batch {
            let Some(host) = run.plan.host(*ix) else { continue };
            let shown = safe!("{}", host.name);
            // A name longer than the line goes on in the next one: it is what is approved.
            if used > 0 && used + 1 + shown.width() > room {
                self.show(std::mem::replace(&mut pieces, head(false)), std::mem::take(&mut tokens));
                used = 0;
            }
            if used > 0 {
                pieces.push(gap(1));
                used += 1;
            }
            let mut parts = fold::verbatim(&shown, room);
            let last = parts.pop().unwrap_or_default();
            for part in parts {
                pieces.push(text(Role::Text, part));
                self.show(std::mem::replace(&mut pieces, head(false)), Vec::new());
            }
            used += last.width();
            pieces.push(text(Role::Text, last));
            tokens.push(Token::Host(*ix));
        }
        self.show(pieces, tokens);
    }

    fn steps(&mut self, run: &Run, columns: u16, open: &BTreeSet<Chunk>) {
        let plan = &run.plan;
        if let Some(origin) = plan.goes_back() {
            self.rule("what stands already", safe!("{origin}"));
            for line in plan.standing() {
                self.tell(Role::Text, &line, columns);
            }
        }
        let undo = plan.steps().filter(|(_, step)| step.undo.is_some()).count();
        let users: BTreeSet<&str> = plan.hosts.iter().filter_map(|host| phrases::user(host)).collect();
        let users: Vec<&str> = users.into_iter().collect();
        let title = match users.as_slice() {
            [] => safe!("what runs"),
            users => safe!("what runs, as user {}", users.join(", ")),
        };
        self.rule(title, safe!("{} · {undo} undo", words::count(plan.steps.len(), "step", "steps")));
        for (position, step) in plan.steps() {
            self.step(plan, position, step, columns, open.contains(&Chunk::Step(position)));
        }
        let checks: Vec<&Check> = plan.runbook.preflight.iter().chain(&plan.runbook.verify).collect();
        self.checks(run, &checks, columns, open.contains(&Chunk::Checks));
    }

    fn step(&mut self, plan: &Plan, position: u16, step: &Step, columns: u16, open: bool) {
        let chunk = Chunk::Step(position);
        let lines = step_lines(plan, step);
        let mut head = vec![
            text(Role::Muted, safe!("{}", position + 1)).right(2),
            gap(1),
            name(Role::Title, safe!("{}", step.id)).cols(STEP_ID_COLUMNS),
            gap(1),
            text(Role::Muted, phrases::effect(step)).cols(EFFECT_COLUMNS),
            gap(1),
        ];
        if open {
            head.push(text(Role::Text, step.title.as_str()).rest());
            head.extend([gap(1), undo(step)]);
            self.line(head);
            self.lines_of(chunk, &lines, columns);
            return;
        }
        self.folded(chunk, &lines, columns, head, step);
    }

    /// What a folded chunk does in one line, and how many are folded: its first line where that says something, else its
    /// title. Only a whole first line counts as shown.
    fn folded(&mut self, chunk: Chunk, lines: &[CommandLine], columns: u16, mut head: Vec<Piece>, step: &Step) {
        let telling = lines.first().filter(|line| lines.len() == 1 || !is_preamble(line.text.as_str()));
        let (first, role) = match telling {
            Some(line) => (line.text.clone(), line.role),
            None => (Safe::new(&step.title), Role::Text),
        };
        let fold = match (telling, lines.len()) {
            (Some(_), 1) => Safe::default(),
            (Some(_), all) => safe!("{} {} more", glyph::FOLDED, words::number(all - 1)),
            (None, all) => safe!("{} {}", glyph::FOLDED, words::count(all, "line", "lines")),
        };
        let used = STEP_ID_COLUMNS + EFFECT_COLUMNS + 5 + FOLD_COLUMNS + UNDO_COLUMNS + 3;
        let room = columns.saturating_sub(used);
        // What deceives is read with the words that say so.
        let whole = telling.is_some_and(|line| line.note.is_none()) && first.width() <= usize::from(room);
        let fold = if fold.as_str().is_empty() && !whole { Safe::new(glyph::FOLDED) } else { fold };
        head.extend([
            text(role, first).cols(room),
            gap(1),
            text(Role::Warning, fold).right(FOLD_COLUMNS),
            gap(2),
            undo(step),
        ]);
        let all: Vec<Token> = lines_tokens(chunk, lines, columns);
        let shown: Vec<Token> = all.iter().copied().filter(|token| whole && is_first(*token)).collect();
        self.tokens.extend(all);
        self.rows.push(Row::Line(head, shown));
    }

    fn lines_of(&mut self, chunk: Chunk, lines: &[CommandLine], columns: u16) {
        for (nth, line) in (0u16..).zip(lines) {
            let room = usize::from(columns.saturating_sub(LINE_INDENT));
            let pieces = fold::verbatim(&line.text, room).into_iter().map(|piece| (line.role, piece));
            let note = line.note.iter().flat_map(|note| fold::verbatim(note, room));
            let note = note.map(|piece| (Role::Warning, piece));
            for (part, (role, piece)) in (0u16..).zip(pieces.chain(note)) {
                let label = match (part, role) {
                    (0, _) => line.label,
                    (_, Role::Warning) => "",
                    (_, _) => glyph::GOES_ON,
                };
                let pieces = vec![text(Role::Faint, label).right(LINE_INDENT - 2), gap(2), text(role, piece)];
                self.show(pieces, vec![Token::Command { chunk, line: nth, part }]);
            }
        }
    }

    fn checks(&mut self, run: &Run, checks: &[&Check], columns: u16, open: bool) {
        if checks.is_empty() {
            return;
        }
        let before = run.plan.runbook.preflight.len();
        let lines = check_lines(checks, before);
        let after = checks.len() - before;
        let title = safe!("checks: {before} before, {after} after");
        if open {
            self.line(vec![gap(3), text(Role::Title, title)]);
            self.lines_of(Chunk::Checks, &lines, columns);
            return;
        }
        let count = words::count(lines.len(), "command line", "command lines");
        let fold = safe!("{} {count}", glyph::FOLDED);
        self.tokens.extend(lines_tokens(Chunk::Checks, &lines, columns));
        self.rows.push(Row::Line(vec![gap(3), text(Role::Text, title), gap(2), text(Role::Warning, fold)], Vec::new()));
    }

    fn inputs(&mut self, run: &Run, columns: u16) {
        let plan = &run.plan;
        for (nth, (name, value)) in (0u16..).zip(&plan.inputs) {
            let label = safe!("{name} = ");
            let room = usize::from(columns).saturating_sub(label.width()).max(8);
            let notes = value.split('\n').map(deceptive);
            let lines = Safe::lines(value).into_iter().zip(notes).flat_map(|(line, note)| {
                let line = fold::verbatim(&line, room).into_iter().map(|piece| (Role::Text, piece));
                let note = note.into_iter().flat_map(|note| fold::verbatim(&note, room));
                line.chain(note.map(|piece| (Role::Warning, piece))).collect::<Vec<_>>()
            });
            for (part, (role, line)) in (0u16..).zip(lines) {
                let label = if part == 0 { label.clone() } else { Safe::default() };
                let wide = u16::try_from(safe!("{name} = ").width()).unwrap_or(u16::MAX);
                self.show(
                    vec![text(Role::Muted, label).cols(wide), text(role, line)],
                    vec![Token::Input { nth, part }],
                );
            }
        }
        let secrets = plan.secrets.iter().map(|secret| {
            format!("{} from {} {}", secret.name, secret.place(), secret.version.as_deref().unwrap_or("(not pinned)"))
        });
        let secrets: Vec<String> = secrets.collect();
        if !secrets.is_empty() {
            self.tell(Role::Muted, &format!("secrets: {}", secrets.join(", ")), columns);
        }
        if !plan.runbook.uses.is_empty() {
            self.tell(Role::Muted, &format!("stack: {}", plan.runbook.uses.join(", ")), columns);
        }
        for within in &plan.runbook.within {
            self.tell(Role::Muted, &format!("within {}", within.words()), columns);
        }
    }

    /// What the checks came to, and who answers for the warnings.
    fn checked(&mut self, cx: &Cx<'_>, run: &Run, columns: u16) {
        let builtin = |verdict| run.builtin.values().filter(|judged| judged.verdict == verdict).count();
        let findings = policy::host_findings(run);
        let blocks = builtin(Verdict::Block) + findings.iter().filter(|found| found.verdict == Verdict::Block).count();
        let warnings = policy::warnings(run);
        let host_checks = 1 + run.plan.runbook.preflight.len();
        let passed = builtin(Verdict::Pass) + host_checks.saturating_sub(findings.len());
        let at = run.builtin.values().map(|judged| judged.at).max();
        let when = at.map(|at| format!(" {}", moment::when(at, cx.now(), &cx.here.zone))).unwrap_or_default();
        let unsure = if run.plan.runbook_accepted { "" } else { " · its own checks run after approval" };
        self.rule(
            safe!("checked{when} · again at start{unsure}"),
            safe!("{passed} ✔   {}   {blocks} blocks", words::count(warnings.len(), "warning", "warnings")),
        );
        for (id, why) in warnings {
            match policy::answer(run, &id) {
                Some(acceptance) => {
                    self.tell(Role::Text, &format!("! {why}"), columns);
                    self.tell(Role::Muted, &format!("  {} accepts: \"{}\"", acceptance.by, acceptance.reason), columns);
                }
                None => self.tell(Role::Warning, &format!("! {id}: {why}   nobody answers for it yet (A)"), columns),
            }
        }
        for found in findings.iter().filter(|found| found.verdict == Verdict::Block) {
            self.tell(Role::Refused, &format!("⊘ {}: {}", found.id, found.text), columns);
        }
        for (check, judged) in run.builtin.iter().filter(|(_, judged)| judged.verdict == Verdict::Block) {
            self.tell(Role::Refused, &format!("⊘ {}: {}", check.id_and_title().0, judged.why), columns);
        }
    }

    /// What somebody who governs changes would go through by hand.
    fn checkpoints(&mut self, cx: &Cx<'_>, run: &Run, columns: u16) {
        let all = pages::checkpoints::of(cx, run);
        self.rule("checkpoints", pages::checkpoints::summary(run, &all));
        for one in &all {
            let mut head = Vec::from(pages::checkpoints::head(one));
            let wide: usize = head.iter().map(Piece::wants).sum();
            for line in fold::words(&one.words, usize::from(columns).saturating_sub(wide)) {
                head.push(text(pages::checkpoints::role(one), line));
                self.line(std::mem::replace(&mut head, vec![gap(u16::try_from(wide).unwrap_or(u16::MAX))]));
            }
        }
    }

    fn compared(&mut self, cx: &Cx<'_>, run: &Run, columns: u16) {
        let Some(last) = compare::last_good(cx.world, &run.plan) else {
            self.rule("no good run of this runbook here yet", "");
            return;
        };
        let when = moment::day(last.at, cx.now(), &cx.here.zone);
        self.rule(safe!("against last good run {}, {when}", last.run), "");
        let changes = compare::plans(&last.plan, &run.plan);
        let changes = changes.iter().map(|change| safe!("{} {}", change.sign.glyph(), change.words));
        for line in packed(changes, usize::from(columns)) {
            self.tell(Role::Text, line.as_str(), columns);
        }
    }
}

/// Items side by side, as many as a line holds, none broken that need not be.
fn packed(items: impl Iterator<Item = Safe>, columns: usize) -> Vec<Safe> {
    const AIR: &str = "    ";
    let mut lines: Vec<Safe> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if line.width() + AIR.len() + item.width() <= columns => {
                line.push(&safe!("{AIR}{item}"));
            }
            _ => lines.push(item),
        }
    }
    lines
}

const LINE_INDENT: u16 = 10;

/// Whether a step has a way back.
fn undo(step: &Step) -> Piece {
    text(Role::Muted, if step.undo.is_some() { "undo ✔" } else { "" }).cols(UNDO_COLUMNS)
}

/// Whether a script's first line only prepares the ones that act: `set -eu`, a comment, a value kept for later.
fn is_preamble(line: &str) -> bool {
    let line = line.trim();
    let first = line.split_whitespace().next().unwrap_or_default();
    let keeps = first
        .split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    line.is_empty() || line.starts_with('#') || matches!(first, "set" | "umask" | "export" | "readonly") || keeps
}

/// A line that runs, and what stands before it.
pub(super) struct CommandLine {
    label: &'static str,
    role: Role,
    text: Safe,
    /// What of it deceives the eye.
    note: Option<Safe>,
}

fn lines_of_text(text: &str, first: &'static str, role: Role) -> Vec<CommandLine> {
    let text = text.trim_end_matches('\n');
    let label = |nth: usize| if nth == 0 { first } else { "" };
    let notes = text.split('\n').map(deceptive);
    let lines = Safe::lines(text).into_iter().zip(notes).enumerate();
    lines.map(|(nth, (text, note))| CommandLine { label: label(nth), role, text, note }).collect()
}

/// The words under a line that is not what it looks like.
fn deceptive(line: &str) -> Option<Safe> {
    looks::deceptions(line).map(|words| safe!("! {words}"))
}

/// Everything a step runs or asks for, line by line: its script, then its undo.
fn step_lines(plan: &Plan, step: &Step) -> Vec<CommandLine> {
    let mut lines = match &step.action {
        Action::Manual { role, text, checklist, .. } => {
            let who = role.as_ref().map(|role| format!("{role}: ")).unwrap_or_default();
            let mut lines = lines_of_text(&format!("{who}{}", plan.told(step, text)), "", Role::Text);
            lines.extend(checklist.iter().flat_map(|point| lines_of_text(point, "tick", Role::Text)));
            lines
        }
        action => lines_of_text(&action.written(&|text| plan.told(step, text)), "", Role::Accent),
    };
    lines.extend(step.aside().iter().flat_map(|(label, words)| lines_of_text(words, label, Role::Text)));
    if step.withhold {
        lines.extend(lines_of_text("what it prints is thrown away", "output", Role::Muted));
    }
    lines.extend(step.probe.iter().flat_map(|probe| lines_of_text(&probe.text, "probe", Role::Muted)));
    lines.extend(step.undo.iter().flat_map(|undo| lines_of_text(undo, "undo", Role::Muted)));
    lines
}

fn check_lines(checks: &[&Check], before: usize) -> Vec<CommandLine> {
    let label = |nth: usize| if nth < before { "before" } else { "after" };
    let lines = checks.iter().enumerate();
    lines.flat_map(|(nth, check)| lines_of_text(&check.script.text, label(nth), Role::Accent)).collect()
}

fn lines_tokens(chunk: Chunk, lines: &[CommandLine], columns: u16) -> Vec<Token> {
    let room = usize::from(columns.saturating_sub(LINE_INDENT));
    let rows = |text: &Safe| fold::verbatim(text, room).len();
    let parts =
        |line: &CommandLine| u16::try_from(rows(&line.text) + line.note.as_ref().map_or(0, rows)).unwrap_or(u16::MAX);
    let lines = (0u16..).zip(lines);
    lines.flat_map(|(nth, line)| (0..parts(line)).map(move |part| Token::Command { chunk, line: nth, part })).collect()
}

fn is_first(token: Token) -> bool {
    match token {
        Token::Command { line, .. } => line == 0,
        Token::Host(_) | Token::Input { .. } => false,
    }
}
