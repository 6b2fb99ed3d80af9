//! Evidence packs beside everything that may be done to them: our verifier and `verify.py` name the same thing, every time. Rows A of
//! the threats: whoever tampers has the pack, or the ledger's key too.

#![cfg(test)]

mod packs;

use ed25519_dalek::SigningKey;
use packs::*;
use quarterdeck::domain::{Digest, words};
use quarterdeck::ledger::pack::{Manifest, Scope, Told, sealed, tar, verify_py};
use quarterdeck::ledger::{Checkpoint, Draft, Signer, leaf_hash};
use russh::keys::ssh_key::{PublicKey, SshSig};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Random changes that both verifiers are shown; `--deep` shows them 5 000.
const CHANGES: u64 = 200;
const CHANGES_DEEP: u64 = 5_000;

#[test]
fn a_pack_is_verified_by_both_and_is_the_same_each_time() {
    let (record, both) = (Record::new(), Verifiers::new());
    let pack = record.pack();
    let (code, words) = both.say(&pack, None);
    assert!(code == 0 && words.contains("9 of 12 events"), "{code} {words}");
    assert!(words.contains("1 signed approval"), "{words}");
    assert_eq!(pack, Record::new().pack(), "one record, one pack");
    let (code, words) = both.say(&pack, Some(&record.head(record.leaves.len()).note));
    assert_eq!(code, 0, "{words}");
    for size in 1..record.leaves.len() {
        let (code, words) = both.say(&pack, Some(&record.head(size).note));
        assert_eq!(code, 0, "{size}: {words}");
    }
}

#[test]
fn real_a_pack_unpacked_by_tar_is_verified_by_python_and_its_head_by_openssh() {
    let (record, both) = (Record::new(), Verifiers::new());
    fs::write(both.at("pack.tar"), record.pack()).unwrap();
    let dir = both.at("unpacked");
    fs::create_dir(&dir).unwrap();
    let ran = |command: &mut Command| command.current_dir(&dir).output().unwrap();
    let said = ran(Command::new("tar").args(["-xf", "../pack.tar"]));
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
    let said = ran(Command::new("python3").args(["-B", "verify.py", "."]));
    assert!(said.status.success(), "{said:?}");
    let origin = record.signer.identity().origin.clone();
    let ssh = |body: &str, namespace: &str| {
        let mut command = Command::new("ssh-keygen");
        command.args([
            "-Y",
            "verify",
            "-f",
            "allowed_signers",
            "-I",
            &origin,
            "-n",
            namespace,
            "-s",
            "checkpoint.sshsig",
        ]);
        fs::write(dir.join("said"), body).unwrap();
        ran(command.stdin(fs::File::open(dir.join("said")).unwrap())).status.success()
    };
    let body = fs::read_to_string(dir.join("checkpoint.body")).unwrap();
    assert!(ssh(&body, "checkpoint@quarterdeck"));
    assert!(!ssh(&body.replacen("\n12\n", "\n11\n", 1), "checkpoint@quarterdeck"));
    assert!(!ssh(&body, "pack@quarterdeck"));
    assert!(!ssh(&body, "file"));
    // The same signature to another implementation of keys.
    let line = fs::read_to_string(dir.join("allowed_signers")).unwrap();
    let key: PublicKey = line.split_once("\" ").unwrap().1.parse().unwrap();
    let signature = SshSig::from_pem(fs::read(dir.join("checkpoint.sshsig")).unwrap()).unwrap();
    key.verify("checkpoint@quarterdeck", body.as_bytes(), &signature).unwrap();
    // A file more than the manifest lists, and one that is none.
    fs::remove_file(dir.join("said")).unwrap();
    std::os::unix::fs::symlink("report.html", dir.join("linked")).unwrap();
    let said = ran(Command::new("python3").args(["-B", "verify.py", "."]));
    assert_eq!(said.status.code(), Some(1), "{said:?}");
}

#[test]
fn a1_a_changed_byte_of_any_file_is_noticed() {
    let (record, both) = (Record::new(), Verifiers::new());
    let (manifest, files) = record.files();
    let whole = sealed(manifest, files, &record.signer).unwrap();
    for (name, bytes) in &whole {
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut files = whole.clone();
            files.get_mut(name).unwrap()[at] ^= 4;
            let (code, words) = both.say(&tar::write(&files), None);
            assert!(code == 1 || (code == 2 && words.contains("newer schema")), "{name} {at}: {words}");
        }
        let mut files = whole.clone();
        files.remove(name);
        assert_eq!(both.say(&tar::write(&files), None).0, 1, "{name} is gone");
    }
    // Every bit, by ours alone.
    let pack = tar::write(&whole);
    for bit in (0..pack.len() * 8).step_by(7) {
        let mut spoiled = pack.clone();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        assert_ne!(our_answer(&spoiled, None).0, 0, "bit {bit}");
    }
}

#[test]
fn a2_a_leaf_edited_and_hashed_anew_is_not_in_the_signed_tree() {
    let (record, both) = (Record::new(), Verifiers::new());
    let edited = record.with("leaves.jsonl", |text| replaced(text, r#""at":60"#, r#""at":61"#));
    both.tampered(&edited, "nodes.txt", "does not make the root");
}

#[test]
fn a3_a_leaf_taken_out_shows_whoever_signs_the_manifest() {
    let (record, both) = (Record::new(), Verifiers::new());
    let without =
        |text: &str| text.lines().filter(|line| !line.contains(r#""at":50"#)).map(|line| format!("{line}\n")).collect();
    both.tampered(&record.with("leaves.jsonl", without), "nodes.txt", "does not make the root");
    // With another key, and everything that follows from it, nothing is the ledger's any more.
    let (manifest, files) = record.files();
    let other = Signer::new(&record.signer.identity().origin, SigningKey::from_bytes(&[3; 32]));
    both.tampered(
        &tar::write(&sealed(manifest, files, &other).unwrap()),
        "manifest.sshsig",
        "has not signed the manifest",
    );
    // The root may be made good with what was taken out, and the run still shows the gap.
    let mut gap = record.clone();
    gap.parts.leaves.remove(&6);
    both.tampered(&gap.pack(), "leaves.jsonl", "an event is missing before it");
}

#[test]
fn a4_leaves_swapped_are_noticed() {
    let (record, both) = (Record::new(), Verifiers::new());
    let swapped = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(3, 4);
        lines.join("\n") + "\n"
    };
    both.tampered(&record.with("leaves.jsonl", swapped), "leaves.jsonl", "order of events");
}

#[test]
fn a5_a_forged_head_needs_the_ledgers_key() {
    let (record, both) = (Record::new(), Verifiers::new());
    let forged = record.with("checkpoint", |text| replaced(text, "\n12\n", "\n13\n"));
    both.tampered(&forged, "checkpoint", "its signature does not hold");
}

#[test]
fn a6_a_history_made_anew_does_not_continue_the_head_that_somebody_holds() {
    let (record, both) = (Record::new(), Verifiers::new());
    let held = record.head(8).note;
    let anew = record.forged(7, |leaf| drop(leaf.insert("at".into(), json!(61))));
    let pack = anew.pack();
    assert_eq!(both.say(&pack, None).0, 0, "nobody holds anything: it is a ledger like any other");
    let (code, words) = both.say(&pack, Some(&held));
    assert!(code == 1 && words.contains("does not continue the checkpoint of 8 events"), "{words}");
}

#[test]
fn a7_events_cut_off_are_noticed_by_a_later_head_and_else_said_to_be_possible() {
    let (record, both) = (Record::new(), Verifiers::new());
    let later = record.head(12).note;
    for size in 6..12 {
        let (manifest, files) = record.files_at(size);
        let pack = tar::write(&sealed(manifest, files, &record.signer).unwrap());
        let (code, words) = both.say(&pack, Some(&later));
        assert!(code == 1 && words.contains("events were cut off"), "{size}: {words}");
        let (code, words) = both.say(&pack, None);
        // The run's last event is its own end: nothing of it can be missing behind that.
        match size {
            11 => assert_eq!(code, 0, "{words}"),
            _ => assert!(code == 2 && words.contains("cannot exclude truncation after"), "{size}: {words}"),
        }
    }
}

#[test]
fn a9_a10_two_histories_of_one_length_are_a_fork() {
    let (record, both) = (Record::new(), Verifiers::new());
    let other = record.forged(11, |leaf| drop(leaf.insert("at".into(), json!(95))));
    let (code, words) = both.say(&record.pack(), Some(&other.head(12).note));
    assert!(code == 1 && words.contains("a fork"), "{words}");
}

#[test]
fn a11_a15_a_proof_is_for_its_own_place_and_a_node_is_no_leaf() {
    let (record, both) = (Record::new(), Verifiers::new());
    let moved = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.rotate_left(1);
        lines.join("\n") + "\n"
    };
    both.tampered(&record.with("nodes.txt", moved), "nodes.txt", "does not make the root");
    let more = |text: &str| format!("{text}{}\n", leaf_hash(b"").to_base64());
    both.tampered(&record.with("nodes.txt", more), "nodes.txt", "does not make the root");
    // A node's 64 bytes as a leaf: hashed with another first byte, and no canonical JSON either.
    let tree = record.tree();
    let (one, two) = (leaf_hash(&record.leaves[0]), leaf_hash(&record.leaves[1]));
    let node: Vec<u8> = [one.0, two.0].concat();
    assert_ne!(leaf_hash(&node), tree.root_at(2, record.block()).unwrap());
}

#[test]
fn a12_a_head_of_another_ledger_is_none_of_this_one() {
    let (record, both) = (Record::new(), Verifiers::new());
    let stranger = Signer::new("quarterdeck/ffff", SigningKey::from_bytes(&[3; 32]));
    let head = Checkpoint { origin: "quarterdeck/ffff".into(), size: 3, root: leaf_hash(b"") }.sign(&stranger).note;
    let (code, words) = both.say(&record.pack(), Some(&head));
    assert!(code == 1 && words.contains("none of this ledger"), "{words}");
    both.tampered(&record.with("checkpoint", |_| head.clone()), "checkpoint", "has not signed it");
}

#[test]
fn a13_a_leaf_in_another_spelling_is_none_even_with_the_right_hash() {
    let both = Verifiers::new();
    for (from, to) in [
        (r#"{"at":60"#, r#"{ "at":60"#),
        (r#"{"at":60"#, r#"{"at":60.0"#),
        (r#"{"at":60"#, r#"{"at":60,"at":60"#),
        (r#""kind":"ended""#, r#""kind":"\u0065nded""#),
        (r#"{"at":60"#, r#"{"at":-0"#),
    ] {
        let mut record = Record::new();
        for leaf in &mut record.leaves {
            *leaf = String::from_utf8(leaf.clone()).unwrap().replace(from, to).into_bytes();
        }
        both.tampered(&record.pack(), "leaves.jsonl", "not canonical JSON");
    }
}

#[test]
fn a14_a_newer_kind_or_version_is_not_judged() {
    let (record, both) = (Record::new(), Verifiers::new());
    let kind = record.forged(6, |leaf| drop(leaf.insert("kind".into(), json!("foretold"))));
    let (code, words) = both.say(&kind.pack(), None);
    assert!(code == 2 && words.contains("unknown kind foretold"), "{words}");
    let version =
        record.forged(6, |leaf| drop((leaf.insert("v".into(), json!(2)), leaf.insert("new".into(), json!(1)))));
    let (code, words) = both.say(&version.pack(), None);
    assert!(code == 2 && words.contains("newer schema"), "{words}");
    let newer = |text: &str| replaced(text, r#""format":1"#, r#""format":2"#);
    let (manifest, files) = record.files();
    let mut files = sealed(manifest, files, &record.signer).unwrap();
    let text = newer(std::str::from_utf8(&files["manifest.json"]).unwrap());
    files.insert("manifest.json".to_owned(), text.into_bytes());
    assert_eq!(both.say(&tar::write(&files), None).0, 2);
}

#[test]
fn a16_a17_a18_absurd_notes_and_proofs_are_refused() {
    let (record, both) = (Record::new(), Verifiers::new());
    let long = |text: &str| text.to_owned() + &text.lines().last().map(|line| format!("{line}\n")).unwrap().repeat(300);
    both.tampered(&record.with("checkpoint", long), "checkpoint", "too long");
    let twice = |text: &str| text.to_owned() + text.lines().last().unwrap() + "\n";
    both.tampered(&record.with("checkpoint", twice), "checkpoint", "two signatures by one key");
    let many = |_: &str| format!("{}\n", leaf_hash(b"").to_base64()).repeat(100_000);
    both.tampered(&record.with("nodes.txt", many), "nodes.txt", "does not make the root");
    let path =
        |_: &str| format!("{{\"from\":5,\"path\":[{}]}}\n", vec![format!("\"{}\"", leaf_hash(b"")); 100].join(","));
    let (code, words) = both.say(&record.with("consistency.jsonl", path), Some(&record.head(5).note));
    assert!(code == 1 && words.contains("does not continue"), "{words}");
    let huge = Checkpoint { origin: record.signer.identity().origin.clone(), size: 1 << 60, root: leaf_hash(b"") };
    let (code, words) = both.say(&record.pack(), Some(&huge.sign(&record.signer).note));
    assert!(code == 1 && words.contains("none of this ledger"), "{words}");
}

#[test]
fn a19_an_approval_is_signed_for_just_this_binding_run_person_and_purpose() {
    let (record, both) = (Record::new(), Verifiers::new());
    for (from, to) in
        [("run: 1", "run: 2"), ("person: grace", "person: ada"), ("binding: ", "binding: 0"), ("origin: ", "origin: x")]
    {
        let other = record.with("signatures.jsonl", |text| replaced(text, from, to));
        both.tampered(&other, "signatures.jsonl", "another approval");
    }
    let again = record.with("signatures.jsonl", |text| replaced(text, "nth: 1", "nth: 2"));
    both.tampered(&again, "signatures.jsonl", "does not hold");
    both.tampered(&record.with("signatures.jsonl", |_| String::new()), "signatures.jsonl", "is not there");
    let vote = record.forged(5, |leaf| {
        leaf["body"]["binding"] = json!(Digest::of(b"another plan").to_string());
    });
    both.tampered(&vote.pack(), "leaves.jsonl", "another binding");
    let key = record.forged(5, |leaf| leaf["body"]["proved"]["key"] = json!(Digest::of(b"another key").to_string()));
    both.tampered(&key.pack(), "signatures.jsonl", "another key has signed it");
    let plan = record.with("run-1-plan.json", |text| replaced(text, "web-1", "web-2"));
    both.tampered(&plan, "run-1-plan.json", "not the plan that was recorded");
}

#[test]
fn a20_details_are_what_was_committed_to_or_erased_on_the_record() {
    let (record, both) = (Record::new(), Verifiers::new());
    let changed = record.with("details.jsonl", |text| replaced(text, "planned", "planted"));
    both.tampered(&changed, "details.jsonl", "is not what the event commits to");
    let salt = json!(leaf_hash(b"salt").to_base64());
    let filled = record.with("details.jsonl", |text| {
        replaced(text, r#""state":"erased""#, &format!(r#""salt":{salt},"text":"another""#))
    });
    both.tampered(&filled, "details.jsonl", "is not what the event commits to");
    let mut hidden = record.clone();
    hidden.parts.details.insert((9, "text".to_owned()), Told::Erased);
    both.tampered(&hidden.pack(), "details.jsonl", "no event records it");
    let gone = record.with("details.jsonl", |text| text.lines().skip(1).map(|line| format!("{line}\n")).collect());
    both.tampered(&gone, "details.jsonl", "is not there");
    let more = record.with("details.jsonl", |text| text.to_owned() + text.lines().last().unwrap() + "\n");
    both.tampered(&more, "details.jsonl", "no event commits to");
    let printed = record.with("run-1-output.jsonl", |text| replaced(text, "active", "broken"));
    both.tampered(&printed, "run-1-output.jsonl", "not what was recorded");
    both.tampered(&record.with("run-1-output.jsonl", |_| String::new()), "run-1-output.jsonl", "not what was recorded");
}

#[test]
fn a21_a25_time_never_goes_back_and_a_run_has_no_gap() {
    let (record, both) = (Record::new(), Verifiers::new());
    let back = record.forged(6, |leaf| drop(leaf.insert("at".into(), json!(5))));
    both.tampered(&back.pack(), "leaves.jsonl", "time goes back");
    let gap = record.forged(6, |leaf| leaf["run"]["seq"] = json!(9));
    both.tampered(&gap.pack(), "leaves.jsonl", "an event is missing before it");
    let early = record.forged(6, |leaf| leaf["run"]["end"] = json!(true));
    both.tampered(&early.pack(), "leaves.jsonl", "stands behind the end");
    let unlinked = record.forged(10, |leaf| leaf["run"]["prev"] = json!(leaf_hash(b"").to_base64()));
    both.tampered(&unlinked.pack(), "leaves.jsonl", "not linked to the event before");
}

/// Events 8 to 10, the runs that have one of them, and the neighbours 7 and 11.
const PERIOD: Scope = Scope::Period { from: 62, until: 85 };
const OF_PERIOD: [u64; 9] = [2, 3, 5, 6, 7, 8, 9, 10, 11];

#[test]
fn a_period_is_shown_whole_between_its_neighbours() {
    let (record, both) = (Record::new(), Verifiers::new());
    let (code, words) = both.say(&record.part(PERIOD, &[1], &OF_PERIOD).pack(), None);
    assert_eq!(code, 0, "{words}");
    for (gone, named) in [(8, 8), (11, 11)] {
        let events: Vec<u64> = OF_PERIOD.into_iter().filter(|index| *index != gone).collect();
        let pack = record.part(PERIOD, &[1], &events).pack();
        both.tampered(&pack, "leaves.jsonl", &format!("event {named} of the period is not there"));
    }
    // The last event before it is what it begins behind: without that one, what was there cannot be told.
    let later = Scope::Period { from: 75, until: 85 };
    both.tampered(&record.part(later, &[], &[7, 10, 11]).pack(), "leaves.jsonl", "event 8 of the period is not there");
    both.tampered(&record.part(later, &[], &[9, 10, 11]).pack(), "leaves.jsonl", "run 1 has it in the period");
    let quiet = Scope::Period { from: 81, until: 85 };
    assert_eq!(both.say(&record.part(quiet, &[], &[10, 11]).pack(), None).0, 0, "nothing happened, and that is proved");
}

#[test]
fn a7_a_period_that_goes_on_needs_a_later_head() {
    let (record, both) = (Record::new(), Verifiers::new());
    let open = Scope::Period { from: 62, until: 1_000 };
    let pack = record.part(open, &[1, 2], &[&OF_PERIOD[..], &[4]].concat()).pack();
    let (code, words) = both.say(&pack, None);
    assert!(code == 2 && words.contains("cannot exclude truncation after 12 events"), "{words}");
    assert_eq!(both.say(&pack, Some(&record.head(12).note)).0, 0);
    both.tampered(&record.part(open, &[1], &OF_PERIOD).pack(), "leaves.jsonl", "run 2 has it in the period");
    let cut = record.part(open, &[1], &OF_PERIOD[..8]).pack();
    both.tampered(&cut, "leaves.jsonl", "event 11 of the period is not there");
}

/// An incident for which run 2 broke glass: events 12 to 16.
fn of_incident() -> Record {
    let act = |at: i64, act: Value| draft("incident", at, None, json!({"act": act, "incident": 7}), &[("text", "x")]);
    Record::with_more([
        act(100, json!({"opened": {"severity": "p1"}})),
        draft("glass_broken", 110, Some(2), json!({"incident": 7}), &[("reason", "down")]),
        act(120, json!("noted")),
        act(130, json!("closed")),
        Draft { run_closed: true, ..draft("run_reviewed", 140, Some(2), json!({}), &[("text", "fine")]) },
    ])
}

#[test]
fn an_incident_is_shown_from_its_beginning_to_its_end_with_the_runs_that_broke_glass_for_it() {
    let (record, both) = (of_incident(), Verifiers::new());
    let part = |runs: &[u64], events: &[u64]| record.part(Scope::Incident(7), runs, events).pack();
    let (code, words) = both.say(&part(&[2], &[4, 11, 12, 13, 14, 15, 16]), None);
    assert_eq!(code, 0, "{words}");
    both.tampered(&part(&[2], &[4, 11, 13, 14, 15, 16]), "leaves.jsonl", "does not begin once, and first of all");
    both.tampered(&part(&[2], &[4, 11, 13, 16]), "leaves.jsonl", "no event of incident 7 is there");
    both.tampered(&part(&[], &[12, 13, 14, 15]), "leaves.jsonl", "run 2 broke glass for incident 7");
    // Whoever does not show its end cannot say that there was none.
    let (code, words) = both.say(&part(&[2], &[4, 11, 12, 13, 14, 16]), None);
    assert!(code == 2 && words.contains("cannot exclude truncation"), "{words}");
    let twice = record.forged(14, |leaf| leaf["body"]["act"] = json!("closed"));
    let twice = twice.part(Scope::Incident(7), &[2], &[4, 11, 12, 13, 14, 15, 16]);
    both.tampered(&twice.pack(), "leaves.jsonl", "stands behind the end of incident 7");
}

#[test]
fn a_manifest_says_one_part_of_the_record() {
    let (record, both) = (Record::new(), Verifiers::new());
    let whole = record.part(PERIOD, &[1], &OF_PERIOD);
    let changes: [fn(&mut Manifest); 6] = [
        |manifest| manifest.from = None,
        |manifest| manifest.incident = Some(7),
        |manifest| manifest.until = Some(62),
        |manifest| manifest.scope = "run".to_owned(),
        |manifest| manifest.scope = "incident".to_owned(),
        |manifest| manifest.scope = "all".to_owned(),
    ];
    for change in changes {
        let (mut manifest, files) = whole.files();
        change(&mut manifest);
        let pack = tar::write(&sealed(manifest, files, &record.signer).unwrap());
        both.tampered(&pack, "manifest.json", "it has not the form of a manifest");
    }
}

/// The same random bytes each time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }
}

/// The archive with bytes changed, cut off, doubled; or one of its files, and the manifest signed anew by the ledger's key.
fn changed(record: &Record, random: &mut Random) -> Vec<u8> {
    let (manifest, mut files) = record.files();
    let spoil = |bytes: &mut Vec<u8>, random: &mut Random| match random.next(6) {
        0 if !bytes.is_empty() => {
            let at = random.next(bytes.len());
            bytes[at] ^= 1 << random.next(8);
        }
        1 => bytes.truncate(random.next(bytes.len() + 1)),
        2 if !bytes.is_empty() => {
            let at = random.next(bytes.len());
            bytes[at] = b"0123456789\"\n,:{}[]"[random.next(18)];
        }
        3 => {
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, two) = (random.next(lines.len()), random.next(lines.len()));
            let mut lines = lines;
            if !lines.is_empty() {
                lines.swap(one, two);
            }
            *bytes = lines.concat();
        }
        4 => {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            if !lines.is_empty() {
                let (from, to) = (random.next(lines.len()), random.next(lines.len()));
                let line = lines[from];
                lines.insert(to, line);
            }
            *bytes = lines.concat();
        }
        _ => {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            if !lines.is_empty() {
                lines.remove(random.next(lines.len()));
            }
            *bytes = lines.concat();
        }
    };
    if random.next(3) == 0 {
        let mut pack = tar::write(&sealed(manifest, files, &record.signer).unwrap());
        for _ in 0..=random.next(3) {
            spoil(&mut pack, random);
        }
        return pack;
    }
    let names: Vec<String> = files.keys().cloned().collect();
    let name = &names[random.next(names.len())];
    let mut bytes = files[name].clone();
    for _ in 0..=random.next(2) {
        spoil(&mut bytes, random);
    }
    files.insert(name.clone(), bytes);
    tar::write(&sealed(manifest, files, &record.signer).unwrap())
}

/// Says of each pack of a directory what `verify.py` does, one a line.
const DRIVER: &str = "import os, sys\nsys.path.insert(0, sys.argv[1])\nimport verify\nfor name in sorted(os.listdir(sys.argv[2])):\n \
                      data = open(os.path.join(sys.argv[2], name), 'rb').read()\n \
                      print(*verify.judge(lambda: verify.read_archive(data)))\n";

#[test]
fn both_verifiers_agree_about_packs_changed_at_random() {
    let both = Verifiers::new();
    let incident = of_incident().part(Scope::Incident(7), &[2], &[4, 11, 12, 13, 14, 15, 16]);
    let records = [Record::new(), Record::new().part(PERIOD, &[1], &OF_PERIOD), incident];
    #[expect(clippy::disallowed_methods, reason = "the test runner says so by the environment")]
    let deep = std::env::var_os("QUARTERDECK_DEEP").is_some();
    let changes = if deep { CHANGES_DEEP } else { CHANGES };
    let dir = both.at("packs");
    fs::create_dir(&dir).unwrap();
    let mut random = Random(0x5eed);
    let mut ours = Vec::new();
    for number in 0..changes {
        let pack = changed(&records[number as usize % records.len()], &mut random);
        fs::write(dir.join(format!("{number:06}.tar")), &pack).unwrap();
        ours.push(our_answer(&pack, None));
    }
    fs::write(both.at("driver.py"), DRIVER).unwrap();
    let said =
        Command::new("python3").arg("-B").arg(both.at("driver.py")).arg(both.dir.path()).arg(&dir).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let text = String::from_utf8(said.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().collect();
    assert_eq!(theirs.len(), ours.len());
    let mut seen: BTreeMap<u8, u64> = BTreeMap::new();
    for (number, ((code, words), line)) in ours.iter().zip(theirs).enumerate() {
        let (their_code, their_words) = line.split_once(' ').unwrap();
        assert_eq!(code.to_string(), their_code, "{number}: {words} / {line}");
        assert_eq!(place(words), place(their_words), "{number}: {words} / {line}");
        *seen.entry(*code).or_default() += 1;
    }
    println!("figure packs_changed {changes} packs {seen:?}");
    assert!(seen[&1] > changes / 2, "{seen:?}");
}

#[test]
fn the_program_in_a_pack_needs_nothing_but_pythons_own_library() {
    let text = verify_py();
    let own = ["base64", "hashlib", "hmac", "json", "os", "re", "stat", "struct", "subprocess", "sys", "tempfile"];
    let imported: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("import ")).collect();
    assert_eq!(imported, own);
    assert!(!text.contains("\nfrom ") && !text.contains("@KINDS@"));
    for kind in words::KINDS {
        assert!(text.lines().any(|line| line == *kind), "{kind}");
    }
    assert!(Path::new("src/ledger/pack/verify.py").exists());
}
