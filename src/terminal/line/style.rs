//! How a run of text looks: the part of SGR (select graphic rendition, ECMA-48 §8.3.117) that carries meaning in a log.
//!
//! Deliberately absent: blink (nothing blinks) and conceal (nothing is hidden).

use ratatui::style::{Color, Modifier, Style};

/// A colour as SGR names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Colour {
    /// The terminal's own.
    #[default]
    Default,
    /// One of the 16 that a person's terminal theme defines: 0–7 normal, 8–15 bright.
    Ansi(u8),
    /// One of the 256 of xterm's table: a 6×6×6 cube from 16 on, 24 greys from 232 on.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

impl Colour {
    /// The one way to write this colour by which two of them can be compared.
    fn seen(self) -> Self {
        /// Levels of red, green and blue in xterm's cube.
        const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
        let level = |n: u8| LEVELS.get(usize::from(n % 6)).copied().unwrap_or_default();
        match self {
            Self::Default | Self::Rgb(..) => self,
            Self::Ansi(n) => Self::Ansi(n & 15),
            Self::Indexed(n @ 0..16) => Self::Ansi(n),
            Self::Indexed(n @ 16..232) => Self::Rgb(level((n - 16) / 36), level((n - 16) / 6), level(n - 16)),
            Self::Indexed(n @ 232..) => Self::Rgb(8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10),
        }
    }
}

/// A set of text attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attrs(u8);

impl Attrs {
    /// No attribute.
    pub const NONE: Self = Self(0);
    /// SGR 1.
    pub const BOLD: Self = Self(1);
    /// SGR 2.
    pub const DIM: Self = Self(2);
    /// SGR 3.
    pub const ITALIC: Self = Self(4);
    /// SGR 4.
    pub const UNDERLINE: Self = Self(8);
    /// SGR 7: foreground and background change places.
    pub const REVERSE: Self = Self(16);
    /// SGR 9.
    pub const STRIKE: Self = Self(32);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set less the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the other set is in this one.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How a run of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StyleBits {
    /// Colour of the text.
    pub fg: Colour,
    /// Colour behind the text.
    pub bg: Colour,
    /// Bold, underline and the like.
    pub attrs: Attrs,
}

impl StyleBits {
    /// The terminal's own colours, no attribute.
    pub const PLAIN: Self = Self { fg: Colour::Default, bg: Colour::Default, attrs: Attrs::NONE };

    /// Plain text with these attributes.
    #[must_use]
    pub const fn attrs(attrs: Attrs) -> Self {
        Self { attrs, ..Self::PLAIN }
    }

    /// The style as it may be shown: text in the colour of its own background loses that background, for a host must
    /// not be able to write what nobody sees.
    #[must_use]
    pub fn visible(mut self) -> Self {
        if self.fg.seen() == self.bg.seen() {
            self.bg = Colour::Default;
        }
        self
    }
}

impl From<Colour> for Color {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Default => Self::Reset,
            Colour::Ansi(n) => match n & 15 {
                0 => Self::Black,
                1 => Self::Red,
                2 => Self::Green,
                3 => Self::Yellow,
                4 => Self::Blue,
                5 => Self::Magenta,
                6 => Self::Cyan,
                7 => Self::Gray,
                8 => Self::DarkGray,
                9 => Self::LightRed,
                10 => Self::LightGreen,
                11 => Self::LightYellow,
                12 => Self::LightBlue,
                13 => Self::LightMagenta,
                14 => Self::LightCyan,
                _ => Self::White,
            },
            Colour::Indexed(n) => Self::Indexed(n),
            Colour::Rgb(r, g, b) => Self::Rgb(r, g, b),
        }
    }
}

impl From<Attrs> for Modifier {
    fn from(attrs: Attrs) -> Self {
        let table = [
            (Attrs::BOLD, Self::BOLD),
            (Attrs::DIM, Self::DIM),
            (Attrs::ITALIC, Self::ITALIC),
            (Attrs::UNDERLINE, Self::UNDERLINED),
            (Attrs::REVERSE, Self::REVERSED),
            (Attrs::STRIKE, Self::CROSSED_OUT),
        ];
        table.into_iter().filter(|(ours, _)| attrs.has(*ours)).fold(Self::empty(), |all, (_, theirs)| all | theirs)
    }
}

/// Default colours are left to what lies beneath, so that a log takes the colours of its pane.
impl From<StyleBits> for Style {
    fn from(bits: StyleBits) -> Self {
        let named = |colour: Colour| (colour != Colour::Default).then(|| Color::from(colour));
        Self { fg: named(bits.fg), bg: named(bits.bg), ..Self::new().add_modifier(bits.attrs.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_a_set() {
        let both = Attrs::BOLD.with(Attrs::UNDERLINE);
        assert!(both.has(Attrs::BOLD) && both.has(both) && !both.has(Attrs::DIM));
        assert_eq!(both.without(Attrs::BOLD), Attrs::UNDERLINE);
        assert_eq!(Modifier::from(both), Modifier::BOLD | Modifier::UNDERLINED);
    }

    #[test]
    fn default_colours_are_left_to_the_pane() {
        assert_eq!(Style::from(StyleBits::PLAIN), Style::new());
        let red = StyleBits { fg: Colour::Ansi(1), ..StyleBits::PLAIN };
        assert_eq!(Style::from(red), Style::new().fg(Color::Red));
    }

    #[test]
    fn t_text_in_its_own_background_is_made_visible() {
        let hidden = StyleBits { fg: Colour::Ansi(0), bg: Colour::Ansi(0), attrs: Attrs::NONE };
        assert_eq!(hidden.visible().bg, Colour::Default);
        for (fg, bg) in [
            (Colour::Ansi(0), Colour::Indexed(0)),
            (Colour::Indexed(9), Colour::Ansi(9)),
            (Colour::Indexed(16), Colour::Rgb(0, 0, 0)),
            (Colour::Indexed(67), Colour::Rgb(95, 135, 175)),
            (Colour::Rgb(8, 8, 8), Colour::Indexed(232)),
        ] {
            assert_eq!(StyleBits { fg, bg, ..hidden }.visible().bg, Colour::Default, "{fg:?} on {bg:?}");
        }
        let shown = StyleBits { fg: Colour::Indexed(7), bg: Colour::Ansi(0), ..hidden };
        assert_eq!(shown.visible(), shown);
        assert_eq!(StyleBits::PLAIN.visible(), StyleBits::PLAIN);
    }
}
