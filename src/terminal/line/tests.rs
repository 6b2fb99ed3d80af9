//! Cutting, padding, wrapping: the columns promised are the columns taken, in any script.

use proptest::prelude::*;
use ratatui::style::{Color, Modifier, Style};

use super::*;

fn safe(text: &str) -> Safe {
    Safe::new(text)
}

#[test]
fn a_cut_says_that_it_cut() {
    assert_eq!(safe("rolling-restart").cut_end(8).as_str(), "rolling…");
    assert_eq!(safe("rolling-restart").cut_middle(8).as_str(), "roll…art");
    assert_eq!(safe("rolling-restart").cut_middle(9).as_str(), "roll…tart");
    assert_eq!(safe("rolling-restart").cut_middle(8).to_ascii().as_str(), "roll~art");
    assert_eq!(safe("fits").cut_end(4).as_str(), "fits");
    assert_eq!(safe("漢字漢字").cut_end(4).as_str(), "漢…", "half a character is not drawn");
    assert_eq!(safe("xyz").cut_end(0).as_str(), "");
    assert_eq!(safe("xyz").cut_middle(1).as_str(), "…");
}

#[test]
fn padding_counts_columns() {
    assert_eq!(safe("漢").pad(4).as_str(), "漢  ");
    assert_eq!(safe("1 284").align_right(7).as_str(), "  1 284");
    assert_eq!(safe("longer").pad(2).as_str(), "longer");
    assert_eq!(safe("👍🏽é").width(), 3);
}

#[test]
fn several_lines_are_several_texts() {
    assert_eq!(Safe::lines("a\tb\n\n12345678\tx\r"), [safe("a       b"), safe(""), safe("12345678        x\r")]);
    assert_eq!(Safe::lines("\u{200b}\tx"), [safe("\\u{200b}        x")]);
    assert_eq!(Safe::lines("a\r").first().map(Safe::as_str), Some("a^M"), "a stray return is shown");
}

/// Each tab once cost a look at all before it: 6 s for this line.
#[test]
fn a_line_of_64_kib_of_tabs_is_widened_in_one_pass() {
    let wide = Safe::lines(&"\t".repeat(64 * 1024));
    assert_eq!((wide.len(), wide[0].width()), (1, 64 * 1024 * TAB_COLUMNS));
    assert_eq!(Safe::lines("a\t\u{1b}\tb"), [Safe::new("a       ^[      b")]);
}

#[test]
fn runs_of_one_style_are_one_run() {
    let red = StyleBits { fg: Colour::Ansi(1), ..StyleBits::PLAIN };
    let mut line = SafeLine::new();
    line.push(safe("a"), red);
    line.push(safe(""), StyleBits::PLAIN);
    line.push(safe("b"), red);
    line.push(safe("c"), StyleBits::attrs(Attrs::BOLD));
    assert_eq!(line.runs().len(), 2);
    assert_eq!(line.text().as_str(), "abc");
    let drawn = Line::from(line);
    assert_eq!(drawn.spans[0], Span::styled("ab", Style::new().fg(Color::Red)));
    assert_eq!(drawn.spans[1].style.add_modifier, Modifier::BOLD);
}

#[test]
fn a_window_keeps_columns_when_it_splits_a_wide_character() {
    let line = SafeLine::from(safe("a漢字b"));
    assert_eq!(line.window(0, 3).text().as_str(), "a漢");
    assert_eq!(line.window(0, 2).text().as_str(), "a");
    assert_eq!(line.window(2, 4).text().as_str(), " 字b");
    assert_eq!(line.cut_end(4).text().as_str(), "a漢…");
    assert_eq!(line.window(2, 0).text().as_str(), "");
}

#[test]
fn wrapping_loses_nothing() {
    let pieces = SafeLine::from(safe("a漢字b")).wrap(2);
    let texts: Vec<_> = pieces.iter().map(|piece| piece.text().to_string()).collect();
    assert_eq!(texts, ["a", "漢", "字", "b"]);
    assert_eq!(SafeLine::new().wrap(10).len(), 1);
    assert_eq!(SafeLine::from(safe("漢字")).wrap(1).len(), 2, "too narrow for one: one each");
}

/// Text that favours what is hard: marks, wide, hidden and joined characters.
fn hard_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(String::from),
        4 => "[ -~]{1,6}",
        1 => Just("\u{301}".to_owned()),
        1 => Just("漢".to_owned()),
        1 => Just("👩\u{200d}👩\u{200d}👧".to_owned()),
        1 => Just("🇩🇪".to_owned()),
        1 => Just("👍🏽".to_owned()),
        1 => Just("\u{1112}\u{1161}\u{11ab}".to_owned()),
        1 => Just("क्षि".to_owned()),
        1 => Just("\u{1161}\u{ff9e}".to_owned()),
        1 => Just("\u{202e}\x1b[2J".to_owned()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn cut_text_fits(text in hard_text(), columns in 0usize..40) {
        let text = Safe::new(text);
        prop_assert!(text.cut_end(columns).width() <= columns);
        prop_assert!(text.cut_middle(columns).width() <= columns);
        prop_assert!(text.pad(columns).width() >= columns);
        prop_assert!(text.to_ascii().as_str().is_ascii());
        prop_assert_eq!(text.to_ascii().width(), text.width());
        let line = SafeLine::from(text.clone());
        prop_assert!(line.cut_end(columns).width() <= columns);
        prop_assert!(line.window(3, columns).width() <= columns);
        let wrapped: String = line.wrap(columns.max(2)).iter().map(|piece| piece.text().to_string()).collect();
        prop_assert_eq!(wrapped.as_str(), text.as_str());
    }

    #[test]
    fn escaping_is_final(text in hard_text()) {
        let once = Safe::new(&text);
        prop_assert!(!once.as_str().chars().any(is_hidden));
        prop_assert_eq!(Safe::new(once.as_str()), once);
    }

    #[test]
    fn the_width_is_what_ratatui_draws(text in hard_text()) {
        let text = Safe::new(text);
        let area = ratatui::layout::Rect::new(0, 0, 400, 1);
        let mut buffer = ratatui::buffer::Buffer::empty(area);
        let (end, _) = buffer.set_string_end(text.as_str());
        prop_assume!(text.width() <= 400);
        prop_assert_eq!(usize::from(end), text.width());
    }
}

trait SetStringEnd {
    fn set_string_end(&mut self, text: &str) -> (u16, u16);
}

impl SetStringEnd for ratatui::buffer::Buffer {
    fn set_string_end(&mut self, text: &str) -> (u16, u16) {
        self.set_stringn(0, 0, text, 400, Style::new())
    }
}

#[test]
fn a_plain_character_takes_one_column_and_is_a_cluster_of_its_own_beside_others() {
    let all: Vec<char> = ('\0'..=char::MAX).filter(|c| is_plain(*c)).collect();
    assert!(all.len() > 95 && all.contains(&'─'));
    for a in &all {
        assert_eq!((a.to_string().cell_width(), char_width(*a)), (1, 1), "{a:?}");
        for b in &all {
            let both: String = [*a, *b].into_iter().collect();
            assert_eq!(both.graphemes(true).count(), 2, "{both:?}");
            assert_eq!(Safe::new(&both).width(), 2, "{both:?}");
        }
    }
}
