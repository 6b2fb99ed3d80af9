//! Each verb once: arguments become an ask or a question, the answer becomes text or JSON, and the exit code is a value.
//! The server runs them for whoever attaches; the client parses with the same definition.
//!
//! Reading order: `args` (what one can say), [`run`], then `act` (verbs that change something), `look` (verbs that ask),
//! `watch` (verbs that stream), and how answers are written: `text`, `json`, `out`.
//!
//! Invariants: nothing here prints, exits or reads the environment; whatever a person or host wrote is escaped before it
//! leaves; a refusal is an answer (exit 1), told with its rule, who may, and what to do next.

mod access;
mod act;
pub mod args;
mod audit;
mod cast;
mod elevations;
mod find;
mod ical;
mod incidents;
pub mod json;
mod look;
mod mentions;
mod notify;
pub mod out;
mod people;
mod prove;
mod qr;
mod record;
mod standing;
mod text;
mod watch;

#[cfg(test)]
mod tests;

use crate::domain::{Actor, PersonId, Refusal, Rule};
use crate::engine::Handle;
use args::{Audit, Evidence, Hosts, Line, Pack, Runs, Verb, Windows};
use clap::Parser as _;
use out::{Gone, Io};
pub use text::{safe_lines, table, time};

/// How a verb ended, as the shell is told (sysexits.h where it has a number).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Exit {
    /// Done.
    Done,
    /// The answer is no: refused, failed, tampered.
    No,
    /// Nobody can tell.
    Unknown,
    /// Said wrongly.
    Usage,
    /// A file that people wrote is wrong.
    BadInput,
    /// The server cannot be reached.
    Unreachable,
    /// Another server has the data.
    AlreadyRunning,
    /// The record cannot be read or written.
    Storage,
    /// Not now; the same may work later.
    TryAgain,
}

impl Exit {
    /// The number the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Unknown => 2,
            Exit::Usage => 64,
            Exit::BadInput => 65,
            Exit::Unreachable => 69,
            Exit::AlreadyRunning => 73,
            Exit::Storage => 74,
            Exit::TryAgain => 75,
        }
    }

    /// The exit with this number, where there is one.
    pub fn of_code(code: u32) -> Option<Exit> {
        [
            Exit::Done,
            Exit::No,
            Exit::Unknown,
            Exit::Usage,
            Exit::BadInput,
            Exit::Unreachable,
            Exit::AlreadyRunning,
            Exit::Storage,
            Exit::TryAgain,
        ]
        .into_iter()
        .find(|exit| u32::from(exit.code()) == code)
    }

    /// The way a refusal by a rule ends a verb.
    pub fn of_refusal(refusal: &Refusal) -> Exit {
        match refusal.rule {
            Rule::Storage => Exit::Storage,
            Rule::NoRoom | Rule::Stopping => Exit::TryAgain,
            _ => Exit::No,
        }
    }
}

/// What was said could not be understood, or was a question about the program itself (`--help`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misunderstood {
    /// What to print.
    pub text: String,
    /// [`Exit::Usage`], or [`Exit::Done`] for help and version, which belong on standard output.
    pub exit: Exit,
    /// Whether JSON was asked for.
    pub json: bool,
}

/// Reads arguments, the program's own name not among them.
///
/// # Errors
/// Says what is wrong, or holds the help that was asked for.
pub fn parse<S: AsRef<str>>(arguments: &[S]) -> Result<Line, Misunderstood> {
    let words = std::iter::once("quarterdeck").chain(arguments.iter().map(AsRef::as_ref));
    Line::try_parse_from(words).map_err(|error| Misunderstood {
        text: error.render().to_string(),
        exit: match error.use_stderr() {
            true => Exit::Usage,
            false => Exit::Done,
        },
        json: arguments.iter().map(AsRef::as_ref).take_while(|word| *word != "--").any(|word| word == "--json"),
    })
}

/// What a verb is told that the server does not carry out.
pub const ELSEWHERE: &str = "this verb is carried out where it is typed, not by the server";

/// Who asks a verb, of which engine, and how the answer is to look.
pub(crate) struct Cx<'a> {
    pub engine: &'a Handle,
    pub actor: &'a Actor,
    pub person: &'a PersonId,
    pub json: bool,
}

/// Carries out a verb that the server carries out, as `actor`.
pub async fn run(engine: &Handle, actor: &Actor, line: &Line, io: &mut Io<'_>) -> Exit {
    let Some(person) = actor.person() else {
        return Exit::No;
    };
    let cx = Cx { engine, actor, person, json: line.common.json };
    let done = match &line.verb {
        Some(verb) => carry_out(&cx, verb, io).await,
        None => Ok(Exit::Usage),
    };
    // Whoever asked has gone away: there is nobody to tell, and what was decided stands.
    done.unwrap_or(Exit::TryAgain)
}

/// Tells a refusal: on standard error in words, on standard output in JSON.
///
/// # Errors
/// Whoever asked has gone away.
pub async fn refuse(refusal: &Refusal, json: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match json {
        true => io.out(&out::document(&json::refusal(refusal))).await?,
        false => io.err(&text::refusal(refusal)).await?,
    }
    Ok(Exit::of_refusal(refusal))
}

/// Tells an end that is neither an answer nor a refusal: on standard error in words, on standard output in JSON.
///
/// # Errors
/// Whoever asked has gone away.
pub async fn fail(exit: Exit, what: &str, json: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match json {
        true => io.out(&out::document(&json::failure(exit, what, &[]))).await?,
        false => io.err(&format!("{}\n", text::safe_lines(what))).await?,
    }
    Ok(exit)
}

async fn carry_out(cx: &Cx<'_>, verb: &Verb, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        Verb::Plan(form) => look::plan(cx, form, io).await,
        Verb::Run { run } => watch::run(cx, *run, io).await,
        Verb::Runs(Runs::List(query)) => look::runs(cx, query, io).await,
        Verb::Runs(Runs::Show { run }) => look::run(cx, *run, io).await,
        Verb::Runs(Runs::Log(query)) => watch::log(cx, query, io).await,
        Verb::Hosts(Hosts::Enrol { workspace, patch, hosts }) => look::enrol(cx, workspace, *patch, hosts, io).await,
        Verb::Windows(Windows::List { workspace, days, ical }) => {
            look::windows(cx, workspace.as_deref(), *days, *ical, io).await
        }
        Verb::Hosts(Hosts::List { workspace, select }) => {
            look::hosts(cx, workspace.as_deref(), select.as_deref(), io).await
        }
        Verb::Audit(Audit::List { run, person, kind, before, limit }) => {
            let query = crate::domain::query::AuditQuery {
                run: *run,
                person: person.as_deref().map(PersonId::new),
                kind: kind.clone(),
                visible_to: None,
                before: *before,
                limit: *limit,
            };
            look::audit(cx, query, io).await
        }
        Verb::Audit(verb @ (Audit::Head | Audit::Proof { .. } | Audit::Consistency { .. })) => {
            match audit::question(verb) {
                Some(question) => audit::proved(cx, question, io).await,
                None => fail(Exit::Usage, ELSEWHERE, cx.json, io).await,
            }
        }
        Verb::Elevate { role, workspace, for_ms, reason } => {
            elevations::elevate(cx, *role, workspace, *for_ms, reason, io).await
        }
        Verb::Record(verb) => record::run(cx, verb, io).await,
        Verb::Standing(verb) => standing::run(cx, verb, io).await,
        Verb::BreakGlass(said) => incidents::break_glass(cx, said, io).await,
        Verb::Incident(verb) => incidents::run(cx, verb, io).await,
        Verb::Note { run, text } => mentions::note(cx, *run, text, io).await,
        Verb::Mentions(verb) => mentions::run(cx, verb, io).await,
        Verb::Elevations(verb) => elevations::run(cx, verb, io).await,
        Verb::Site(site) => act::site(cx, site, io).await,
        Verb::FollowUp(verb) => prove::follow_up(cx, verb, io).await,
        Verb::Deviations(verb) => prove::deviations(cx, verb, io).await,
        Verb::Compliance(asked) => prove::compliance(cx, asked, io).await,
        Verb::Changes(asked) => prove::changes(cx, asked, io).await,
        Verb::Notify(verb) => notify::notify(cx, verb, io).await,
        Verb::Runs(Runs::Evidence { run, sha256 }) => look::evidence(cx, *run, sha256.as_deref(), io).await,
        Verb::Evidence(Evidence { pack: Some(Pack::Export(asked)), .. }) => audit::export(cx, asked, io).await,
        Verb::Evidence(Evidence { pack: None, run: Some(run), step: Some(step), file: Some(file) }) => {
            act::evidence(cx, *run, step, file, io).await
        }
        Verb::Approve(approve) => people::approve(cx, approve, io).await,
        Verb::People(verb) => people::people(cx, verb, io).await,
        Verb::Secret { run, name } => act::secret(cx, *run, name, io).await,
        Verb::Propose(_)
        | Verb::Accept { .. }
        | Verb::Deny { .. }
        | Verb::Retract { .. }
        | Verb::Withdraw { .. }
        | Verb::Start { .. }
        | Verb::Tick(_)
        | Verb::Decide(_)
        | Verb::Claim { .. }
        | Verb::Handover { .. }
        | Verb::Pause { .. }
        | Verb::Continue { .. }
        | Verb::Abort { .. }
        | Verb::Rerun { .. }
        | Verb::Resume { .. }
        | Verb::Rollback { .. }
        | Verb::Close { .. }
        | Verb::Review { .. } => act::submit(cx, verb, io).await,
        Verb::Demo(_)
        | Verb::Init { .. }
        | Verb::Check { .. }
        | Verb::Schema { .. }
        | Verb::Show(_)
        | Verb::Import(_)
        | Verb::Hosts(Hosts::Import(_))
        | Verb::Audit(Audit::Verify)
        | Verb::Evidence(_)
        | Verb::Sessions(_)
        | Verb::Serve(_)
        | Verb::Attach { .. }
        | Verb::Wall
        | Verb::Completions { .. }
        | Verb::Doctor => fail(Exit::Usage, ELSEWHERE, cx.json, io).await,
    }
}
