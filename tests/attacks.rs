//! Attacks, end to end: what a person may not do is tried at every door of the served product. At the socket, known by the
//! kernel's word and by `--as`; over SSH, with OpenSSH's client; at the console, by keys, at the socket and over SSH. Each door says
//! no by the same rule, verbs in the same words; the record gets a word of it, with person and door, where it is one against
//! authority, at the wrong time or on something that had changed; and nothing else changes. Where the console offers no such act, its
//! key says why and sends nothing.
//!
//! Where every row of authority is tested (a test holds this table to the names there are). Rows that are no act of a person at a
//! door stand elsewhere alone.
//!
//! | rows | tests |
//! |---|---|
//! | Z1 Z2 Z16 Z24 Z30 Z48 | here, src/domain/tests/paths.rs |
//! | Z3 | tests/signed.rs, src/domain/tests/proved.rs: a credential is nobody's second |
//! | Z4 | here, src/server/tests/hostile.rs |
//! | Z5 Z31 | here, tests/factor.rs |
//! | Z6 Z7 | here, tests/door.rs |
//! | Z8 | here, src/domain/tests/schedule.rs |
//! | Z9 Z21 Z22 | src/domain/tests/authority.rs: of a run at work, with no act |
//! | Z10 | src/site/tests/whole.rs: of files |
//! | Z11 | src/site/tests/disk.rs: of files |
//! | Z12 Z13 Z14 Z29 | here, src/domain/tests/threats.rs |
//! | Z15 | tests/secrets.rs: a vault's doing |
//! | Z17 | src/domain/tests/paths.rs, src/domain/tests/threats.rs: between two sites |
//! | Z18 Z20 | here, src/domain/tests/paths.rs |
//! | Z19 | src/engine/clock.rs: the clock's doing |
//! | Z23 | src/domain/tests/elevation.rs, src/domain/tests/glass.rs: the clock's doing |
//! | Z25 Z26 Z27 | here, src/domain/tests/threats.rs |
//! | Z28 | here, src/domain/quorum.rs |
//! | Z32 | src/server/tests/presence.rs: a session's, not an act |
//! | Z33 | src/domain/tests/failing.rs: an act by whoever acts, whatever they had |
//! | Z34 Z35 | here, src/domain/tests/elevation.rs |
//! | Z36 | here, src/site/tests/across.rs |
//! | Z37 | here, src/domain/decide/loading/tests.rs |
//! | Z38 | here, src/domain/tests/threats.rs |
//! | Z39 | src/domain/tests/threats.rs, src/domain/tests/standing.rs: of many runs within an hour |
//! | Z40 | src/site/tests/values.rs, src/executor/tests/local.rs: of values |
//! | Z41 | src/session/place.rs, src/verbs/tests.rs: of text |
//! | Z42 | src/console/screens/live/tests.rs: of text |
//! | Z43 | src/console/screens/approval/tests.rs, src/console/screens/live/tests.rs: of bursts of keys |
//! | Z44 Z45 | here, src/domain/tests/glass.rs |
//! | Z46 Z47 | here, src/domain/tests/again.rs |
//! | Z49 | tests/hooks.rs, src/domain/tests/requests.rs: of a machine's request |
//! | Z50 | tests/calls.rs, src/connect/tests.rs: of what goes out |
//! | Z51 | here, src/domain/tests/paths.rs |
//! | Z52 | src/ledger/tests/basics.rs: of an older program |
//! | Z53 | tests/door.rs, src/domain/tests/sign_in.rs: of a key that is taken away |
//! | Z54 | src/site/tests/strict.rs, src/domain/looks.rs: of names |
//! | Z55 | src/domain/tests.rs, src/domain/decide/loading/tests.rs: of what the engine does by itself |
//! | Z56 | tests/local.rs, src/domain/tests/threats.rs: of what steps do |

#![cfg(test)]

mod real;

mod attacks {
    pub mod desk;
    pub mod doors;
    pub mod house;
}

use attacks::desk::{Desk, words_of};
use attacks::doors::{Kept, in_leaves, is_recorded, refusal};
use attacks::house::{Door, House, NOBODY, SECOND_ACCOUNT};
use real::account::uid_of;
use real::product::RUN;
use real::{Tmux, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Yes to a run, by the code of what was looked at.
fn yes<'a>(run: &'a str, code: &'a str) -> [&'a str; 6] {
    ["approve", run, "--code", code, "--reason", "fine"]
}

fn no(run: &str) -> [&str; 4] {
    ["deny", run, "--reason", "not today"]
}

#[test]
fn z01_z02_z05_z07_z16_z24_z30_z31_z48_real_nobody_says_yes_to_what_is_not_theirs_through_any_door() {
    let Some(house) = House::new() else { return };
    let (own, code) = house.waits("grave", "lab");
    let (_, another) = house.waits("grave", "lab");
    let (grim, grim_code) = house.waits("grim", "lab");
    let (edited, edited_code) = house.waits("edited", "lab");
    let asked = house.json("ci", &["propose", "grave", "--in", "lab", "--purpose", "rollout"]);
    let (machines, machines_code) = house.until_waiting(&asked);
    let runs = [own, grim, edited, machines].map(|id| id.to_string());
    let [run, grim_run, edited_run, machines_run] = runs.each_ref().map(String::as_str);

    // Z1: whoever asks. Z7: whoever owns the machine that asks. Z30: whoever wrote what would run. Z48: whoever looks on.
    house.refuses("ada", "sod.self", &yes(run, &code));
    house.refuses("ada", "sod.self", &no(run));
    house.refuses("grace", "sod.owner", &yes(machines_run, &machines_code));
    house.refuses("grace", "sod.owner", &no(machines_run));
    house.refuses("lea", "sod.editor", &yes(edited_run, &edited_code));
    for words in [&yes(run, &code)[..], &no(run), &["withdraw", run]] {
        house.refuses("vic", "role.missing", words);
    }
    // Z5, Z31: whoever has an approver's account or session, and not their device.
    house.refuses("grace", "factor.missing", &yes(grim_run, &grim_code));
    let digits = [&yes(grim_run, &grim_code)[..], &["--factor", "123456"]].concat();
    house.refuses("grace", "factor.missing", &digits);
    // Z24: whoever looked at something else. Z16: a yes to one run for another.
    house.refuses("grace", "stale", &yes(run, &another));
    house.refuses("lea", "stale", &yes(machines_run, "AAA-AAA"));

    // Z2: by a second account, a second key and a certificate it is the same person.
    let words = [&yes(run, &code)[..], &["--json"]].concat();
    let mut record = house.product().follow();
    if let Some(mut command) = house.as_account(SECOND_ACCOUNT) {
        assert_eq!(refusal(&command.args(&words).output().unwrap())["code"], "sod.self");
        let door = json!({"socket": {"uid": uid_of(SECOND_ACCOUNT)}});
        is_recorded(&mut record, Kept::Yes, "ada", "sod.self", &door);
    }
    let second = house.key("ada-2").unwrap();
    assert_eq!(refusal(&house.served.says(&second.private, "ada", &words))["code"], "sod.self");
    is_recorded(&mut record, Kept::Yes, "ada", "sod.self", &json!({"ssh": {"key": in_leaves(second)}}));
    let short = house.served.certified("short", &house.served.ca, &["-n", "ada@corp", "-V", "-1m:+1h", "-z", "7"]);
    assert_eq!(refusal(&house.served.says(&short, "ada", &words))["code"], "sod.self");
    let leaves = record.new_leaves();
    assert_eq!(leaves.len(), 1, "{leaves:#?}");
    assert_eq!(leaves[0]["by"]["person"]["door"]["ssh"]["vouched"]["serial"], "7", "{leaves:#?}");

    // At the console the key is locked, says why, and sends nothing: at the socket, and over SSH.
    for door in [Door::Account, Door::Ssh] {
        let Some(ada) = Desk::open(&house, door, "ada") else { return };
        ada.reads(own);
        ada.is_locked("a", &["locked · you asked for it", "(sod.self)"]);
        ada.is_locked("x", &["locked · you asked for it", "(sod.self)"]);
    }
    let Some(grace) = Desk::open(&house, Door::Ssh, "grace") else { return };
    grace.reads(grim);
    grace.is_locked("a", &["locked · ", "(factor.missing)"]);
    grace.reads(machines);
    grace.is_locked("a", &["locked · ci asked for it, a machine of yours (sod.owner)"]);
    if let Some(lea) = Desk::open(&house, Door::Account, "lea") {
        lea.reads(edited);
        lea.is_locked("a", &["locked · whoever changed the runbook last", "(sod.editor)"]);
    }
    let vic = Desk::open(&house, Door::As, "vic").unwrap();
    vic.reads(own);
    vic.is_locked("a", &["locked · you hold no role", "(role.missing)"]);
    house.product().verifies();
}

#[test]
fn z25_z26_z27_z28_real_one_person_is_one_voice_through_all_doors_together() {
    let Some(house) = House::new() else { return };
    // Z27: two approvers are two people. Z28: nobody sits on two seats.
    for place in ["two", "both"] {
        let (id, code) = house.waits("grave", place);
        let run = id.to_string();
        for door in Door::ALL {
            let Some(said) = house.says(door, "grace", &yes(&run, &code)) else { continue };
            assert!(said.status.success(), "{door:?}: {said:?}");
            let now = house.product().run(id);
            assert_eq!((&now["phase"], &now["waits_for"][0]["missing"]), (&"waiting".into(), &1.into()), "{now:#}");
        }
        let Some(grace) = Desk::open(&house, Door::As, "grace") else { return };
        grace.reads(id);
        grace.is_locked("a", &["locked · you approved it already; t takes it back"]);
        house.json("lea", &yes(&run, &code));
        house.product().until_phase(id, &["approved"]);
    }

    // Z26: the last word of a person counts, and a no ends it.
    let (id, code) = house.waits("grave", "two");
    let run = id.to_string();
    house.json("grace", &yes(&run, &code));
    assert!(house.says(Door::Ssh, "grace", &no(&run)).unwrap().status.success());
    house.turns_down("grace", "not_found", &yes(&run, &code));

    // Z25: who was first is what the record says; neither is half counted.
    for _ in 0..4 {
        let (id, code) = house.waits("grave", "lab");
        let run = id.to_string();
        let mut record = house.product().follow();
        let said = [(Door::Ssh, "grace", &yes(&run, &code)[..]), (Door::As, "lea", &no(&run))];
        let said = said.map(|(door, who, words)| house.command(door, who, words).unwrap());
        let said = said.map(|mut command| command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        let [approved, denied] = said.map(|child| child.wait_with_output().unwrap());
        assert!(denied.status.success(), "a no is heard in either order: {denied:?}");
        let leaves = record.new_leaves();
        let kinds: Vec<&str> = leaves.iter().map(|leaf| leaf["kind"].as_str().unwrap()).collect();
        let first = ["voted", "run_approved", "voted", "run_cancelled"];
        match approved.status.code() {
            Some(0) => assert_eq!(kinds, first, "{leaves:#?}"),
            code => assert_eq!((code, kinds.as_slice()), (Some(1), &first[2..]), "{approved:?} {leaves:#?}"),
        }
        assert_eq!(house.product().run(id)["phase"], "cancelled");
    }
    house.product().verifies();
}

#[test]
fn z06_z18_z20_z46_z47_z48_real_nothing_starts_ends_or_begins_anew_that_may_not_through_any_door() {
    let Some(house) = House::new() else { return };
    let approved = house.approved("grave", "lab");
    let iced = house.approved("grave", "iced");
    let shut = house.approved("grave", "shut");
    let runs = [approved, iced, shut].map(|id| id.to_string());
    let [run, iced_run, shut_run] = runs.each_ref().map(String::as_str);

    // Z6: what a machine may not. Z48: what a viewer may not.
    for words in [&["start", run][..], &["start", run, "--at", "1h"], &["site", "load"], &["pause", run]] {
        house.refuses("ci", "actor.machine", words);
    }
    for words in [&["start", run][..], &["start", run, "--at", "1h"], &["withdraw", run], &["pause", run]] {
        house.refuses("vic", "role.missing", words);
    }
    // Z18: in a freeze, and before the window.
    for words in [&["start", iced_run][..], &["start", iced_run, "--at", "1h"]] {
        house.refuses("ada", "window.frozen", words);
    }
    for words in [&["start", shut_run][..], &["start", shut_run, "--at", "1h"]] {
        house.refuses("ada", "window.closed", words);
    }
    // Z20: whoever approved it holds the role no more.
    house.json("kim", &["elevate", "approver", "--in", "lab", "--for", "1h", "--reason", "on call"]);
    house.json("grace", &["elevations", "grant", "E1", "--reason", "agreed"]);
    let (lent, code) = house.waits("grave", "lab");
    house.json("kim", &yes(&lent.to_string(), &code));
    house.product().until_phase(lent, &["approved"]);
    house.json("kim", &["elevations", "end", "E1"]);
    house.refuses("ada", "role.missing", &["start", &lent.to_string()]);

    // Z46, Z47: going back to a run is a run of its own, which somebody else lets on.
    let failed = house.approved("breaks", "lab");
    house.json("ada", &["start", &failed.to_string()]);
    house.product().until_phase(failed, &["ended"]);
    let failed = failed.to_string();
    for again in [&["rerun"][..], &["rerun", "--failed"], &["resume"], &["rollback"]] {
        let mut words = [again, &[failed.as_str(), "--reason", "once more"]].concat();
        if again == ["resume"] {
            words.extend(["--settle", "h01:break=again,looked"]);
        }
        let (id, code) = house.until_waiting(&house.json("ada", &words));
        house.refuses("ada", "sod.self", &yes(&id.to_string(), &code));
        house.turns_down("ada", "state", &["start", &id.to_string()]);
    }

    // Z48: a run at work, and who may not end or move it; any responder may stop it.
    let asked = house.json("ada", &["propose", "hold", "--in", "lab", "--purpose", "fix"]);
    let held = asked["run"].as_u64().unwrap();
    house.product().until_phase(held, &["approved"]);
    let hold = held.to_string();
    house.json("ada", &["start", &hold]);
    until("the step by hand", RUN, || {
        let run = house.product().run(held);
        let mut cells = run["cells"].as_array().unwrap().iter();
        let waits = cells.any(|cell| cell["step"] == "hand" && cell["state"] == "waiting");
        waits.then_some(()).ok_or(run.to_string())
    });
    for words in [
        &["abort", &hold, "--reason", "no"][..],
        &["abort", &hold, "--after-step", "--reason", "no"],
        &["pause", &hold],
        &["continue", &hold],
        &["tick", &hold, "hand", "--evidence", "done"],
        &["decide", &hold, "-", "hand", "skip", "--reason", "no"],
        &["claim", &hold, "--reason", "mine"],
    ] {
        house.refuses("vic", "role.missing", words);
    }
    house.turns_down("vic", "run.claimed", &["handover", &hold, "grace"]);

    // At the console the same is refused in the dialog, or where the key was pressed.
    let Some(vic) = Desk::open(&house, Door::Ssh, "vic") else { return };
    vic.watches(approved);
    vic.press(&["S"]);
    vic.is_refused(&format!("start #{approved}"), &[], "Start", "role.missing", Kept::Yes);
    vic.watches(held);
    vic.is_refused_at_once("P", "role.missing");
    vic.press(&["X"]);
    vic.chooses(&format!("stop #{held}"), "after this step");
    vic.is_refused(&format!("stop #{held}"), &["no"], "Stop", "role.missing", Kept::Yes);
    let ada = Desk::open(&house, Door::Account, "ada").unwrap();
    for (id, rule) in [(iced, "window.frozen"), (shut, "window.closed"), (lent, "role.missing")] {
        ada.watches(id);
        ada.press(&["S"]);
        ada.is_refused(&format!("start #{id}"), &[], "Start", rule, Kept::Yes);
    }
    house.json("kim", &["abort", &hold, "--reason", "the safe direction"]);
    house.product().verifies();
}

#[test]
fn z34_z35_z44_z45_real_nobody_takes_a_role_or_breaks_glass_by_themselves_through_any_door() {
    let Some(house) = House::new() else { return };
    let (id, code) = house.waits("grave", "lab");
    let (iced, iced_code) = house.waits("grave", "iced");
    let runs = [id, iced].map(|id| id.to_string());
    let [run, iced_run] = runs.each_ref().map(String::as_str);

    // Z34: oneself; beyond what is lent. Z35: whoever has it not to give.
    let elevate = |role: &'static str| ["elevate", role, "--in", "lab", "--for", "1h", "--reason", "on call"];
    house.refuses("ada", "iam.escalate", &elevate("owner"));
    house.refuses("ci", "actor.machine", &elevate("approver"));
    house.json("kim", &elevate("operator"));
    house.refuses("kim", "sod.self", &["elevations", "grant", "E1", "--reason", "mine"]);
    for answer in ["grant", "refuse"] {
        house.refuses("ada", "iam.escalate", &["elevations", answer, "E1", "--reason", "friend"]);
    }
    house.refuses("vic", "role.missing", &["elevations", "end", "E1"]);
    // Z45: glass is for runs alone, for one role, and where a place has named one.
    let breaks = |who: &str, rule: &str, (run, incident, code): (&str, &str, &str)| {
        let words =
            ["break-glass", run, "--incident", incident, "--phrase", "break glass", "--reason", "x", "--code", code];
        house.refuses(who, rule, &words);
    };
    breaks("kim", "glass.sealed", (iced_run, "I1", &iced_code));
    breaks("ada", "role.missing", (run, "I1", &code));
    breaks("ci", "actor.machine", (run, "I1", &code));
    // Z44: without an incident; for one's own; without one's device, or a look at the plan.
    breaks("kim", "glass.incident", (run, "I1", &code));
    let open = |who: &str| {
        let words = ["incident", "open", "--in", "lab", "--severity", "p1", "--title", "checkout fails", "--tenant"];
        let rest = ["shop", "--impact", "nobody can pay", "--monitoring", "CheckoutErrors", "--owner", "grace"];
        house.json(who, &[&words[..], &rest].concat());
    };
    open("kim");
    breaks("kim", "sod.self", (run, "I1", &code));
    open("ada");
    breaks("kim", "stale", (run, "I2", &iced_code));
    breaks("kim", "factor.missing", (run, "I2", &code));

    let Some(ada) = Desk::open(&house, Door::Ssh, "ada") else { return };
    ada.goes("elevate owner lab 60m", &["to be owner in lab"]);
    ada.is_refused("to be owner in lab", &["on call"], "Ask", "iam.escalate", Kept::Yes);
    ada.goes("elevations", &["roles for a while"]);
    ada.chooses("roles for a while", "E1 kim");
    ada.chooses("E1 kim: operator in lab", "lend the role");
    ada.is_refused("lend a role to kim", &["friend"], "Lend", "iam.escalate", Kept::Yes);
    let Some(kim) = Desk::open(&house, Door::Account, "kim") else { return };
    kim.goes("elevations", &["roles for a while"]);
    kim.chooses("roles for a while", "E1 kim");
    let screen = kim.sees(&["take the request back"]);
    assert!(!screen.contains("lend the role"), "nobody is offered to lend themselves a role: {screen}");
    kim.shuts("take the request back");
    kim.watches(id);
    for (incident, rule) in [("I1", "sod.self"), ("I9", "glass.incident"), ("I2", "factor.missing")] {
        kim.goes(&format!("break-glass {incident}"), &["BREAK GLASS for"]);
        let fields = ["nobody can pay", code.as_str(), "break glass", "123456"];
        kim.is_refused("BREAK GLASS for", &fields, "Break glass", rule, Kept::Yes);
    }
    house.product().verifies();
}

#[test]
fn z08_z12_z13_z14_z29_z34_z36_z37_z38_real_what_is_changed_on_disk_is_another_persons_to_accept_through_any_door() {
    let Some(house) = House::new() else { return };
    let digest = || house.json("lea", &["site", "show"])["pending"]["site"]["digest"].as_str().unwrap()[..8].to_owned();
    let edit = |file: &str, from: &str, to: &str| {
        let path = house.product().at(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    // Z38: impact only rises.
    let (id, _) = house
        .until_waiting(&house.json("ada", &["propose", "grave", "--in", "lab", "--purpose", "fix", "--impact", "low"]));
    assert_eq!(house.product().run(id)["impact"], "medium");

    let lab = fs::read_to_string(house.product().at("site/workspaces/lab.toml")).unwrap();
    let host_key = lab.lines().find(|line| line.starts_with("host_key = ")).unwrap();
    let another_key = format!("host_key = \"{}\"", house.served.ca.public_line());
    let changes = [
        // Z8, Z29: the runbook, be it a comment.
        ("grace", "site/runbooks/grave.toml", "schema = 1\n", "schema = 1\n# Looks harmless.\n"),
        // Z12, Z13, Z14: where it would run, and who answers there.
        ("lea", "site/workspaces/lab.toml", "address = \"127.77.0.1\"", "address = \"127.77.0.99\""),
        ("lea", "site/workspaces/lab.toml", host_key, &another_key),
        // Z34: oneself an operator.
        ("lea", "site/workspaces/lab.toml", "lea = [\"reviewer\"", "lea = [\"operator\", \"reviewer\""),
    ];
    for (nth, (who, file, from, to)) in changes.into_iter().enumerate() {
        let (other, by_console) = if who == "grace" { ("lea", Door::Ssh) } else { ("grace", Door::As) };
        let run = (nth < 3).then(|| house.approved("grave", "lab"));
        edit(file, from, to);
        house.json(who, &["site", "load"]);
        let waits = digest();
        // Z37: not whoever loaded it, nobody who does not own what it changes, nobody who looked at something else.
        let accept = ["site", "accept", &waits, "--reason", "mine"];
        house.refuses(who, "sod.self", &accept);
        house.refuses("ada", "role.missing", &accept);
        house.refuses("ci", "actor.machine", &accept);
        house.refuses(other, "stale", &["site", "accept", "00000000", "--reason", "never looked"]);
        let Some(desk) = Desk::open(&house, by_console, who) else { return };
        desk.goes("site accept", &["a change to the site waits"]);
        desk.is_locked("a", &["(sod.self)"]);
        if let Some(run) = run {
            assert_eq!(house.product().run(run)["phase"], "approved", "what waits changes nothing");
        }
        let mut record = house.product().follow();
        assert!(house.says(Door::Ssh, other, &accept).unwrap().status.success());
        let Some(run) = run else { continue };
        let void = |leaf: &Value| leaf["kind"] == "run_cancelled" && leaf["body"]["run"] == run;
        let leaves = record.new_leaves();
        let why = &leaves.iter().find(|leaf| void(leaf)).unwrap_or_else(|| panic!("{leaves:#?}"))["body"];
        assert_eq!(why["cancel"]["void"], "binding.drift", "{why:#}");
        house.turns_down("ada", "not_found", &["start", &run.to_string()]);
        edit(file, to, from);
        house.json(who, &["site", "load"]);
        house.json(other, &["site", "accept", &digest(), "--reason", "as it was"]);
    }

    // Z36: a site without somebody who answers for a place is no site, whoever loads it.
    edit("site/workspaces/lab.toml", "owner = \"grace\"\n", "");
    let before = house.stands();
    for door in Door::ALL {
        let Some(said) = house.says(door, "grace", &["site", "load"]) else { continue };
        assert_eq!(said.status.code(), Some(65), "{door:?}: {said:?}");
        assert!(String::from_utf8_lossy(&said.stdout).contains("owner"), "{said:?}");
    }
    let Some(grace) = Desk::open(&house, Door::Ssh, "grace") else { return };
    grace.goes("site load", &["problem"]);
    assert_eq!(house.stands(), before);
    house.product().verifies();
}

#[test]
fn z51_real_what_is_another_places_is_answered_like_what_there_is_not_through_any_door() {
    let Some(house) = House::new() else { return };
    let (id, code) = house.waits("grave", "lab");
    let run = id.to_string();
    let open = ["incident", "open", "--in", "lab", "--severity", "p1", "--title", "t", "--tenant", "shop"];
    house.json("ada", &[&open[..], &["--impact", "x", "--monitoring", "x", "--owner", "grace"]].concat());
    house.json("kim", &["elevate", "operator", "--in", "lab", "--for", "1h", "--reason", "on call"]);
    let standing =
        ["standing", "propose", "grave", "--in", "lab", "--hosts", "1", "--for", "30d", "--reason", "weekly"];
    let standing_code = house.json("ada", &standing)["code"].as_str().unwrap().to_owned();

    let lines = |run: &str, place: &str, nth: &str| {
        [
            format!("runs show {run}"),
            format!("runs log {run}"),
            format!("runs evidence {run}"),
            format!("run {run}"),
            format!("approve {run} --code {code} --reason x"),
            format!("approve {run} --code {code} --statement"),
            format!("deny {run} --reason x"),
            format!("retract {run} --reason x"),
            format!("withdraw {run}"),
            format!("accept {run} w --reason x"),
            format!("start {run}"),
            format!("start {run} --at 1h"),
            format!("pause {run}"),
            format!("continue {run}"),
            format!("abort {run} --reason x"),
            format!("tick {run} hand"),
            format!("decide {run} h01 look skip --reason x"),
            format!("claim {run} --reason x"),
            format!("handover {run} ada"),
            format!("note {run} x"),
            format!("close {run} --note x"),
            format!("review {run} --comment x"),
            format!("rerun {run} --reason x"),
            format!("resume {run} --reason x"),
            format!("rollback {run} --reason x"),
            format!("secret {run} token"),
            format!("break-glass {run} --incident I1 --code {code} --phrase x --reason x"),
            format!("audit list --run {run}"),
            format!("plan grave --in {place} --purpose fix"),
            format!("propose grave --in {place} --purpose fix"),
            format!("hosts list --in {place}"),
            format!("hosts enrol --in {place}"),
            format!("windows list --in {place}"),
            format!("people roles --in {place}"),
            format!("elevate operator --in {place} --for 1h --reason x"),
            format!("elevations list --in {place}"),
            format!("elevations grant E{nth} --reason x"),
            format!("elevations end E{nth}"),
            format!("incident list --in {place}"),
            format!("incident show I{nth}"),
            format!("incident note I{nth} x"),
            format!("incident close I{nth} --note x"),
            format!("standing list --in {place}"),
            format!("standing show S{nth}"),
            format!("standing approve S{nth} --code {standing_code} --reason x"),
            format!("standing revoke S{nth} --reason x"),
            format!("standing propose grave --in {place} --hosts 1 --for 30d --reason x"),
            format!("record list --in {place}"),
            format!("follow-up list --in {place}"),
            format!("follow-up add --in {place} --owner ada --due 14d --text x"),
            format!("deviations list --in {place}"),
            format!("deviations look {place}:warning:{run}:x --reason x"),
            format!("compliance --in {place}"),
            format!("changes h01 --in {place}"),
        ]
    };
    let before = house.stands();
    for (known, missing) in lines(&run, "lab", "1").iter().zip(lines("999", "gone", "9")) {
        for door in [Door::As, Door::Ssh] {
            let mut record = house.product().follow();
            let [known, missing] = [known.as_str(), missing.as_str()].map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                let said = house.says(door, "zoe", &words).unwrap();
                let [out, err] = [&said.stdout, &said.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                (line, said.status.code(), out, err)
            });
            let as_missing = |text: &str| {
                let swapped = [("lab", "gone"), (&format!("#{run}"), "#999"), ("E1", "E9"), ("I1", "I9"), ("S1", "S9")];
                let text = swapped.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
                text.replace(&format!("show {run}`"), "show 999`").replace(&format!(":{run}:"), ":999:")
            };
            assert_ne!(known.1, Some(64), "{known:?}");
            assert_eq!(
                (known.1, as_missing(&known.2), as_missing(&known.3)),
                (missing.1, missing.2, missing.3),
                "{}",
                known.0
            );
            assert_eq!(record.new_leaves(), Vec::<Value>::new(), "{}", known.0);
        }
    }
    assert_eq!(house.stands(), before);
    let Some(zoe) = Desk::open(&house, Door::Ssh, "zoe") else { return };
    for run in [id, 999] {
        zoe.goes(&format!("run {run}"), &[&format!("#{run} cannot be shown."), &format!("no run #{run}")]);
    }
    for words in
        ["hosts lab", "windows lab", "follow-ups lab", "week lab", "propose grave lab", "elevations", "standing"]
    {
        let screen = zoe.goes(words, &["no "]);
        assert!(!screen.contains("h01") && !screen.contains("127.77.0.1"), "{screen}");
    }
}

#[test]
fn z04_real_an_account_that_is_nobody_here_is_heard_by_no_verb_and_sees_no_console() {
    let Some(house) = House::new() else { return };
    let (id, code) = house.waits("grave", "lab");
    let run = id.to_string();
    let before = house.product().leaves().len();
    for words in [&yes(&run, &code)[..], &["runs", "list"], &["runs", "list", "--as", "grace"], &["serve", "--stop"]] {
        let Some(mut command) = house.as_account(NOBODY) else { return };
        let said = command.args(words).output().unwrap();
        let heard = String::from_utf8_lossy(&said.stderr).into_owned() + &String::from_utf8_lossy(&said.stdout);
        assert_eq!(said.status.code(), Some(1), "{words:?}: {heard}");
        assert!(heard.contains("the account nobody") && heard.contains("(actor.unknown)"), "{words:?}: {heard}");
    }
    // tmux scrolls by a line to say that the pane is dead: an empty one.
    let console = words_of(&house.as_account(NOBODY).unwrap());
    let console = ["sh", "-c", "echo; exec \"$@\"", "sh"].into_iter().chain(console.iter().map(String::as_str));
    let Some(tmux) = Tmux::start(120, 24, &console.collect::<Vec<_>>()) else { return };
    let screen = tmux.wait_for_text("(actor.unknown)");
    assert!(!screen.contains("grave"), "{screen}");
    assert_eq!(house.product().leaves().len(), before);
}

/// Rows of authority there are.
const ROWS: usize = 56;

/// Names of functions of a file, each by the words it is made of.
fn names(text: &str) -> Vec<Vec<&str>> {
    let found = text.lines().filter_map(|line| line.trim_start().split_once("fn ")?.1.split(['(', '<']).next());
    found.map(|name| name.split('_').collect()).collect()
}

#[test]
fn every_row_of_authority_is_tested_where_the_table_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = include_str!("attacks.rs");
    let mut said: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for line in own.lines().filter_map(|line| line.strip_prefix("//! | Z")) {
        let mut parts = line.split('|');
        let (rows, tests) = (parts.next().unwrap(), parts.next().unwrap());
        let files = tests.split(": ").next().unwrap().split(", ").map(str::trim);
        let files: Vec<&str> = files.map(|file| if file == "here" { "tests/attacks.rs" } else { file }).collect();
        for row in rows.split_whitespace() {
            let row: usize = row.trim_start_matches('Z').parse().unwrap();
            assert!(said.insert(row, files.clone()).is_none(), "Z{row} stands there twice");
        }
    }
    assert_eq!(said.keys().copied().collect::<Vec<_>>(), (1..=ROWS).collect::<Vec<_>>());
    for (row, files) in &said {
        let token = format!("z{row:02}");
        for file in files {
            let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("Z{row}: {file}: {error}"));
            let named = names(&text).iter().any(|name| name.contains(&token.as_str()));
            assert!(named, "{file} has no test whose name holds {token}");
        }
        let here = names(own).iter().any(|name| name.contains(&token.as_str()));
        assert_eq!(here, files.contains(&"tests/attacks.rs"), "Z{row}: the table does not say what is here");
    }
}
