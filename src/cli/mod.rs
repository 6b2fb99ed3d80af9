//! The program as a process: arguments, environment, terminal, and the server it attaches to or becomes.
//!
//! Reading order: [`main`], `surroundings` (the environment, read once), `places` (site, data, socket), then by what a verb
//! needs: `files` (verbs over files alone), `link` (reaching a server, starting it), `speak` (a verb over the link),
//! `attach` (the console over the link), `serve` (being the server), `doctor`, `demo`.
//!
//! Invariants: the only module that reads the environment, prints and decides the exit; a terminal it changed is given back
//! however the program ends.

mod attach;
mod demo;
mod doctor;
mod files;
mod link;
mod places;
mod say;
mod serve;
mod speak;
mod surroundings;

use crate::verbs::args::{Audit, Line, Place, Verb};
use crate::verbs::{self, Exit, Misunderstood};
use places::Places;
use std::process::ExitCode;
use surroundings::Surroundings;

/// Why the program ends other than by a verb's answer: what to say, and the exit.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Failure {
    text: String,
    exit: Exit,
}

impl Failure {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { text: text.into(), exit }
    }
}

type Ended = Result<Exit, Failure>;

/// The whole program.
pub fn main() -> ExitCode {
    let Some(arguments) = surroundings::arguments() else {
        say::err("quarterdeck: arguments are UTF-8\n");
        return ExitCode::from(Exit::Usage.code());
    };
    let ended = match verbs::parse(&arguments) {
        Ok(line) => carry_out(&line, &arguments, &Surroundings::read()),
        Err(Misunderstood { text, exit: Exit::Done }) => {
            say::out(&text);
            Ok(Exit::Done)
        }
        Err(Misunderstood { text, exit }) => {
            say::err(&text);
            Ok(exit)
        }
    };
    let exit = ended.unwrap_or_else(|failure| {
        say::err(&format!("quarterdeck: {}\n", failure.text.trim_end()));
        failure.exit
    });
    ExitCode::from(exit.code())
}

fn carry_out(line: &Line, arguments: &[String], around: &Surroundings) -> Ended {
    let places = Places::new(&line.common, around);
    match &line.verb {
        None => attach::attach(&places, around, line, &[]),
        Some(Verb::Attach { open }) => attach::attach(&places, around, line, open),
        Some(Verb::Demo(asked)) => demo::demo(asked, around),
        Some(Verb::Init { dir }) => files::init(dir, around),
        Some(Verb::Check { dir }) => files::check(dir.as_deref(), &places, around, line.common.json),
        Some(Verb::Schema { kind }) => files::schema(kind),
        Some(Verb::Show(show)) => files::show(show, &places, line.common.json),
        Some(Verb::Audit(Audit::Verify)) => files::audit_verify(&places, line.common.json),
        Some(Verb::Completions { shell }) => files::completions(*shell),
        Some(Verb::Doctor) => doctor::doctor(&places, line.common.json),
        Some(Verb::Serve(asked)) if asked.stop > 0 => speak::to_a_running_server(&places, arguments),
        Some(Verb::Serve(asked)) => serve::serve(&places, around, asked),
        Some(verb) => match verb.place() {
            Place::Server => speak::speak(&places, around, line, arguments),
            Place::Here | Place::Process => Err(Failure::new(Exit::Usage, "no such verb")),
        },
    }
}
