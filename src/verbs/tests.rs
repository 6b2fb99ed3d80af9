//! The command line: what parses, and what does not.

use super::args::*;
use super::*;
use clap::CommandFactory;

fn parsed(line: &str) -> Line {
    let words = shlex::split(line).unwrap();
    parse(&words).unwrap_or_else(|error| panic!("{line}: {}", error.text))
}

#[test]
fn the_definition_holds_together() {
    Line::command().debug_assert();
}

#[test]
fn a_proposal_is_read_whole() {
    let line = parsed(
        "propose planned-change --in prod-web -i release=v1.5.0 --input 'risk=a=b c' --confirm release --select 'host:web-1' \
         --tag canary --purpose rollout --reason why --ticket '#871' --tell chat --impact high --json --as grace",
    );
    assert!(line.common.json);
    assert_eq!(line.common.acting_as.as_deref(), Some("grace"));
    let Some(Verb::Propose(form)) = line.verb else { panic!() };
    let proposal = act::proposal(&form);
    assert_eq!(proposal.inputs["risk"], "a=b c");
    assert_eq!(proposal.inputs["release"], "v1.5.0");
    assert!(proposal.ticks.contains("release"));
    assert_eq!(proposal.ticket, "#871");
}

#[test]
fn a_plan_tells_a_step_by_hand_with_the_values_of_the_form() {
    use crate::domain::fixture;
    use crate::domain::runbook::{Action, Input, InputKind};
    let mut site = fixture::site();
    let mut runbook = fixture::runbook("restart");
    runbook.inputs = vec![Input {
        name: "release".to_owned(),
        prompt: String::new(),
        kind: InputKind::String { pattern: None },
        default: None,
        help: String::new(),
        source: String::new(),
        confirm: None,
        required: true,
    }];
    let text = "Say that {{ release }} is out; {{ run }} did it.".to_owned();
    let by_hand = Action::Manual { text, role: None, checklist: Vec::new(), evidence: false };
    runbook.steps.push(fixture::step("tell", by_hand));
    site.runbooks.insert("restart".into(), std::sync::Arc::new(runbook));
    let world = fixture::Driver::new(site).world;
    let mut form = fixture::proposal();
    form.inputs.insert("release".to_owned(), "{{ run }} v2".to_owned());
    let run = crate::domain::RunId(7);
    let plan = crate::domain::planning::plan(&world, run, &"ada".into(), fixture::NOON, &form).unwrap();
    let shown = super::text::plan(&plan, None);
    assert!(shown.contains("Say that {{ run }} v2 is out; #7 did it."), "a value is never looked at again: {shown}");
}

#[test]
fn runs_are_written_with_and_without_the_sign() {
    for line in ["start 42", "start '#42'"] {
        assert_eq!(parsed(line).verb, Some(Verb::Start { run: crate::domain::RunId(42), at: None }));
    }
}

#[test]
fn usage_is_exit_64_and_help_is_not() {
    for line in
        ["approve 1", "decide 1 web-1 restart maybe", "nonsense", "propose x", "runs list --limit many", "demo --x"]
    {
        let words = shlex::split(line).unwrap();
        assert_eq!(parse(&words).unwrap_err().exit, Exit::Usage, "{line}");
    }
    let said = parse(&["start", "forty-two"]).unwrap_err().text;
    assert!(said.contains("a run is a number") && !said.contains("digit"), "{said}");
    assert_eq!(parse(&["--help"]).unwrap_err().exit, Exit::Done);
    assert_eq!(parse(&["--version"]).unwrap_err().exit, Exit::Done);
}

#[test]
fn z41_what_others_are_called_commands_no_terminal() {
    assert_eq!(
        safe_lines("the account a\x1b]0;x\x07 is nobody here\nnext\n"),
        "the account a^[]0;x^G is nobody here\nnext"
    );
}

#[test]
fn what_a_console_opens_with_is_a_run_or_nothing() {
    let opened = |line: &str| run_to_open(&shlex::split(line).unwrap()).map(|run| run.map(|run| run.0));
    assert_eq!(opened(""), Ok(None));
    for line in ["42", "'#42'", "run 42", "run '#42'"] {
        assert_eq!(opened(line), Ok(Some(42)), "{line}");
    }
    for line in ["nonsense", "run", "42 43", "walk 42"] {
        assert!(opened(line).is_err(), "{line}");
    }
}

#[test]
fn no_verb_is_the_console() {
    assert_eq!(parsed("--json").verb, None);
}

#[test]
fn exit_codes_are_those_of_the_manual() {
    let all = [
        (Exit::Done, 0),
        (Exit::No, 1),
        (Exit::Unknown, 2),
        (Exit::Usage, 64),
        (Exit::BadInput, 65),
        (Exit::Unreachable, 69),
        (Exit::AlreadyRunning, 73),
        (Exit::Storage, 74),
        (Exit::TryAgain, 75),
    ];
    for (exit, code) in all {
        assert_eq!(exit.code(), code);
    }
}
