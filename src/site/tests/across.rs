//! What only several files together show: who is meant, who decides, what is declared where.

use super::whole::{DRAFT, LAB, PEOPLE, SITE, refused, sound, stands};
use super::{lines, public_key};
use crate::domain::algorithms::Algorithms;
use crate::domain::workspace::Reach;
use crate::site::diagnostic::Code;

const HELLO: &str = "runbooks/hello.toml";
const WORKSPACE: &str = "workspaces/lab.toml";
const MANUAL: &str =
    "[[step]]\nid = \"tell\"\nkind = \"manual\"\nrole = \"coms\"\ntext = \"Tell them.\"\neffect = \"once\"\n";

/// The one warning of a site with these changes, at this token.
#[track_caller]
fn warns(changes: &[(&str, &str)], code: Code, token: &str, words: &str) {
    let found = sound(changes).warnings;
    assert_eq!(found.len(), 1, "{}", lines(&found));
    let (file, text) = changes.last().unwrap();
    stands(&found, code, file, text, token);
    assert!(found[0].to_string().contains(words), "{}", lines(&found));
}

/// What is approved says all that makes it so.
fn approved(body: &str) -> String {
    let head = "status = \"approved\"\nowner = \"ops\"\nlast_reviewed = 2026-09-17\nnext_review = 2026-12-01";
    let text = DRAFT.replace("status = \"draft\"", head);
    format!(
        "{text}[scope]\nchanges = \"x\"\nwhy = \"x\"\nexpected = \"x\"\n[rollback]\nplan = \"x\"\n[[verify]]\nid = \"v\"\ntitle = \"V\"\nrun = \"true\"\neffect = \"read\"\n{body}"
    )
}

#[test]
fn a_freeze_excepts_runbooks_that_there_are() {
    let freeze = |id: &str| {
        let span = "from = 2026-12-18T00:00:00\nto = 2027-01-04T06:00:00\nzone = \"UTC\"\n";
        format!("{LAB}[[freeze]]\nname = \"year end\"\n{span}except = [\"{id}\"]\n")
    };
    assert!(sound(&[(WORKSPACE, &freeze("hello"))]).warnings.is_empty());
    let wrong = freeze("helo");
    let found = refused(&[(WORKSPACE, &wrong)]);
    stands(&found, Code::Undeclared, WORKSPACE, &wrong, "\"helo\"");
    assert!(found[0].to_string().contains("did you mean `hello`?"), "{}", lines(&found));
}

#[test]
fn a_name_that_no_server_carries_is_a_warning_in_select_and_in_exclude() {
    let with = |select: &str, scope: &str| DRAFT.replace("\"group:lab\"", &format!("\"{select}\"\n[scope]\n{scope}"));
    let exclude = with("group:lab", "exclude = \"group:lba\"");
    warns(&[(HELLO, &exclude)], Code::Undeclared, "group:lba", "did you mean `group:lab`?");
    let nobody = with("group:lab", "exclude = \"group:db\"");
    warns(&[(HELLO, &nobody)], Code::Undeclared, "group:db", "no server is meant by it");
    let select = with("group:lab | (host:hree)", "");
    warns(&[(HELLO, &select)], Code::Undeclared, "host:hree", "did you mean `host:here`?");
    let alone = with("group:lab2", "");
    warns(&[(HELLO, &alone)], Code::Undeclared, "group:lab2", "no server of any workspace");
    let keeps_out = with("group:lab & !group:lba", "");
    warns(&[(HELLO, &keeps_out)], Code::Undeclared, "group:lba", "did you mean");
    assert_eq!(
        lines(&sound(&[(HELLO, &with("group:lab & !tag:drained", ""))]).warnings),
        "",
        "nobody is drained today"
    );
    warns(&[(HELLO, &with("/^nobody$/", ""))], Code::Rule, "\"/^nobody$/\"", "selects no server");
}

#[test]
fn a_duty_that_a_reached_workspace_lacks_is_a_warning_and_for_an_approved_runbook_an_error() {
    warns(&[(HELLO, &(DRAFT.to_owned() + MANUAL))], Code::Undeclared, "\"coms\"", "did you mean \"comms\"?");
    let text = approved(MANUAL);
    let found = refused(&[(HELLO, &text)]);
    stands(&found, Code::Undeclared, HELLO, &text, "\"coms\"");
    let of_a_role = approved(&MANUAL.replace("coms", "approver"));
    assert_eq!(refused(&[(HELLO, &of_a_role)]).len(), 1, "planning would refuse it as well");
    let declared = approved(&MANUAL.replace("coms", "comms"));
    assert_eq!(lines(&sound(&[(HELLO, &declared)]).warnings), "");
    // Where no server is meant, nobody needs the duty.
    let other = LAB
        .replace("\"lab\"", "\"web\"")
        .replace("environment = \"web\"", "environment = \"lab\"")
        .replace("duties = [\"comms\"]\n", "")
        .replace("Lab", "Web");
    assert_eq!(lines(&sound(&[(HELLO, &declared), ("workspaces/web.toml", &other)]).warnings), "");
    let same = other.replace("groups = [\"web\"]", "groups = [\"lab\"]");
    let found = refused(&[(HELLO, &declared), ("workspaces/web.toml", &same)]);
    assert!(found.len() == 1 && found[0].message.contains("web"), "{}", lines(&found));
}

fn production(members: &str) -> String {
    let (head, _) = LAB.split_once("[members]").unwrap();
    let head = head.replace("environment = \"lab\"", "environment = \"production\"");
    format!("{head}[members]\n{members}")
}

#[test]
fn authority_that_rests_on_one_person_is_a_warning() {
    let lab = "workspaces/lab.toml";
    let one = LAB.replace("ada = [\"operator\", \"owner\"]", "ada = [\"operator\"]");
    warns(&[(lab, &one)], Code::Quorum, "\"grace\"", "only grace can accept");
    let nobody = production("ada = [\"operator\", \"owner\", \"reviewer\"]\n");
    warns(&[(lab, &nobody)], Code::Quorum, "[members]", "nobody approves here");
    let both = production("ada = [\"operator\", \"approver\", \"owner\", \"reviewer\"]\n");
    warns(&[(lab, &both)], Code::Quorum, "[members]", "no approver other than ada");
    let two = production("ada = [\"operator\", \"owner\"]\ngrace = [\"approver\", \"reviewer\"]\n");
    assert_eq!(lines(&sound(&[(lab, &two)]).warnings), "");
    let unseen = production("ada = [\"operator\", \"owner\"]\ngrace = [\"approver\"]\n");
    warns(&[(lab, &unseen)], Code::Quorum, "[members]", "nobody reviews here");
}

#[test]
fn glass_that_nobody_breaks_or_signs_off_is_a_warning() {
    let lab = "workspaces/lab.toml";
    let sealed = |members: &str| {
        let (head, _) = LAB.split_once("[members]").unwrap();
        format!("{head}[policy]\nbreak_glass = \"commander\"\n[members]\n{members}")
    };
    let two_owners = "ada = [\"operator\", \"owner\"]\ngrace = [\"owner\"]\n";
    let says = |members: &str, words: &str| {
        let found = sound(&[(lab, &sealed(members))]).warnings;
        assert!(found.len() == 1 && found[0].to_string().contains(words), "{}", lines(&found));
        assert_eq!((found[0].code, found[0].label.as_str()), (Code::Quorum, ""), "{}", lines(&found));
    };
    says(two_owners, "nobody here is commander");
    let alone = "ada = [\"commander\", \"owner\"]\ngrace = [\"owner\", \"reviewer\"]\n";
    says(alone, "fewer than 2 reviewers");
    let fine = "ada = [\"commander\", \"owner\"]\ngrace = [\"owner\", \"reviewer\"]\nlea = [\"reviewer\"]\n";
    let people = PEOPLE.to_owned() + "\n[[person]]\nid = \"lea\"\nname = \"Lea\"\n";
    assert_eq!(lines(&sound(&[(lab, &sealed(fine)), ("people.toml", &people)]).warnings), "");
}

#[test]
fn an_approver_without_a_key_where_approvals_are_signed_is_a_warning_before_anybody_is_blocked() {
    let lab = "workspaces/lab.toml";
    let signed = production("ada = [\"operator\", \"owner\", \"reviewer\"]\ngrace = [\"approver\"]\n")
        + "[policy]\nsigned = \"high\"\n";
    warns(&[(lab, &signed)], Code::Quorum, "\"high\"", "without a key to sign with: grace");
    let with = |kind: &str, blob: &str| PEOPLE.to_owned() + &format!("keys = [\"{kind} {blob}\"]\n");
    let ed25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    let people = with("ssh-ed25519", ed25519);
    assert_eq!(lines(&sound(&[(lab, &signed), ("people.toml", &people)]).warnings), "");
    let quorum = "[[policy.quorum]]\nimpact = \"high\"\nfrom = [{ role = \"owner\", n = 1 }]\n";
    let both = signed.clone() + quorum;
    warns(&[("people.toml", &people), (lab, &both)], Code::Quorum, "\"high\"", "without a key to sign with: ada");
}

#[test]
fn z36_no_workspace_is_left_without_somebody_who_answers_for_it() {
    let lab = "workspaces/lab.toml";
    let owner = LAB.lines().find(|line| line.starts_with("owner")).unwrap();
    let gone = refused(&[(lab, &LAB.replace(owner, ""))]);
    assert!(gone.iter().any(|it| it.code == Code::KeyMissing && it.to_string().contains("owner")), "{}", lines(&gone));
    let stranger = refused(&[(lab, &LAB.replace(owner, "owner = \"nobody\""))]);
    assert!(stranger.iter().any(|it| it.code == Code::Undeclared), "{}", lines(&stranger));
}

#[test]
fn several_accounts_without_a_data_directory_are_a_warning() {
    let people = PEOPLE.to_owned() + "unix = [\"grace\"]\n";
    warns(&[("people.toml", &people), ("quarterdeck.toml", SITE)], Code::Rule, "[site]", "a server of its own");
    let site = SITE.to_owned() + "[data]\ndir = \"/var/lib/quarterdeck\"\n";
    assert_eq!(lines(&sound(&[("people.toml", &people), ("quarterdeck.toml", &site)]).warnings), "");
}

#[test]
fn a_theme_that_would_silently_be_left_out_is_an_error() {
    let dusk = include_str!("full/theme.toml");
    let second = dusk.to_owned() + "# again\n";
    let found = refused(&[("themes/a.toml", dusk), ("themes/b.toml", &second)]);
    stands(&found, Code::Duplicate, "themes/b.toml", &second, "\"dusk\"");
    let typo = dusk.replace("warning = ", "warnign = ");
    stands(&refused(&[("themes/a.toml", &typo)]), Code::KeyUnknown, "themes/a.toml", &typo, "warnign");
    let missing: String = dusk.split_inclusive('\n').filter(|line| !line.starts_with("lab ")).collect();
    stands(&refused(&[("themes/a.toml", &missing)]), Code::KeyMissing, "themes/a.toml", &missing, "[colours]");
}

#[test]
fn a_playbook_is_read_like_everything_a_reviewer_reads() {
    let playbook = "files/web/site.yml";
    let draft = DRAFT.to_owned()
        + "[[step]]\nid = \"play\"\nkind = \"ansible\"\nplaybook = \"files/web/site.yml\"\neffect = \"read\"\n";
    let plain = "- hosts: all\n";
    let first = sound(&[(playbook, plain), (HELLO, &draft)]).site;
    let other = sound(&[(playbook, "- hosts: web\n"), (HELLO, &draft)]).site;
    let digest = |site: &crate::domain::site::Site| site.runbooks.values().map(|it| it.digest).collect::<Vec<_>>();
    assert_ne!(digest(&first), digest(&other), "another playbook is another runbook");
    let hidden = "- hosts: all # \u{202e}\n";
    stands(&refused(&[(playbook, hidden), (HELLO, &draft)]), Code::TextHidden, playbook, hidden, "\u{202e}");
    stands(&refused(&[(HELLO, &draft)]), Code::FileMissing, HELLO, &draft, "\"files/web/site.yml\"");
}

#[test]
fn algorithms_are_said_of_groups_there_are_and_alike_of_all_groups_of_a_server() {
    let remote = |groups: &str, said: &str| {
        LAB.replace(
            "[members]",
            &format!(
                "[[server]]\nname = \"old\"\naddress = \"127.0.0.9\"\nuser = \"ops\"\nhost_key = \"{}\"\ngroups = {groups}\n[algorithms]\n{said}\n[members]",
                public_key(1)
            ),
        )
    };
    let loaded = sound(&[("workspaces/lab.toml", &remote("[\"old\", \"lab\"]", "old = \"legacy\""))]);
    let servers = &loaded.site.workspaces[&"lab".into()].servers;
    let of = |nth: usize| match &servers[nth].reach {
        Reach::Ssh { algorithms, .. } => Some(*algorithms),
        Reach::Local => None,
    };
    assert_eq!((of(0), of(1)), (None, Some(Algorithms::Legacy)));
    let text = remote("[\"old\", \"older\"]", "old = \"legacy\"\nolder = \"standard\"");
    stands(
        &refused(&[("workspaces/lab.toml", &text)]),
        Code::Rule,
        "workspaces/lab.toml",
        &text,
        "[\"old\", \"older\"]",
    );
    let text = remote("[\"old\"]", "odl = \"legacy\"");
    stands(&refused(&[("workspaces/lab.toml", &text)]), Code::Undeclared, "workspaces/lab.toml", &text, "odl = ");
}

#[test]
fn a_machine_is_somebodys_and_decides_nothing() {
    let people = format!("{PEOPLE}[[person]]\nid = \"ci\"\nname = \"CI\"\nmachine_of = \"ada\"\n");
    let member = |roles: &str| LAB.replace("[members]\n", &format!("[members]\nci = [{roles}]\n"));
    let with = |people: &str, lab: &str| refused(&[("people.toml", people), (WORKSPACE, lab)]);
    sound(&[("people.toml", &people), (WORKSPACE, &member("\"operator\""))]);
    for role in ["approver", "reviewer", "commander", "auditor", "owner"] {
        let lab = member(&format!("\"operator\", \"{role}\""));
        let found = with(&people, &lab);
        assert!(found[0].to_string().contains(&format!("ci is a machine and cannot be {role}")), "{}", lines(&found));
    }
    let nobody = people.replace("machine_of = \"ada\"", "machine_of = \"adda\"");
    assert!(with(&nobody, LAB)[0].to_string().contains("nobody is called `adda`"));
    let own = people.replace("machine_of = \"ada\"", "machine_of = \"ci\"");
    assert!(with(&own, LAB)[0].to_string().contains("ci is a machine itself"));
    let administers = SITE.replace("[site]\n", "[site]\nadministrators = [\"ci\"]\n");
    let found = refused(&[("people.toml", &people), ("quarterdeck.toml", &administers)]);
    assert!(found[0].to_string().contains("administers nothing"), "{}", lines(&found));
}

#[test]
fn requests_are_signed_by_machines_each_with_a_key_of_its_own() {
    let machine = |id: &str, hook: &str| {
        format!("[[person]]\nid = \"{id}\"\nname = \"{id}\"\nmachine_of = \"ada\"\nhook_secret = \"{hook}\"\n")
    };
    let people = |more: &[String]| PEOPLE.to_owned() + &more.concat();
    let said = |people: &str| lines(&refused(&[("people.toml", people)]));
    sound(&[("people.toml", &people(&[machine("ci", "file:/k/ci"), machine("cd", "vault:kv/cd#key")]))]);
    let shared = said(&people(&[machine("ci", "file:/k/one"), machine("cd", "file:/k/one")]));
    assert!(shared.contains("this key belongs to ci already"), "{shared}");
    let typed = said(&people(&[machine("ci", "prompt:")]));
    assert!(typed.contains("nobody is there to type it when a request comes"), "{typed}");
    let persons = said(&people(&[machine("ci", "file:/k/ci").replace("machine_of = \"ada\"\n", "")]));
    assert!(persons.contains("requests are signed by machines"), "{persons}");
    let value = said(&people(&[machine("ci", "s3cret-value-in-the-file")]));
    assert!(value.contains("a value itself is never written here"), "{value}");
}

#[test]
fn a_quorum_that_asks_nobody_is_said() {
    let low = "[policy]\n[[policy.quorum]]\nimpact = \"low\"\nfrom = [{ role = \"operator\", n = 1 }]\n";
    let lab = format!("{LAB}{low}");
    let found = sound(&[(WORKSPACE, &lab)]).warnings;
    assert!(lines(&found).contains("nobody is asked at low impact"), "{}", lines(&found));
    let every = lab.replace("[policy]\n", "[policy]\ncheckpoints = [\"scope\"]\n");
    let found = sound(&[(WORKSPACE, &every)]).warnings;
    assert!(!lines(&found).contains("nobody is asked at low impact"), "{}", lines(&found));
}
