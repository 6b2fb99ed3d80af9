//! The wall: one screen for a room. What is wrong stands at the top and stays; everything else stands below, and where it does
//! not fit its pages take turns.
//!
//! Invariants: no key does anything here but leaving (`update` sees to it); what is shown is what whoever set the wall up may see;
//! which page is shown is read off the clock alone, so that walls beside each other turn together and nothing is kept. Deliberately
//! absent: anything that moves for its own sake; spans are told in minutes, so that a quiet wall sends next to nothing.

mod pages;
mod rows;
#[cfg(test)]
mod tests;

use super::Face;
use crate::console::effect::Do;
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, gap, spring, text};
use crate::terminal::line::Safe;
use pages::{Column, Pages};
use ratatui::layout::Rect;
use rows::{Block, Section, Sum};

/// How long a page stays.
pub const TURN_MS: u64 = 10_000;

/// From these columns and rows on the sums stand in tiles, and what stays at the top has air.
const TILES_FROM: (u16, u16) = (110, 34);

/// Rows of a tile: its edges, its number, what there is to say about it.
const TILE_ROWS: u16 = 4;

/// Columns between two columns or tiles.
const BETWEEN: u16 = 2;

/// Columns of what stays at the top, at most: an eye across the room finds the clock of an incident beside its title.
const STAYS_COLUMNS_MAX: u16 = 160;

/// Rows that what takes turns keeps, however much stays at the top.
const TURNING_ROWS_MIN: u16 = 8;

/// One screen for a room. It has no state: nobody is there to change it.
#[derive(Debug)]
pub struct Wall;

/// Everything that is drawn, made from the world at one moment.
struct Drawn {
    sums: Vec<Sum>,
    /// What stays at the top.
    stays: Vec<Block>,
    /// What takes turns.
    sections: Vec<Section>,
    pages: Pages,
    /// Where each part stands.
    places: Places,
}

/// Where each part stands.
#[derive(Clone, Copy)]
struct Places {
    sums: Rect,
    stays: Rect,
    turning: Rect,
    /// Empty rows between what stays at the top.
    air: u16,
}

impl Places {
    fn new(area: Rect, stays: usize) -> Self {
        let roomy = area.width >= TILES_FROM.0 && area.height >= TILES_FROM.1;
        let (sums, air) = if roomy { (TILE_ROWS, 1) } else { (1, 0) };
        // An empty row under the sums sets them apart.
        let rest = below(area, sums + 1);
        let rows = u16::try_from(stays).unwrap_or(u16::MAX).saturating_mul(Block::ROWS + air);
        let most = rest.height.saturating_sub(TURNING_ROWS_MIN);
        let whole = most / (Block::ROWS + air) * (Block::ROWS + air);
        let rows = rows.min(whole);
        Self { sums: top(area, sums), stays: top(rest, rows), turning: below(rest, rows), air }
    }

    /// How many blocks have room at the top.
    fn stay(&self) -> usize {
        usize::from(self.stays.height / (Block::ROWS + self.air))
    }
}

impl Drawn {
    fn new(cx: &Cx<'_>, area: Rect) -> Self {
        let (mut stays, mut sections) = (rows::wrong(cx), rows::sections(cx));
        let places = Places::new(area, stays.len().max(1));
        if stays.len() > places.stay() {
            // The gravest stand first: what has no room beside them takes turns with the rest.
            let more = stays.split_off(places.stay());
            sections.insert(0, Section::new("also open", Role::Failed, more));
        }
        if stays.is_empty() {
            stays.push(rows::calm(cx));
        }
        let rows = |section: &Section| section.blocks.iter().map(|block| usize::from(block.rows())).collect();
        let heights: Vec<Vec<usize>> = sections.iter().map(rows).collect();
        let pages = Pages::new(&heights, columns(places.turning.width), usize::from(places.turning.height));
        Self { sums: rows::sums(cx), stays, sections, pages, places }
    }
}

/// How many columns stand beside each other.
fn columns(width: u16) -> usize {
    match width {
        0..130 => 1,
        130..220 => 2,
        220.. => 3,
    }
}

impl Face for Wall {
    fn scope(&self) -> Scope {
        Scope::Wall
    }

    fn crumbs(&self, cx: &Cx<'_>) -> Vec<Safe> {
        let site = cx.world.site.as_ref().map(|site| Safe::new(&site.name)).filter(|name| !name.is_empty());
        site.into_iter().chain([Safe::new("wall")]).collect()
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![foot(Act::Anywhere(Anywhere::Back)).says("leave (runs go on)")]
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        let pages = Drawn::new(cx, inset(cx.areas.body)).pages;
        match pages.count() {
            0 | 1 => Vec::new(),
            all => {
                let seconds = TURN_MS / 1_000;
                vec![
                    text(Role::Title, safe!("page {} of {all}", pages.turn(cx.now()) + 1)),
                    text(Role::Muted, safe!(" · every {seconds} s")),
                ]
            }
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let area = inset(area);
        if let Some(words) = rows::nothing_to_see(cx) {
            paint.text(below(area, 1), Role::Title, words);
            return;
        }
        let drawn = Drawn::new(cx, area);
        match drawn.places.air {
            0 => line_of_sums(paint, drawn.places.sums, &drawn.sums),
            _ => tiles(cx, paint, drawn.places.sums, &drawn.sums),
        }
        let mut left = drawn.places.stays;
        left.width = left.width.min(STAYS_COLUMNS_MAX);
        for block in &drawn.stays {
            paint.lines(top(left, Block::ROWS), &block.0);
            left = below(left, Block::ROWS + drawn.places.air);
        }
        let count = columns(area.width);
        for (nth, column) in drawn.pages.page(cx.now()).iter().enumerate() {
            draw_column(paint, part(drawn.places.turning, nth, count), &drawn, column);
        }
    }

    fn act(&mut self, _: &Cx<'_>, _: Act) -> Vec<Do> {
        Vec::new()
    }
}

/// The `nth` of so many equal parts of an area, side by side.
fn part(area: Rect, nth: usize, count: usize) -> Rect {
    let (nth, count) = (u16::try_from(nth).unwrap_or(u16::MAX), u16::try_from(count.max(1)).unwrap_or(1));
    let width = area.width.saturating_sub(BETWEEN * (count - 1)) / count;
    let x = area.x.saturating_add(nth.saturating_mul(width + BETWEEN)).min(area.right());
    Rect { x, width: width.min(area.right() - x), ..area }
}

fn line_of_sums(paint: &mut Paint<'_>, area: Rect, sums: &[Sum]) {
    let mut line = Vec::new();
    for (nth, sum) in sums.iter().enumerate() {
        if nth > 0 {
            line.push(spring());
        }
        line.extend([text(Role::Muted, sum.name), gap(1), text(sum.role, safe!("{}", sum.number))]);
        if let (Some(short), true) = (&sum.short, sum.number > 0) {
            line.push(text(sum.role, safe!(" {short}")).yields());
        }
    }
    paint.line(area, &line);
}

/// The sums, and the time of day, which every wall has.
fn tiles(cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect, sums: &[Sum]) {
    let (now, zone) = (cx.now(), &cx.here.zone);
    let count = sums.len() + 1;
    for (nth, sum) in sums.iter().enumerate() {
        tile(paint, part(area, nth, count), sum.name, (sum.role, safe!("{}", sum.number)), &sum.words);
    }
    let time = (Role::Title, Safe::new(moment::time(now, zone)));
    tile(paint, part(area, sums.len(), count), "time", time, &Safe::new(moment::day_alone(now, zone)));
}

fn tile(paint: &mut Paint<'_>, area: Rect, title: &'static str, (role, big): (Role, Safe), words: &Safe) {
    let mut paint = paint.on(Ground::Panel);
    let inside = paint.panel(area, title);
    paint.line(inside, &[spring(), text(role, big), spring()]);
    let words = words.cut_end(usize::from(inside.width));
    paint.line(below(inside, 1), &[spring(), text(Role::Muted, words), spring()]);
}

fn draw_column(paint: &mut Paint<'_>, area: Rect, drawn: &Drawn, column: &Column) {
    let air = u16::from(drawn.pages.has_air());
    let mut left = area;
    for stretch in column {
        let Some(section) = drawn.sections.get(stretch.section) else { continue };
        let (all, last) = (section.blocks.len(), stretch.blocks.end);
        let right = match stretch.blocks.start == 0 && last == all {
            true => safe!("{}", section.of),
            false => safe!("{} to {last} of {}", stretch.blocks.start + 1, section.of),
        };
        paint.rule_of(left, section.role, section.title, right);
        left = below(left, 1);
        for block in section.blocks.get(stretch.blocks.clone()).unwrap_or_default() {
            paint.lines(top(left, Block::ROWS), &block.0);
            left = below(left, block.rows() + air);
        }
        left = below(left, 1 - air);
    }
}
