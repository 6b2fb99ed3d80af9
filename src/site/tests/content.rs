//! What becomes of what people write: values in their places, and the rules that bind several keys.

use super::{lines, public_key};
use crate::domain::people::Role;
use crate::domain::runbook::{
    Action, Amount, Compare, Effect, Impact, InputKind, Interpreter, Kind, Match, OnFailure, Severity, Status,
};
use crate::domain::workspace::{Environment, Reach, Trust};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::parse::{self, Templates};

fn stack() -> Templates {
    let mut stack = Templates { some_nameless: true, ..Templates::default() };
    let parsed = parse::template("t.toml", include_str!("full/template.toml"));
    let template = parsed.value.unwrap();
    stack.known.insert(template.name(), template);
    stack
}

#[test]
fn a_whole_runbook_keeps_what_was_written() {
    let text = include_str!("full/runbook.toml");
    let parsed = parse::runbook("runbooks/a.toml", text, &stack());
    let it = parsed.value.unwrap_or_else(|| panic!("{}", lines(&parsed.diagnostics)));
    assert_eq!(
        (it.kind, it.status, it.impact, it.runs_as),
        (Kind::Change, Status::Approved, Impact::Medium, Role::Operator)
    );
    assert_eq!((it.last_reviewed.as_str(), it.next_review.as_str()), ("2026-09-17", "2026-12-01"));
    assert_eq!(it.change.as_ref().unwrap().policies, ["change-window", "four-eyes"]);
    assert_eq!(it.scope.exclude.as_deref(), Some("group:db"));
    assert_eq!(it.targets.batches, [Amount::Hosts(1), Amount::Percent(25), Amount::Percent(100)]);
    assert_eq!((it.targets.parallel, it.targets.max_failures), (32, Some(Amount::Hosts(0))));
    assert_eq!((it.limits.connect_ms, it.limits.idle_ms, it.limits.run_ms), (10_000, 300_000, 7_200_000));

    let names: Vec<&str> = it.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["window", "release", "workers", "way"], "templates first, then in file order");
    assert_eq!(it.inputs[1].kind, InputKind::String { pattern: Some(r"^v\d+\.\d+\.\d+$".to_owned()) });
    assert!(it.inputs[1].required && !it.inputs[2].required);
    assert_eq!(it.inputs[2].kind, InputKind::Int { min: Some(1), max: Some(64) });
    assert_eq!(it.secrets["deploy_token"].reference, "file:/etc/quarterdeck/secrets/deploy-token");

    let disk = &it.preflight[1];
    assert_eq!(disk.id.as_str(), "disk");
    assert_eq!((disk.script.interpreter.clone(), disk.script.timeout_ms), (Interpreter::Bash, 30_000));
    let number = Match::Number { compare: Compare::GreaterOrEqual, with: "2147483648".to_owned() };
    assert_eq!((disk.expect.exit, &disk.expect.stdout), (0, &Some(number)));
    assert_eq!(disk.severity, Severity::Block);
    let json = Match::Json { path: "status.phase".to_owned(), equals: "ok".to_owned() };
    assert_eq!(it.preflight[2].expect.stdout, Some(json));
    assert_eq!(it.preflight[3].expect.stdout, Some(Match::Equals("up".to_owned())));
    assert_eq!(it.preflight[3].expect.stderr, Some(Match::Matches("^$".to_owned())));
    let json = Match::Json { path: "a".to_owned(), equals: "true".to_owned() };
    assert_eq!(it.preflight[4].expect.stderr, Some(json), "compared as text");

    let restart = &it.steps[1];
    assert_eq!(
        (restart.effect, restart.on_failure, restart.required),
        (Effect::Idempotent, Some(OnFailure::Pause), true)
    );
    assert_eq!((restart.retries.times, restart.retries.delay_ms, restart.due_ms), (2, 5_000, Some(600_000)));
    let Action::Script(script) = &restart.action else { panic!("a script") };
    assert_eq!((script.text.as_str(), script.timeout_ms), ("systemctl restart web.service", 120_000));
    assert_eq!(script.secrets, ["deploy_token"]);
    let announce = &it.steps[2];
    assert_eq!(announce.title, "announce", "the id where no title is written");
    let Action::Manual { role, checklist, evidence, .. } = &announce.action else { panic!("manual") };
    assert_eq!((role.as_deref(), checklist.len(), *evidence), (Some("comms"), 2, true));
    assert_eq!(it.steps.last().unwrap().id.as_str(), "host-baseline/close");
    assert!(it.rollback.starts_with("Undo in reverse"));
    assert_eq!((it.file.as_str(), it.source.as_str()), ("runbooks/a.toml", text));
}

#[test]
fn a_whole_workspace_keeps_what_was_written() {
    let mut text = include_str!("full/workspace.toml").to_owned();
    for nr in 1..=3 {
        text = text.replace(&format!("KEY-{nr}"), &public_key(nr));
    }
    let parsed = parse::workspace("w.toml", &text);
    let it = parsed.value.unwrap_or_else(|| panic!("{}", lines(&parsed.diagnostics)));
    assert_eq!((it.environment, it.colour.as_str(), it.owner.as_str()), (Environment::Production, "red", "grace"));
    let Reach::Ssh { address, port, user, jump, trust, .. } = &it.servers[1].reach else { panic!("ssh") };
    assert_eq!((address.as_str(), *port, user.as_str()), ("10.20.0.11", 22, "deploy"));
    assert_eq!(jump.as_ref().unwrap().as_str(), "edge-1");
    assert_eq!(*trust, Trust::Keys(vec![public_key(2), public_key(3)]));
    let Reach::Ssh { trust, port, .. } = &it.servers[0].reach else { panic!("ssh") };
    assert_eq!((trust, *port), (&Trust::Authorities(vec![public_key(1)]), 2222));
    assert_eq!(it.servers[2].reach, Reach::Local);
    assert!(it.grants(&"grace".into(), Role::Owner) && !it.grants(&"ada".into(), Role::Owner));
    assert_eq!((it.policy.approval_expiry_ms, it.policy.execution_expiry_ms), (4 * 3_600_000, 24 * 3_600_000));
    assert_eq!(it.policy.review_within_ms, 3 * 24 * 3_600_000);
    assert_eq!(it.policy.quorums[0].from.len(), 2);
    assert_eq!(it.windows[0].lasts_ms, 4 * 3_600_000);
    assert_eq!(it.freezes[0].from, "2026-12-18T00:00:00");
}

#[test]
fn crlf_line_ends_change_neither_what_runs_nor_where_a_mistake_stands() {
    let body = "[[step]]\nid = \"a\"\nrun = \"\"\"\nset -eu\necho one\n\"\"\"\n";
    let text = |body: &str| HEAD.to_owned() + body;
    let windows = |body: &str| text(body).replace('\n', "\r\n");
    let script = |text: &str| {
        let parsed = parse::runbook("a.toml", text, &stack());
        let value = parsed.value.unwrap_or_else(|| panic!("{}", lines(&parsed.diagnostics)));
        let Action::Script(script) = &value.steps[0].action else { panic!("a script") };
        script.text.clone()
    };
    assert_eq!(script(&text(body)), "set -eu\necho one\n");
    assert_eq!(script(&windows(body)), script(&text(body)));
    for wrong in ["\\u202e", "\\r", "é", "\u{202e}", "\r"] {
        let body = body.replace("one", &format!("one {wrong}!"));
        let found = |text: &str| {
            let parsed = parse::runbook("a.toml", text, &stack());
            assert!(parsed.value.is_none(), "{wrong:?}");
            parsed.diagnostics.iter().map(|it| (it.code, it.line, it.column)).collect::<Vec<_>>()
        };
        assert_eq!(found(&windows(&body)), found(&text(&body)), "{wrong:?}");
    }
}

pub(super) const HEAD: &str = "schema = 1\n[runbook]\nid = \"a\"\ntitle = \"A\"\nkind = \"audit\"\nversion = \"1\"\nstatus = \"draft\"\nimpact = \"low\"\n";

fn draft(body: &str) -> Vec<Diagnostic> {
    let text = format!("{HEAD}{body}");
    parse::runbook("a.toml", &text, &stack()).diagnostics
}

/// Codes a body brings up, with the line within it and the column.
#[track_caller]
fn brings(body: &str, expected: &[(Code, usize, usize)]) {
    let found = draft(body);
    let seen: Vec<_> = found.iter().map(|it| (it.code, it.line.saturating_sub(8), it.column)).collect();
    assert_eq!(seen, expected, "{}", lines(&found));
}

#[test]
fn a_draft_may_be_short() {
    brings("", &[]);
    brings("[[step]]\nid = \"a\"\nrun = \"true\"\n", &[]);
}

#[test]
fn checks_are_read_only_and_get_no_secrets() {
    let check = "[[preflight]]\nid = \"a\"\ntitle = \"A\"\nrun = \"true\"\n";
    for effect in ["idempotent", "once"] {
        brings(&format!("{check}effect = \"{effect}\"\n"), &[(Code::Value, 5, 10)]);
    }
    brings(&format!("{check}effect = \"read\"\nsecrets = [\"a\"]\n"), &[(Code::KeyMisplaced, 6, 1)]);
    brings(
        &format!("{check}effect = \"read\"\nexpect = {{ equals = \"a\", matches = \"a\" }}\n"),
        &[(Code::Rule, 6, 26)],
    );
    brings(
        &format!("{check}effect = \"read\"\nexpect = {{ equals = \"a\", stdout = {{ equals = \"b\" }} }}\n"),
        &[(Code::Rule, 6, 26)],
    );
    brings(&format!("{check}effect = \"read\"\nexpect = {{ stderr = {{}} }}\n"), &[(Code::Rule, 6, 21)]);
}

#[test]
fn each_kind_of_step_has_its_own_keys() {
    brings("[[step]]\nid = \"a\"\n", &[(Code::KeyMissing, 1, 1)]);
    brings("[[step]]\nid = \"a\"\nkind = \"manual\"\n", &[(Code::KeyMissing, 1, 1)]);
    let manual = "[[step]]\nid = \"a\"\nkind = \"manual\"\ntext = \"Do it.\"\n";
    for key in
        ["run = \"true\"", "interpreter = \"sh\"", "timeout = \"1m\"", "retries = { times = 1 }", "undo = \"true\""]
    {
        brings(&format!("{manual}{key}\n"), &[(Code::KeyMisplaced, 5, 1)]);
    }
    for key in ["text = \"x\"", "role = \"qa\"", "checklist = [\"x\"]", "evidence = true"] {
        brings(&format!("[[step]]\nid = \"a\"\nrun = \"true\"\n{key}\n"), &[(Code::KeyMisplaced, 4, 1)]);
    }
    brings("[[step]]\nid = \"a\"\nrun = \"true\"\neffect = \"once\"\nretries = { times = 1 }\n", &[(Code::Rule, 5, 1)]);
    brings("[[step]]\nid = \"a\"\nrun = \"true\"\nplace = \"before\"\n", &[(Code::KeyMisplaced, 4, 1)]);
    let twice = "[[step]]\nid = \"a\"\nrun = \"true\"\n[[step]]\nid = \"a\"\nrun = \"true\"\n";
    brings(twice, &[(Code::Duplicate, 5, 6)]);
}

#[test]
fn secrets_are_declared_used_and_named_apart_from_inputs() {
    let secret = "[secrets.a]\nref = \"file:/x\"\npurpose = \"x\"\n";
    brings("[[step]]\nid = \"a\"\nrun = \"true\"\nsecrets = [\"b\"]\n", &[(Code::Undeclared, 4, 12)]);
    brings(secret, &[(Code::Rule, 1, 10)]);
    assert!(draft(secret)[0].to_string().contains("warning"));
    let used = "[[step]]\nid = \"a\"\nrun = \"true\"\nsecrets = [\"a\"]\n";
    brings(&format!("{secret}{used}"), &[]);
    brings(&format!("{secret}[inputs.a]\nprompt = \"A\"\ntype = \"text\"\n{used}"), &[(Code::Duplicate, 1, 10)]);
    brings(
        "[secrets.a]\nvalue = \"x\"\nref = \"file:/x\"\npurpose = \"x\"\n[[step]]\nid = \"a\"\nrun = \"true\"\nsecrets = [\"a\"]\n",
        &[(Code::KeyMisplaced, 2, 1)],
    );
}

#[test]
fn an_input_fits_its_type() {
    let input = |rest: &str| format!("[inputs.a]\nprompt = \"A\"\n{rest}");
    brings(&input("type = \"choice\"\n"), &[(Code::KeyMissing, 1, 1)]);
    brings(&input("type = \"choice\"\nchoices = []\n"), &[(Code::Value, 4, 11)]);
    brings(&input("type = \"choice\"\nchoices = [\"x\", \"x\"]\n"), &[(Code::Duplicate, 4, 17)]);
    brings(&input("type = \"text\"\npattern = \"a\"\n"), &[(Code::KeyMisplaced, 4, 1)]);
    brings(&input("type = \"int\"\nmin = 5\nmax = 4\n"), &[(Code::Value, 5, 7)]);
    for (kind, default, column) in [
        ("int", "\"5\"", Code::ValueType),
        ("string", "5", Code::ValueType),
        ("bool", "\"true\"", Code::ValueType),
        ("int\"\nmax = 4\n#\"", "5", Code::Value),
        ("string\"\npattern = \"^b$\"\n#\"", "\"a\"", Code::Value),
        ("choice\"\nchoices = [\"a\"]\n#\"", "\"b\"", Code::Value),
        ("date", "\"soon\"", Code::Value),
        ("duration", "\"soon\"", Code::Value),
        ("file", "\"x\"", Code::Value),
    ] {
        let found = draft(&input(&format!("type = \"{kind}\"\ndefault = {default}\n")));
        assert_eq!(found.len(), 1, "{kind}: {}", lines(&found));
        assert_eq!((found[0].code, found[0].column), (column, 11), "{kind}: {}", lines(&found));
    }
    for (kind, default) in
        [("date", "2026-11-30"), ("date", "\"2026-11-30\""), ("host", "\"web-1\""), ("duration", "\"24h\"")]
    {
        brings(&input(&format!("type = \"{kind}\"\ndefault = {default}\n")), &[]);
    }
}

#[test]
fn a_manual_text_names_only_inputs() {
    let step = |text: &str| format!("[[step]]\nid = \"a\"\nkind = \"manual\"\ntext = \"{text}\"\n");
    brings(&step("Run {{ run }} of {{ release }}"), &[(Code::Undeclared, 4, 29)]);
    brings(&step("{{ run }}"), &[]);
    brings(&step("ä {{ run "), &[(Code::Undeclared, 4, 11)]);
    brings(&step("\\u00e4 {{ run "), &[(Code::Undeclared, 4, 8)]);
    let form = "[inputs.release]\nprompt = \"Release\"\ntype = \"string\"\n";
    brings(&format!("{form}{}", step("{{ release }}")), &[]);
}

#[test]
fn an_approved_runbook_is_whole() {
    let text = include_str!("full/runbook.toml").replace("uses = [\"host-baseline@1\"]\n", "");
    let verify = text.find("[[verify]]").unwrap();
    let rollback = text.find("[rollback]").unwrap();
    let without = format!("{}{}", &text[..verify], &text[rollback..]);
    let found = parse::runbook("a.toml", &without, &stack()).diagnostics;
    assert_eq!(found.len(), 1, "{}", lines(&found));
    assert_eq!((found[0].code, found[0].line), (Code::Approved, 8));

    let retired = without.replace("\"approved\"", "\"retired\"");
    assert!(parse::runbook("a.toml", &retired, &stack()).value.is_some());

    let late = text.replace("next_review = 2026-12-01", "next_review = 2026-09-17");
    let found = parse::runbook("a.toml", &late, &stack()).diagnostics;
    assert_eq!((found.len(), found[0].code, found[0].column), (1, Code::Rule, 15), "{}", lines(&found));
}

fn people(body: &str) -> Vec<(Code, usize, usize)> {
    let found = parse::people("people.toml", &format!("schema = 1\n{body}")).diagnostics;
    found.iter().map(|it| (it.code, it.line, it.column)).collect()
}

#[test]
fn z03_a_credential_belongs_to_one_person() {
    let key = public_key(1);
    let pair = |a: &str, b: &str| {
        people(&format!("[[person]]\nid = \"ada\"\nname = \"Ada\"\n{a}\n[[person]]\nid = \"bo\"\nname = \"Bo\"\n{b}\n"))
    };
    assert_eq!(pair("unix = [\"deploy\"]", "unix = [\"deploy\"]"), [(Code::Credential, 9, 9)]);
    assert_eq!(pair("principals = [\"x\"]", "principals = [\"y\", \"x\"]"), [(Code::Credential, 9, 20)]);
    let with_comment = format!("keys = [\"{key} another comment\"]");
    assert_eq!(
        pair(&format!("keys = [\"{key}\"]"), &with_comment),
        [(Code::Credential, 9, 9)],
        "the comment is decoration"
    );
    assert_eq!(pair("git = [\"x@y\"]", "git = [\"X@Y\"]"), [(Code::Credential, 9, 8)]);
    assert_eq!(pair("unix = [\"x\"]", "principals = [\"x\"]"), [], "an account and a principal are different things");
    assert_eq!(pair("unix = [\"root\"]", ""), [(Code::Root, 5, 9)]);
    assert_eq!(pair("unix = [\"a\", \"a\"]", ""), [(Code::Duplicate, 5, 14)]);
}

#[test]
fn people_are_told_apart_and_not_alone() {
    assert_eq!(people("[[person]]\nid = \"ada\"\nname = \"Ada\"\n"), [(Code::OnePerson, 1, 1)]);
    assert_eq!(people("person = []\n"), [(Code::Value, 2, 10)]);
    let two = |a: &str, b: &str| {
        people(&format!("[[person]]\nid = \"{a}\"\nname = \"One\"\n[[person]]\nid = \"{b}\"\nname = \"Two\"\n"))
    };
    assert_eq!(two("ada", "ada"), [(Code::Duplicate, 6, 6), (Code::OnePerson, 1, 1)]);
    assert_eq!(two("bo", "b0"), [(Code::TextLookalike, 6, 6)]);
}

fn workspace(body: &str) -> Vec<(Code, usize, usize)> {
    let text = format!(
        "schema = 1\n[workspace]\nid = \"lab\"\ntitle = \"Lab\"\nenvironment = \"lab\"\nowner = \"ada\"\n{body}"
    );
    let found = parse::workspace("lab.toml", &text).diagnostics;
    found.iter().map(|it| (it.code, it.line - 6, it.column)).collect()
}

#[test]
fn a_server_is_reached_in_one_way() {
    let ssh = |name: &str, rest: &str| format!("[[server]]\nname = \"{name}\"\naddress = \"h\"\nuser = \"u\"\n{rest}");
    assert_eq!(workspace(&ssh("a", "")), []);
    assert_eq!(workspace("[[server]]\nname = \"a\"\n"), [(Code::KeyMissing, 1, 1), (Code::KeyMissing, 1, 1)]);
    assert_eq!(workspace("[[server]]\nname = \"a\"\nlocal = true\nport = 22\n"), [(Code::KeyMisplaced, 4, 1)]);
    let key = public_key(1);
    assert_eq!(workspace(&ssh("a", &format!("host_key = \"{key}\"\nhost_ca = \"{key}\"\n"))), [(Code::Rule, 6, 1)]);
    assert_eq!(workspace(&(ssh("a", "") + &ssh("A", ""))), [(Code::Duplicate, 6, 8)], "case tells nothing apart");
    assert_eq!(workspace(&ssh("a", "password = \"x\"\n")), [(Code::KeyMisplaced, 5, 1)]);
}

#[test]
fn a_jump_leads_somewhere_and_not_in_a_circle() {
    let ssh = |name: &str, jump: &str| {
        format!("[[server]]\nname = \"{name}\"\naddress = \"h\"\nuser = \"u\"\njump = \"{jump}\"\n")
    };
    assert_eq!(workspace(&ssh("a", "b")), [(Code::Undeclared, 5, 8)]);
    assert_eq!(workspace(&ssh("a", "a")), [(Code::Rule, 5, 8)]);
    assert_eq!(workspace(&(ssh("a", "b") + &ssh("b", "a"))), [(Code::Rule, 5, 8), (Code::Rule, 10, 8)]);
    let local = "[[server]]\nname = \"here\"\nlocal = true\n";
    assert_eq!(workspace(&(ssh("a", "here") + local)), [(Code::Rule, 5, 8)]);
    let chain = "[[server]]\nname = \"c\"\naddress = \"h\"\nuser = \"u\"\n";
    assert_eq!(workspace(&(ssh("a", "b") + &ssh("b", "c") + chain)), [], "a chain is read; who can use it comes later");
}

#[test]
fn windows_that_never_open_or_overlap_are_told_before_anybody_is_blocked() {
    let window = |name: &str, start: &str, lasts: &str, zone: &str| {
        format!("[[window]]\nname = \"{name}\"\nstart = \"{start}\"\nlasts = \"{lasts}\"\nzone = \"{zone}\"\n")
    };
    let codes = |text: &str| workspace(text).into_iter().map(|(code, _, _)| code).collect::<Vec<_>>();
    let nightly = || window("nightly", "0 22 * * MON-THU", "4h", "UTC");
    assert_eq!(codes(&nightly()), []);
    assert_eq!(codes(&window("never", "0 0 31 2,4 *", "4h", "UTC")), [Code::Value]);
    assert_eq!(codes(&window("empty", "0 22 * * *", "0m", "UTC")), [Code::Value]);
    assert_eq!(codes(&window("leap", "0 0 29 2 *", "4h", "UTC")), []);
    assert_eq!(
        codes(&(nightly() + &window("late", "0 1 * * TUE", "4h", "UTC"))),
        [Code::Window],
        "Tuesday, one to two"
    );
    assert_eq!(
        codes(&(nightly() + &window("after", "0 2 * * TUE", "4h", "UTC"))),
        [],
        "one begins where the other ends"
    );
    assert_eq!(codes(&(nightly() + &window("other", "0 1 * * *", "1h", "Asia/Tokyo"))), [], "16 o'clock here");
    assert_eq!(codes(&window("always", "0 * * * *", "90m", "UTC")), [Code::Window]);
}

#[test]
fn a_window_may_open_once_and_at_no_moment_that_is_none() {
    let window =
        |start: &str| format!("[[window]]\nname = \"once\"\nstart = \"{start}\"\nlasts = \"4h\"\nzone = \"UTC\"\n");
    let codes = |text: &str| workspace(text).into_iter().map(|(code, _, _)| code).collect::<Vec<_>>();
    assert_eq!(codes(&window("2026-12-05T08:00:00")), []);
    assert_eq!(codes(&window("2026-02-30T08:00:00")), [Code::Value]);
}

#[test]
fn z28_a_quorum_that_distinct_people_cannot_fill_is_a_warning() {
    let quorum =
        "[[policy.quorum]]\nimpact = \"high\"\nfrom = [{ role = \"approver\", n = 1 }, { role = \"owner\" }]\n";
    let members = |text: &str| format!("[members]\n{text}{quorum}");
    assert_eq!(
        workspace(&members("ada = [\"approver\", \"owner\"]\n")),
        [(Code::Quorum, 3, 1)],
        "one person fills one place"
    );
    assert_eq!(workspace(&members("ada = [\"approver\", \"owner\"]\nbo = [\"owner\"]\n")), []);
    assert_eq!(workspace(&members("ada = [\"approver\"]\nbo = [\"approver\"]\n")), [(Code::Quorum, 4, 1)]);
    assert_eq!(workspace("[[policy.quorum]]\nimpact = \"low\"\nfrom = []\n"), [(Code::Quorum, 3, 8)]);
    let twice = format!("[members]\nada = [\"approver\"]\nbo = [\"owner\"]\n{quorum}{quorum}");
    assert_eq!(workspace(&twice), [(Code::Duplicate, 8, 10)]);
}

#[test]
fn a_freeze_ends_after_it_began() {
    let freeze = |from: &str, to: &str| format!("[[freeze]]\nname = \"x\"\nfrom = {from}\nto = {to}\nzone = \"UTC\"\n");
    assert_eq!(workspace(&freeze("2026-12-18T00:00:00", "2027-01-04T00:00:00")), []);
    assert_eq!(workspace(&freeze("2026-12-18T00:00:00", "2026-12-18T00:00:00")), [(Code::Rule, 4, 6)]);
    assert_eq!(workspace(&freeze("2026-12-18T00:00:00Z", "2027-01-04T00:00:00")), [(Code::ValueType, 3, 8)]);
    assert_eq!(workspace(&freeze("2026-12-18", "2027-01-04T00:00:00")), [(Code::ValueType, 3, 8)]);
}

#[test]
fn a_step_that_becomes_somebody_is_given_no_terminal() {
    let text = "schema = 1\n[runbook]\nid = \"a\"\ntitle = \"A\"\nkind = \"audit\"\nversion = \"1\"\nstatus = \"draft\"\nimpact = \"low\"\n\
                [[step]]\nid = \"s\"\nrun = \"id\"\nundo = \"id\"\nprobe = \"id\"\npty = true\n";
    let parsed = parse::runbook("a.toml", text, &Templates::default());
    assert!(parsed.diagnostics.is_empty(), "{}", lines(&parsed.diagnostics));
    let step = &parsed.value.unwrap().steps[0];
    assert!(step.action.script().unwrap().pty);
    assert!(!step.probe.as_ref().unwrap().pty, "it looks, and needs none");
    let both = format!("{text}[step.become]\nuser = \"web\"\n");
    let found = parse::runbook("a.toml", &both, &Templates::default()).diagnostics;
    assert!(found.iter().any(|it| it.code == Code::Rule && it.message.contains("no terminal")), "{}", lines(&found));
    let manual = text.replace("run = \"id\"\nundo = \"id\"\nprobe = \"id\"", "kind = \"manual\"\ntext = \"t\"");
    assert!(!parse::runbook("a.toml", &manual, &Templates::default()).diagnostics.is_empty());
}

#[test]
fn a_step_that_becomes_somebody_gets_the_password_apart_from_its_secrets() {
    let text = "schema = 1\n[runbook]\nid = \"a\"\ntitle = \"A\"\nkind = \"audit\"\nversion = \"1\"\nstatus = \"draft\"\nimpact = \"low\"\n\
                [secrets.pw]\nref = \"file:/s/pw\"\npurpose = \"p\"\n[secrets.t]\nref = \"file:/s/t\"\npurpose = \"p\"\n\
                [[step]]\nid = \"s\"\nrun = \"id\"\nsecrets = [\"t\"]\nundo = \"id\"\nprobe = \"id\"\nbecome = { password = \"pw\" }\n";
    let parsed = parse::runbook("a.toml", text, &Templates::default());
    assert!(parsed.diagnostics.is_empty(), "{}", lines(&parsed.diagnostics));
    let runbook = parsed.value.unwrap();
    let step = &runbook.steps[0];
    assert_eq!(step.action.secrets(), ["t", "pw"], "both are fetched");
    let becomes = step.action.script().unwrap().becomes.clone().unwrap();
    assert_eq!((becomes.user.as_str(), becomes.password.as_deref()), ("root", Some("pw")));
    assert_eq!(step.probe.as_ref().unwrap().becomes.as_ref(), Some(&becomes), "its probe looks as that user too");
    let wrong = text.replace("password = \"pw\"", "password = \"pv\"");
    let found = parse::runbook("a.toml", &wrong, &Templates::default()).diagnostics;
    assert!(found.iter().any(|it| it.message.contains("no secret is called `pv`")), "{}", lines(&found));
    let injected = text.replace("{ password", "{ user = \"root; id\", password");
    assert!(!parse::runbook("a.toml", &injected, &Templates::default()).diagnostics.is_empty());
}
