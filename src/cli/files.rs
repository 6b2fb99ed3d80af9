//! Verbs over files alone: they work on the day the server does not.

use super::places::Places;
use super::surroundings::Surroundings;
use super::{Ended, Exit, Failure, say};
use crate::domain::runbook::{Runbook, Status};
use crate::domain::words;
use crate::domain::workspace::Workspace;
use crate::ledger::{Disk, Known, Outcome, RealDisk, verify};
use crate::site::{self, Diagnostic, InitError, Ink, Kind, Loaded, Look};
use crate::terminal::line::Safe;
use crate::verbs::args::{Line, Shell, Show};
use crate::verbs::out::document;
use clap::CommandFactory as _;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// Columns diagnostics are drawn in where nobody's terminal says otherwise.
const WIDTH: usize = 100;

/// `init DIR`.
pub fn init(dir: &Path, around: &Surroundings, as_json: bool) -> Ended {
    let account = around.account().ok_or_else(|| Failure::new(Exit::Unknown, "this account has no name"))?;
    let written = site::init(dir, &account).map_err(|error| {
        let exit = match error {
            InitError::NotEmpty(_) | InitError::Account(_) => Exit::No,
            InitError::Write { .. } => Exit::Storage,
        };
        Failure::new(exit, error.to_string())
    })?;
    let written: Vec<String> = written.iter().map(|path| dir.join(path).display().to_string()).collect();
    if as_json {
        say::out(&document(&json!({"written": written})))?;
        return Ok(Exit::Done);
    }
    let mut text: String = written.iter().map(|path| format!("wrote {path}\n")).collect();
    let dir = dir.display();
    text.push_str(&format!("next: cd {dir} && quarterdeck check && quarterdeck\n"));
    say::out(&text)?;
    Ok(Exit::Done)
}

/// `check [DIR]`.
pub fn check(dir: Option<&Path>, places: &Places, around: &Surroundings, as_json: bool) -> Ended {
    let dir = match dir {
        Some(dir) => dir,
        None => places.site()?,
    };
    let (problems, exit) = match site::load(dir, site::git::state(dir)) {
        Ok(loaded) => (loaded.warnings, Exit::Done),
        Err(problems) => (problems, Exit::BadInput),
    };
    if as_json {
        let rows: Vec<Value> = problems.iter().map(Diagnostic::json).collect();
        say::out(&document(&json!({"problems": rows})))?;
        return Ok(exit);
    }
    let look = look(around);
    for problem in &problems {
        say::err(&site::render(problem, look));
        say::err("\n");
    }
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len() - errors;
    say::out(&match (errors, warnings) {
        (0, 0) => format!("{}: in order\n", dir.display()),
        (0, warnings) => format!("{}: usable, {warnings} to look at\n", dir.display()),
        (errors, 0) => format!("{}: {errors} to mend\n", dir.display()),
        (errors, warnings) => format!("{}: {errors} to mend, {warnings} to look at\n", dir.display()),
    })?;
    Ok(exit)
}

fn look(around: &Surroundings) -> Look {
    use std::io::IsTerminal as _;
    let width = crate::terminal::guard::size(std::io::stderr()).map_or(WIDTH, |(columns, _)| usize::from(columns));
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| around.told(name))
        .is_some_and(|value| value.to_ascii_lowercase().replace('-', "").contains("utf8"));
    let colour = std::io::stderr().is_terminal() && around.told("NO_COLOR").is_none();
    let ink = match (utf8, colour) {
        (false, _) => Ink::Ascii,
        (true, false) => Ink::Plain,
        (true, true) => Ink::Colour,
    };
    Look { width, ink }
}

/// `schema KIND`.
pub fn schema(word: &str) -> Ended {
    let kind = Kind::parse(word).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
        Failure::new(Exit::Usage, format!("no kind of file is called {word}; there are {}", known.join(", ")))
    })?;
    say::out(&document(&site::schema(kind)))?;
    Ok(Exit::Done)
}

/// `show [RUNBOOK] [--paper]`.
pub fn show(show: &Show, places: &Places, as_json: bool) -> Ended {
    let dir = places.site()?;
    let Loaded { site, .. } = site::load(dir, site::git::state(dir)).map_err(|problems| {
        let text = format!("the site has {} problems; `quarterdeck check` shows them", problems.len());
        Failure::of_site(text, problems)
    })?;
    let Some(id) = &show.runbook else {
        let runbooks: Vec<&Runbook> = site.runbooks.values().map(|runbook| runbook.as_ref()).collect();
        say::out(&list(&runbooks, as_json))?;
        return Ok(Exit::Done);
    };
    let runbook = site
        .runbooks
        .get(&id.as_str().into())
        .ok_or_else(|| Failure::new(Exit::No, format!("no runbook is called {id}; `quarterdeck show` lists them")))?;
    let workspaces: Vec<&Workspace> = match &show.workspace {
        None => site.workspaces.values().map(AsRef::as_ref).collect(),
        Some(id) => vec![
            site.workspaces
                .get(&id.as_str().into())
                .ok_or_else(|| Failure::new(Exit::No, format!("no workspace is called {id}")))?,
        ],
    };
    let text = match (show.paper, as_json) {
        (true, false) => site::paper(runbook, &workspaces),
        (true, true) => document(&json!({"paper": site::paper(runbook, &workspaces)})),
        (false, true) => document(&serde_json::to_value(runbook.as_ref()).unwrap_or_default()),
        (false, false) => shown(runbook),
    };
    say::out(&text)?;
    Ok(Exit::Done)
}

fn list(runbooks: &[&Runbook], as_json: bool) -> String {
    if as_json {
        let rows: Vec<Value> = runbooks
            .iter()
            .map(|runbook| {
                json!({
                    "file": runbook.file,
                    "id": runbook.id.as_str(),
                    "impact": runbook.impact.word(),
                    "kind": runbook.kind,
                    "status": runbook.status,
                    "title": runbook.title,
                    "version": runbook.version,
                })
            })
            .collect();
        return document(&json!({"rows": rows}));
    }
    let rows: Vec<Vec<String>> = runbooks
        .iter()
        .map(|runbook| {
            vec![
                runbook.id.to_string(),
                runbook.version.clone(),
                status_word(runbook.status).to_owned(),
                runbook.impact.word().to_owned(),
                runbook.title.clone(),
            ]
        })
        .collect();
    crate::verbs::table(&["runbook", "version", "status", "impact", "title"], &rows)
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Draft => "draft",
        Status::Approved => "approved",
        Status::Retired => "retired",
    }
}

/// The file as it is written, each line made safe to look at.
fn shown(runbook: &Runbook) -> String {
    let mut text = format!("# {}\n", Safe::new(&runbook.file));
    for line in runbook.source.lines() {
        text.push_str(&format!("{}\n", Safe::new(line)));
    }
    text
}

/// `audit verify`.
pub fn audit_verify(places: &Places, as_json: bool) -> Ended {
    let data = places.data()?;
    let verdict = verdict(&data)?;
    say::out(&match as_json {
        true => document(&verdict_json(&verdict)),
        false => format!("{verdict}\n"),
    })?;
    Ok(exit_of(&verdict))
}

/// How a verdict ends the program.
pub fn exit_of(verdict: &crate::ledger::Verdict) -> Exit {
    match verdict.outcome {
        Outcome::Intact => Exit::Done,
        Outcome::Tampered(_) => Exit::No,
        Outcome::CannotTell(_) => Exit::Unknown,
    }
}

/// What verification of a data directory says.
pub fn verdict(data: &Path) -> Result<crate::ledger::Verdict, Failure> {
    let disk = RealDisk::read_only(data).map_err(|error| Failure::new(Exit::Storage, error.to_string()))?;
    let disk: Arc<dyn Disk> = Arc::new(disk);
    Ok(verify(&disk, Known { kinds: words::KINDS, since: None, outputs: Some(crate::engine::OUTPUTS) }))
}

/// The same as JSON.
pub fn verdict_json(verdict: &crate::ledger::Verdict) -> Value {
    let (word, finding) = match &verdict.outcome {
        Outcome::Intact => ("intact", None),
        Outcome::Tampered(finding) => ("tampered", Some(finding)),
        Outcome::CannotTell(finding) => ("cannot_tell", Some(finding)),
    };
    json!({
        "details": verdict.details,
        "erased": verdict.erased,
        "finding": finding.map(|finding| json!({
            "file": finding.file,
            "index": finding.index,
            "offset": finding.offset,
            "reason": finding.reason.to_string(),
        })),
        "head": verdict.head.map(|head| json!({"hash": head.hash.to_base64(), "size": head.size})),
        "origin": verdict.origin,
        "transcripts_missing": verdict.transcripts_missing,
        "unfinished_bytes": verdict.unfinished_bytes,
        "verdict": word,
    })
}

/// `completions SHELL`.
pub fn completions(shell: Shell) -> Ended {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Elvish => clap_complete::Shell::Elvish,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Line::command(), "quarterdeck", &mut bytes);
    say::out(&String::from_utf8_lossy(&bytes))?;
    Ok(Exit::Done)
}
