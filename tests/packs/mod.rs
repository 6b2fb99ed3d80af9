//! A record of which packs are made, and both verifiers beside each other.

use quarterdeck::domain::binding::binding_of;
use quarterdeck::domain::{Digest, words};
use quarterdeck::engine::signed_by;
use quarterdeck::ledger::pack::check::{self, Answer, Checks};
use quarterdeck::ledger::pack::{Manifest, Parts, Scope, Told, sealed, tar, verify_py};
use quarterdeck::ledger::tree::Tree;
use quarterdeck::ledger::{
    Checkpoint, Disk, Draft, Hash, KIND_ERASED, Ledger, MemoryDisk, SeededEntropy, Signed, Signer, canonical,
    erasure_body, leaf_hash,
};
use russh::keys::ssh_key::{Algorithm, LineEnding, PrivateKey};
use russh::keys::{HashAlg, ssh_key};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// The event that records an erasure.
pub const ERASED_AT: usize = 8;

pub type Files = BTreeMap<String, Vec<u8>>;

/// A record with a run that is over, one that goes on, and what a pack of the first is made of.
#[derive(Clone)]
pub struct Record {
    pub leaves: Vec<Vec<u8>>,
    pub parts: Parts,
    pub signer: Signer,
}

pub fn draft(kind: &str, at: i64, run: Option<u64>, body: Value, details: &[(&str, &str)]) -> Draft {
    Draft {
        kind: kind.into(),
        at,
        by: json!({"person": {"door": {"socket": {"uid": 1000}}, "person": "grace"}}),
        run,
        body: body.as_object().cloned().unwrap_or_default(),
        details: details.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect(),
        ..Draft::default()
    }
}

pub const OUTPUT: &str = "active (running)\nüñí\n";

impl Record {
    pub fn new() -> Self {
        Self::with_more([])
    }

    /// The same, and what happened later.
    pub fn with_more(more: impl IntoIterator<Item = Draft>) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let mut ledger = Ledger::init(disk, Box::new(SeededEntropy::new(5)), 0, json!("engine")).unwrap();
        let plan = r#"{"hosts":["web-1"],"runbook":"restart"}"#;
        let binding = binding_of(plan).to_string();
        let key = PrivateKey::new(ssh_key::private::Ed25519Keypair::from_seed(&[9; 32]).into(), "grace").unwrap();
        assert_eq!(key.algorithm(), Algorithm::Ed25519);
        let origin = &ledger.genesis().origin;
        let statement = format!(
            "quarterdeck approval v1\norigin: {origin}\nrun: 1\nbinding: {binding}\nchoice: approve\nperson: grace\nnth: 1\n"
        );
        let signature = key.sign("approval@quarterdeck", HashAlg::Sha512, statement.as_bytes()).unwrap();
        let fingerprint = Digest(key.fingerprint(HashAlg::Sha256).as_bytes().try_into().unwrap()).to_string();
        let armoured = signature.to_pem(LineEnding::LF).unwrap();
        let slot = json!({"host": 0, "item": {"step": 0}});
        let output = json!({"bytes": OUTPUT.len(), "lines": 2, "sha256": Digest::of(OUTPUT.as_bytes()).to_string()});
        let voted = json!({"binding": binding, "choice": "approve", "proved": {"key": fingerprint}});
        let ended = json!({"attempt": 1, "output": output, "result": "ok", "slot": slot});
        let all = [
            draft("site_loaded", 10, None, json!({}), &[("site", "{}")]),
            draft("run_proposed", 20, Some(1), json!({"binding": binding}), &[("plan", plan)]),
            draft("noted", 30, Some(1), json!({}), &[("text", "to be erased")]),
            draft("run_proposed", 35, Some(2), json!({"binding": binding}), &[("plan", plan)]),
            draft("voted", 40, Some(1), voted, &[("reason", "planned"), ("signature", &armoured)]),
            draft("run_started", 50, Some(1), json!({}), &[]),
            draft("ended", 60, Some(1), ended, &[("saw", "ok")]),
            Draft {
                body: erasure_body([(3, "text")]),
                ..draft(KIND_ERASED, 65, None, json!({}), &[("reason", "asked")])
            },
            draft("run_closed", 70, Some(1), json!({}), &[("text", "done")]),
            Draft { run_closed: true, ..draft("run_reviewed", 80, Some(1), json!({}), &[("text", "fine")]) },
            draft("noted", 90, Some(2), json!({}), &[("text", "goes on")]),
        ];
        for one in all.into_iter().chain(more) {
            ledger.append(&[one]).unwrap();
        }
        ledger.erase(3, "text").unwrap();
        ledger.sign_checkpoint().unwrap();
        let reader = ledger.reader();
        let leaves: Vec<Vec<u8>> = (0..ledger.head().size).map(|index| reader.leaf(index).unwrap()).collect();
        let mut parts = Parts { runs: vec![1], ..Parts::default() };
        for entry in reader.iter(0).map(Result::unwrap) {
            let of_run = entry.run.is_some_and(|run| run.id == 1);
            if !of_run && entry.index != 0 && entry.kind != KIND_ERASED {
                continue;
            }
            for name in entry.commitments.keys() {
                let told = match reader.salted(&entry, name).unwrap() {
                    _ if !of_run => Told::Withheld,
                    Some((salt, value)) => Told::Text(salt, value),
                    None => Told::Erased,
                };
                parts.details.insert((entry.index, name.clone()), told);
            }
            parts.leaves.insert(entry.index, leaves[entry.index as usize].clone());
        }
        parts.statements.insert(5, statement);
        parts.files.insert("run-1-plan.json".to_owned(), plan.as_bytes().to_vec());
        let (first, second) = OUTPUT.split_at(7);
        let line = |text: &str| {
            String::from_utf8(canonical::to_bytes(&json!({"attempt": 1, "slot": slot, "text": text})).unwrap())
        };
        let output = format!("{}\n{}\n", line(first).unwrap(), line(second).unwrap());
        parts.files.insert("run-1-output.jsonl".to_owned(), output.into_bytes());
        parts.files.insert("report.html".to_owned(), b"<!DOCTYPE html>\n".to_vec());
        Self { leaves, parts, signer: ledger.signer().unwrap().clone() }
    }

    /// What a pack of another part of the record is made of: these runs, these events.
    pub fn part(&self, scope: Scope, runs: &[u64], events: &[u64]) -> Self {
        let mut made = self.clone();
        let own = std::mem::take(&mut made.parts);
        made.parts =
            Parts { scope, runs: runs.to_vec(), statements: own.statements, files: own.files, ..Parts::default() };
        for index in [0].iter().chain(events) {
            let leaf = &self.leaves[*index as usize];
            let value: Value = serde_json::from_slice(leaf).unwrap();
            for name in value["c"].as_object().into_iter().flat_map(Map::keys) {
                let key = (*index, name.clone());
                let told = own.details.get(&key).cloned().unwrap_or(Told::Withheld);
                made.parts.details.insert(key, told);
            }
            made.parts.leaves.insert(*index, leaf.clone());
        }
        made.parts.statements.retain(|index, _| events.contains(index));
        made.parts.files.retain(|name, _| !name.starts_with("run-1-") || runs.contains(&1));
        made
    }

    pub fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        self.leaves.iter().for_each(|leaf| tree.push(leaf_hash(leaf)));
        tree
    }

    pub fn block(&self) -> impl FnMut(u64) -> Result<Vec<Hash>, Infallible> + '_ {
        |_| Ok(self.leaves.iter().map(|leaf| leaf_hash(leaf)).collect())
    }

    /// The head of so many events, signed.
    pub fn head(&self, size: usize) -> Signed {
        let root = self.tree().root_at(size as u64, self.block()).unwrap();
        let origin = self.signer.identity().origin.clone();
        Checkpoint { origin, size: size as u64, root }.sign(&self.signer)
    }

    /// The files of the pack that shows the record as it was with so many events.
    pub fn files_at(&self, size: usize) -> (Manifest, Files) {
        let mut parts = self.parts.clone();
        parts.leaves = parts.leaves.keys().map(|index| (*index, self.leaves[*index as usize].clone())).collect();
        parts.leaves.retain(|index, _| *index < size as u64);
        let kept = parts.leaves.clone();
        parts.details.retain(|(index, _), _| kept.contains_key(index));
        // Before it was recorded that a detail was erased it was there; here it is enough that it is not said to be erased.
        if size <= ERASED_AT {
            parts.details.insert((3, "text".to_owned()), Told::Withheld);
        }
        let wanted: Vec<u64> = parts.leaves.keys().copied().collect();
        parts.others = self.tree().others(&wanted, size as u64, self.block()).unwrap();
        for from in 1..size as u64 {
            parts.earlier.insert(from, self.tree().consistency(from, size as u64, self.block()).unwrap());
        }
        let head = self.head(size);
        (parts.manifest(&head, &self.signer), parts.files(&head, &self.signer).unwrap())
    }

    pub fn files(&self) -> (Manifest, Files) {
        self.files_at(self.leaves.len())
    }

    pub fn pack(&self) -> Vec<u8> {
        let (manifest, files) = self.files();
        tar::write(&sealed(manifest, files, &self.signer).unwrap())
    }

    /// The pack with something done to a file of it, the manifest made and signed anew by the ledger's own key.
    pub fn with(&self, name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
        let (manifest, mut files) = self.files();
        let text = String::from_utf8(files[name].clone()).unwrap();
        let changed = change(&text);
        assert_ne!(changed, text, "{name} is as before");
        files.insert(name.to_owned(), changed.into_bytes());
        tar::write(&sealed(manifest, files, &self.signer).unwrap())
    }

    /// The record with a leaf changed, all leaves after it linked anew: what the ledger's key can make.
    pub fn forged(&self, at: usize, change: impl Fn(&mut Map<String, Value>)) -> Self {
        let mut made = self.clone();
        let mut runs: BTreeMap<u64, Value> = BTreeMap::new();
        let mut prev = Value::Null;
        for (index, leaf) in made.leaves.iter_mut().enumerate() {
            let mut value: Map<String, Value> = serde_json::from_slice(leaf).unwrap();
            value.insert("prev".into(), prev);
            if let Some(Value::Object(run)) = value.get_mut("run") {
                let id = run["id"].as_u64().unwrap();
                run.insert("prev".into(), runs.get(&id).cloned().unwrap_or_default());
            }
            if index == at {
                change(&mut value);
            }
            *leaf = canonical::to_bytes(&Value::Object(value.clone())).unwrap();
            prev = Value::from(leaf_hash(leaf).to_base64());
            if let Some(run) = value.get("run").and_then(|run| run["id"].as_u64()) {
                runs.insert(run, prev.clone());
            }
        }
        made
    }
}

/// Both verifiers, and a place for packs.
pub struct Verifiers {
    pub dir: tempfile::TempDir,
}

impl Verifiers {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("verify.py"), verify_py()).unwrap();
        Self { dir }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What both say: the exit status and the words. They must name one file.
    #[track_caller]
    pub fn say(&self, pack: &[u8], since: Option<&str>) -> (u8, String) {
        let (path, head) = (self.at("pack.tar"), self.at("head"));
        fs::write(&path, pack).unwrap();
        let mut command = Command::new("python3");
        command.arg(self.at("verify.py")).arg(&path);
        if let Some(since) = since {
            fs::write(&head, since).unwrap();
            command.arg("--since").arg(&head);
        }
        let said = command.output().unwrap();
        let theirs = String::from_utf8(said.stdout).unwrap();
        assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
        let (code, ours) = our_answer(pack, since);
        let both = format!("ours: {ours}\ntheirs: {theirs}");
        assert_eq!(Some(i32::from(code)), said.status.code(), "{both}");
        assert_eq!(place(&ours), place(theirs.trim_end()), "{both}");
        (code, both)
    }

    #[track_caller]
    pub fn tampered(&self, pack: &[u8], file: &str, what: &str) {
        let (code, words) = self.say(pack, None);
        assert!(code == 1 && words.contains(&format!("TAMPERED: {file}: ")) && words.contains(what), "{code} {words}");
    }
}

pub fn our_answer(pack: &[u8], since: Option<&str>) -> (u8, String) {
    let answer = check::pack(pack, Checks { kinds: words::KINDS, signed_by, since });
    let code = match answer {
        Answer::Verified(_) => 0,
        Answer::Tampered(_) => 1,
        Answer::CannotTell(_) => 2,
    };
    (code, answer.to_string())
}

/// The verdict and the file it names.
pub fn place(words: &str) -> String {
    words.split(": ").take(2).collect::<Vec<_>>().join(": ")
}

/// The text with the first of these changed.
pub fn replaced(text: &str, from: &str, to: &str) -> String {
    text.replacen(from, to, 1)
}
