//! A host's bytes on their way to a viewer's terminal: filter, frame, painter, and a terminal that reads what came out.

use quarterdeck::terminal::bytes::{Capability, Painter};
use quarterdeck::terminal::filter::{Filter, OutputLine, lines, raw_lines};
use quarterdeck::terminal::line::{SafeLine, is_hidden};
use ratatui::buffer::{Buffer, CellWidth};
use ratatui::text::{Line, Text};
use ratatui::widgets::Paragraph;

const COLUMNS: u16 = 80;
const ROWS: u16 = 24;

/// What reaches the terminal, and the frame it stands for.
pub struct Shown {
    bytes: Vec<u8>,
    frame: Buffer,
}

/// The way it goes in the product.
pub fn ours(data: &[u8]) -> Shown {
    let (mut painter, mut frame) = (Painter::new(COLUMNS, ROWS, Capability::FULL), Buffer::default());
    let half = ROWS / 2;
    let marked = lines(data).into_iter().map(|line| line.marked()).take(half.into());
    let drawn: Vec<Line<'_>> = marked.chain(raw_lines(data).into_iter().take(half.into())).map(cut).collect();
    let bytes = painter.draw(|view| {
        view.render_widget(Paragraph::new(Text::from(drawn)), view.area());
        frame = view.buffer_mut().clone();
    });
    Shown { bytes, frame }
}

fn cut(line: SafeLine) -> Line<'static> {
    line.cut_end(COLUMNS.into()).into()
}

/// Wrong on purpose: what a pager without a filter does.
pub fn passed_on(data: &[u8]) -> Shown {
    Shown { bytes: data.to_vec(), ..ours(data) }
}

/// Nothing but text, colour and cursor moves leaves, and the terminal shows the frame; the cells do not depend on cuts.
pub fn check(data: &[u8], way: fn(&[u8]) -> Shown) -> Result<(), String> {
    let shown = way(data);
    let mut grammar = Grammar::default();
    vte::Parser::new().advance(&mut grammar, &shown.bytes);
    if let Some(wrong) = grammar.wrong.first() {
        return Err(format!("sent to the terminal: {wrong}"));
    }
    let mut far = vt100::Parser::new(ROWS.try_into().unwrap(), COLUMNS.try_into().unwrap(), 0);
    // The terminal in this test draws no U+FFFD at all.
    far.process(String::from_utf8_lossy(&shown.bytes).replace('\u{fffd}', "?").as_bytes());
    same_cells(&shown.frame, far.screen())?;
    same_at_every_split(data, split)
}

fn same_cells(frame: &Buffer, screen: &vt100::Screen) -> Result<(), String> {
    for y in 0..ROWS {
        // Terminals differ in how wide other scripts' marks are: rows with them are judged by what was sent alone.
        if !(0..COLUMNS).all(|x| frame[(x, y)].symbol().chars().all(same_everywhere)) {
            continue;
        }
        let mut x = 0;
        while x < COLUMNS {
            let symbol = frame[(x, y)].symbol();
            let far = screen.cell(y, x).ok_or("no such cell")?;
            let contents = if far.has_contents() { far.contents() } else { " " };
            if contents != symbol.replace('\u{fffd}', "?") {
                return Err(format!("{contents:?} instead of {symbol:?} at {x},{y}"));
            }
            x += symbol.cell_width().max(1);
        }
    }
    Ok(())
}

/// Characters that are as wide on every terminal.
fn same_everywhere(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{c0}'..='\u{24f}' | '\u{4e00}'..='\u{9fff}' | '…' | '␛' | '↩' | '\u{fffd}')
}

/// The lines of `data` when it comes in two pieces.
fn split(data: &[u8], at: usize) -> Vec<OutputLine> {
    let (mut filter, mut out) = (Filter::new(), Vec::new());
    let (left, right) = data.split_at(at);
    filter.push(left, &mut out);
    filter.push(right, &mut out);
    out.extend(filter.finish());
    out
}

/// Wrong on purpose: each piece for itself.
pub fn forgetful(data: &[u8], at: usize) -> Vec<OutputLine> {
    let (left, right) = data.split_at(at);
    [lines(left), lines(right)].concat()
}

/// How many cuts of one input are tried.
const CUTS_MAX: usize = 64;

/// Any cut gives the same lines.
pub fn same_at_every_split(data: &[u8], split: fn(&[u8], usize) -> Vec<OutputLine>) -> Result<(), String> {
    let whole = lines(data);
    for at in (0..=data.len()).step_by(data.len() / CUTS_MAX + 1) {
        if split(data, at) != whole {
            return Err(format!("other lines when cut at {at}"));
        }
    }
    Ok(())
}

/// Collects all that is not allowed to leave.
#[derive(Default)]
struct Grammar {
    wrong: Vec<String>,
}

impl vte::Perform for Grammar {
    fn print(&mut self, c: char) {
        if is_hidden(c) {
            self.wrong.push(format!("print {c:?}"));
        }
    }
    fn execute(&mut self, byte: u8) {
        if !matches!(byte, b'\r' | b'\n') {
            self.wrong.push(format!("control {byte:02x}"));
        }
    }
    fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        let first = params.iter().next().and_then(|param| param.first().copied()).unwrap_or_default();
        let allowed = match (intermediates, action) {
            ([], 'H' | 'C' | 'D' | 'J' | 'K' | 'X' | 'm') => true,
            ([b'?'], 'h' | 'l') => matches!(first, 25 | 2026),
            _ => false,
        };
        if !allowed || ignore {
            self.wrong.push(format!("CSI {params:?} {intermediates:?} {action}"));
        }
    }
    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.wrong.push(format!("ESC {byte:02x}"));
    }
    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.wrong.push(format!("OSC {params:?}"));
    }
    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
        self.wrong.push(format!("DCS {action}"));
    }
}
