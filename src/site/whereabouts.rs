//! Where a site says its records and its socket lie, read also on the day the rest of `quarterdeck.toml` is wrong: whoever
//! must stop a run then has to find the server that runs.
//!
//! What stands there plainly is believed. That something does not stand there is believed only where no mistake could
//! have hidden it.

use super::diagnostic::{Code, Diagnostic};
use super::{load, parse};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// What a site says of its places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whereabouts {
    /// The data directory.
    pub data: Stated,
    /// The server's socket.
    pub socket: Stated,
    /// What is wrong with the file.
    pub problems: Vec<Diagnostic>,
}

/// What is said of one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stated {
    /// It is there.
    At(PathBuf),
    /// Nothing is said.
    Nothing,
    /// What is said cannot be read.
    Unclear,
}

/// Reads what the site in `dir` says of its places.
///
/// # Errors
/// There is no such file, or it is not text.
pub fn whereabouts(dir: &Path) -> Result<Whereabouts, Vec<Diagnostic>> {
    let text = load::settings_text(dir)?;
    let parsed = parse::quarterdeck(load::SETTINGS, &text);
    Ok(match parsed.value {
        Some(settings) => {
            let stated = |path: Option<PathBuf>| path.map_or(Stated::Nothing, Stated::At);
            Whereabouts { data: stated(settings.data_dir), socket: stated(settings.socket), problems: Vec::new() }
        }
        None => {
            let (data, socket) = plainly(&text, &parsed.diagnostics);
            Whereabouts { data, socket, problems: parsed.diagnostics }
        }
    })
}

/// Both places, as far as they stand plainly in a file that is wrong.
fn plainly(text: &str, problems: &[Diagnostic]) -> (Stated, Stated) {
    let (root, _) = DeTable::parse_recoverable(text);
    let data = root.get_ref().get("data").map(|data| data.get_ref());
    let errors = || problems.iter().filter(|problem| problem.is_error());
    let absent = match errors().any(|problem| may_hide(problem.code)) {
        true => Stated::Unclear,
        false => Stated::Nothing,
    };
    let stated = |name: &str| {
        let table = match data {
            None => return absent.clone(),
            Some(DeValue::Table(table)) => table,
            Some(_) => return Stated::Unclear,
        };
        let Some(value) = table.get(name) else {
            return absent.clone();
        };
        let span = value.span();
        let touched = errors().any(|problem| problem.span.start <= span.end && span.start <= problem.span.end);
        match value.get_ref() {
            DeValue::String(path) if !touched && Path::new(path.as_ref()).is_absolute() => {
                Stated::At(PathBuf::from(path.as_ref()))
            }
            _ => Stated::Unclear,
        }
    };
    (stated("dir"), stated("socket"))
}

/// Whether a mistake of this kind can make a key look as if it were not there.
fn may_hide(code: Code) -> bool {
    [Code::Syntax, Code::Schema, Code::KeyUnknown, Code::KeyLater, Code::KeyMisplaced, Code::More].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Stated, Stated, usize) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("quarterdeck.toml"), text).unwrap();
        let found = whereabouts(dir.path()).unwrap();
        (found.data, found.socket, found.problems.len())
    }

    #[test]
    fn places_are_found_in_a_file_with_mistakes_and_never_guessed() {
        use Stated::{Nothing, Unclear};
        let at = |path: &str| Stated::At(path.into());
        let good = "schema = 1\n[site]\nname = \"s\"\n";
        let both = "[data]\ndir = \"/d\"\nsocket = \"/s\"\n";
        assert_eq!(of(good), (Nothing, Nothing, 0));
        assert_eq!(of(&format!("{good}{both}")), (at("/d"), at("/s"), 0));
        for broken in [
            format!("{good}theme = \"no theme\"\n{both}"),
            format!("{good}them = \"paper\"\n{both}"),
            format!("{good}theme = paper\n{both}"),
            format!("{good}{both}[local\n"),
            format!("{good}{both}[local]\nallow_as = \"yes\n"),
        ] {
            let found = of(&broken);
            assert_eq!((&found.0, &found.1), (&at("/d"), &at("/s")), "{broken}");
            assert!(found.2 > 0, "{broken}");
        }
        assert_eq!(of(&format!("{good}theme = \"no theme\"\n")).0, Nothing, "nothing can hide there");
        for (broken, data, socket) in [
            (format!("{good}[dtaa]\ndir = \"/d\"\n"), Unclear, Unclear),
            (format!("{good}[data]\ndir = \"/d\"\nsokcet = \"/s\"\n"), at("/d"), Unclear),
            (format!("{good}[data]\ndir = 3\nsocket = \"s\"\n"), Unclear, Unclear),
            (format!("{good}[data]\ndir = \"/d\nsocket = \"/s\"\n"), Unclear, at("/s")),
            (format!("{good}[data\ndir = \"/d\"\n"), Unclear, Unclear),
            (format!("{good}data = 3\n"), Unclear, Unclear),
            ("not toml".to_owned(), Unclear, Unclear),
        ] {
            let found = of(&broken);
            let harmless = |found: &Stated, wanted: &Stated| found == wanted || *found == Unclear;
            assert!(harmless(&found.0, &data) && harmless(&found.1, &socket), "{broken}: {found:?}");
        }
        assert!(whereabouts(Path::new("/nowhere/at/all")).is_err());
    }
}
