//! The pen: what SGR state the terminal is in, and the shortest way to another.

use ratatui::buffer::Cell;
use ratatui::style::Modifier;

use super::colour::brought_to;
use super::{Capability, Colours, Screen};
use crate::terminal::line::{Attrs, Colour, StyleBits};

/// SGR codes: attribute, on, off. Bold and dim share their off.
const ATTRS: [(Attrs, u8, u8); 6] = [
    (Attrs::BOLD, 1, 22),
    (Attrs::DIM, 2, 22),
    (Attrs::ITALIC, 3, 23),
    (Attrs::UNDERLINE, 4, 24),
    (Attrs::REVERSE, 7, 27),
    (Attrs::STRIKE, 9, 29),
];

/// What a VT100 has of them.
const VT100_ATTRS: Attrs = Attrs::BOLD.with(Attrs::UNDERLINE).with(Attrs::REVERSE);

/// The terminal's SGR state.
#[derive(Debug)]
pub(super) struct Pen {
    colours: Colours,
    screen: Screen,
    /// None: not known.
    style: Option<StyleBits>,
}

impl Pen {
    /// A pen as it is after a reset.
    pub fn new(capability: Capability) -> Self {
        Self { colours: capability.colours, screen: capability.screen, style: Some(StyleBits::PLAIN) }
    }

    /// The state it is in. Unknown counts as one in which a blank is not blank.
    pub fn style(&self) -> StyleBits {
        self.style.unwrap_or(StyleBits::attrs(Attrs::REVERSE))
    }

    /// Nothing is known any more.
    pub fn forget(&mut self) {
        self.style = None;
    }

    /// How a cell looks on this terminal. Blinking and hidden text does not exist.
    pub fn look(&self, cell: &Cell) -> StyleBits {
        let mut attrs = Attrs::NONE;
        for (theirs, ours) in [
            (Modifier::BOLD, Attrs::BOLD),
            (Modifier::DIM, Attrs::DIM),
            (Modifier::ITALIC, Attrs::ITALIC),
            (Modifier::UNDERLINED, Attrs::UNDERLINE),
            (Modifier::REVERSED, Attrs::REVERSE),
            (Modifier::CROSSED_OUT, Attrs::STRIKE),
        ] {
            let shown = self.screen == Screen::Full || VT100_ATTRS.has(ours);
            if shown && cell.modifier.contains(theirs) {
                attrs = attrs.with(ours);
            }
        }
        StyleBits { fg: brought_to(self.colours, cell.fg), bg: brought_to(self.colours, cell.bg), attrs }
    }

    /// A look that is the same for a blank, and the nearest to the state it is in: of what it has nobody sees more than its ground.
    pub fn blank(&self, look: StyleBits) -> StyleBits {
        match self.style {
            Some(now) if blank_is_plain(now) && blank_is_plain(look) => StyleBits { bg: look.bg, ..now },
            Some(_) | None => look,
        }
    }

    /// The bytes that change the state; none when it is the same.
    pub fn change_to(&mut self, to: StyleBits) -> String {
        let from = self.style.replace(to);
        if from == Some(to) {
            return String::new();
        }
        let anew = sequence(&[vec![0], additions(StyleBits::PLAIN, to)].concat());
        match from {
            Some(from) if self.screen == Screen::Full => {
                let changed = sequence(&changes(from, to));
                if changed.len() < anew.len() { changed } else { anew }
            }
            // A VT100 cannot switch one attribute off.
            Some(from) if from.attrs.without(to.attrs) == Attrs::NONE => sequence(&additions(from, to)),
            Some(_) | None => anew,
        }
    }
}

/// Whether a blank in this style shows nothing but the terminal's own background.
pub(super) fn blank_is_blank(style: StyleBits) -> bool {
    style.bg == Colour::Default && blank_is_plain(style)
}

/// Whether a blank in this style shows nothing but its ground.
fn blank_is_plain(style: StyleBits) -> bool {
    let visible = Attrs::UNDERLINE.with(Attrs::REVERSE).with(Attrs::STRIKE);
    style.attrs.without(visible) == style.attrs
}

fn sequence(params: &[u8]) -> String {
    if params == [0] {
        return "\x1b[m".to_owned();
    }
    let params: Vec<String> = params.iter().map(u8::to_string).collect();
    format!("\x1b[{}m", params.join(";"))
}

/// Parameters from one state to another without a reset.
fn changes(from: StyleBits, to: StyleBits) -> Vec<u8> {
    let mut params = Vec::new();
    let mut left = from;
    for (attr, _, off) in ATTRS {
        let lost = left.attrs.has(attr) && !to.attrs.has(attr);
        if lost {
            params.push(off);
            let with_it = if off == 22 { Attrs::BOLD.with(Attrs::DIM) } else { attr };
            left.attrs = left.attrs.without(with_it);
        }
    }
    params.extend(additions(left, to));
    params
}

/// Parameters that add attributes and set colours.
fn additions(from: StyleBits, to: StyleBits) -> Vec<u8> {
    let mut params: Vec<u8> =
        ATTRS.iter().filter(|(attr, ..)| to.attrs.has(*attr) && !from.attrs.has(*attr)).map(|(_, on, _)| *on).collect();
    if from.fg != to.fg {
        colour(to.fg, 30, &mut params);
    }
    if from.bg != to.bg {
        colour(to.bg, 40, &mut params);
    }
    params
}

/// `base` is 30 for the foreground, 40 for the background.
fn colour(colour: Colour, base: u8, params: &mut Vec<u8>) {
    match colour {
        Colour::Default => params.push(base + 9),
        Colour::Ansi(n @ 0..=7) => params.push(base + n),
        Colour::Ansi(n) => params.push(base + 60 + (n & 7)),
        Colour::Indexed(n) => params.extend([base + 8, 5, n]),
        Colour::Rgb(r, g, b) => params.extend([base + 8, 2, r, g, b]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Pen {
        Pen::new(Capability::FULL)
    }

    #[test]
    fn the_shortest_change_is_taken() {
        let mut pen = full();
        let bold_red = StyleBits { fg: Colour::Ansi(1), bg: Colour::Default, attrs: Attrs::BOLD };
        assert_eq!(pen.change_to(bold_red), "\x1b[1;31m");
        assert_eq!(pen.change_to(bold_red), "");
        assert_eq!(pen.change_to(StyleBits { attrs: Attrs::NONE, ..bold_red }), "\x1b[22m");
        assert_eq!(pen.change_to(StyleBits { attrs: Attrs::DIM, ..bold_red }), "\x1b[2m");
        assert_eq!(pen.change_to(bold_red), "\x1b[22;1m");
        assert_eq!(
            pen.change_to(StyleBits { fg: Colour::Rgb(1, 2, 3), bg: Colour::Ansi(9), ..bold_red }),
            "\x1b[38;2;1;2;3;101m"
        );
        assert_eq!(pen.change_to(StyleBits::PLAIN), "\x1b[m");
        pen.forget();
        assert_eq!(pen.change_to(bold_red), "\x1b[0;1;31m");
    }

    #[test]
    fn a_vt100_is_reset_before_an_attribute_goes() {
        let mut pen = Pen::new(Capability::VT100);
        assert_eq!(pen.change_to(StyleBits::attrs(Attrs::BOLD)), "\x1b[1m");
        assert_eq!(pen.change_to(StyleBits::attrs(Attrs::BOLD.with(Attrs::REVERSE))), "\x1b[7m");
        assert_eq!(pen.change_to(StyleBits::attrs(Attrs::REVERSE)), "\x1b[0;7m");
        let mut cell = Cell::new("x");
        cell.modifier = Modifier::ITALIC | Modifier::BOLD;
        cell.fg = ratatui::style::Color::Red;
        assert_eq!(pen.look(&cell), StyleBits::attrs(Attrs::BOLD));
    }
}
