//! The program as a process: arguments, environment, terminal, and the server it attaches to or becomes.
//!
//! Reading order: [`main`], `surroundings` (the environment, read once), `places` (site, data, socket), then by what a verb
//! needs: `files` (verbs over files alone), `import` (what other tools know), `link` (reaching a server, starting it), `speak` (a verb over the link; `approve` and `sign` for the one that needs a key),
//! `pack` (evidence packs), `attach` (the console over the link, `person` at it), `serve` (being the server), `upgrade` (being relieved by another program), `log`, `systemd` (being a service), `doctor` and `programs`, `demo`.
//!
//! Invariants: the only module that reads the environment, prints and decides the exit; a terminal it changed is given back
//! however the program ends.

mod approve;
mod attach;
mod demo;
mod doctor;
mod files;
mod import;
mod link;
mod log;
mod pack;
mod person;
mod places;
mod programs;
mod say;
mod serve;
mod sign;
mod speak;
mod surroundings;
mod systemd;
#[cfg(test)]
mod tests;
mod upgrade;

use crate::session::Opening;
use crate::site::Diagnostic;
use crate::verbs::args::{Audit, Evidence, Hosts, Line, Pack, Place, Verb, run_to_open};
use crate::verbs::out::document;
use crate::verbs::{self, Exit, Misunderstood, json};
use places::Places;
use serde_json::Value;
use std::process::ExitCode;
use surroundings::Surroundings;

/// Why the program ends other than by a verb's answer: what to say, and the exit.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    text: String,
    exit: Exit,
    /// What is wrong with the site's files, where that is why.
    problems: Vec<Diagnostic>,
}

impl Failure {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { text: text.into(), exit, problems: Vec::new() }
    }

    /// The site's files are wrong.
    fn of_site(text: impl Into<String>, problems: Vec<Diagnostic>) -> Self {
        Self { text: text.into(), exit: Exit::BadInput, problems }
    }

    /// Says it on the one stream where it is looked for, and ends the program.
    fn told(&self, form: Form) -> Exit {
        let as_json = || {
            let problems: Vec<Value> = self.problems.iter().map(Diagnostic::json).collect();
            document(&json::failure(self.exit, self.text.trim_end(), &problems))
        };
        if form == Form::Json && say::out(&as_json()).is_ok() {
            return self.exit;
        }
        let problems = self.problems.iter().map(ToString::to_string);
        let lines = std::iter::once(self.text.trim_end().to_owned()).chain(problems);
        // Names of accounts and files come from elsewhere: none of them commands a terminal.
        let text = verbs::safe_lines(&lines.collect::<Vec<_>>().join("\n"));
        say::err(&format!("quarterdeck: {text}\n"));
        self.exit
    }
}

/// How answers are to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Form {
    Text,
    Json,
}

impl Form {
    fn of(json: bool) -> Self {
        match json {
            true => Form::Json,
            false => Form::Text,
        }
    }
}

/// Behind standard input, output and error.
const FIRST_OTHER_DESCRIPTOR: i32 = 3;

type Ended = Result<Exit, Failure>;

/// The whole program.
pub fn main() -> ExitCode {
    // Whatever the starter had open is not for what this program starts: least of all for local work under another account (Z56).
    close_fds::set_fds_cloexec(FIRST_OTHER_DESCRIPTOR, &[]);
    let Some(arguments) = surroundings::arguments() else {
        say::err("quarterdeck: arguments are UTF-8\n");
        return ExitCode::from(Exit::Usage.code());
    };
    let exit = match verbs::parse(&arguments) {
        Ok(line) => {
            let ended = carry_out(&line, &arguments, &Surroundings::read());
            ended.unwrap_or_else(|failure| failure.told(Form::of(line.common.json)))
        }
        Err(Misunderstood { text, exit: Exit::Done, .. }) => match say::out(&text) {
            Ok(()) => Exit::Done,
            Err(failure) => failure.told(Form::Text),
        },
        Err(Misunderstood { text, exit, json: true }) => Failure::new(exit, text).told(Form::Json),
        Err(Misunderstood { text, exit, json: false }) => {
            say::err(&text);
            exit
        }
    };
    ExitCode::from(exit.code())
}

fn carry_out(line: &Line, arguments: &[String], around: &Surroundings) -> Ended {
    let places = Places::new(&line.common, around);
    match &line.verb {
        None => attach::attach(&places, around, line, Opening::Home),
        Some(Verb::Attach { open }) => match run_to_open(open) {
            Ok(run) => attach::attach(&places, around, line, run.map_or(Opening::Home, Opening::Run)),
            Err(why) => Err(Failure::new(Exit::Usage, why)),
        },
        Some(Verb::Wall) => attach::attach(&places, around, line, Opening::Wall),
        Some(Verb::Demo(asked)) => demo::demo(asked, around, Form::of(line.common.json)),
        Some(Verb::Init { dir }) => files::init(dir, around, line.common.json),
        Some(Verb::Check { dir }) => files::check(dir.as_deref(), &places, around, line.common.json),
        Some(Verb::Schema { kind }) => files::schema(kind),
        Some(Verb::Show(show)) => files::show(show, &places, line.common.json),
        Some(Verb::Import(what)) => import::runbooks(what, line.common.json),
        Some(Verb::Hosts(Hosts::Import(what))) => import::hosts(what, around, line.common.json),
        Some(Verb::Audit(Audit::Verify)) => files::audit_verify(&places, line.common.json),
        Some(Verb::Evidence(Evidence { pack: Some(Pack::Verify { pack, since }), .. })) => {
            pack::verify(pack, since.as_deref(), line.common.json)
        }
        Some(Verb::Evidence(Evidence { pack: Some(Pack::Export(asked)), .. })) if asked.out.as_os_str() != "-" => {
            pack::export(&places, around, arguments, &asked.out, line.common.json)
        }
        Some(Verb::Completions { shell }) => files::completions(*shell),
        Some(Verb::Doctor) => doctor::doctor(&places, line.common.json),
        Some(Verb::Serve(asked)) if asked.stop > 0 || asked.upgrade.is_some() => {
            speak::to_a_running_server(&places, arguments)
        }
        Some(Verb::Serve(asked)) if asked.knows => upgrade::knows(),
        Some(Verb::Serve(asked)) => serve::serve(&places, around, asked),
        Some(verb) => match verb.place() {
            Place::Server => speak::speak(&places, around, line, arguments),
            Place::Here | Place::Process => Err(Failure::new(Exit::Usage, "no such verb")),
        },
    }
}
