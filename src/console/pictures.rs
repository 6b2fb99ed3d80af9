//! The README's pictures: SVG made from the cells of real frames, held equal to the files by a test. Colours, weight and glyphs are
//! the frame's own; only the font is the reader's.

use super::fixture;
use super::harness::Harness;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// A cell's size in pixels: what common monospace fonts have at 14 pixels.
const WIDTH: u16 = 8;
const HEIGHT: u16 = 17;

fn hex(colour: Color, otherwise: &str) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        _ => otherwise.to_owned(),
    }
}

/// Foreground and background as drawn, reversal applied.
fn colours(cell: &Cell, paper: &str, ink: &str) -> (String, String) {
    let (fg, bg) = (hex(cell.fg, ink), hex(cell.bg, paper));
    if cell.modifier.contains(Modifier::REVERSED) { (bg, fg) } else { (fg, bg) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A frame as SVG.
fn svg(buffer: &Buffer) -> String {
    let area = buffer.area;
    let first = &buffer[(0, 0)];
    let (paper, ink) = (hex(first.bg, "#101418"), hex(first.fg, "#d8dee6"));
    let (wide, high) = (area.width * WIDTH + 16, area.height * HEIGHT + 16);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" \
         font-family=\"ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"14\">\n\
         <rect width=\"{wide}\" height=\"{high}\" rx=\"6\" fill=\"{paper}\"/>\n"
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let cell = &buffer[(x, y)];
            let (fg, bg) = colours(cell, &paper, &ink);
            let bold = cell.modifier.contains(Modifier::BOLD);
            let start = x;
            let mut text = String::new();
            while x < area.width {
                let next = &buffer[(x, y)];
                if colours(next, &paper, &ink) != (fg.clone(), bg.clone())
                    || next.modifier.contains(Modifier::BOLD) != bold
                {
                    break;
                }
                text.push_str(next.symbol());
                x += 1;
            }
            let (left, top) = (start * WIDTH + 8, y * HEIGHT + 8);
            if bg != paper {
                let width = (x - start) * WIDTH;
                writeln!(out, "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{bg}\"/>")
                    .unwrap();
            }
            if !text.trim().is_empty() {
                let weight = if bold { " font-weight=\"bold\"" } else { "" };
                let base = top + 13;
                let length = (x - start) * WIDTH;
                writeln!(
                    out,
                    "<text x=\"{left}\" y=\"{base}\" fill=\"{fg}\"{weight} xml:space=\"preserve\" textLength=\"{length}\">{}</text>",
                    escaped(&text)
                )
                .unwrap();
            }
        }
    }
    out + "</svg>\n"
}

/// Compares with the file; a run with QUARTERDECK_PICTURES=write makes it anew, for somebody to look at.
fn hold(name: &str, buffer: &Buffer) {
    let path = format!("{}/tests/pictures/{name}.svg", env!("CARGO_MANIFEST_DIR"));
    let drawn = svg(buffer);
    #[expect(clippy::disallowed_methods, reason = "the one switch of this test")]
    let write = std::env::var("QUARTERDECK_PICTURES").is_ok_and(|value| value == "write");
    if write {
        std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(&path, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "{name}.svg is not what is drawn now: run with QUARTERDECK_PICTURES=write and look at it");
}

#[test]
fn the_pictures_of_the_readme_are_frames_drawn_now() {
    hold("home", &Harness::new(fixture::world()).at(80, 24).buffer());
    let run =
        |words: &str| Harness::new(fixture::world()).at(80, 24).press(":").type_str(words).press("enter").buffer();
    hold("live-run", &run("run 40"));
}
