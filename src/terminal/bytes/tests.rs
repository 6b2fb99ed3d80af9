//! What reaches a terminal: the same cells as the frame, in few bytes, and nothing outside the grammar.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Gauge, List, Paragraph, Row, Sparkline, Table, Tabs, Wrap};

use base64::Engine;

use super::*;
use crate::terminal::line::{Safe, SafeLine};

/// A console and the terminal at the far end of its bytes.
struct Pair {
    console: Painter,
    far: vt100::Parser,
}

impl Pair {
    fn new(columns: u16, rows: u16, capability: Capability) -> Self {
        let mut far = parser(columns, rows);
        far.process(&enter(capability, MouseCapture::On));
        Self { console: Painter::new(columns, rows, capability), far }
    }

    /// Draws, sends, compares every cell, and hands back the bytes.
    fn draw(&mut self, view: impl FnOnce(&mut ratatui::Frame)) -> Vec<u8> {
        let mut buffer = Buffer::default();
        let bytes = self.console.draw(|frame| {
            view(frame);
            buffer = frame.buffer_mut().clone();
        });
        assert_grammar(&bytes);
        self.far.process(&bytes);
        assert_same(&buffer, self.far.screen());
        bytes
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.console.resize(columns, rows);
        self.far.screen_mut().set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
    }
}

fn parser(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(rows.try_into().unwrap(), columns.try_into().unwrap(), 0)
}

/// Every cell of the frame looks the same on the terminal.
fn assert_same(buffer: &Buffer, screen: &vt100::Screen) {
    let mut x = 0;
    for y in 0..buffer.area.height {
        while x < buffer.area.width {
            let cell = &buffer[(x, y)];
            let far = screen.cell(y, x).unwrap();
            let contents = if far.has_contents() { far.contents() } else { " " };
            // ratatui puts a wide character into the last column at times; half of it cannot be drawn.
            let whole = x + cell_width(cell.symbol()) <= buffer.area.width;
            assert_eq!(contents, if whole { cell.symbol() } else { " " }, "text at {x},{y}");
            let visible_on_blank = Modifier::UNDERLINED | Modifier::REVERSED;
            assert_eq!(far.bgcolor(), far_colour(cell.bg), "background at {x},{y} {cell:?}");
            assert_eq!(far.inverse(), cell.modifier.contains(Modifier::REVERSED), "reverse at {x},{y}");
            assert_eq!(far.underline(), cell.modifier.contains(Modifier::UNDERLINED), "underline at {x},{y}");
            if cell.symbol() != " " || cell.modifier.intersects(visible_on_blank) {
                assert_eq!(far.fgcolor(), far_colour(cell.fg), "foreground at {x},{y}");
                assert_eq!(far.bold(), cell.modifier.contains(Modifier::BOLD), "bold at {x},{y}");
                assert_eq!(far.italic(), cell.modifier.contains(Modifier::ITALIC), "italic at {x},{y}");
            }
            x += cell_width(cell.symbol());
        }
        x = 0;
    }
}

fn far_colour(colour: Color) -> vt100::Color {
    match brought(colour) {
        crate::terminal::line::Colour::Default => vt100::Color::Default,
        crate::terminal::line::Colour::Ansi(n) | crate::terminal::line::Colour::Indexed(n) => vt100::Color::Idx(n),
        crate::terminal::line::Colour::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
    }
}

fn brought(colour: Color) -> crate::terminal::line::Colour {
    colour::brought_to(Colours::True, colour)
}

/// Reads bytes as a terminal would and collects all that is not allowed to leave.
#[derive(Default)]
struct Grammar {
    wrong: Vec<String>,
    printed: String,
}

impl vte::Perform for Grammar {
    fn print(&mut self, c: char) {
        self.printed.push(c);
        if is_hidden(c) {
            self.wrong.push(format!("print {c:?}"));
        }
    }
    fn execute(&mut self, byte: u8) {
        if !matches!(byte, b'\r' | b'\n') {
            self.wrong.push(format!("execute {byte:02x}"));
        }
    }
    fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        let first = params.iter().next().and_then(|param| param.first().copied()).unwrap_or_default();
        let allowed = match (intermediates, action) {
            ([], 'H' | 'C' | 'D' | 'J' | 'K' | 'X' | 'm') => true,
            ([b'?'], 'h' | 'l') => matches!(first, 25 | 1000 | 1002 | 1006 | 1049 | 2004 | 2026),
            _ => false,
        };
        if !allowed || ignore {
            self.wrong.push(format!("csi {params:?} {intermediates:?} {action}"));
        }
    }
    fn esc_dispatch(&mut self, _: &[u8], _: bool, byte: u8) {
        self.wrong.push(format!("esc {byte:02x}"));
    }
    fn osc_dispatch(&mut self, params: &[&[u8]], _: bool) {
        self.wrong.push(format!("osc {params:?}"));
    }
    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, action: char) {
        self.wrong.push(format!("dcs {action}"));
    }
}

/// The text printed by these bytes, which must hold nothing else than the grammar allows.
fn assert_grammar(bytes: &[u8]) -> String {
    let mut grammar = Grammar::default();
    vte::Parser::new().advance(&mut grammar, bytes);
    assert!(grammar.wrong.is_empty(), "{:?}", grammar.wrong);
    grammar.printed
}

/// A screen like those of the console, with everything that is hard to draw.
fn screen(frame: &mut ratatui::Frame, tick: u16) {
    let [head, body, foot] =
        Layout::vertical([Constraint::Length(3), Constraint::Min(4), Constraint::Length(1)]).areas(frame.area());
    let production = Span::styled(" ■ PROD ", Style::new().bg(Color::Rgb(180, 20, 30)).fg(Color::White).bold());
    let title = Line::from(vec![
        "quarterdeck ▸ web ▸ ".into(),
        production,
        Span::styled(format!(" #{tick}"), Style::new().fg(Color::Indexed(208))),
    ]);
    frame.render_widget(
        Paragraph::new(vec![title, Line::from("漢字の名前 😀 naïve e\u{301}").italic(), Line::from("─".repeat(200))]),
        head,
    );
    let [left, right] = Layout::horizontal([Constraint::Percentage(50), Constraint::Percentage(50)]).areas(body);
    let rows = (0..20u16).map(|row| {
        let state = if (row + tick).is_multiple_of(3) { "✔".green() } else { "◐".yellow() };
        Row::new(vec![
            Line::from(format!("web-{row} 漢")),
            Line::from(state),
            Line::from("·".repeat(usize::from((row + tick) % 9))),
        ])
    });
    let table = Table::new(rows, [Constraint::Length(12), Constraint::Length(3), Constraint::Min(4)])
        .block(Block::bordered().title("hosts"));
    frame.render_widget(table, left);
    let logs = (0..20).map(|n| {
        Line::from(format!("22:5{} line {} {}", n % 10, n + tick, "wide 幅広い ".repeat(6))).style(if n % 4 == 0 {
            Style::new().reversed()
        } else {
            Style::new().underlined()
        })
    });
    frame
        .render_widget(Paragraph::new(Text::from_iter(logs)).wrap(Wrap { trim: false }).bg(Color::Indexed(236)), right);
    let keys = Span::styled("c take it   tab pane   ? keys", Style::new().add_modifier(Modifier::DIM));
    frame.render_widget(Line::from(keys), foot);
}

#[test]
fn frames_arrive_cell_by_cell() {
    for (columns, rows) in [(80, 24), (160, 50), (40, 12), (79, 23)] {
        let mut pair = Pair::new(columns, rows, Capability::FULL);
        for tick in 0..8 {
            pair.draw(|frame| screen(frame, tick));
        }
        pair.draw(|frame| frame.render_widget("only this", frame.area()));
        pair.draw(|frame| screen(frame, 3));
        pair.draw(|_| {});
    }
}

#[test]
fn frames_arrive_after_resizes() {
    let mut pair = Pair::new(80, 24, Capability::FULL);
    for (tick, (columns, rows)) in
        [(160, 50), (80, 24), (81, 24), (80, 25), (79, 24), (20, 5), (200, 60)].into_iter().enumerate()
    {
        pair.draw(|frame| screen(frame, 1));
        pair.resize(columns, rows);
        pair.draw(|frame| screen(frame, tick as u16));
    }
}

#[test]
fn any_size_can_be_drawn() {
    for (columns, rows) in [(1, 1), (2, 1), (1, 9), (500, 200)] {
        let mut pair = Pair::new(columns, rows, Capability::FULL);
        pair.draw(|frame| screen(frame, 0));
        pair.draw(|frame| screen(frame, 1));
    }
    let mut nothing = Painter::new(0, 0, Capability::FULL);
    let x = |frame: &mut ratatui::Frame| frame.render_widget("x", frame.area());
    assert_eq!(assert_grammar(&nothing.draw(x)), "");
    nothing.resize(3, 1);
    assert_eq!(assert_grammar(&nothing.draw(x)), "x");
}

#[test]
fn an_idle_frame_is_no_bytes() {
    let mut pair = Pair::new(160, 50, Capability::FULL);
    assert!(!pair.draw(|frame| screen(frame, 0)).is_empty());
    for _ in 0..3 {
        assert_eq!(pair.draw(|frame| screen(frame, 0)), b"");
    }
    let with_cursor = |frame: &mut ratatui::Frame| {
        screen(frame, 0);
        frame.set_cursor_position((5, 5));
    };
    assert_eq!(pair.draw(with_cursor), b"\x1b[?2026h\x1b[?25h\x1b[6;6H\x1b[?2026l");
    assert_eq!(pair.draw(with_cursor), b"");
    assert!(!pair.far.screen().hide_cursor());
    assert_eq!(pair.far.screen().cursor_position(), (5, 5));
    assert_eq!(pair.draw(|frame| screen(frame, 0)), b"\x1b[?2026h\x1b[?25l\x1b[?2026l");
    assert_eq!(pair.draw(|frame| screen(frame, 0)), b"");
}

#[test]
fn small_changes_are_few_bytes() {
    let mut pair = Pair::new(80, 24, Capability::FULL);
    let text = |words: &'static str| {
        move |frame: &mut ratatui::Frame| frame.render_widget(Paragraph::new(words), frame.area())
    };
    pair.draw(text("00:01\nab\ncd"));
    let bare = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\x1b[?2026h", "").replace("\x1b[?2026l", "");
    assert_eq!(bare(&pair.draw(text("00:02\nab\ncd"))), "\x1b[1;5H2");
    assert_eq!(bare(&pair.draw(text("00:02\nxb\nxd"))), "\r\nx\r\nx");
    assert_eq!(bare(&pair.draw(text("00:02\nxbefghijklmnopqrst\nxd"))), "\x1b[2;3Hefghijklmnopqrst");
    assert_eq!(bare(&pair.draw(text("00:02\nxbxfghijklmnopqrsx\nxd"))), "\x1b[16Dx\x1b[14Cx");
    assert_eq!(bare(&pair.draw(text("00:02\nx                x\nxd"))), "\x1b[17D\x1b[16X");
    assert_eq!(bare(&pair.draw(text("\nx                x\nxd"))), "\x1b[H\x1b[5X".replace("\x1b[5X", "     "));
}

#[test]
fn clearing_a_row_erases_it() {
    let mut pair = Pair::new(20, 3, Capability::FULL);
    pair.draw(|frame| frame.render_widget(Paragraph::new("x".repeat(60)).wrap(Wrap { trim: false }), frame.area()));
    let full = |frame: &mut ratatui::Frame| frame.render_widget(Paragraph::new("x".repeat(20)), frame.area());
    let bytes = pair.draw(full);
    assert_eq!(String::from_utf8(bytes).unwrap(), "\x1b[?2026h\x1b[2H\x1b[K\r\n\x1b[K\x1b[?2026l");
}

#[test]
fn a_whole_frame_is_small() {
    let mut pair = Pair::new(80, 24, Capability::FULL);
    let bytes = pair.draw(|frame| screen(frame, 0)).len();
    assert!(bytes < 6_000, "{bytes} bytes for 1920 cells");
    let next = pair.draw(|frame| screen(frame, 1)).len();
    assert!(next < 1_500, "{next} bytes for one step");
}

#[test]
fn a_clear_mends_a_spoiled_screen() {
    let mut pair = Pair::new(40, 10, Capability::FULL);
    pair.draw(|frame| screen(frame, 0));
    pair.far.process(b"\x1b[41;7mBroadcast message from root\x1b[?25h\r\n\n\n");
    pair.console.repaint();
    pair.draw(|frame| screen(frame, 0));
    assert!(pair.far.screen().hide_cursor());
}

#[test]
fn entering_and_leaving_give_the_terminal_back() {
    let mut far = parser(80, 24);
    far.process(b"$ quarterdeck\r\n");
    let before = far.screen().contents();
    far.process(&enter(Capability::FULL, MouseCapture::On));
    assert!(far.screen().alternate_screen() && far.screen().hide_cursor() && far.screen().bracketed_paste());
    assert_eq!(far.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::ButtonMotion);
    assert_eq!(far.screen().mouse_protocol_encoding(), vt100::MouseProtocolEncoding::Sgr);
    far.process(mouse_capture(Capability::FULL, MouseCapture::Off));
    assert_eq!(far.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    far.process(b"\x1b[?2026h\x1b[1;31mhalf a frame");
    far.process(&leave(Capability::FULL));
    let screen = far.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste());
    assert_eq!((screen.contents(), screen.bold()), (before, false));
    for capability in [Capability::FULL, Capability::VT100] {
        assert_grammar(&enter(capability, MouseCapture::On));
        assert_grammar(&leave(capability));
    }
}

#[test]
fn a_vt100_gets_what_it_knows() {
    let mut console = Painter::new(80, 24, Capability::VT100);
    let mut bytes = enter(Capability::VT100, MouseCapture::On);
    bytes.extend(console.draw(|frame| screen(frame, 0)));
    bytes.extend(leave(Capability::VT100));
    assert!(bytes.is_ascii());
    assert!(!bytes.windows(3).any(|three| three == b"\x1b[?"), "no modes");
    let text = assert_grammar(&bytes);
    assert!(text.contains("?????????? ?? naive ?"), "wide characters keep their columns: {text}");
    assert!(console.draw(|frame| screen(frame, 0)).is_empty());
}

#[test]
fn colours_follow_the_terminal() {
    let bytes = |colours| {
        let mut console = Painter::new(10, 1, Capability { colours, ..Capability::FULL });
        let bytes = console.draw(|frame| frame.render_widget("x".fg(Color::Rgb(255, 0, 0)).bold(), frame.area()));
        String::from_utf8(bytes).unwrap()
    };
    assert!(bytes(Colours::True).contains("\x1b[1;38;2;255;0;0mx"));
    assert!(bytes(Colours::Indexed256).contains("\x1b[1;38;5;196mx"));
    assert!(bytes(Colours::Ansi16).contains("\x1b[1;91mx"));
    assert!(bytes(Colours::None).contains("\x1b[1mx"));
}

/// Draws text through every way ratatui has of drawing text.
fn through_widgets(frame: &mut ratatui::Frame, text: &str) {
    let area = frame.area();
    let row = |n: u16| Rect { y: n.min(area.height - 1), height: 1, ..area };
    frame.render_widget(Span::raw(text.to_owned()), row(0));
    frame.render_widget(Line::from(text.to_owned()), row(1));
    frame.render_widget(Paragraph::new(text.to_owned()), row(2));
    frame.render_widget(Paragraph::new(text.to_owned()).wrap(Wrap { trim: false }), row(3));
    frame.render_widget(List::new([text.to_owned()]), row(4));
    frame.render_widget(Table::new([Row::new([text.to_owned()])], [Constraint::Fill(1)]), row(5));
    frame.render_widget(Tabs::new([text.to_owned()]), row(6));
    frame.render_widget(Gauge::default().label(text.to_owned()), row(7));
    frame.render_widget(Block::bordered().title(text.to_owned()), Rect { y: 8, height: 3, ..area });
    frame.render_widget(Sparkline::default().data([1, 5, 2]), row(11));
    let buffer = frame.buffer_mut();
    buffer.set_string(0, 12, text, Style::new());
    buffer.set_span(0, 13, &Span::raw(text.to_owned()), area.width);
    buffer.set_line(0, 14, &Line::from(text.to_owned()), area.width);
}

fn hidden_characters() -> Vec<char> {
    ('\0'..='\u{effff}').filter(|c| is_hidden(*c)).collect()
}

#[test]
fn t_no_hidden_character_leaves_through_safe() {
    let sample: Vec<char> = hidden_characters()
        .into_iter()
        .enumerate()
        .filter(|(n, c)| is_telling(*c) || n % 97 == 0)
        .map(|(_, c)| c)
        .collect();
    assert!(sample.len() > 1000, "{}", sample.len());
    for three in sample.chunks(3) {
        let mut names = String::from("a");
        for c in three {
            crate::terminal::line::spell(*c, &mut names);
            names.push('b');
        }
        let text: String = three.iter().map(|c| format!("{c}b")).collect();
        let text = Safe::new(format!("a{text}"));
        let mut console = Painter::new(40, 15, Capability::FULL);
        let printed = assert_grammar(&console.draw(|frame| through_widgets(frame, text.as_str())));
        assert!(printed.matches(&names).count() >= 12, "{three:?} are shown by name: {printed:?}");
    }
}

/// Cc, Cf and the other invisible characters; beyond are only private and unassigned ones.
fn is_telling(c: char) -> bool {
    matches!(c, '\0'..='\u{30ff}' | '\u{fe00}'..='\u{ffff}' | '\u{110bd}'..='\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e01ff}')
}

#[test]
fn t_no_hidden_character_leaves_past_safe() {
    // Widgets fed with raw text: the backend is the last gate.
    for c in hidden_characters().into_iter().filter(|c| is_telling(*c)) {
        let mut console = Painter::new(40, 15, Capability::FULL);
        let bytes = console.draw(|frame| {
            if !c.is_control() {
                through_widgets(frame, &format!("a{c}b"));
            }
            if !c.is_ascii_control() {
                frame.buffer_mut()[(3, 3)].set_char(c);
            }
            frame.buffer_mut()[(5, 3)].set_symbol(&format!("x{c}\u{301}"));
            frame.buffer_mut()[(7, 3)].set_symbol("\u{301}");
        });
        assert_grammar(&bytes);
        // ratatui itself stops at a control character in debug builds, so the gate is asked directly.
        assert!(!drawable(&c.to_string(), Charset::Unicode).contains(c), "{:04x}", c as u32);
    }
    let mut console = Painter::new(40, 3, Capability::FULL);
    let bytes = console.draw(|frame| {
        frame.buffer_mut()[(0, 0)].set_symbol(&format!("e{}", "\u{301}".repeat(4096)));
        frame.buffer_mut()[(39, 0)].set_symbol("漢");
        frame.buffer_mut()[(2, 1)].set_symbol("");
    });
    assert!(bytes.len() < 100, "a flood of marks is one character");
    assert!(!assert_grammar(&bytes).contains('漢'), "half a character would wrap");
}

#[test]
fn copying_is_our_text_alone() {
    let lines = [Safe::new("a\x1b]0;x\x07"), Safe::new("é")];
    let bytes = copy_to_clipboard(Capability::FULL, &lines).unwrap();
    let text = base64::engine::general_purpose::STANDARD.decode(&bytes[7..bytes.len() - 2]).unwrap();
    assert_eq!((&bytes[..7], String::from_utf8(text).unwrap().as_str()), (b"\x1b]52;c;".as_slice(), "a^[]0;x^G\né"));
    assert_eq!(copy_to_clipboard(Capability::FULL, &[Safe::new("x".repeat(COPY_BYTES_MAX + 1))]), None);
    assert_eq!(copy_to_clipboard(Capability::VT100, &lines), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_frames_arrive(frames in prop::collection::vec(prop::collection::vec((0u16..30, 0u16..8, "[ -~漢字✔é─]{0,12}", any::<u8>()), 0..12), 1..6)) {
        let mut pair = Pair::new(30, 8, Capability::FULL);
        for texts in frames {
            pair.draw(|frame| {
                for (x, y, text, style) in &texts {
                    let mut look = Style::new();
                    if style & 1 != 0 { look = look.bg(Color::Indexed(style & 0xf0)); }
                    if style & 2 != 0 { look = look.fg(Color::Rgb(*style, 9, 9)); }
                    if style & 4 != 0 { look = look.bold(); }
                    if style & 8 != 0 { look = look.underlined(); }
                    if style & 16 != 0 { look = look.reversed(); }
                    if style & 32 != 0 { look = look.italic(); }
                    frame.buffer_mut().set_string(*x, *y, text, look);
                }
            });
        }
    }

    #[test]
    fn t_a_hosts_output_leaves_within_the_grammar(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'['), Just(b'm'), Just(b'\r')], 0..400)) {
        let mut console = Painter::new(60, 10, Capability::FULL);
        let lines: Vec<Line> = crate::terminal::filter::lines(&bytes).iter().map(|line| SafeLine::into(line.marked())).collect();
        let raw: Vec<Line> = crate::terminal::filter::raw_lines(&bytes).into_iter().map(Line::from).collect();
        for lines in [lines, raw] {
            let bytes = console.draw(|frame| frame.render_widget(Paragraph::new(lines), frame.area()));
            assert_grammar(&bytes);
            let whole = String::from_utf8(bytes).is_ok();
            prop_assert!(whole);
        }
    }
}
