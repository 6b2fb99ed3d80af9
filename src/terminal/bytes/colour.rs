//! Bringing a colour to what a terminal shows.

use ratatui::style::Color;

use super::Colours;
use crate::terminal::line::Colour;

/// xterm's first sixteen, by which nearness is judged; a person's theme may show them otherwise.
const ANSI: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// The six levels of xterm's colour cube.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The colour as a terminal of so many colours shows it.
pub(super) fn brought_to(colours: Colours, colour: Color) -> Colour {
    let colour = ours(colour);
    match (colours, colour) {
        (Colours::None, _) | (_, Colour::Default) => Colour::Default,
        (_, Colour::Ansi(_)) | (Colours::True, _) | (Colours::Indexed256, Colour::Indexed(_)) => colour,
        (Colours::Indexed256, Colour::Rgb(r, g, b)) => Colour::Indexed(nearest_indexed((r, g, b))),
        (Colours::Ansi16, Colour::Indexed(n @ 0..=15)) => Colour::Ansi(n),
        (Colours::Ansi16, Colour::Indexed(n)) => Colour::Ansi(nearest_ansi(rgb_of(n))),
        (Colours::Ansi16, Colour::Rgb(r, g, b)) => Colour::Ansi(nearest_ansi((r, g, b))),
    }
}

fn ours(colour: Color) -> Colour {
    match colour {
        Color::Reset => Colour::Default,
        Color::Black => Colour::Ansi(0),
        Color::Red => Colour::Ansi(1),
        Color::Green => Colour::Ansi(2),
        Color::Yellow => Colour::Ansi(3),
        Color::Blue => Colour::Ansi(4),
        Color::Magenta => Colour::Ansi(5),
        Color::Cyan => Colour::Ansi(6),
        Color::Gray => Colour::Ansi(7),
        Color::DarkGray => Colour::Ansi(8),
        Color::LightRed => Colour::Ansi(9),
        Color::LightGreen => Colour::Ansi(10),
        Color::LightYellow => Colour::Ansi(11),
        Color::LightBlue => Colour::Ansi(12),
        Color::LightMagenta => Colour::Ansi(13),
        Color::LightCyan => Colour::Ansi(14),
        Color::White => Colour::Ansi(15),
        Color::Indexed(n) => Colour::Indexed(n),
        Color::Rgb(r, g, b) => Colour::Rgb(r, g, b),
    }
}

fn rgb_of(n: u8) -> (u8, u8, u8) {
    let level = |i: u8| CUBE.get(usize::from(i)).copied().unwrap_or_default();
    match n {
        16..=231 => (level((n - 16) / 36), level((n - 16) / 6 % 6), level((n - 16) % 6)),
        232..=255 => (8 + (n - 232) * 10, 8 + (n - 232) * 10, 8 + (n - 232) * 10),
        0..=15 => ANSI.get(usize::from(n)).copied().unwrap_or_default(),
    }
}

/// Indexes 16 to 255 only: the first sixteen are the person's own and may be anything. The distance is a sum over the
/// channels, so the nearest of the cube is the nearest level of each, and the nearest grey is nearest to their mean.
fn nearest_indexed(rgb: (u8, u8, u8)) -> u8 {
    let (r, g, b) = rgb;
    let level = |c: u8| (0..6).min_by_key(|&i| CUBE.get(usize::from(i)).map_or(255, |l| l.abs_diff(c))).unwrap_or(0);
    let cube = 16 + 36 * level(r) + 6 * level(g) + level(b);
    let mean = (2 * u32::from(r) + 4 * u32::from(g) + 3 * u32::from(b)) / 9;
    let grey = 232 + u8::try_from((mean.saturating_sub(3) / 10).min(23)).unwrap_or(0);
    if distance(rgb_of(grey), rgb) < distance(rgb_of(cube), rgb) { grey } else { cube }
}

fn nearest_ansi(rgb: (u8, u8, u8)) -> u8 {
    (0..16).min_by_key(|&n| distance(rgb_of(n), rgb)).unwrap_or(7)
}

/// Squared distance, weighted as the eye weighs the primaries.
fn distance(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    2 * square(a.0, b.0) + 4 * square(a.1, b.1) + 3 * square(a.2, b.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_down_to_the_nearest() {
        let red = Color::Rgb(255, 0, 0);
        assert_eq!(brought_to(Colours::True, red), Colour::Rgb(255, 0, 0));
        assert_eq!(brought_to(Colours::Indexed256, red), Colour::Indexed(196));
        assert_eq!(brought_to(Colours::Ansi16, red), Colour::Ansi(9));
        assert_eq!(brought_to(Colours::None, red), Colour::Default);
        assert_eq!(brought_to(Colours::Indexed256, Color::Rgb(128, 128, 128)), Colour::Indexed(244));
        assert_eq!(brought_to(Colours::Ansi16, Color::Indexed(22)), Colour::Ansi(0));
        assert_eq!(brought_to(Colours::Ansi16, Color::Indexed(5)), Colour::Ansi(5));
        assert_eq!(brought_to(Colours::Indexed256, Color::LightBlue), Colour::Ansi(12), "a person's own colour stays");
        for n in 16..=255 {
            assert_eq!(rgb_of(nearest_indexed(rgb_of(n))), rgb_of(n), "the table is its own nearest");
        }
        for n in 0..4096u32 {
            let channel = |shift: u32| u8::try_from((n >> shift & 15) * 17).unwrap();
            let rgb = (channel(8), channel(4), channel(0));
            let best = (16..=255).map(|n| distance(rgb_of(n), rgb)).min().unwrap();
            assert_eq!(distance(rgb_of(nearest_indexed(rgb)), rgb), best, "{rgb:?}");
        }
    }
}
