//! Diagnostics as people and programs see them.

use super::LOOK;
use crate::site::diagnostic::{Code, Diagnostic, Severity};
use crate::site::parse;
use crate::site::render::{Ink, Look, render};
use std::collections::BTreeSet;

fn first(text: &str) -> Diagnostic {
    parse::quarterdeck("quarterdeck.toml", text).diagnostics.remove(0)
}

#[test]
fn a_caret_stands_under_the_key() {
    let found = first("schema = 1\n[site]\nname = \"acme\"\nthem = \"harbour\"\n# the end\n");
    assert_eq!(found.to_string(), "quarterdeck.toml:4:1: [site] knows no `them` (did you mean `theme`?)");
    assert_eq!(
        render(&found, Look { ink: Ink::Ascii, ..LOOK }),
        "key.unknown\n\n  x [site] knows no `them`\n   ,-[quarterdeck.toml:4:1]\n 3 | name = \"acme\"\n 4 | them = \"harbour\"\n   : ^^|^\n   :   `-- did you mean `theme`?\n 5 | # the end\n   `----\n"
    );
    let drawn = render(&found, LOOK);
    assert!(drawn.contains("╭─[quarterdeck.toml:4:1]") && !drawn.contains('\u{1b}'), "{drawn}");
    assert!(render(&found, Look { ink: Ink::Colour, ..LOOK }).contains('\u{1b}'));
}

#[test]
fn a_problem_of_a_whole_file_is_drawn_without_a_caret() {
    let found = Diagnostic::whole("people.toml", Severity::Error, Code::FileMissing, "missing").hint("write one");
    assert_eq!(found.to_string(), "people.toml: missing (write one)");
    let drawn = render(&found, LOOK);
    assert!(drawn.contains("people.toml: missing") && drawn.contains("write one"), "{drawn}");
}

#[test]
fn a_caret_stays_in_sight_on_a_line_of_a_thousand_characters() {
    let long = "ä".repeat(600);
    let found = first(&format!("schema = 1\n[site]\nname = \"{long}\u{202e}{long}\"\n"));
    assert_eq!((found.line, found.column), (3, 609));
    let drawn = render(&found, LOOK);
    let lines: Vec<&str> = drawn.lines().collect();
    let source = lines.iter().position(|line| line.starts_with(" 3 │")).unwrap();
    let caret = lines[source + 1].chars().position(|c| c == '─' || c == '┬').unwrap();
    let under = lines[source].chars().nth(caret).unwrap();
    assert_eq!(under, '?', "{drawn}");
    assert!(lines.iter().all(|line| line.chars().count() < 240), "{drawn}");
}

#[test]
fn t_nothing_a_file_holds_reaches_a_terminal_raw() {
    let raw = "\u{1b}[31m\u{9b}31m\u{202e}\u{7}";
    for text in [
        format!("schema = 1\n# {raw}\n[site]\nnam = \"{raw}\"\n"),
        format!("schema = 1\n[site]\nname = \"a\"\n\"k{raw}\" = 1\n"),
        "schema = 1\n[site]\nname = \"a\"\ntheme = \"\\u001b[31m\\u009b\"\n".to_owned(),
    ] {
        let found = parse::quarterdeck("quarterdeck.toml", &text).diagnostics;
        assert!(!found.is_empty());
        for it in found {
            for words in [it.to_string(), render(&it, LOOK), it.json().to_string()] {
                let hidden = words.chars().find(|c| crate::site::text::is_hidden(*c) && *c != '\n');
                assert_eq!(hidden, None, "{words:?}");
            }
        }
    }
}

#[test]
fn as_json_a_diagnostic_has_stable_names() {
    let found = first("schema = 1\n[site]\nname = \"acme\"\nthem = \"harbour\"\n");
    let expected = serde_json::json!({
        "severity": "error",
        "code": "key.unknown",
        "file": "quarterdeck.toml",
        "span": { "start": 32, "end": 36 },
        "line": 4,
        "column": 1,
        "message": "[site] knows no `them`",
        "hint": "did you mean `theme`?",
        "label": "did you mean `theme`?"
    });
    assert_eq!(found.json(), expected);
}

#[test]
fn every_code_has_a_word_of_its_own() {
    let words: BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
    assert_eq!(words.len(), Code::ALL.len());
}
