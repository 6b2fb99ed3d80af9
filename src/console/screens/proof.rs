//! A report out of the record: compliance over a period, or what touched a host. Read from top to bottom, and kept as a file.

use super::{Face, listing};
use crate::console::commands::PaletteAct;
use crate::console::effect::{Do, Effect, Want};
use crate::console::filter;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::msg::Answer;
use crate::console::pages::labelled;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::{Page, Part};
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{gap, name, text};
use crate::console::words;
use crate::domain::changes::{self, Change, What};
use crate::domain::compliance::{self, Report, gaps, outcome};
use crate::domain::proof::{Found, Period, Question};
use crate::domain::query::{Fetch, Fetched};
use crate::domain::{Timestamp, WorkspaceId};
use crate::terminal::line::Safe;
use ratatui::layout::Rect;
use std::sync::Arc;

const COMPLIANCE_SINCE: &str = "90d";
const CHANGES_SINCE: &str = "24h";

const WHEN_COLUMNS: u16 = 13;
const RUN_COLUMNS: u16 = 6;
const WHO_COLUMNS: u16 = 9;

/// A report, being read.
#[derive(Debug)]
pub struct Proof {
    question: Question,
    read: Read,
    page: Page,
}

#[derive(Debug)]
enum Read {
    Not,
    Compliance(Arc<Report>),
    Changes(Vec<Change>),
    Failed,
}

/// The report that `[SINCE [UNTIL]] [WORKSPACE]` asks for.
///
/// # Errors
/// Says what cannot be read.
pub fn compliance(cx: &Cx<'_>, line: &str) -> Result<Proof, String> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let is_place =
        |word: &&str| super::super::facts::workspaces(cx.world, cx.me()).iter().any(|it| it.id.as_str() == *word);
    let workspace = words.last().copied().filter(is_place).map(WorkspaceId::new);
    if workspace.is_some() {
        words.pop();
    }
    let (since, until) = match words.as_slice() {
        [] => (COMPLIANCE_SINCE, None),
        [since] => (*since, None),
        [since, until] => (*since, Some(*until)),
        _ => return Err("write :compliance 90d, or :compliance 2026-01-01 2026-04-01 WORKSPACE".to_owned()),
    };
    Ok(Proof::of(Question::Compliance(period(cx, since, until, workspace)?)))
}

/// The report that `HOST|GROUP [SINCE]` asks for.
///
/// # Errors
/// Says what cannot be read.
pub fn changes(cx: &Cx<'_>, line: &str) -> Result<Proof, String> {
    let mut words = line.split_whitespace();
    let (target, since) = (words.next().unwrap_or_default(), words.next().unwrap_or(CHANGES_SINCE));
    match words.next() {
        None => Ok(Proof::of(Question::Changes(target.to_owned(), period(cx, since, None, None)?))),
        Some(_) => Err("write :changes web-1 24h".to_owned()),
    }
}

fn period(cx: &Cx<'_>, since: &str, until: Option<&str>, workspace: Option<WorkspaceId>) -> Result<Period, String> {
    let at = |text: &str| filter::moment(text, cx.now(), &cx.here.zone);
    let until = until.map_or(Ok(cx.now().plus_ms(1)), at)?;
    let period = Period { workspace, since: at(since)?, until, about: None };
    period.check().map_err(|refusal| refusal.what)?;
    Ok(period)
}

impl Proof {
    fn of(question: Question) -> Self {
        Self { question, read: Read::Not, page: Page::default() }
    }

    fn area(cx: &Cx<'_>) -> Rect {
        inset(below(cx.areas.body, 1))
    }

    fn title(&self) -> &'static str {
        match &self.question {
            Question::Compliance(_) => "compliance",
            Question::Changes(..) => "changes",
            Question::FollowUps => "follow-ups",
            Question::Week(_) => "what deviates",
        }
    }
}

fn days(cx: &Cx<'_>, since: Timestamp, until: Timestamp) -> String {
    let at = |at: Timestamp| moment::when(at, cx.now(), &cx.here.zone);
    format!("{} to {}", at(since), at(until))
}

fn of_report(cx: &Cx<'_>, report: &Report) -> Vec<Part> {
    let workspaces: Vec<&str> = report.workspaces.iter().map(|id| id.as_str()).collect();
    let head =
        [labelled("period", days(cx, report.since, report.until)), labelled("workspaces", workspaces.join(", "))];
    let mut parts: Vec<Part> = head.into_iter().flatten().collect();
    let hint = ":save FILE.csv, FILE.json or FILE.html keeps the whole of it.";
    parts.push(Part::Words(Role::Muted, hint.to_owned()));
    parts.push(Part::Air);
    parts.push(Part::Counted(Safe::new("controls"), safe!("{}", report.controls.len())));
    if report.controls.is_empty() {
        parts.push(Part::Words(Role::Muted, "No runbook names a control.".to_owned()));
    }
    for control in &report.controls {
        let runs = words::count(control.runs.len(), "run", "runs");
        parts.push(Part::Line(vec![text(Role::Title, control.id.as_str()), text(Role::Muted, safe!("  {runs}"))]));
        let missing = control.missing();
        parts.push(match missing.is_empty() {
            true => Part::Labelled(2, Safe::new(""), Role::Ok, "nothing is missing".to_owned()),
            false => Part::Labelled(2, Safe::new(""), Role::Warning, missing.join("; ")),
        });
    }
    parts.push(Part::Air);
    parts.push(Part::Counted(Safe::new("runs"), safe!("{}", report.runs.len())));
    for row in report.runs.iter().rev() {
        let approved: Vec<&str> = row.acts.approvals.iter().map(|said| said.by.as_str()).collect();
        let who = match approved.is_empty() {
            true => row.by.to_string(),
            false => format!("{} → {}", row.by, approved.join(", ")),
        };
        parts.push(Part::Line(vec![
            text(Role::Muted, moment::when(row.proposed, cx.now(), &cx.here.zone)).cols(WHEN_COLUMNS),
            gap(1),
            text(Role::Accent, safe!("{}", row.run)).cols(RUN_COLUMNS),
            name(Role::Text, row.runbook.as_str()).rest(),
            gap(1),
            name(Role::Text, who).cols(WHO_COLUMNS * 2),
            gap(1),
            text(Role::Text, outcome(row)).cols(12),
        ]));
        let missing: Vec<&str> = gaps(row).into_iter().map(|gap| gap.words()).collect();
        if !missing.is_empty() {
            parts.push(Part::Labelled(WHEN_COLUMNS + 1, Safe::new(""), Role::Warning, missing.join(", ")));
        }
    }
    if report.runs.is_empty() {
        parts.push(Part::Words(Role::Muted, "No run was proposed in the period.".to_owned()));
    }
    parts
}

fn of_changes(cx: &Cx<'_>, found: &[Change], target: &str, period: &Period) -> Vec<Part> {
    let mut parts: Vec<Part> = [
        labelled("touched", target),
        labelled("period", days(cx, period.since, period.until)),
        labelled("tickets", changes::tickets(found).join(", ")),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.push(Part::Air);
    for change in found {
        let when = text(Role::Muted, moment::when(change.at, cx.now(), &cx.here.zone)).cols(WHEN_COLUMNS);
        parts.push(Part::Line(match &change.what {
            What::Run(row) => vec![
                when,
                gap(1),
                text(Role::Accent, safe!("{}", row.run)).cols(RUN_COLUMNS),
                name(Role::Text, row.driver.as_ref().unwrap_or(&row.by).as_str()).cols(WHO_COLUMNS),
                gap(1),
                name(Role::Text, safe!("{} in {}", row.runbook, row.workspace)).rest(),
                gap(1),
                text(Role::Text, outcome(row)).cols(12),
                name(Role::Muted, row.ticket.as_str()).cols(10),
            ],
            What::Site { digest, commit, by, .. } => vec![
                when,
                gap(1),
                text(Role::Accent, "site").cols(RUN_COLUMNS),
                name(Role::Text, by.as_ref().map_or("server", |by| by.as_str())).cols(WHO_COLUMNS),
                gap(1),
                text(
                    Role::Text,
                    match commit {
                        Some(commit) => safe!("in force at {}", commit.chars().take(10).collect::<String>()),
                        None => safe!("{} in force", digest.short()),
                    },
                )
                .rest(),
            ],
        }));
        if let What::Site { hosts, .. } = &change.what {
            let hosts: Vec<String> =
                hosts.iter().map(|it| format!("{} of {} {}", it.host, it.workspace, it.how.word())).collect();
            parts.push(Part::Labelled(WHEN_COLUMNS + 1, Safe::new(""), Role::Muted, hosts.join(", ")));
        }
    }
    if found.is_empty() {
        parts.push(Part::Words(Role::Muted, "Nothing on record touched it.".to_owned()));
    }
    parts
}

/// A report in the format that a file's name asks for; words, where it asks for none.
fn kept(report: &Report, name: &str) -> Option<String> {
    let format = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    match format.as_deref() {
        Some("csv") => Some(compliance::csv(report)),
        Some("html" | "htm") => Some(compliance::html(report)),
        Some("json") => serde_json::to_string_pretty(&compliance::json(report)).ok(),
        Some(_) | None => None,
    }
}

impl Face for Proof {
    fn scope(&self) -> Scope {
        Scope::Proof
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        match &self.question {
            Question::Changes(target, _) => vec![Safe::new("Changes"), Safe::new(target)],
            Question::Compliance(_) => vec![Safe::new("Compliance")],
            Question::FollowUps | Question::Week(_) => vec![Safe::new(self.title())],
        }
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Motion(Motion::PageDown)),
            foot(Act::Motion(Motion::Bottom)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Back)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let right = match self.read {
            Read::Not => Safe::new(""),
            Read::Compliance(_) | Read::Changes(_) | Read::Failed => self.page.standing(Self::area(cx)).words(),
        };
        paint.rule(inset(top(area, 1)), self.title(), right);
        match self.read {
            Read::Not => {
                if let Some(words) = listing::loading(cx, Want::Rows, "the record") {
                    paint.text(below(area, 2), Role::Muted, words);
                }
            }
            Read::Compliance(_) | Read::Changes(_) | Read::Failed => self.page.view(paint, Self::area(cx)),
        }
    }

    fn enter(&mut self, _: &Cx<'_>) -> Vec<Do> {
        vec![Do::Fetch(Want::Rows, Fetch::Proof(self.question.clone()))]
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        if let Act::Motion(motion) = act {
            self.page.scroll(motion, Self::area(cx));
        }
        Vec::new()
    }

    fn fetched(&mut self, cx: &Cx<'_>, _: Want, answer: &Answer) -> Vec<Do> {
        match (answer, &self.question) {
            (Answer::Plain(Fetched::Proof(Found::Compliance(report))), _) => {
                self.page.replace(of_report(cx, report));
                self.read = Read::Compliance(Arc::clone(report));
            }
            (Answer::Plain(Fetched::Proof(Found::Changes(found))), Question::Changes(target, period)) => {
                self.page.replace(of_changes(cx, found, target, period));
                self.read = Read::Changes(found.clone());
            }
            (Answer::Plain(Fetched::Failed(why)), _) => {
                self.page.replace(vec![Part::Air, Part::Words(Role::Failed, format!("There is no answer: {why}"))]);
                self.read = Read::Failed;
            }
            (Answer::Plain(_) | Answer::Log(_), _) => {}
        }
        Vec::new()
    }

    fn palette(&mut self, _: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        match (&self.read, act) {
            (Read::Compliance(report), PaletteAct::Save(name)) => match kept(report, name) {
                Some(text) => vec![Do::Effect(Effect::SaveText { name: name.clone(), text })],
                None => vec![Do::Say("a report is kept as FILE.csv, FILE.json or FILE.html".to_owned())],
            },
            (Read::Compliance(report), act) => {
                listing::hand_out(act, compliance::csv(report).lines().map(str::to_owned))
            }
            (Read::Changes(found), act) => listing::hand_out(act, found.iter().map(line_of)),
            (Read::Not | Read::Failed, _) => vec![Do::Say("there is nothing to hand out".to_owned())],
        }
    }
}

fn line_of(change: &Change) -> String {
    let at = compliance::moment(change.at);
    match &change.what {
        What::Run(row) => {
            let by = row.driver.as_ref().unwrap_or(&row.by);
            format!("{at}\t{}\t{by}\t{}\t{}\t{}", row.run, row.runbook, outcome(row), row.ticket)
        }
        What::Site { digest, by, .. } => {
            let by = by.as_ref().map_or("server", |by| by.as_str());
            format!("{at}\tsite\t{by}\t{}\t\t", digest.short())
        }
    }
}

#[cfg(test)]
mod tests;
