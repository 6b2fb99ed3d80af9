//! Whole sites: reading a directory, checks across files, templates, the starter site.

use super::{lines, public_key};
use crate::domain::runbook::Status;
use crate::domain::{Digest, RunbookId};
use crate::site::diagnostic::{Code, Diagnostic};
use crate::site::git::Git;
use crate::site::load::{Loaded, from_files, load};
use crate::site::{Stated, init, paper, whereabouts};
use std::collections::BTreeMap;

pub(super) const SITE: &str = "schema = 1\n[site]\nname = \"acme\"\n";
pub(super) const PEOPLE: &str = "schema = 1\n[[person]]\nid = \"ada\"\nname = \"Ada\"\nunix = [\"ada\"]\n[[person]]\nid = \"grace\"\nname = \"Grace\"\n";
pub(super) const LAB: &str = r#"schema = 1
[workspace]
id = "lab"
title = "Lab"
environment = "lab"
owner = "grace"
duties = ["comms"]
[[server]]
name = "here"
local = true
groups = ["lab"]
[members]
ada = ["operator", "owner"]
grace = ["approver", "owner"]
"#;
pub(super) const DRAFT: &str = r#"schema = 1
[runbook]
id = "hello"
title = "Hello"
kind = "maintenance"
version = "1"
status = "draft"
impact = "low"
[targets]
select = "group:lab"
[[step]]
id = "say"
run = "echo hello"
effect = "read"
"#;
pub(super) const FACTS: &str = r#"schema = 1
[template]
id = "facts"
version = 1
[inputs.ticket]
prompt = "Ticket"
type = "string"
[[preflight]]
id = "disk"
title = "Room"
run = "df /"
effect = "read"
[[step]]
id = "open"
place = "before"
run = "true"
effect = "read"
[[step]]
id = "close"
place = "after"
run = "true"
effect = "read"
[[verify]]
id = "closed"
title = "Closed"
run = "true"
effect = "read"
"#;

pub(super) fn site(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = [
        ("quarterdeck.toml", SITE),
        ("people.toml", PEOPLE),
        ("workspaces/lab.toml", LAB),
        ("runbooks/hello.toml", DRAFT),
        ("runbooks/templates/facts.toml", FACTS),
    ]
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .into();
    for (path, text) in changes {
        files.insert((*path).to_owned(), (*text).to_owned());
    }
    files
}

pub(super) fn sound(changes: &[(&str, &str)]) -> Loaded {
    from_files(site(changes), Git::default(), Vec::new()).map_err(|found| lines(&found)).unwrap()
}

pub(super) fn refused(changes: &[(&str, &str)]) -> Vec<Diagnostic> {
    from_files(site(changes), Git::default(), Vec::new()).unwrap_err()
}

/// The one diagnostic with a code, and that it stands in a file at the given text.
#[track_caller]
pub(super) fn stands(found: &[Diagnostic], code: Code, file: &str, text: &str, token: &str) {
    let at = text.find(token).unwrap();
    let line = text[..at].matches('\n').count() + 1;
    let column = at - text[..at].rfind('\n').map_or(0, |at| at + 1) + 1;
    let here = found.iter().any(|it| it.code == code && it.file == file && (it.line, it.column) == (line, column));
    assert!(here, "{} at {file}:{line}:{column}, but\n{}", code.word(), lines(found));
}

#[test]
fn a_small_site_loads_whole() {
    let loaded = sound(&[]);
    assert_eq!(loaded.site.name, "acme");
    assert_eq!(loaded.site.people.len(), 2);
    assert_eq!(loaded.site.workspaces.len(), 1);
    assert_eq!(loaded.site.runbooks.len(), 1, "templates are not runbooks");
    assert_eq!(loaded.site.files.len(), 5);
    assert_eq!(lines(&loaded.warnings), "");
}

#[test]
fn the_digest_of_a_site_covers_paths_and_bytes() {
    let base = sound(&[]).site.digest;
    assert_eq!(base, sound(&[]).site.digest);
    assert_ne!(base, sound(&[("people.toml", &format!("{PEOPLE}# a remark\n"))]).site.digest);
    let mut whole = Vec::new();
    for (path, text) in site(&[]) {
        whole.extend(path.as_bytes());
        whole.push(0);
        whole.extend((text.len() as u64).to_le_bytes());
        whole.extend(text.as_bytes());
    }
    assert_eq!(base, Digest::of(&whole));
}

#[test]
fn templates_are_merged_in_order_and_carry_their_digests() {
    let text = DRAFT.replace("impact", "uses = [\"facts@1\"]\nimpact");
    let loaded = sound(&[("runbooks/hello.toml", &text)]);
    let runbook = &loaded.site.runbooks[&RunbookId::new("hello")];
    let ids: Vec<&str> = runbook.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["facts/open", "say", "facts/close"]);
    assert_eq!(runbook.preflight[0].id.as_str(), "facts/disk");
    assert_eq!(runbook.verify[0].id.as_str(), "facts/closed");
    assert_eq!(runbook.inputs[0].name, "ticket");
    let template = Digest::of(FACTS.as_bytes());
    assert_eq!(runbook.templates, [("facts@1".to_owned(), template)]);
    let whole = [text.as_bytes(), b"\0facts@1\0", &template.0].concat();
    assert_eq!(runbook.digest, Digest::of(&whole));
    assert_eq!(runbook.source, text);
}

#[test]
fn z10_an_edited_template_changes_the_digest_of_every_runbook_that_uses_it() {
    let text = DRAFT.replace("impact", "uses = [\"facts@1\"]\nimpact");
    let before = sound(&[("runbooks/hello.toml", &text)]);
    let edited = FACTS.replace("df /", "df /home");
    let after = sound(&[("runbooks/hello.toml", &text), ("runbooks/templates/facts.toml", &edited)]);
    let id = RunbookId::new("hello");
    assert_ne!(before.site.runbooks[&id].digest, after.site.runbooks[&id].digest);
    assert_eq!(sound(&[]).site.runbooks[&id].digest, Digest::of(DRAFT.as_bytes()), "without templates: the file alone");
}

#[test]
fn a_clash_of_templates_is_reported_at_the_very_name() {
    let own = DRAFT.replace("impact", "uses = [\"facts@1\"]\nimpact")
        + "[inputs.ticket]\nprompt = \"Ticket\"\ntype = \"string\"\n";
    stands(&refused(&[("runbooks/hello.toml", &own)]), Code::Clash, "runbooks/hello.toml", &own, "ticket]");

    let twice = DRAFT.replace("impact", "uses = [\"facts@1\", \"facts@2\"]\nimpact");
    let second = FACTS.replace("version = 1", "version = 2");
    let found = refused(&[("runbooks/hello.toml", &twice), ("runbooks/templates/facts2.toml", &second)]);
    stands(&found, Code::Clash, "runbooks/hello.toml", &twice, "\"facts@2\"");

    let other = FACTS.replace("id = \"facts\"", "id = \"more\"");
    let both = DRAFT.replace("impact", "uses = [\"facts@1\", \"more@1\"]\nimpact");
    let found = refused(&[("runbooks/hello.toml", &both), ("runbooks/templates/more.toml", &other)]);
    stands(&found, Code::Clash, "runbooks/hello.toml", &both, "\"more@1\"");
}

#[test]
fn an_unknown_template_names_the_nearest_and_a_broken_one_is_reported_once() {
    let text = DRAFT.replace("impact", "uses = [\"fact@1\"]\nimpact");
    let found = refused(&[("runbooks/hello.toml", &text)]);
    stands(&found, Code::Undeclared, "runbooks/hello.toml", &text, "\"fact@1\"");
    assert!(found[0].hint.as_ref().unwrap().contains("facts@1"));

    let text = DRAFT.replace("impact", "uses = [\"facts@1\"]\nimpact");
    for broken in [FACTS.replace("title = \"Room\"\n", ""), FACTS.replace("[template]", "[template")] {
        let found = refused(&[("runbooks/hello.toml", &text), ("runbooks/templates/facts.toml", &broken)]);
        assert!(found.iter().all(|it| it.file == "runbooks/templates/facts.toml"), "{}", lines(&found));
    }
}

#[test]
fn names_nobody_declares_are_reported_where_they_stand() {
    let lab = LAB.replace("ada = [", "adda = [");
    let found = refused(&[("workspaces/lab.toml", &lab)]);
    stands(&found, Code::Undeclared, "workspaces/lab.toml", &lab, "adda = [");
    assert!(found[0].hint.as_ref().unwrap().contains("`ada`"));

    let lab = LAB.replace("owner = \"grace\"", "owner = \"kim\"");
    stands(&refused(&[("workspaces/lab.toml", &lab)]), Code::Undeclared, "workspaces/lab.toml", &lab, "\"kim\"");
}

#[test]
fn one_broken_file_does_not_accuse_the_others() {
    let found = refused(&[("people.toml", "schema = 1\n[[person]\n")]);
    assert!(found.iter().all(|it| it.file == "people.toml"), "{}", lines(&found));
    let people = PEOPLE.replace("name = \"Ada\"", "name = 5");
    let found = refused(&[("people.toml", &people)]);
    assert_eq!(found.len(), 1, "{}", lines(&found));
}

#[test]
fn every_problem_of_every_file_comes_at_once_and_in_order() {
    let found = refused(&[
        ("people.toml", &PEOPLE.replace("name = \"Ada\"", "nmae = \"Ada\"").replace("\"grace\"", "\"Grace\"")),
        ("runbooks/hello.toml", &DRAFT.replace("\"low\"", "\"lwo\"").replace("\"read\"", "\"reda\"")),
        ("quarterdeck.toml", &SITE.replace("schema = 1", "schema = 2")),
    ]);
    let seen: Vec<(&str, Code)> = found.iter().map(|it| (it.file.as_str(), it.code)).collect();
    assert_eq!(
        seen,
        [
            ("people.toml", Code::KeyUnknown),
            ("people.toml", Code::Value),
            ("quarterdeck.toml", Code::Schema),
            ("runbooks/hello.toml", Code::Value),
            ("runbooks/hello.toml", Code::Value),
            ("workspaces/lab.toml", Code::Undeclared),
            ("workspaces/lab.toml", Code::Undeclared),
        ],
        "{}",
        lines(&found)
    );
}

#[test]
fn ids_given_twice_are_refused_across_files() {
    let found = refused(&[("runbooks/again/hello.toml", DRAFT)]);
    stands(&found, Code::Duplicate, "runbooks/hello.toml", DRAFT, "\"hello\"");
    let found = refused(&[("runbooks/templates/again.toml", FACTS)]);
    stands(&found, Code::Duplicate, "runbooks/templates/facts.toml", FACTS, "\"facts\"");
}

#[test]
fn z54_runbooks_that_look_alike_are_refused() {
    let other = DRAFT.replace("\"hello\"", "\"he1lo\"");
    let found = refused(&[("runbooks/z.toml", &other)]);
    stands(&found, Code::TextLookalike, "runbooks/z.toml", &other, "\"he1lo\"");
}

#[test]
fn an_unknown_theme_is_a_warning_and_an_own_one_is_not() {
    let text = SITE.to_owned() + "theme = \"harbor\"\n";
    let loaded = sound(&[("quarterdeck.toml", &text)]);
    stands(&loaded.warnings, Code::Undeclared, "quarterdeck.toml", &text, "\"harbor\"");
    let text = SITE.to_owned() + "theme = \"dusk\"\n";
    let dusk = include_str!("full/theme.toml");
    assert_eq!(lines(&sound(&[("quarterdeck.toml", &text), ("themes/dusk.toml", dusk)]).warnings), "");
}

#[test]
fn many_problems_of_one_file_are_counted_not_shown() {
    let wrong: String = (0..1_000).map(|nr| format!("key_{nr} = 1\n")).collect();
    let found = refused(&[("people.toml", &format!("{wrong}{PEOPLE}"))]);
    assert_eq!(found.len(), 201);
    assert!(found.iter().any(|it| it.code == Code::More));
}

#[test]
fn the_starter_site_passes_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("new/site");
    for account in ["", "a b", "-x", "a/b", "a\nb"] {
        assert!(init(&site, account).is_err(), "{account:?}");
    }
    let written = init(&site, "Ada.L").unwrap();
    assert!(written.contains(&"runbooks/hello.toml".into()));
    let loaded = load(&site, Git::default()).map_err(|found| lines(&found)).unwrap();
    assert_eq!(loaded.site.person_of_account("Ada.L").unwrap().id.as_str(), "ada-l");
    assert_eq!(loaded.site.runbooks[&RunbookId::new("hello")].status, Status::Draft);
    let codes: Vec<Code> = loaded.warnings.iter().map(|it| it.code).collect();
    assert_eq!(codes, [Code::OnePerson], "{}", lines(&loaded.warnings));

    let before = std::fs::read_to_string(site.join("people.toml")).unwrap();
    assert!(init(&site, "grace").is_err());
    let others = dir.path().join("others");
    std::fs::create_dir_all(others.join(".git")).unwrap();
    std::fs::write(others.join("notes.txt"), "mine").unwrap();
    assert!(init(&others, "ada").is_err(), "a directory with somebody's files is not empty");
    std::fs::remove_file(others.join("notes.txt")).unwrap();
    init(&others, "ada").unwrap();
    assert_eq!(std::fs::read_to_string(site.join("people.toml")).unwrap(), before);
}

#[test]
fn the_settings_are_read_alone() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), "ada").unwrap();
    let text = "schema = 1\n[site]\nname = \"acme\"\n[data]\ndir = \"/srv/records\"\n";
    std::fs::write(dir.path().join("quarterdeck.toml"), text).unwrap();
    std::fs::write(dir.path().join("people.toml"), "broken").unwrap();
    assert_eq!(whereabouts(dir.path()).unwrap().data, Stated::At("/srv/records".into()));
    assert!(whereabouts(&dir.path().join("none")).is_err());
    std::fs::write(dir.path().join("quarterdeck.toml"), text.replace("/srv", "srv")).unwrap();
    assert_eq!(whereabouts(dir.path()).unwrap().problems[0].code, Code::Value);
}

#[test]
fn paper_holds_every_command_host_and_point_to_tick() {
    let text = DRAFT
        .replace("echo hello", "echo `hostname` \\\"$ticket\\\"")
        .replace("impact", "uses = [\"facts@1\"]\nimpact")
        + "tags = [\"night\"]\nsecrets = [\"token\"]\nundo = \"echo undone\"\n[[step]]\nid = \"tell\"\nkind = \"manual\"\nrole = \"comms\"\ntext = \"Tell them.\"\nchecklist = [\"chat\", \"page\"]\neffect = \"once\"\n[rollback]\nplan = \"Undo it.\"\n[secrets.token]\nref = \"prompt:\"\npurpose = \"x\"\n";
    let key = public_key(1);
    let lab = format!(
        "{LAB}[[server]]\nname = \"lab-1\"\naddress = \"192.0.2.1\"\nuser = \"deploy\"\ngroups = [\"lab\"]\njump = \"edge\"\nhost_key = \"{key}\"\n[[server]]\nname = \"edge\"\naddress = \"2001:db8::1\"\nport = 2222\nuser = \"hop\"\n"
    );
    let other = LAB
        .replace("id = \"lab\"", "id = \"other\"")
        .replace("title = \"Lab\"", "title = \"Other\"")
        .replace("here", "there");
    let (lab, members) = lab.split_once("[members]").unwrap();
    let (members, server) = members.split_once("[[server]]").unwrap();
    let lab = format!("{lab}[[server]]{server}[members]{members}");
    let loaded =
        sound(&[("runbooks/hello.toml", &text), ("workspaces/lab.toml", &lab), ("workspaces/other.toml", &other)]);
    let runbook = &loaded.site.runbooks[&RunbookId::new("hello")];
    let workspaces: Vec<_> = loaded.site.workspaces.values().map(AsRef::as_ref).collect();
    let sheet = paper(runbook, &workspaces);
    for words in [
        "# Hello",
        "echo `hostname` \"$ticket\"",
        "echo undone",
        "df /",
        "here: this machine",
        "there: this machine",
        "In **Other** (lab):",
        "ssh -J hop@[2001:db8::1]:2222 -p 22 deploy@192.0.2.1",
        &format!("Its host key: `{key}`"),
        &Digest::of(text.as_bytes()).to_string(),
        "Only where one of these is wanted: `night`.",
        "Needs the secrets `token`.",
        "`ticket=`",
        "- [ ] By hand (comms): Tell them.",
        "  - [ ] chat",
        "Undo it.",
        &runbook.digest.to_string(),
    ] {
        assert!(sheet.contains(words), "{words} is missing in\n{sheet}");
    }
    let order =
        ["## What it does", "## Hosts", "## Values", "## Before", "## Steps", "## Verification", "## If it has"];
    let places: Vec<usize> = order.iter().map(|title| sheet.find(title).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_check_does_not_bear_the_id_of_one_that_every_run_has() {
    for id in crate::domain::findings::built_in_ids() {
        let check = format!("\n[[preflight]]\nid = \"{id}\"\ntitle = \"Mine\"\nrun = \"true\"\n");
        let text = format!("{DRAFT}{check}");
        let found = refused(&[("runbooks/hello.toml", &text)]);
        stands(&found, Code::Clash, "runbooks/hello.toml", &text, &format!("\"{id}\""));
    }
}
