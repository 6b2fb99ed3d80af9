//! Colours by what they mean. A [`Role`] says what a piece of text is; a [`Theme`] says how that looks on a ground.
//!
//! Invariants: no state is told by colour alone (see `glyph`); every role is readable on every ground (a test computes
//! the contrast of each shipped theme); without colour, bold, reverse and underline still tell the roles apart that
//! matter. Nothing blinks. Deliberately absent: reading theme files (the console reads nothing; whoever starts it
//! hands in names and colours).

use ratatui::style::{Color, Modifier, Style};
use std::collections::BTreeMap;

/// What a piece of text is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Role {
    Text,
    /// What a screen or section is called.
    Title,
    /// Explanations, units, times.
    Muted,
    /// The quietest text there is; still readable.
    Faint,
    /// Thin lines between sections.
    Rule,
    /// What can be acted on: keys, links, the pointer.
    Accent,
    Ok,
    Running,
    Waiting,
    Failed,
    Unknown,
    Skipped,
    Refused,
    Warning,
    /// A filled block: nobody must miss that this is production.
    Production,
    Staging,
    Lab,
    /// Text that hosts wrote to standard error.
    ErrorText,
    /// What a search found.
    Hit,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 19] = [
        Role::Text,
        Role::Title,
        Role::Muted,
        Role::Faint,
        Role::Rule,
        Role::Accent,
        Role::Ok,
        Role::Running,
        Role::Waiting,
        Role::Failed,
        Role::Unknown,
        Role::Skipped,
        Role::Refused,
        Role::Warning,
        Role::Production,
        Role::Staging,
        Role::Lab,
        Role::ErrorText,
        Role::Hit,
    ];
}

/// What lies beneath a piece of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ground {
    #[default]
    Screen,
    /// An overlay or a pane set apart.
    Panel,
    /// The row that the next key acts on.
    Selected,
}

impl Ground {
    /// Every ground.
    pub const ALL: [Ground; 3] = [Ground::Screen, Ground::Panel, Ground::Selected];
}

macro_rules! palette {
    ($($name:ident),* $(,)?) => {
        /// The colours of a theme, named as in its file.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[allow(missing_docs, reason = "named as in the file")]
        pub struct Palette { $(pub $name: Color,)* }

        impl Palette {
            /// The names a theme must give a colour.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name),)*];

            fn read(colours: &BTreeMap<String, String>) -> Result<Self, ThemeError> {
                Ok(Self { $($name: colour(colours, stringify!($name))?,)* })
            }

            fn map(&self, to: impl Fn(Color) -> Color) -> Self {
                Self { $($name: to(self.$name),)* }
            }
        }
    };
}

palette!(
    text,
    title,
    muted,
    faint,
    background,
    panel,
    rule,
    accent,
    selection_bg,
    selection_text,
    ok,
    running,
    waiting,
    failed,
    unknown,
    skipped,
    refused,
    warning,
    production_bg,
    production_text,
    staging,
    lab,
    error_text,
    search_hit,
);

/// Why a theme cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ThemeError {
    /// A colour is not given.
    #[error("the theme gives no colour for `{0}`")]
    Missing(&'static str),
    /// A colour cannot be read.
    #[error("`{name}`: `{value}` is no colour; write \"#rrggbb\" or a name such as \"lightcyan\"")]
    Colour {
        /// Which.
        name: &'static str,
        /// As written.
        value: String,
    },
    /// A name that no role has.
    #[error("the theme names `{0}`, which nothing is drawn in")]
    Unknown(String),
}

/// How much colour a terminal has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Depth {
    /// 24 bits.
    #[default]
    True,
    /// xterm's table of 256.
    Indexed,
    /// The 16 that the terminal itself defines.
    Sixteen,
    /// None at all: `NO_COLOR`.
    Mono,
}

/// How roles look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Theme {
    name: String,
    palette: Option<Palette>,
}

impl Theme {
    /// A theme from its file's colours by name.
    pub fn from_roles(name: &str, colours: &BTreeMap<String, String>) -> Result<Self, ThemeError> {
        if let Some(stray) = colours.keys().find(|key| !Palette::NAMES.contains(&key.as_str())) {
            return Err(ThemeError::Unknown(stray.clone()));
        }
        Ok(Self { name: name.to_owned(), palette: Some(Palette::read(colours)?) })
    }

    /// No colour: bold, reverse and underline alone.
    pub fn mono() -> Self {
        Self { name: "mono".to_owned(), palette: None }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The colours, where there are any.
    pub fn palette(&self) -> Option<&Palette> {
        self.palette.as_ref()
    }

    /// The same theme on a terminal with less colour.
    pub fn at(&self, depth: Depth) -> Self {
        let palette = self.palette.as_ref();
        let palette = match depth {
            Depth::True => palette.cloned(),
            Depth::Indexed => palette.map(indexed),
            Depth::Sixteen => palette.map(sixteen),
            Depth::Mono => None,
        };
        Self { name: self.name.clone(), palette }
    }

    /// How a ground looks where no text stands.
    pub fn ground(&self, ground: Ground) -> Style {
        let Some(p) = &self.palette else {
            return match ground {
                Ground::Screen | Ground::Panel => Style::new(),
                Ground::Selected => Style::new().add_modifier(Modifier::REVERSED),
            };
        };
        match ground {
            Ground::Screen => Style::new().fg(p.text).bg(p.background),
            Ground::Panel => Style::new().fg(p.text).bg(p.panel),
            Ground::Selected => Style::new().fg(p.selection_text).bg(p.selection_bg),
        }
    }

    /// Whether text of this colour can be read on a ground.
    pub fn reads_on(&self, text: Color, ground: Ground) -> bool {
        match (&self.palette, self.ground(ground).bg) {
            (Some(_), Some(bg)) => readable(text, &[bg]),
            (Some(_), None) | (None, _) => false,
        }
    }

    /// How a piece of text looks on a ground.
    pub fn style(&self, role: Role, ground: Ground) -> Style {
        let base = self.ground(ground);
        let Some(p) = &self.palette else {
            return mono(role, base);
        };
        let plain = |colour| match ground {
            Ground::Screen | Ground::Panel => base.fg(colour),
            // A state whose colour drowns in the selection is told by its glyph and word alone.
            Ground::Selected if readable(colour, &[p.selection_bg]) => base.fg(colour),
            Ground::Selected => base,
        };
        let quiet = |colour| match ground {
            Ground::Screen | Ground::Panel => base.fg(colour),
            // The selected row says "this one" with one colour of text; only states keep theirs.
            Ground::Selected => base,
        };
        match role {
            Role::Text => quiet(p.text),
            Role::Title => quiet(p.title).add_modifier(Modifier::BOLD),
            Role::Muted => quiet(p.muted),
            Role::Faint => quiet(p.faint),
            Role::Rule => plain(p.rule),
            Role::Accent => plain(p.accent),
            Role::Ok => plain(p.ok),
            Role::Running => plain(p.running),
            Role::Waiting => plain(p.waiting),
            Role::Failed => plain(p.failed).add_modifier(Modifier::BOLD),
            Role::Unknown => plain(p.unknown).add_modifier(Modifier::BOLD),
            Role::Skipped => plain(p.skipped),
            Role::Refused => plain(p.refused),
            Role::Warning => plain(p.warning),
            Role::Production => Style::new().fg(p.production_text).bg(p.production_bg).add_modifier(Modifier::BOLD),
            Role::Staging => plain(p.staging),
            Role::Lab => plain(p.lab),
            Role::ErrorText => plain(p.error_text),
            Role::Hit => Style::new().fg(p.background).bg(p.search_hit),
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::mono()
    }
}

/// Contrast of two colours after WCAG 2.2 ("relative luminance", "contrast ratio"): 1 to 21. The 16 named colours
/// count as xterm draws them. `None` for the terminal's own default, which nobody knows.
pub fn contrast(a: Color, b: Color) -> Option<f64> {
    let (a, b) = (luminance(rgb(a)?), luminance(rgb(b)?));
    Some((a.max(b) + 0.05) / (a.min(b) + 0.05))
}

fn mono(role: Role, base: Style) -> Style {
    match role {
        Role::Text
        | Role::Muted
        | Role::Faint
        | Role::Rule
        | Role::Ok
        | Role::Running
        | Role::Waiting
        | Role::Skipped
        | Role::Staging
        | Role::Lab
        | Role::ErrorText => base,
        Role::Title | Role::Accent | Role::Failed | Role::Refused => base.add_modifier(Modifier::BOLD),
        Role::Warning => base.add_modifier(Modifier::UNDERLINED),
        Role::Unknown => base.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::Production => base.add_modifier(Modifier::BOLD | Modifier::REVERSED),
        Role::Hit => base.add_modifier(Modifier::REVERSED | Modifier::UNDERLINED),
    }
}

fn colour(colours: &BTreeMap<String, String>, name: &'static str) -> Result<Color, ThemeError> {
    let value = colours.get(name).ok_or(ThemeError::Missing(name))?;
    value.parse().map_err(|_| ThemeError::Colour { name, value: value.clone() })
}

/// Text contrast below this is not used (WCAG 2.2, 1.4.3 AA).
pub const CONTRAST_MIN: f64 = 4.5;

pub(super) fn readable(text: Color, grounds: &[Color]) -> bool {
    grounds.iter().all(|ground| contrast(text, *ground).is_some_and(|ratio| ratio >= CONTRAST_MIN))
}

/// The candidate nearest to a wanted colour that can be read on these grounds.
fn nearest(candidates: impl Iterator<Item = Color>, wanted: Color, grounds: &[Color]) -> Option<Color> {
    candidates.filter(|c| readable(*c, grounds)).min_by_key(|c| distance(*c, wanted))
}

fn sixteen(p: &Palette) -> Palette {
    let (ground, far) = match luminance(rgb(p.background).unwrap_or((0, 0, 0))) < 0.18 {
        true => (Color::Black, Color::White),
        false => (Color::White, Color::Black),
    };
    let selection_bg = if ground == Color::Black { Color::Blue } else { Color::LightCyan };
    Palette {
        background: ground,
        panel: ground,
        selection_bg,
        selection_text: far,
        production_bg: Color::Red,
        production_text: Color::White,
        rule: Color::DarkGray,
        ..p.map(|wanted| nearest(NAMED.into_iter(), wanted, &[ground]).unwrap_or(far))
    }
}

fn indexed(p: &Palette) -> Palette {
    let cube = || (16..=255).map(Color::Indexed);
    let plain = |wanted: Color| match wanted {
        Color::Rgb(..) => nearest(cube(), wanted, &[]).unwrap_or(wanted),
        named => named,
    };
    let (background, panel, selection_bg) = (plain(p.background), plain(p.panel), plain(p.selection_bg));
    let production_bg = plain(p.production_bg);
    let on = |wanted: Color, grounds: &[Color]| match wanted {
        Color::Rgb(..) => nearest(cube(), wanted, grounds).unwrap_or(wanted),
        named => named,
    };
    Palette {
        background,
        panel,
        selection_bg,
        selection_text: on(p.selection_text, &[selection_bg]),
        production_bg,
        production_text: on(p.production_text, &[production_bg]),
        rule: plain(p.rule),
        ..p.map(|wanted| on(wanted, &[background, panel]))
    }
}

const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

fn distance(a: Color, b: Color) -> u32 {
    let (Some(a), Some(b)) = (rgb(a), rgb(b)) else {
        return u32::MAX;
    };
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    // The eye's weights, roughly: green counts most.
    3 * square(a.0, b.0) + 6 * square(a.1, b.1) + square(a.2, b.2)
}

fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
    let part = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
}

/// xterm's default palette for the named colours, its cube and its greys for the indexed ones.
fn rgb(colour: Color) -> Option<(u8, u8, u8)> {
    Some(match colour {
        Color::Reset => return None,
        Color::Black => (0, 0, 0),
        Color::Red => (205, 0, 0),
        Color::Green => (0, 205, 0),
        Color::Yellow => (205, 205, 0),
        Color::Blue => (0, 0, 238),
        Color::Magenta => (205, 0, 205),
        Color::Cyan => (0, 205, 205),
        Color::Gray => (229, 229, 229),
        Color::DarkGray => (127, 127, 127),
        Color::LightRed => (255, 0, 0),
        Color::LightGreen => (0, 255, 0),
        Color::LightYellow => (255, 255, 0),
        Color::LightBlue => (92, 92, 255),
        Color::LightMagenta => (255, 0, 255),
        Color::LightCyan => (0, 255, 255),
        Color::White => (255, 255, 255),
        Color::Rgb(r, g, b) => (r, g, b),
        Color::Indexed(n @ 232..) => {
            let grey = 8 + 10 * (n - 232);
            (grey, grey, grey)
        }
        Color::Indexed(n @ 16..) => {
            let level = |v: u8| if v == 0 { 0 } else { 55 + 40 * v };
            (level((n - 16) / 36), level((n - 16) / 6 % 6), level((n - 16) % 6))
        }
        Color::Indexed(n) => return NAMED.get(usize::from(n)).and_then(|named| rgb(*named)),
    })
}

#[cfg(test)]
pub(super) mod tests;
