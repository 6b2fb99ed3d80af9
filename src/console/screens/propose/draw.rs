//! How the form looks: one row a field, and under the focused one what it is about.

use super::entry::{Entry, Held, Mark, Touched, What};
use super::form::Form;
use crate::console::glyph;
use crate::console::model::Cx;
use crate::console::pages::runbook as words_of;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::field::{Field, Focused};
use crate::console::widgets::fold;
use crate::console::widgets::paint::{Paint, below, indent, top};
use crate::console::widgets::piece::{self, gap, name, text};
use crate::console::words;
use crate::domain::runbook::InputKind;
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// Columns of the labels in front of the fields.
const LABEL_COLUMNS: u16 = 26;

/// Servers offered under a field for one.
const OFFERED_MAX: usize = 6;

/// A line of the form, before it is known which are in sight.
enum Line {
    Air,
    Rule(&'static str, Safe),
    Field(usize),
    /// A further row of a field of several.
    More,
    Note(usize, Role, Safe),
    Tick(usize),
}

impl Line {
    fn field(&self) -> Option<usize> {
        match self {
            Line::Field(nth) | Line::Note(nth, _, _) | Line::Tick(nth) => Some(*nth),
            Line::Air | Line::Rule(..) | Line::More => None,
        }
    }
}

/// Draws the form into an area.
pub fn view(cx: &Cx<'_>, form: &Form, paint: &mut Paint<'_>, area: Rect) {
    let lines = lines(cx, form, area);
    let first = first(&lines, form.focus, area.height);
    for (line, y) in lines.iter().skip(first).zip(area.y..area.bottom()) {
        let row = Rect { y, height: 1, ..area };
        match line {
            Line::Air | Line::More => {}
            Line::Rule(title, right) => paint.rule(row, *title, right.clone()),
            Line::Field(nth) => {
                if let Some(entry) = form.entries.get(*nth) {
                    let high = entry.rows().min(area.bottom().saturating_sub(y));
                    field(form, entry, form.focus == *nth, paint, Rect { height: high, ..row });
                }
            }
            Line::Note(_, role, words) => {
                paint.text(indent(row, 4), *role, words.clone());
            }
            Line::Tick(nth) => tick(cx, form, *nth, paint, row),
        }
    }
}

/// The field at a row of the screen.
pub fn field_at(cx: &Cx<'_>, form: &Form, area: Rect, y: u16) -> Option<Hit> {
    let lines = lines(cx, form, area);
    let first = first(&lines, form.focus, area.height);
    let nth = first + usize::from(y.checked_sub(area.y)?);
    match lines.get(nth)? {
        Line::Tick(field) => Some(Hit::Tick(*field)),
        line => line.field().map(Hit::Field),
    }
}

/// What stands at a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hit {
    /// A field, or what is said about it.
    Field(usize),
    /// The confirmation of a field.
    Tick(usize),
}

/// The first line in sight, so that the focused field with all that is said about it is.
fn first(lines: &[Line], focus: usize, height: u16) -> usize {
    let height = usize::from(height);
    let last = lines.iter().rposition(|line| line.field() == Some(focus)).map_or(0, |at| at + 1);
    let begins = lines.iter().position(|line| line.field() == Some(focus)).unwrap_or(0);
    let wanted = (last + 1).min(lines.len()).saturating_sub(height).min(begins);
    wanted.min(lines.len().saturating_sub(height))
}

/// Every line of the form; where they do not fit, the empty ones between sections give way first.
fn lines(cx: &Cx<'_>, form: &Form, area: Rect) -> Vec<Line> {
    let mut lines = all_lines(cx, form, area.width);
    if lines.len() > usize::from(area.height) {
        lines.retain(|line| !matches!(line, Line::Air));
    }
    lines
}

fn all_lines(cx: &Cx<'_>, form: &Form, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for (nth, entry) in form.entries.iter().enumerate() {
        if let Some((title, right)) = section(form, nth) {
            if nth > 0 {
                lines.push(Line::Air);
            }
            lines.push(Line::Rule(title, right));
        }
        if entry.what == What::Show {
            lines.push(Line::Air);
        }
        lines.push(Line::Field(nth));
        lines.extend((1..entry.rows()).map(|_| Line::More));
        let focused = form.focus == nth;
        if form.input(entry).is_some_and(|input| input.confirm.is_some()) {
            lines.push(Line::Tick(nth));
        }
        let columns = usize::from(width.saturating_sub(5)).max(1);
        if let Some(wrong) = form.wrong(entry).filter(|_| entry.touched == Touched::Yes) {
            let folded = fold::words(&format!("{} {wrong}", glyph::WARNING.glyph), columns);
            lines.extend(folded.into_iter().map(|line| Line::Note(nth, Role::Warning, line)));
        }
        if focused {
            let folded = notes(cx, form, entry).into_iter().flat_map(|words| fold::words(&words, columns));
            lines.extend(folded.map(|line| Line::Note(nth, Role::Muted, line)));
        }
    }
    lines
}

/// The heading above a field, where one begins there.
fn section(form: &Form, nth: usize) -> Option<(&'static str, Safe)> {
    let entry = form.entries.get(nth)?;
    match &entry.what {
        What::Input(0) => {
            let all = form.runbook.inputs.len();
            let done = form.inputs().filter(|(_, entry)| form.open(entry).is_none()).count();
            Some(("what it asks for", safe!("{done} of {all} done")))
        }
        What::Select => {
            let count = match form.hosts(entry) {
                Ok((left, all)) if left == all => words::count(all, "host", "hosts"),
                Ok((left, all)) => format!("{left} of {}", words::count(all, "host", "hosts")),
                Err(_) => "no host".to_owned(),
            };
            Some(("where", Safe::new(count)))
        }
        What::Purpose => Some(("why", Safe::default())),
        What::Raise if !form.entries.iter().any(|entry| matches!(entry.what, What::Tag(_))) => {
            Some(("how", Safe::default()))
        }
        What::Tag(_) => {
            let first = form.entries.iter().position(|entry| matches!(entry.what, What::Tag(_)));
            (first == Some(nth)).then(|| ("how", safe!("steps of the baseline always run")))
        }
        What::Input(_) | What::Ticket | What::Reason | What::Tells | What::Raise | What::Show => None,
    }
}

fn label(form: &Form, entry: &Entry) -> Safe {
    match &entry.what {
        What::Input(_) => form.input(entry).map(|input| Safe::new(&input.prompt)).unwrap_or_default(),
        What::Select => Safe::new("narrower than the runbook"),
        What::Purpose => Safe::new("purpose"),
        What::Ticket => Safe::new("ticket"),
        What::Reason => Safe::new("reason"),
        What::Tells => Safe::new("who is told, and how"),
        What::Tag(tag) => safe!("steps tagged {tag}"),
        What::Raise => Safe::new("impact"),
        What::Show => Safe::default(),
    }
}

/// What helps to fill a field, while one is in it.
fn notes(cx: &Cx<'_>, form: &Form, entry: &Entry) -> Vec<String> {
    let mut notes = Vec::new();
    let label = label(form, entry);
    if label.width() > usize::from(LABEL_COLUMNS) {
        notes.push(label.to_string());
    }
    match &entry.what {
        What::Input(_) => {
            if let Some(input) = form.input(entry) {
                let must = if input.required { "" } else { ", may stay empty" };
                notes.push(format!("{}{must}. {}", words_of::format_of(&input.kind), words_of::help_of(input)));
                if input.kind == InputKind::Host {
                    let typed = entry.value();
                    let fits =
                        form.workspace.servers.iter().filter(|server| server.name.as_str().contains(typed.trim()));
                    let names: Vec<&str> = fits.map(|server| server.name.as_str()).collect();
                    let more = names.len().saturating_sub(OFFERED_MAX);
                    let shown = names.iter().take(OFFERED_MAX).copied().collect::<Vec<_>>().join("  ");
                    let more = if more > 0 { format!("  and {more} more") } else { String::new() };
                    notes.push(format!("{shown}{more}"));
                }
            }
        }
        What::Select => {
            notes.push(format!(
                "The runbook says {}. group: tag: host: /regex/ with & | ! ( ).",
                form.runbook.targets.select
            ));
        }
        What::Purpose => notes.push("Left and right choose, or a letter.".to_owned()),
        What::Ticket => notes.push("The reference that others find this change by.".to_owned()),
        What::Reason => notes.push("Approvers read it first. Enter breaks the line, tab goes on.".to_owned()),
        What::Tells => notes.push("Channel and duty, such as: stakeholder chat (comms).".to_owned()),
        What::Tag(_) => notes.push("Space ticks it. More than the baseline needs a reason.".to_owned()),
        What::Raise => notes.push("Rules compute it; it can be raised, never lowered.".to_owned()),
        What::Show => {
            let me = cx.me();
            notes.push(format!("Everything that would run, to read before {me} proposes it."));
        }
    }
    notes
}

fn field(form: &Form, entry: &Entry, focused: bool, paint: &mut Paint<'_>, area: Rect) {
    let role = if focused { Role::Accent } else { Role::Text };
    let pointer = if focused { glyph::POINTER } else { " " };
    if entry.what == What::Show {
        let (open, close) = if focused { ("▸ [ ", " ]") } else { ("  [ ", " ]") };
        paint.line(area, &[text(role, open), text(role, "show the plan"), text(role, close)]);
        return;
    }
    let head = [text(Role::Accent, pointer), gap(1), name(role, label(form, entry)).cols(LABEL_COLUMNS), gap(1)];
    paint.line(Rect { width: LABEL_COLUMNS + 3, ..top(area, 1) }.intersection(area), &head);
    let area = indent(area, LABEL_COLUMNS + 3);
    match &entry.held {
        Held::Text(field) if focused => field.draw(paint, area, Focused::Yes),
        Held::Text(field) => at_rest(form, entry, field, paint, area),
        Held::OneOf { options, at } => {
            let chosen = at.and_then(|at| options.get(at)).map_or("choose one", |(_, label)| label.as_str());
            let tone = if at.is_some() { Role::Text } else { Role::Faint };
            let mut paint = paint.on(if focused { Ground::Panel } else { Ground::Screen });
            let arrow = if focused { Role::Accent } else { Role::Faint };
            paint.line(area, &[text(arrow, "‹ "), text(tone, chosen), text(arrow, " ›")]);
        }
        Held::Mark(mark) => {
            let shown = match mark {
                Mark::On => "[✔]",
                Mark::Off => "[ ]",
            };
            paint.text(area, role, shown);
        }
        Held::Button => {}
    }
}

/// A text nobody types into now; an empty one says whether it may stay so.
fn at_rest(form: &Form, entry: &Entry, field: &Field, paint: &mut Paint<'_>, area: Rect) {
    if field.is_blank() {
        let must = form.input(entry).is_some_and(|input| input.required);
        let (role, words) = if must { (Role::Warning, "needed") } else { (Role::Faint, "–") };
        paint.text(area, role, words);
        return;
    }
    let text = field.text();
    let lines: Vec<Safe> = Safe::lines(&text);
    let more = lines.len().saturating_sub(usize::from(area.height));
    for (nth, line) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        let row = below(area, u16::try_from(nth).unwrap_or(0));
        let last = more > 0 && row.height == 1;
        let right = if last { safe!("{} {more} more", glyph::FOLDED) } else { Safe::default() };
        paint.line(row, &[piece::text(Role::Text, line).rest(), piece::text(Role::Faint, right)]);
    }
}

/// `[✔] ada: Compare with the ticket.`
fn tick(cx: &Cx<'_>, form: &Form, nth: usize, paint: &mut Paint<'_>, row: Rect) {
    let Some(entry) = form.entries.get(nth) else {
        return;
    };
    let Some(input) = form.input(entry) else {
        return;
    };
    let Some(confirm) = &input.confirm else {
        return;
    };
    let ticked = form.is_ticked(input, entry);
    let (sign, role) = match ticked {
        true => (safe!("[{}] {} confirms: ", glyph::DONE.glyph, cx.me()), Role::Ok),
        false => (Safe::new("[ ] confirm: "), Role::Warning),
    };
    let key = if form.focus == nth { "alt-t ticks" } else { "" };
    paint.line(
        indent(row, 4),
        &[text(role, sign), text(Role::Text, confirm.as_str()).rest(), gap(1), text(Role::Accent, key), gap(1)],
    );
}

/// The rows below the form: whether a plan follows from it.
pub fn verdict(plan: &Result<crate::domain::plan::Plan, crate::domain::Refusal>, paint: &mut Paint<'_>, area: Rect) {
    match plan {
        Ok(plan) => {
            let impact = glyph::impact(plan.impact);
            let words = safe!(
                "{} in {} · {}",
                words::count(plan.hosts.len(), "host", "hosts"),
                words::count(plan.batches.len(), "batch", "batches"),
                words::count(plan.steps.len(), "step", "steps")
            );
            let approval = safe!("  approval: {}", crate::console::pages::plan::quorum(plan.quorum.as_ref()));
            paint.line(
                area,
                &[
                    text(Role::Ok, safe!("{} ", glyph::DONE.glyph)),
                    text(Role::Text, words),
                    text(Role::Muted, " · "),
                    text(impact.role, safe!("{} impact", impact.word)),
                ],
            );
            paint.text(below(area, 1), Role::Muted, approval);
        }
        Err(refusal) => {
            let folded = fold::words(&refusal.what, usize::from(area.width.saturating_sub(2)).max(1));
            for (nth, line) in folded.into_iter().take(usize::from(area.height)).enumerate() {
                let sign = if nth == 0 { glyph::REFUSED.glyph } else { " " };
                let row = below(area, u16::try_from(nth).unwrap_or(0));
                paint.line(row, &[text(Role::Warning, sign), gap(1), text(Role::Warning, line)]);
            }
        }
    }
}
