//! Files nobody would write by accident: no panic, no endless work, every position inside the file.

use super::LOOK;
use crate::site::diagnostic::Diagnostic;
use crate::site::files::FILE_BYTES_MAX;
use crate::site::parse::{self, Templates};
use crate::site::render::render;
use proptest::prelude::*;

fn everything(text: &str) -> Vec<Diagnostic> {
    let mut found = parse::runbook("a.toml", text, &Templates::default()).diagnostics;
    found.extend(parse::template("a.toml", text).diagnostics);
    found.extend(parse::workspace("a.toml", text).diagnostics);
    found.extend(parse::people("a.toml", text).diagnostics);
    found.extend(parse::quarterdeck("a.toml", text).diagnostics);
    found.extend(parse::theme("a.toml", text).diagnostics);
    found
}

fn sound(text: &str, found: &[Diagnostic]) {
    let lines = text.split('\n').count();
    for it in found {
        assert!(it.line <= lines, "{it}");
        assert!(it.span.start <= it.span.end && it.span.end <= text.len(), "{it}");
    }
    for it in found.iter().take(3) {
        assert!(!render(it, LOOK).is_empty());
    }
}

/// Work that grows with the square of a file takes minutes on a mebibyte: the runner's time limit tells.
#[test]
fn a_million_problems_cost_no_more_than_some() {
    let many = |piece: &str| piece.repeat(FILE_BYTES_MAX as usize / piece.len() - 100);
    let each = |count: usize, of: fn(usize) -> String| (0..count).map(of).collect::<String>();
    let runbook = |text: &str| parse::runbook("a.toml", text, &Templates::default()).diagnostics;
    let workspace = |text: &str| parse::workspace("a.toml", text).diagnostics;
    let people = |text: &str| parse::people("a.toml", text).diagnostics;
    type Case<'a> = (&'a dyn Fn(&str) -> Vec<Diagnostic>, String);
    let cases: [Case; 11] = [
        (&people, format!("person = [{}]\n", many("1.5,"))),
        (&people, format!("[[person]]\nunix = [{}]\n", many("\"root\","))),
        (&people, each(60_000, |nr| format!("key_{nr} = 1\n"))),
        (&people, many("[[x]]\n[[x]\n")),
        (&people, format!("x = \"{}\"\n", many("\\u202e"))),
        (&runbook, format!("[[step]]\nsecrets = [{}]\n", many("\"a\","))),
        (&runbook, format!("[runbook]\nuses = [{}]\n", many("\"a@1\","))),
        (&runbook, format!("[[step]]\nrun = '''\n{}'''\n", many("\u{202e}"))),
        (&workspace, format!("[members]\n{}", each(30_000, |nr| format!("p{nr} = [\"operator\"]\n")))),
        (&workspace, "[[policy.quorum]]\nimpact = \"low\"\nfrom = [{role=\"owner\"}]\n".repeat(15_000)),
        (
            &workspace,
            each(12_000, |nr| {
                format!("[[server]]\nname = \"s{nr}\"\naddress = \"h\"\nuser = \"u\"\njump = \"s{}\"\n", nr + 1)
            }),
        ),
    ];
    for (check, text) in cases {
        let text = format!("schema = 1\n{text}");
        let found = check(&text);
        assert!(!found.is_empty());
        sound(&text, &found);
        assert!(found.len() < 250, "{}", found.len());
    }
}

fn sample() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        include_str!("full/runbook.toml"),
        include_str!("full/template.toml"),
        include_str!("full/workspace.toml"),
        include_str!("full/people.toml"),
        include_str!("full/site.toml"),
        include_str!("full/theme.toml"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edit_of_a_file_is_survived(
        text in sample(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), ".{0,6}|[\\[\\]{}=\"'\\n#,.]{1,4}"), 1..6),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        for (from, to, with) in edits {
            let (a, b) = (from.index(chars.len() + 1), to.index(chars.len() + 1));
            // Mostly a small cut, now and then a large one.
            let end = if (b % 8) == 0 { a.max(b) } else { (a + b % 8).min(chars.len()) };
            chars.splice(a..end, with.chars());
        }
        let text: String = chars.into_iter().collect();
        sound(&text, &everything(&text));
    }

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        sound(&text, &everything(&text));
    }
}
