//! `doctor`: what is in order and what is not, each line with what to do.

use super::places::Places;
use super::surroundings::uid;
use super::{Ended, Exit, files, link, say, speak};
use crate::ledger::Outcome;
use crate::site;
use crate::terminal::line::Safe;
use crate::verbs::out::document;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// One thing looked at.
struct Look {
    what: &'static str,
    found: Found,
    says: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Fine,
    Wrong,
    /// Not wrong, and not there.
    Absent,
}

/// Looks at everything it can.
pub fn doctor(places: &Places, as_json: bool) -> Ended {
    let looks = [site_files(places), data_dir(places), record(places), server(places)];
    let wrong = looks.iter().any(|look| look.found == Found::Wrong);
    let word = |found: Found| match found {
        Found::Fine => "fine",
        Found::Wrong => "wrong",
        Found::Absent => "absent",
    };
    if as_json {
        let rows: Vec<_> =
            looks.iter().map(|look| json!({"found": word(look.found), "says": look.says, "what": look.what})).collect();
        say::out(&document(&json!({"rows": rows})));
    } else {
        let rows: Vec<Vec<String>> = looks
            .iter()
            .map(|look| vec![look.what.to_owned(), word(look.found).to_owned(), look.says.clone()])
            .collect();
        say::out(&crate::verbs::table(&["what", "is", "says"], &rows));
    }
    Ok(if wrong { Exit::No } else { Exit::Done })
}

fn site_files(places: &Places) -> Look {
    let (found, says) = match places.site() {
        Err(failure) => (Found::Absent, failure.text),
        Ok(dir) => match site::load(dir, site::git::state(dir)) {
            Ok(loaded) if loaded.warnings.is_empty() => (Found::Fine, dir.display().to_string()),
            Ok(loaded) => {
                (Found::Fine, format!("{}, {} to look at: quarterdeck check", dir.display(), loaded.warnings.len()))
            }
            Err(problems) => {
                (Found::Wrong, format!("{}, {} to mend: quarterdeck check", dir.display(), problems.len()))
            }
        },
    };
    Look { what: "site", found, says }
}

fn data_dir(places: &Places) -> Look {
    let (found, says) = match places.data() {
        Err(failure) => (Found::Wrong, failure.text),
        Ok(dir) => match fs::metadata(&dir) {
            Err(_) => (Found::Absent, format!("{} will be made by the first start", dir.display())),
            Ok(meta) => of_data(&dir, &meta),
        },
    };
    Look { what: "data", found, says }
}

fn of_data(dir: &Path, meta: &fs::Metadata) -> (Found, String) {
    let mode = meta.permissions().mode() & 0o777;
    match (mode & 0o077, meta.uid() == uid()) {
        (0, true) => (Found::Fine, dir.display().to_string()),
        (0, false) => (Found::Fine, format!("{}, closed to you: another account's", dir.display())),
        _ => (Found::Wrong, format!("{} is open to others (mode {mode:o}): chmod 700", dir.display())),
    }
}

fn record(places: &Places) -> Look {
    let readable = places.data().ok().filter(|dir| fs::read_dir(dir.join("ledger")).is_ok());
    let (found, says) = match readable.map(|dir| files::verdict(&dir)) {
        None => (Found::Absent, "nothing there that you can read".to_owned()),
        Some(Err(failure)) => (Found::Wrong, failure.text),
        Some(Ok(verdict)) => match verdict.outcome {
            Outcome::Intact => (Found::Fine, verdict.to_string()),
            Outcome::Tampered(_) | Outcome::CannotTell(_) => (Found::Wrong, verdict.to_string()),
        },
    };
    Look { what: "record", found, says }
}

fn server(places: &Places) -> Look {
    let looked = places.socket().and_then(|socket| {
        let runtime = speak::runtime()?;
        runtime.block_on(link::reach_running(&socket))?;
        Ok(socket)
    });
    let (found, says) = match looked {
        Ok(socket) => (Found::Fine, format!("answers at {}", socket.display())),
        Err(failure) if failure.exit == Exit::Unreachable => (Found::Absent, failure.text),
        Err(failure) => (Found::Wrong, Safe::new(failure.text.lines().next().unwrap_or_default()).to_string()),
    };
    Look { what: "server", found, says }
}
