//! Text that is meant to be one of a site's files: a value, or a reason with a place in the text.

use quarterdeck::site::parse::{Templates, people, quarterdeck as settings, runbook, template, theme, workspace};
use quarterdeck::site::{Diagnostic, Severity};

/// What became of a file: whether there is a value, and what was said.
pub struct Read {
    value: bool,
    said: Vec<Diagnostic>,
}

/// Every kind of file, read from the same text.
pub fn ours(text: &str) -> Vec<Read> {
    macro_rules! read {
        ($parsed:expr) => {{
            let parsed = $parsed;
            Read { value: parsed.value.is_some(), said: parsed.diagnostics }
        }};
    }
    vec![
        read!(people("people.toml", text)),
        read!(runbook("runbooks/a.toml", text, &Templates::default())),
        read!(settings("quarterdeck.toml", text)),
        read!(template("templates/a.toml", text)),
        read!(theme("themes/a.toml", text)),
        read!(workspace("workspaces/a.toml", text)),
    ]
}

/// Wrong on purpose: refuses and does not say why.
pub fn silent(text: &str) -> Vec<Read> {
    ours(text).into_iter().map(|read| Read { said: Vec::new(), ..read }).collect()
}

/// A refusal has a reason, an accepted file has none, and every place lies in the text.
pub fn check(data: &[u8], read: fn(&str) -> Vec<Read>) -> Result<(), String> {
    let text = String::from_utf8_lossy(data);
    for (kind, Read { value, said }) in read(&text).into_iter().enumerate() {
        let refused = said.iter().any(|it| it.severity == Severity::Error);
        if value == refused {
            return Err(format!("kind {kind}: value {value} with {} things said", said.len()));
        }
        for it in said {
            if text.get(it.span.clone()).is_none() || it.line > text.split('\n').count() {
                return Err(format!("kind {kind}: {:?} lies outside the text", it.span));
            }
        }
    }
    Ok(())
}
