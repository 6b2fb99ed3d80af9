//! The matrix of steps and hosts. Up to eight hosts have a named column each; beyond, one cell per host, grouped by
//! batch; where a line cannot hold them all, counts per step and the cells of the selected step below.

use crate::console::facts;
use crate::console::glyph::{self, Mark};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::chart;
use crate::console::widgets::paint::{Paint, below, indent};
use crate::console::widgets::piece::{Piece, gap, name, spring, text};
use crate::console::words;
use crate::domain::HostIx;
use crate::domain::once;
use crate::domain::run::{CellState, Item, Phase, Run, Slot};
use crate::domain::runbook::{Action, Done};
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// Up to so many hosts have a named column each.
pub(super) const NAMED_HOSTS_MAX: usize = 8;

/// Columns before the cells: pointer, number, name. At least so many; more where the hosts leave room.
const HEAD_COLUMNS_MIN: u16 = 18;

/// Of these, the columns that are not the name.
const BESIDE_NAME_COLUMNS: u16 = 6;

/// A name gets no more than this: the cells stay near it.
const NAME_COLUMNS_MAX: usize = 28;

/// A named host's column: glyph and time, when names of steps want the room.
const HOST_COLUMNS_MIN: usize = 10;

const BATCH_GAP: usize = 3;

/// Columns of the word above a batch, where there is room for it.
const BATCH_WORD_COLUMNS: usize = 7;

/// What is selected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::console::screens) struct At {
    pub item: Item,
    pub host: Option<HostIx>,
}

/// The rows: checks before the start, steps after, verification once it is its turn.
pub(super) fn items(run: &Run) -> Vec<Item> {
    let count = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
    let checks = || {
        std::iter::once(Item::Reach).chain((0..count(run.plan.runbook.preflight.len())).map(Item::Preflight)).collect()
    };
    let steps = (0..count(run.plan.steps.len())).map(Item::Step);
    let verify = (0..count(run.plan.runbook.verify.len())).map(Item::Verify);
    match run.phase {
        Phase::Checking(_) | Phase::Waiting | Phase::Approved | Phase::Cancelled(_) => checks(),
        Phase::Running | Phase::Paused(_) | Phase::Stopping(_) => steps.collect(),
        Phase::Verifying | Phase::Ended(_) | Phase::Closed(_) | Phase::Reviewed(_) => steps.chain(verify).collect(),
    }
}

/// Whether an item is done once for the whole run.
pub(super) fn is_once(run: &Run, item: Item) -> bool {
    match item {
        Item::Step(position) => run.plan.step(position).is_some_and(|step| step.action.done() != Done::OnHosts),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => false,
    }
}

/// Whether an item is done by people: then there is something to read and to tick instead of a log.
pub(super) fn is_by_people(run: &Run, item: Item) -> bool {
    match item {
        Item::Step(position) => run.plan.step(position).is_some_and(|step| step.action.done() == Done::ByPeople),
        Item::Reach | Item::Preflight(_) | Item::Verify(_) => false,
    }
}

/// Columns before the cells: names of steps are whole where the hosts can spare it.
fn head_columns(run: &Run, width: u16) -> u16 {
    let named = |item: &Item| Safe::new(run.plan.item_name(*item).0.as_str()).width();
    let longest = items(run).iter().map(named).max().unwrap_or(0).min(NAME_COLUMNS_MAX);
    let wanted = longest.saturating_sub(usize::from(HEAD_COLUMNS_MIN - BESIDE_NAME_COLUMNS));
    let hosts = match run.plan.hosts.len() {
        few @ 0..=NAMED_HOSTS_MAX => few * HOST_COLUMNS_MIN,
        many => many + BATCH_GAP * run.plan.batches.len().saturating_sub(1),
    };
    let spare = usize::from(width.saturating_sub(HEAD_COLUMNS_MIN)).saturating_sub(hosts);
    HEAD_COLUMNS_MIN + u16::try_from(wanted.min(spare)).unwrap_or(0)
}

enum Form {
    Named,
    Cells,
    Counts,
}

fn form(run: &Run, width: u16) -> Form {
    let hosts = run.plan.hosts.len();
    let room = usize::from(width.saturating_sub(HEAD_COLUMNS_MIN));
    let cells = hosts + BATCH_GAP * run.plan.batches.len().saturating_sub(1);
    match hosts {
        0..=NAMED_HOSTS_MAX => Form::Named,
        _ if cells <= room => Form::Cells,
        _ => Form::Counts,
    }
}

/// Rows it would like.
pub(in crate::console::screens) fn height(run: &Run, width: u16, at: Option<At>) -> u16 {
    let rows = u16::try_from(items(run).len()).unwrap_or(u16::MAX);
    match form(run, width) {
        Form::Named | Form::Cells => rows.saturating_add(1),
        Form::Counts => {
            let across = usize::from(width.saturating_sub(4)).max(1);
            let from = at.map_or(0, |at| grid_from(run, at));
            let shown = run.plan.batches.iter().skip(from);
            let cells: usize = shown.map(|batch| 1 + batch.len().div_ceil(across)).sum();
            rows.saturating_add(u16::try_from(cells).unwrap_or(u16::MAX))
        }
    }
}

/// `12: 4 ✔ done  2 ◐ running …` for the rule above.
pub(in crate::console::screens) fn summary(run: &Run) -> Safe {
    let hosts = facts::hosts(run);
    let counted = [
        (hosts.done, glyph::DONE),
        (hosts.running, glyph::RUNNING),
        (
            hosts.waiting,
            if run.ended.is_some() { Mark { word: "not finished", ..glyph::WAITING } } else { glyph::WAITING },
        ),
        (hosts.failed, glyph::FAILED),
        (hosts.unknown, glyph::UNKNOWN),
        (hosts.dropped, Mark { word: "dropped", ..glyph::SKIPPED }),
    ];
    let parts: Vec<String> = counted
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, mark)| format!("{} {} {}", words::number(n), mark.glyph, mark.word))
        .collect();
    safe!("{}: {}", words::number(run.plan.hosts.len()), parts.join("  "))
}

/// Draws the matrix into `area`.
pub(in crate::console::screens) fn view(cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect, run: &Run, at: Option<At>) {
    let items = items(run);
    match form(run, area.width) {
        Form::Named => {
            paint.line(area, &named_heads(run, area.width));
            rows(cx, paint, below(area, 1), run, &items, at, |item, row| named_cells(cx, run, item, row.width));
            if let Some(at) = at.filter(|at| !is_once(run, at.item)) {
                select_named(paint, below(area, 1), run, &items, at);
            }
        }
        Form::Cells => {
            paint.line(area, &batch_heads(run, area.width));
            rows(cx, paint, below(area, 1), run, &items, at, |item, row| batch_cells(run, item, row.width));
            if let Some(at) = at.filter(|at| !is_once(run, at.item)) {
                select_cell(paint, below(area, 1), run, &items, at);
            }
        }
        Form::Counts => {
            let rows_high = u16::try_from(items.len()).unwrap_or(u16::MAX).min(area.height);
            rows(cx, paint, Rect { height: rows_high, ..area }, run, &items, at, |item, row| {
                counts(run, item, row.width)
            });
            if let Some(at) = at {
                grid(paint, below(area, rows_high), run, at);
            }
        }
    }
}

/// The host a click on the matrix meets, and the row.
pub(super) fn hit(run: &Run, area: Rect, at: Option<At>, x: u16, y: u16) -> Option<At> {
    let items = items(run);
    let heads = match form(run, area.width) {
        Form::Named | Form::Cells => 1,
        Form::Counts => 0,
    };
    let rows = below(area, heads);
    let top = first(&items, at, usize::from(rows.height));
    let item = *items.get(top + usize::from(y.checked_sub(rows.y)?))?;
    let column = x.checked_sub(rows.x + head_columns(run, area.width));
    let host = column.and_then(|column| match form(run, area.width) {
        Form::Named => u32::try_from(usize::from(column) / named_width(run, area.width)).ok().map(HostIx),
        Form::Cells => host_at(run, usize::from(column), area.width),
        Form::Counts => None,
    });
    let host = host.filter(|host| run.plan.host(*host).is_some() && !is_once(run, item));
    Some(At { item, host })
}

fn first(items: &[Item], at: Option<At>, height: usize) -> usize {
    let index = at.and_then(|at| items.iter().position(|item| *item == at.item)).unwrap_or(0);
    (index + 1).saturating_sub(height)
}

fn rows(
    cx: &Cx<'_>,
    paint: &mut Paint<'_>,
    area: Rect,
    run: &Run,
    items: &[Item],
    at: Option<At>,
    cells: impl Fn(Item, Rect) -> Vec<Piece>,
) {
    let top = first(items, at, usize::from(area.height));
    let mut left = area;
    for (nth, item) in items.iter().enumerate().skip(top) {
        if left.height == 0 {
            break;
        }
        let chosen = at.is_some_and(|at| at.item == *item);
        let mut pieces = head(run, *item, nth, chosen, area.width);
        let once = is_once(run, *item);
        pieces.extend(if once { once_cell(cx, run, *item) } else { cells(*item, left) });
        // A row without a host selected, or done by hand, is selected as a whole.
        let whole = chosen && (once || at.is_some_and(|at| at.host.is_none()));
        paint.on(if whole { Ground::Selected } else { Ground::Screen }).line(left, &pieces);
        left = below(left, 1);
    }
}

fn head(run: &Run, item: Item, nth: usize, chosen: bool, width: u16) -> Vec<Piece> {
    let (id, _, _) = run.plan.item_name(item);
    let number = match item {
        Item::Step(_) => safe!("{}", nth + 1),
        // A letter, not a sign: signs are states.
        Item::Reach | Item::Preflight(_) => Safe::new("c"),
        Item::Verify(_) => Safe::new("v"),
    };
    let role = if chosen { Role::Title } else { Role::Text };
    vec![
        text(Role::Accent, if chosen { glyph::POINTER } else { " " }),
        gap(1),
        text(Role::Muted, number).right(2),
        gap(1),
        name(role, safe!("{id}")).cols(head_columns(run, width) - BESIDE_NAME_COLUMNS),
        gap(1),
    ]
}

fn once_cell(cx: &Cx<'_>, run: &Run, item: Item) -> Vec<Piece> {
    let slot = Slot { item, host: None };
    let Item::Step(position) = item else {
        return Vec::new();
    };
    let Some(action) = run.plan.step(position).map(|step| &step.action) else {
        return Vec::new();
    };
    let role = match action {
        Action::Manual { role, .. } => role.as_ref().map_or("by hand".to_owned(), |role| format!("by hand: {role}")),
        action => action.word().to_owned(),
    };
    match run.cell(slot) {
        None => vec![text(Role::Waiting, safe!("{} {role}", glyph::WAITING.glyph))],
        Some(cell) if cell.state == CellState::Waiting && action.done() == Done::ByPeople => {
            vec![text(Role::Warning, safe!("{} {role}: waits for somebody, c takes it", glyph::PAUSED.glyph)).rest()]
        }
        Some(cell) if cell.state == CellState::Waiting => {
            let until = once::over_at(run, position).or(cell.not_before);
            let left = until.map(|until| format!(": {} more", moment::counter(until.ms_since(cx.now()))));
            vec![text(Role::Waiting, safe!("{} {role}{}", glyph::WAITING.glyph, left.unwrap_or_default())).rest()]
        }
        Some(cell) => {
            let mark = glyph::cell(&cell.state);
            let saw = cell.saw.lines().next().unwrap_or_default();
            vec![text(mark.role, safe!("{} {role}", mark.glyph)), gap(2), text(Role::Muted, saw).rest()]
        }
    }
}

fn slot(item: Item, host: HostIx) -> Slot {
    Slot { item, host: Some(host) }
}

fn mark_of(run: &Run, item: Item, host: HostIx) -> Mark {
    let state = run.state(slot(item, host));
    if *state == CellState::Waiting && run.progress.dropped.contains(&host) {
        return glyph::SKIPPED;
    }
    glyph::cell(state)
}

// Named columns.

fn named_width(run: &Run, width: u16) -> usize {
    let room = usize::from(width.saturating_sub(head_columns(run, width)));
    (room / run.plan.hosts.len().max(1)).clamp(3, 20)
}

fn named_heads(run: &Run, width: u16) -> Vec<Piece> {
    let columns = named_width(run, width);
    let mut pieces = vec![gap(head_columns(run, width))];
    for host in &run.plan.hosts {
        let shown = safe!("{}", host.name).cut_middle(columns - 1);
        pieces.push(text(Role::Muted, shown).cols(u16::try_from(columns).unwrap_or(u16::MAX)));
    }
    pieces
}

fn named_cells(cx: &Cx<'_>, run: &Run, item: Item, width: u16) -> Vec<Piece> {
    let columns = u16::try_from(named_width(run, width)).unwrap_or(u16::MAX);
    (0u32..)
        .zip(&run.plan.hosts)
        .map(|(ix, _)| {
            let mark = mark_of(run, item, HostIx(ix));
            let took = run.cell(slot(item, HostIx(ix))).and_then(|cell| match cell.state {
                CellState::Waiting => None,
                CellState::Intended | CellState::Started { .. } => Some(cx.now().ms_since(cell.began)),
                CellState::Ok
                | CellState::Failed(_)
                | CellState::Unknown(_)
                | CellState::Skipped
                // Under a second there is nothing to tell.
                | CellState::Refused(_) => Some(cell.since.ms_since(cell.began)).filter(|took| *took >= 1_000),
            });
            let took = took.map(moment::span).filter(|took| took.len() + 3 <= usize::from(columns));
            let took = took.map(|took| format!(" {took}")).unwrap_or_default();
            text(mark.role, safe!("{}{took}", mark.glyph)).cols(columns)
        })
        .collect()
}

fn select_named(paint: &mut Paint<'_>, area: Rect, run: &Run, items: &[Item], at: At) {
    let columns = named_width(run, area.width);
    let Some(host) = at.host.and_then(|host| usize::try_from(host.0).ok()) else {
        return;
    };
    let x = u16::try_from(usize::from(head_columns(run, area.width)) + host * columns).unwrap_or(u16::MAX);
    select(paint, area, items, at, x, u16::try_from(columns - 1).unwrap_or(1));
}

fn select(paint: &mut Paint<'_>, area: Rect, items: &[Item], at: At, x: u16, width: u16) {
    let Some(index) = items.iter().position(|item| *item == at.item) else {
        return;
    };
    let row = index - first(items, Some(at), usize::from(area.height)).min(index);
    let row = below(area, u16::try_from(row).unwrap_or(u16::MAX));
    let cell = Rect { width, height: row.height.min(1), ..indent(row, x) };
    paint.on(Ground::Selected).ground_only(cell.intersection(area));
}

// One cell per host.

/// Columns of each batch, the gap behind it included: room for the word "batch" above where the line has it.
fn batch_columns(run: &Run, width: u16) -> Vec<usize> {
    let room = usize::from(width.saturating_sub(head_columns(run, width)));
    let tight: Vec<usize> = run.plan.batches.iter().map(|batch| batch.len() + BATCH_GAP).collect();
    let airy: Vec<usize> = tight.iter().map(|columns| (*columns).max(BATCH_WORD_COLUMNS + BATCH_GAP)).collect();
    if airy.iter().sum::<usize>() <= room + BATCH_GAP { airy } else { tight }
}

fn batch_heads(run: &Run, width: u16) -> Vec<Piece> {
    let head = head_columns(run, width);
    let mut pieces = vec![gap(head)];
    let columns = batch_columns(run, width);
    let before: usize = columns.iter().rev().skip(1).sum();
    let last = columns.len().saturating_sub(1);
    for (nth, (batch, columns)) in run.plan.batches.iter().zip(&columns).enumerate() {
        let ends = [batch.first(), batch.last()].map(|ix| ix.and_then(|ix| run.plan.host(*ix)).map(|host| &host.name));
        let long = match ends {
            [Some(first), Some(last)] if first != last => {
                safe!("batch {} ({first} … {last})", nth + 1)
            }
            [Some(first), _] => safe!("batch {} ({first})", nth + 1),
            _ => safe!("batch {}", nth + 1),
        };
        // The last one may use what is left of the line.
        let room = match nth == last {
            true => usize::from(width.saturating_sub(head)).saturating_sub(before),
            false => columns - 1,
        };
        let heads = [long, safe!("batch {}", nth + 1), safe!("{}", nth + 1)];
        let shown = heads.into_iter().find(|head| head.width() <= room).unwrap_or_default();
        let piece = text(Role::Muted, shown);
        let wide = u16::try_from(*columns).unwrap_or(u16::MAX);
        pieces.push(if nth == last { piece.rest() } else { piece.cols(wide) });
    }
    pieces
}

/// Neighbours in one state are one piece: a row of thousands is a handful of pieces.
fn stretches(marks: impl Iterator<Item = Mark>) -> Vec<Piece> {
    let mut pieces: Vec<(Mark, String)> = Vec::new();
    for mark in marks {
        match pieces.last_mut() {
            Some((last, glyphs)) if *last == mark => glyphs.push_str(mark.glyph),
            _ => pieces.push((mark, mark.glyph.to_owned())),
        }
    }
    pieces.into_iter().map(|(mark, glyphs)| text(mark.role, glyphs)).collect()
}

fn batch_cells(run: &Run, item: Item, width: u16) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (batch, columns) in run.plan.batches.iter().zip(batch_columns(run, width)) {
        pieces.extend(stretches(batch.iter().map(|host| mark_of(run, item, *host))));
        pieces.push(gap(u16::try_from(columns.saturating_sub(batch.len())).unwrap_or(u16::MAX)));
    }
    pieces
}

fn column_of(run: &Run, host: HostIx, width: u16) -> Option<usize> {
    let mut column = 0;
    for (batch, columns) in run.plan.batches.iter().zip(batch_columns(run, width)) {
        if let Some(at) = batch.iter().position(|ix| *ix == host) {
            return Some(column + at);
        }
        column += columns;
    }
    None
}

fn host_at(run: &Run, column: usize, width: u16) -> Option<HostIx> {
    let mut left = column;
    for (batch, columns) in run.plan.batches.iter().zip(batch_columns(run, width)) {
        if let Some(host) = batch.get(left) {
            return Some(*host);
        }
        left = left.checked_sub(columns)?;
    }
    None
}

fn select_cell(paint: &mut Paint<'_>, area: Rect, run: &Run, items: &[Item], at: At) {
    let Some(column) = at.host.and_then(|host| column_of(run, host, area.width)) else {
        return;
    };
    let x = u16::try_from(usize::from(head_columns(run, area.width)) + column).unwrap_or(u16::MAX);
    select(paint, area, items, at, x, 1);
}

// Counts, and the cells of the selected step.

fn counts(run: &Run, item: Item, width: u16) -> Vec<Piece> {
    let all = run.plan.hosts.len();
    let mut counted: Vec<(Mark, usize)> =
        [glyph::DONE, glyph::RUNNING, glyph::FAILED, glyph::UNKNOWN, glyph::REFUSED, glyph::SKIPPED, glyph::WAITING]
            .map(|mark| (mark, 0))
            .into();
    for ix in 0..u32::try_from(all).unwrap_or(u32::MAX) {
        let mark = mark_of(run, item, HostIx(ix));
        if let Some((_, n)) = counted.iter_mut().find(|(known, _)| *known == mark) {
            *n += 1;
        }
    }
    let done: usize =
        counted.iter().filter(|(mark, _)| [glyph::DONE, glyph::SKIPPED].contains(mark)).map(|(_, n)| n).sum();
    let bar = usize::from(width.saturating_sub(head_columns(run, width)) / 4).min(24);
    let mut pieces = vec![text(Role::Ok, chart::bar(done, all, bar)), gap(2)];
    for (mark, n) in counted.into_iter().filter(|(_, n)| *n > 0) {
        pieces.extend([text(mark.role, safe!("{} {}", mark.glyph, words::number(n))), gap(2)]);
    }
    pieces
}

/// The batch of the selected host, else the one at work, opens the window; the others follow as far as there is room.
fn grid_from(run: &Run, at: At) -> usize {
    let of_host = at.host.and_then(|host| run.plan.batches.iter().position(|batch| batch.contains(&host)));
    of_host.unwrap_or_else(|| usize::try_from(run.progress.batch).unwrap_or(0))
}

fn grid(paint: &mut Paint<'_>, area: Rect, run: &Run, at: At) {
    if is_once(run, at.item) || area.height == 0 {
        return;
    }
    let across = usize::from(area.width.saturating_sub(4)).max(1);
    let at_work = usize::try_from(run.progress.batch).unwrap_or(0);
    let from = grid_from(run, at);
    let mut left = area;
    for (nth, batch) in run.plan.batches.iter().enumerate().skip(from) {
        if left.height < 2 {
            break;
        }
        let ends = [batch.first(), batch.last()].map(|ix| ix.and_then(|ix| run.plan.host(*ix)));
        let span = match ends {
            [Some(first), Some(last)] => safe!("{} … {}", first.name, last.name),
            _ => Safe::default(),
        };
        let state = if nth == at_work { ", at work" } else { "" };
        let hosts = words::count(batch.len(), "host", "hosts");
        let title = text(Role::Muted, safe!("batch {} of {}{state}: {hosts}", nth + 1, run.plan.batches.len()));
        paint.line(left, &[gap(4), title, spring(), name(Role::Faint, span)]);
        left = below(left, 1);
        let chosen = at.host.and_then(|host| batch.iter().position(|ix| *ix == host));
        let lines: Vec<&[HostIx]> = batch.chunks(across).collect();
        let line_of_chosen = chosen.map_or(0, |at| at / across);
        let skip = (line_of_chosen + 1).saturating_sub(usize::from(left.height));
        for (row, hosts) in lines.iter().enumerate().skip(skip) {
            if left.height == 0 {
                break;
            }
            let mut pieces = vec![gap(4)];
            pieces.extend(stretches(hosts.iter().map(|host| mark_of(run, at.item, *host))));
            paint.line(left, &pieces);
            if let Some(chosen) = chosen.filter(|chosen| chosen / across == row) {
                let x = u16::try_from(4 + chosen % across).unwrap_or(u16::MAX);
                paint.on(Ground::Selected).ground_only(Rect { width: 1, height: 1, ..indent(left, x) });
            }
            left = below(left, 1);
        }
    }
}
