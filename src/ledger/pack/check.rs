//! Whether a pack is what it says: every file, every signature, every event against the signed head, every detail against its event, every
//! output and approval against what was recorded. In the order of `verify.py`; the first bad thing is named.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::canonical;
use super::super::checkpoint::{self, Checkpoint};
use super::super::hash::{self, Hash, SALT_BYTES};
use super::super::leaf::{self, Entry, KIND_CREATED, KIND_ERASED, KIND_REPAIRED};
use super::super::open::read_genesis;
use super::super::signer::{CHECKPOINT_NAMESPACE, Identity, PACK_NAMESPACE};
use super::super::tree;
use super::approval;
use super::leaves::{self, Leaves};
use super::{Manifest, PACK_FORMAT, Scope, tar};
use crate::domain::Digest;
use crate::domain::binding::binding_of;

/// What the caller brings.
#[derive(Debug, Clone, Copy)]
pub struct Checks<'a> {
    /// Every kind of event this program knows, beside the ledger's own.
    pub kinds: &'a [&'a str],
    /// The SHA-256 of the key by which an armoured SSH signature holds over an approval's statement.
    pub signed_by: fn(statement: &str, armoured: &str) -> Result<[u8; 32], String>,
    /// A checkpoint known from elsewhere.
    pub since: Option<&'a str>,
}

/// What checking a pack came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is what it says.
    Verified(Summary),
    /// Something was changed.
    Tampered(PackFinding),
    /// Something could not be judged.
    CannotTell(PackFinding),
}

/// What a pack proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The head it is proved against.
    pub checkpoint: Checkpoint,
    /// How many events it holds.
    pub events: u64,
    /// How many details.
    pub details: u64,
    /// How many approvals are signed.
    pub signatures: u64,
}

/// The first bad thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackFinding {
    /// In which file.
    pub file: String,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for PackFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.what)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified(found) => {
                let Summary { checkpoint, events, details, signatures } = found;
                let (size, origin) = (checkpoint.size, &checkpoint.origin);
                write!(
                    f,
                    "verified: {events} of {size} events of {origin}, {details} details, {signatures} signed approvals"
                )
            }
            Self::Tampered(finding) => write!(f, "TAMPERED: {finding}"),
            Self::CannotTell(finding) => write!(f, "cannot tell: {finding}"),
        }
    }
}

/// Why checking ends.
pub(super) enum End {
    Bad(PackFinding),
    Unsure(PackFinding),
}

pub(super) type Checked<T = ()> = Result<T, End>;

pub(super) fn bad<T>(file: &str, what: impl Into<String>) -> Checked<T> {
    Err(End::Bad(PackFinding { file: file.to_owned(), what: what.into() }))
}

/// Checks a pack.
pub fn pack(archive: &[u8], checks: Checks<'_>) -> Answer {
    match tar::read(archive) {
        Ok(files) => unpacked(&files, checks),
        Err(what) => Answer::Tampered(PackFinding { file: "the archive".to_owned(), what }),
    }
}

/// Checks the files of a pack.
pub fn unpacked(files: &BTreeMap<String, Vec<u8>>, checks: Checks<'_>) -> Answer {
    let mut pass = Pass { files, checks, doubt: None, details: 0, signatures: 0 };
    match pass.run() {
        Err(End::Bad(finding)) => Answer::Tampered(finding),
        Err(End::Unsure(finding)) => Answer::CannotTell(finding),
        Ok(summary) => pass.doubt.map_or(Answer::Verified(summary), Answer::CannotTell),
    }
}

struct Pass<'a> {
    files: &'a BTreeMap<String, Vec<u8>>,
    checks: Checks<'a>,
    doubt: Option<PackFinding>,
    details: u64,
    signatures: u64,
}

impl<'a> Pass<'a> {
    fn run(&mut self) -> Checked<Summary> {
        let (manifest, scope) = self.manifest()?;
        let key = STANDARD.decode(&manifest.key).ok().and_then(|key| key.try_into().ok());
        let Some(key) = key else { return bad("manifest.json", "its key is none") };
        let identity = Identity { origin: manifest.origin.clone(), key };
        if self.bytes("allowed_signers")? != identity.allowed_signers().as_bytes() {
            return bad("allowed_signers", "it is not the ledger's");
        }
        let signature = self.text("manifest.sshsig")?;
        if !identity.holds_ssh(PACK_NAMESPACE, self.bytes("manifest.json")?, signature) {
            return bad("manifest.sshsig", "the ledger's key has not signed the manifest");
        }
        self.listed(&manifest)?;
        let checkpoint = self.checkpoint(&manifest, &identity)?;
        let leaves = leaves::read(self.bytes("leaves.jsonl")?, checkpoint.size)?;
        self.genesis(&leaves, &identity)?;
        leaves::are_in_the_tree(&leaves, self.text("nodes.txt")?, &checkpoint)?;
        leaves::are_linked(&leaves)?;
        leaves::are_all_of_their_runs(&leaves, &manifest.runs)?;
        scope.holds(&leaves, &manifest.runs, checkpoint.size)?;
        let details = self.details(&leaves)?;
        self.kinds(&leaves);
        self.bindings(&leaves, &details, &manifest)?;
        self.outputs(&leaves, &manifest)?;
        self.approvals(&leaves, &details, &identity)?;
        self.since(&checkpoint, &identity)?;
        self.is_whole(scope.is_over(&leaves, &manifest.runs), &checkpoint, &identity);
        let (events, details, signatures) = (leaves.len() as u64, self.details, self.signatures);
        Ok(Summary { checkpoint, events, details, signatures })
    }

    fn bytes(&self, name: &str) -> Checked<&'a [u8]> {
        match self.files.get(name) {
            Some(bytes) => Ok(bytes),
            None => bad(name, "it is not there"),
        }
    }

    fn text(&self, name: &str) -> Checked<&'a str> {
        match std::str::from_utf8(self.bytes(name)?) {
            Ok(text) => Ok(text),
            Err(_) => bad(name, "it is not text"),
        }
    }

    /// The lines of a file of canonical JSON.
    fn rows(&self, name: &str) -> Checked<Vec<Value>> {
        let text = self.bytes(name)?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let Some(lines) = text.strip_suffix(b"\n") else { return bad(name, "its last line is not whole") };
        let row = |(at, line): (usize, &[u8])| match canonical::parse(line) {
            Ok(value) => Ok(value),
            Err(_) => bad(name, format!("line {} is not canonical JSON", at + 1)),
        };
        lines.split(|byte| *byte == b'\n').enumerate().map(row).collect()
    }

    fn unsure(&mut self, file: &str, what: impl Into<String>) {
        self.doubt.get_or_insert(PackFinding { file: file.to_owned(), what: what.into() });
    }

    fn manifest(&self) -> Checked<(Manifest, Scope)> {
        let name = "manifest.json";
        let Ok(value) = canonical::parse(self.bytes(name)?) else { return bad(name, "it is not canonical JSON") };
        if let Some(format) = value.get("format").and_then(Value::as_u64).filter(|format| *format > PACK_FORMAT) {
            let what = format!("newer schema: format {format}, this program reads {PACK_FORMAT}");
            return Err(End::Unsure(PackFinding { file: name.to_owned(), what }));
        }
        let is_object = value.is_object();
        let manifest = serde_json::from_value::<Manifest>(value).ok();
        let manifest = manifest.filter(|manifest| is_object && manifest.format == PACK_FORMAT);
        match manifest.and_then(|manifest| Some((Scope::of(&manifest)?, manifest))) {
            Some((scope, manifest)) => Ok((manifest, scope)),
            None => bad(name, "it has not the form of a manifest"),
        }
    }

    /// Exactly the files that the manifest lists, each as it lists it.
    fn listed(&self, manifest: &Manifest) -> Checked {
        let mut before = "";
        for listed in &manifest.files {
            let name = listed.name.as_str();
            if name <= before || !tar::is_name(name) || ["manifest.json", "manifest.sshsig"].contains(&name) {
                return bad("manifest.json", "its list of files is not in order");
            }
            before = name;
            let bytes = self.bytes(name)?;
            if bytes.len() as u64 != listed.bytes || Digest::of(bytes).to_string() != listed.sha256 {
                return bad(name, "it is not what the manifest says");
            }
        }
        if self.files.len() == manifest.files.len() + 2 {
            return Ok(());
        }
        let known: BTreeSet<&str> = manifest.files.iter().map(|listed| listed.name.as_str()).collect();
        let own = ["manifest.json", "manifest.sshsig"];
        let extra = self.files.keys().find(|name| !known.contains(name.as_str()) && !own.contains(&name.as_str()));
        bad(extra.map_or("manifest.json", |name| name.as_str()), "the manifest does not list it")
    }

    fn checkpoint(&self, manifest: &Manifest, identity: &Identity) -> Checked<Checkpoint> {
        let checkpoint = match checkpoint::read(self.text("checkpoint")?, identity) {
            Ok(checkpoint) => checkpoint,
            Err(why) => return bad("checkpoint", why.to_string()),
        };
        if checkpoint.size != manifest.size {
            return bad("checkpoint", "it is of another number of events than the manifest says");
        }
        let body = checkpoint.body();
        if self.bytes("checkpoint.body")? != body.as_bytes() {
            return bad("checkpoint.body", "it is not the text of the checkpoint");
        }
        match identity.holds_ssh(CHECKPOINT_NAMESPACE, body.as_bytes(), self.text("checkpoint.sshsig")?) {
            true => Ok(checkpoint),
            false => bad("checkpoint.sshsig", "the ledger's key has not signed the checkpoint"),
        }
    }

    fn genesis(&self, leaves: &Leaves, identity: &Identity) -> Checked {
        let name = "leaves.jsonl";
        let Some(entry) = leaves.get(&0) else { return bad(name, "event 0 is not there") };
        match read_genesis(&entry.kind, &entry.body) {
            Some(genesis) if genesis.identity() == *identity => Ok(()),
            Some(_) => bad(name, "event 0: it names another ledger or key"),
            None => bad(name, "event 0: it does not say what it must"),
        }
    }

    /// Every commitment of every leaf has its line, in order: what it commits to, or why that is not here.
    fn details(&mut self, leaves: &Leaves) -> Checked<BTreeMap<(u64, String), Vec<u8>>> {
        let file = "details.jsonl";
        let mut rows = VecDeque::from(self.rows(file)?);
        let mut found = BTreeMap::new();
        let mut erased = Vec::new();
        for entry in leaves.values() {
            for (name, commitment) in &entry.commitments {
                let what = |words: &str| format!("event {}: detail {name} {words}", entry.index);
                let Some(row) = rows.pop_front() else { return bad(file, what("is not there")) };
                let is = |key: &str, value: Value| row.get(key) == Some(&value);
                if !is("i", Value::from(entry.index)) || !is("name", Value::from(name.as_str())) {
                    return bad(file, what("is not there"));
                }
                match row.get("state").and_then(Value::as_str) {
                    Some("erased") => erased.push((entry.index, name.clone())),
                    Some("withheld") => {}
                    Some(_) => return bad(file, what("has not the form of one")),
                    None => {
                        let Some((salt, value)) = told(&row) else { return bad(file, what("has not the form of one")) };
                        if !hash::same(hash::commitment(&salt, &entry.kind, &value), *commitment) {
                            return bad(file, what("is not what the event commits to"));
                        }
                        self.details += 1;
                        found.insert((entry.index, name.clone()), value);
                    }
                }
            }
        }
        if !rows.is_empty() {
            return bad(file, "a detail that no event commits to");
        }
        let recorded = leaves.values().filter(|entry| entry.kind == KIND_ERASED);
        let recorded: BTreeSet<_> =
            recorded.flat_map(|entry| leaf::erasures(&entry.body).unwrap_or_default()).collect();
        match erased.into_iter().find(|key| !recorded.contains(key)) {
            Some((index, name)) => {
                bad(file, format!("event {index}: detail {name} is said to be erased, and no event records it"))
            }
            None => Ok(found),
        }
    }

    fn kinds(&mut self, leaves: &Leaves) {
        let own = [KIND_CREATED, KIND_ERASED, KIND_REPAIRED];
        let known = |kind: &str| own.contains(&kind) || self.checks.kinds.contains(&kind);
        if let Some(entry) = leaves.values().find(|entry| !known(&entry.kind)) {
            let what = format!("event {}: newer schema: unknown kind {}", entry.index, entry.kind);
            self.unsure("leaves.jsonl", what);
        }
    }

    /// What was approved is what the run was proposed as, and the plan that is shown here.
    fn bindings(&self, leaves: &Leaves, details: &BTreeMap<(u64, String), Vec<u8>>, manifest: &Manifest) -> Checked {
        let mut bindings: BTreeMap<u64, &str> = BTreeMap::new();
        for entry in leaves.values() {
            let Some(run) = entry.run.map(|run| run.id).filter(|run| manifest.runs.contains(run)) else { continue };
            let binding = entry.body.get("binding").and_then(Value::as_str).unwrap_or_default();
            if entry.kind == "run_proposed" {
                bindings.insert(run, binding);
                let plan = details.get(&(entry.index, "plan".to_owned()));
                let text = plan.map(|plan| String::from_utf8_lossy(plan));
                if text.as_ref().is_some_and(|text| binding_of(text).to_string() != binding) {
                    return bad(
                        "details.jsonl",
                        format!("event {}: the plan is not the one of its binding", entry.index),
                    );
                }
                let name = format!("run-{run}-plan.json");
                if let Some(file) = self.files.get(&name)
                    && plan != Some(file)
                {
                    return bad(&name, "it is not the plan that was recorded");
                }
            }
            if entry.kind == "voted" && bindings.get(&run) != Some(&binding) {
                let what = format!("event {}: a vote on another binding than the run's", entry.index);
                return bad("leaves.jsonl", what);
            }
        }
        Ok(())
    }

    /// What tries printed is what their events say.
    fn outputs(&mut self, leaves: &Leaves, manifest: &Manifest) -> Checked {
        for run in &manifest.runs {
            let name = format!("run-{run}-output.jsonl");
            let mut expected: VecDeque<(u64, Vec<u8>, u64, String)> = VecDeque::new();
            for entry in leaves.values().filter(|entry| entry.kind == "ended" && of_run(entry, *run)) {
                let output = entry.body.get("output").unwrap_or(&Value::Null);
                let bytes = output.get("bytes").and_then(Value::as_u64).unwrap_or(0);
                if bytes > 0 {
                    let sha256 = output.get("sha256").and_then(Value::as_str).unwrap_or_default();
                    let lane = lane(entry.body.get("slot"), entry.body.get("attempt"));
                    expected.push_back((entry.index, lane, bytes, sha256.to_owned()));
                }
            }
            if manifest.missing.contains(run) {
                if !expected.is_empty() {
                    self.unsure(&name, format!("what run {run} printed is not here: its transcript was gone"));
                }
                continue;
            }
            let mut printed: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            if self.files.contains_key(&name) {
                for (at, row) in self.rows(&name)?.iter().enumerate() {
                    let Some(bytes) = value_of(row) else {
                        return bad(&name, format!("line {} has not the form of output", at + 1));
                    };
                    printed.entry(lane(row.get("slot"), row.get("attempt"))).or_default().extend_from_slice(&bytes);
                }
            }
            let mut taken: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
            for (index, lane, bytes, sha256) in expected {
                let from = taken.entry(lane.clone()).or_default();
                let to = from.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
                let part = printed.get(&lane).and_then(|printed| printed.get(*from..to));
                let same = part.is_some_and(|part| Digest(Sha256::digest(part).into()).to_string() == sha256);
                if !same {
                    return bad(&name, format!("event {index}: what it printed is not what was recorded"));
                }
                *from = to;
            }
        }
        Ok(())
    }

    /// Every approval that is said to be signed is, by the key that is said, over a statement of just this approval.
    fn approvals(
        &mut self,
        leaves: &Leaves,
        details: &BTreeMap<(u64, String), Vec<u8>>,
        identity: &Identity,
    ) -> Checked {
        let file = "signatures.jsonl";
        let mut statements = BTreeMap::new();
        for row in self.rows(file)? {
            let index = row.get("i").and_then(Value::as_u64);
            let statement = row.get("statement").and_then(Value::as_str);
            let (Some(index), Some(statement)) = (index, statement) else {
                return bad(file, "a line has not the form of a statement");
            };
            if statements.values().any(|known: &String| known == statement) {
                return bad(file, format!("event {index}: one statement stands for two approvals"));
            }
            if statements.insert(index, statement.to_owned()).is_some() {
                return bad(file, format!("event {index}: it has two statements"));
            }
        }
        let mut bindings: BTreeMap<u64, String> = BTreeMap::new();
        for entry in leaves.values() {
            if let (Some(run), Some(binding)) = (entry.run, entry.body.get("binding").and_then(Value::as_str)) {
                bindings.insert(run.id, binding.to_owned());
            }
            let key = entry.body.get("proved").and_then(|proved| proved.get("key")).and_then(Value::as_str);
            let Some(key) = key else { continue };
            let armoured = details.get(&(entry.index, "signature".to_owned()));
            let statement = statements.remove(&entry.index);
            let wrong = |what: &str| bad(file, format!("event {}: {what}", entry.index));
            let (Some(armoured), Some(statement)) = (armoured, statement) else {
                // Erased or withheld: the event still says by which key it was signed.
                match armoured {
                    Some(_) => return wrong("what was signed is not there"),
                    None => continue,
                }
            };
            let binding = entry.run.and_then(|run| bindings.get(&run.id)).map_or("", String::as_str);
            if !approval::is_of(&statement, entry, binding, &identity.origin) {
                return wrong("what was signed is another approval");
            }
            match (self.checks.signed_by)(&statement, &String::from_utf8_lossy(armoured)) {
                Ok(found) if Digest(found).to_string() == key => self.signatures += 1,
                Ok(_) => return wrong("another key has signed it"),
                Err(why) => return wrong(&format!("the signature does not hold: {why}")),
            }
        }
        match statements.keys().next() {
            Some(index) => bad(file, format!("event {index}: a statement of no signed approval")),
            None => Ok(()),
        }
    }

    /// The head that is known from elsewhere.
    fn since(&mut self, head: &Checkpoint, identity: &Identity) -> Checked {
        let Some(note) = self.checks.since else { return Ok(()) };
        let name = "checkpoint";
        let since = match checkpoint::read(note, identity) {
            Ok(since) => since,
            Err(why) => return bad(name, format!("the checkpoint you hold is none of this ledger: {why}")),
        };
        if since.size > head.size {
            let what = format!(
                "it is of {} events, and the checkpoint you hold of {}: events were cut off",
                head.size, since.size
            );
            return bad(name, what);
        }
        if since.size == head.size {
            let same = since.root == head.root;
            return if same {
                Ok(())
            } else {
                bad(name, "another history of the same length than the one you hold: a fork")
            };
        }
        let file = "consistency.jsonl";
        for row in self.rows(file)? {
            if row.get("from").and_then(Value::as_u64) != Some(since.size) {
                continue;
            }
            let hash = |value: &Value| value.as_str().and_then(Hash::from_base64);
            let path = row.get("path").and_then(Value::as_array);
            let path: Option<Vec<Hash>> = path.and_then(|path| path.iter().map(hash).collect());
            let holds =
                path.is_some_and(|path| tree::is_continued((since.size, since.root), (head.size, head.root), &path));
            return match holds {
                true => Ok(()),
                false => {
                    bad(file, format!("it does not continue the checkpoint of {} events that you hold", since.size))
                }
            };
        }
        let what = format!("no proof from {} events is here: export it with --since {0}", since.size);
        self.unsure(file, what);
        Ok(())
    }

    /// What is over is here whole; of what goes on more may have been recorded since.
    fn is_whole(&mut self, is_over: bool, head: &Checkpoint, identity: &Identity) {
        let held = self.checks.since.and_then(|note| checkpoint::read(note, identity).ok());
        if held.is_some_and(|held| held.size == head.size) {
            return;
        }
        if is_over {
            return;
        }
        let what = format!("cannot exclude truncation after {} events: hold it against a later checkpoint", head.size);
        self.unsure("checkpoint", what);
    }
}

fn of_run(entry: &Entry, run: u64) -> bool {
    entry.run.is_some_and(|link| link.id == run)
}

/// What one try of one cell is known by.
fn lane(slot: Option<&Value>, attempt: Option<&Value>) -> Vec<u8> {
    let pair = Value::Array(vec![slot.cloned().unwrap_or_default(), attempt.cloned().unwrap_or_default()]);
    canonical::to_bytes(&pair).unwrap_or_default()
}

/// The bytes of a line: as text where they are text, else in base64.
fn value_of(row: &Value) -> Option<Vec<u8>> {
    match (row.get("text"), row.get("b64")) {
        (Some(text), None) => Some(text.as_str()?.as_bytes().to_vec()),
        (None, Some(b64)) => STANDARD.decode(b64.as_str()?).ok(),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn told(row: &Value) -> Option<([u8; SALT_BYTES], Vec<u8>)> {
    let salt = STANDARD.decode(row.get("salt")?.as_str()?).ok()?;
    Some((salt.try_into().ok()?, value_of(row)?))
}
