//! How a log looks: time, host where several are merged, a mark for standard error and for our own words.

use super::{Growth, LogPane, Place, State, Times, Wrap};
use crate::console::effect::Want;
use crate::console::model::{Cx, LOADING_AFTER_MS};
use crate::console::moment;
use crate::console::msg::LogRow;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::paint::{Paint, below, first_row, indent};
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::words;
use crate::domain::Timestamp;
use crate::domain::order::Stream;
use crate::terminal::line::{Safe, SafeLine};
use ratatui::layout::Rect;

const HOST_COLUMNS_MAX: usize = 14;

impl LogPane {
    /// `1 284 lines · following`, for the right end of the pane's rule.
    pub fn standing(&self, growth: Growth) -> Safe {
        if self.total == 0 && matches!(self.state, State::Asked(_)) {
            // How many there are is not known yet.
            return Safe::default();
        }
        let lines = words::count(usize::try_from(self.total).unwrap_or(usize::MAX), "line", "lines");
        let below = self.total.saturating_sub(self.end());
        let place = match self.place {
            Place::Follow if growth == Growth::Over => "all of it".to_owned(),
            Place::Follow => "following".to_owned(),
            Place::Line(_) if below > 0 => {
                format!("held · {} below", words::number(usize::try_from(below).unwrap_or(usize::MAX)))
            }
            Place::Line(_) => "held, s follows".to_owned(),
        };
        match &self.search {
            Some(search) => match (search.hits, search.at) {
                (Some(hits), Some(at)) => safe!("hit {} of {hits} · {lines} · {place}", at + 1),
                (Some(0), None) => safe!("no hit · {lines} · {place}"),
                (None | Some(_), _) => safe!("{lines} · {place}"),
            },
            None => safe!("{lines} · {place}"),
        }
    }

    /// Draws the lines. `start` is the moment that times count from.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect, start: Option<Timestamp>, growth: Growth) {
        paint.clear(area);
        let area = match &self.amiss {
            Some(amiss) if area.height > 1 => {
                let last = Rect { y: area.bottom() - 1, height: 1, ..area };
                paint.text(last, Role::Warning, Safe::new(amiss));
                Rect { height: area.height - 1, ..area }
            }
            Some(_) | None => area,
        };
        if self.rows.is_empty() {
            let words = match &self.state {
                State::Failed(why) => Some((Role::Failed, safe!("the log cannot be read: {why}"))),
                State::Asked(_) if cx.waiting(Want::Log).is_some_and(|ms| ms >= LOADING_AFTER_MS) => {
                    Some((Role::Muted, Safe::new("reading the log …")))
                }
                State::Asked(_) => None,
                State::Ready => Some((Role::Muted, Safe::new(growth.nothing()))),
            };
            if let Some((role, words)) = words {
                paint.text(area, role, words);
            }
            return;
        }
        let columns = self.columns();
        let mut left = area;
        let top = self.top(area);
        for (number, row) in self.numbered(top) {
            for (nth, piece) in self.pieces_of(row, area.width, columns).into_iter().enumerate() {
                if left.height == 0 {
                    return;
                }
                self.draw_line(cx, paint, left, row, (nth == 0).then_some(()), &piece, columns, start);
                left = below(left, 1);
            }
            if self.marks.contains(&number) && left.height > 0 {
                paint.rule_of(left, Role::Accent, "", "read so far");
                left = below(left, 1);
            }
        }
    }

    /// The line on top when the pane has this size.
    pub(super) fn top(&self, area: Rect) -> u64 {
        match self.place {
            Place::Follow => self.bottom_top(area),
            Place::Line(number) => number.clamp(self.first, self.end().saturating_sub(1).max(self.first)),
        }
    }

    /// The line on top when the last one is at the bottom.
    pub(super) fn bottom_top(&self, area: Rect) -> u64 {
        let columns = self.columns();
        let mut room = usize::from(area.height);
        let mut top = self.end();
        for (number, row) in self.numbered(self.first).rev() {
            let mut needs = match self.wrap {
                Wrap::Cut => 1,
                Wrap::Wrapped => self.pieces_of(row, area.width, columns).len(),
            };
            needs += usize::from(self.marks.contains(&number));
            match room.checked_sub(needs) {
                Some(left) => room = left,
                None => break,
            }
            top = number;
        }
        top.min(self.end().saturating_sub(1)).max(self.first)
    }

    fn columns(&self) -> Columns {
        let time = match self.times {
            Times::Clock => 9,
            Times::SinceStart => 8,
            Times::Off => 0,
        };
        let host = match self.host {
            Some(_) => 0,
            None => {
                let widest = self.rows.iter().rev().take(HOSTS_LOOKED_AT).map(|row| Safe::new(&row.host).width()).max();
                widest.map_or(0, |columns| columns.min(HOST_COLUMNS_MAX) + 1)
            }
        };
        Columns { time, host }
    }

    fn pieces_of(&self, row: &LogRow, width: u16, columns: Columns) -> Vec<SafeLine> {
        let room = usize::from(width).saturating_sub(columns.all()).max(1);
        match self.wrap {
            Wrap::Cut => vec![row.text.window(self.left, usize::MAX / 2)],
            Wrap::Wrapped => row.text.wrap(room),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "one line's worth of what a line is")]
    fn draw_line(
        &self,
        cx: &Cx<'_>,
        paint: &mut Paint<'_>,
        area: Rect,
        row: &LogRow,
        first: Option<()>,
        line: &SafeLine,
        columns: Columns,
        start: Option<Timestamp>,
    ) {
        let mut pieces: Vec<Piece> = Vec::new();
        let wide = |columns: usize| u16::try_from(columns).unwrap_or(u16::MAX);
        let time = match (self.times, first) {
            (Times::Clock, Some(())) => moment::time_to_second(row.at, &cx.here.zone),
            (Times::SinceStart, Some(())) => format!("+{}", moment::counter(row.at.ms_since(start.unwrap_or(row.at)))),
            (Times::Off, _) | (_, None) => String::new(),
        };
        pieces.push(text(Role::Faint, time).cols(wide(columns.time)));
        if columns.host > 0 {
            let host = if first.is_some() { row.host.as_str() } else { "" };
            pieces.push(name(Role::Muted, host).cols(wide(columns.host - 1)));
            pieces.push(gap(1));
        }
        let (mark, role) = match row.stream {
            Stream::Out => (" ", Role::Text),
            Stream::Err => ("E", Role::ErrorText),
            Stream::Note => ("=", Role::Muted),
        };
        pieces.push(text(role, mark).cols(2));
        paint.line(area, &pieces);
        let area = indent(area, wide(columns.all()));
        paint.host_line(area, line, role);
        self.mark_hits(paint, area, line);
    }

    fn mark_hits(&self, paint: &mut Paint<'_>, area: Rect, line: &SafeLine) {
        let Some(regex) = self.search.as_ref().and_then(|search| search.regex.as_ref()) else {
            return;
        };
        let shown = line.text();
        let shown = shown.as_str();
        for hit in regex.find_iter(shown).filter(|hit| !hit.is_empty()).take(HITS_MARKED_MAX) {
            let from = Safe::new(shown.get(..hit.start()).unwrap_or_default()).width();
            let (from, columns) = (u16::try_from(from), u16::try_from(Safe::new(hit.as_str()).width()));
            if let (Ok(from), Ok(columns)) = (from, columns) {
                paint.tint(Rect { width: columns, ..indent(first_row(area), from) }.intersection(area), Role::Hit);
            }
        }
    }
}

/// Lines looked at to know how wide host names are: those near the end, not all that are loaded.
const HOSTS_LOOKED_AT: usize = 200;

/// Hits marked in one line: `.` would mark each character of it.
const HITS_MARKED_MAX: usize = 64;

#[derive(Clone, Copy)]
struct Columns {
    time: usize,
    host: usize,
}

impl Columns {
    fn all(self) -> usize {
        // Two for the stream's mark.
        self.time + self.host + 2
    }
}
