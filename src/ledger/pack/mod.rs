//! Evidence packs: a part of the record that proves itself, without us, without a network, years later.
//!
//! A pack is a plain tar file ([`tar`]). Its files: `manifest.json` (what it holds, with the SHA-256 of each file) and
//! `manifest.sshsig` over it; `checkpoint` (the signed note), `checkpoint.body` and `checkpoint.sshsig`; `allowed_signers` for
//! `ssh-keygen`; `leaves.jsonl`, one leaf a line; `nodes.txt`, the roots of all leaves that are not here, from left to right, which
//! with those that are make the root that was signed; `details.jsonl`, what the leaves commit to; `signatures.jsonl`, what approvers
//! signed; `consistency.jsonl`, proofs from earlier heads; for each run its plan, its runbook and its output; `report.html`;
//! `readme.txt`; and `verify.py`, which checks all of it with Python's standard library alone.
//! Invariant: one selection of one head is one sequence of bytes. Verified here ([`check`]) and by `verify.py` in the same order, so that
//! both name the same first bad thing.

mod approval;
pub mod check;
mod leaves;
mod scope;
pub mod tar;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::canonical::{self, CanonicalError};
use super::checkpoint::Signed;
use super::hash::{Hash, SALT_BYTES};
use super::signer::{PACK_NAMESPACE, Signer};
use crate::domain::Digest;
use crate::domain::words::KINDS;

pub use scope::Scope;

/// The version of the form of packs.
pub const PACK_FORMAT: u64 = 1;
/// Checks a pack with Python's standard library alone; a copy lies in each pack.
const VERIFY_PY: &str = include_str!("verify.py");
/// Says how a pack is checked without us.
const README: &str = include_str!("readme.txt");

/// What a pack holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Every file but the manifest and its signature, by name.
    pub files: Vec<Listed>,
    /// The version of its form.
    pub format: u64,
    /// Of a period: from this moment on, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// Of an incident: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<u64>,
    /// The ledger's public key, in base64.
    pub key: String,
    /// Runs of which no output is here: their transcripts were gone.
    pub missing: Vec<u64>,
    /// The ledger's name.
    pub origin: String,
    /// The runs that are here with all their events.
    pub runs: Vec<u64>,
    /// Which part of the record: `run`, `incident` or `period`.
    pub scope: String,
    /// How many events the ledger had.
    pub size: u64,
    /// Of a period: up to this moment, which is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// A file of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its length.
    pub bytes: u64,
    /// Its name.
    pub name: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// A detail as it goes into a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// What the leaf commits to, and the salt.
    Text([u8; SALT_BYTES], Vec<u8>),
    /// It was erased.
    Erased,
    /// It is not for whoever gets the pack.
    Withheld,
}

/// Everything of which a pack is made.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Which part of the record.
    pub scope: Scope,
    /// The runs that are here with all their events.
    pub runs: Vec<u64>,
    /// The leaves, by index.
    pub leaves: BTreeMap<u64, Vec<u8>>,
    /// The roots of all others.
    pub others: Vec<Hash>,
    /// What the leaves commit to, by event and name.
    pub details: BTreeMap<(u64, String), Told>,
    /// What approvers signed, by event.
    pub statements: BTreeMap<u64, String>,
    /// Proofs from earlier heads, by their number of events.
    pub earlier: BTreeMap<u64, Vec<Hash>>,
    /// Runs whose transcripts are gone.
    pub missing: Vec<u64>,
    /// Further files: plans, runbooks, outputs, the report.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Parts {
    /// The files of the pack, all but manifest and signature.
    ///
    /// # Errors
    /// A text has no canonical form.
    pub fn files(&self, signed: &Signed, signer: &Signer) -> Result<BTreeMap<String, Vec<u8>>, CanonicalError> {
        let lines = |rows: Vec<Value>| -> Result<Vec<u8>, CanonicalError> {
            let mut text = Vec::new();
            for row in rows {
                text.extend_from_slice(&canonical::to_bytes(&row)?);
                text.push(b'\n');
            }
            Ok(text)
        };
        let mut leaves = Vec::new();
        for leaf in self.leaves.values() {
            leaves.extend_from_slice(leaf);
            leaves.push(b'\n');
        }
        let details = self.details.iter().map(|((index, name), told)| match told {
            Told::Text(salt, bytes) => {
                let salt = STANDARD.encode(salt);
                match std::str::from_utf8(bytes) {
                    Ok(text) => json!({"i": index, "name": name, "salt": salt, "text": text}),
                    Err(_) => json!({"b64": STANDARD.encode(bytes), "i": index, "name": name, "salt": salt}),
                }
            }
            Told::Erased => json!({"i": index, "name": name, "state": "erased"}),
            Told::Withheld => json!({"i": index, "name": name, "state": "withheld"}),
        });
        let statements = self.statements.iter().map(|(index, text)| json!({"i": index, "statement": text}));
        let earlier = self.earlier.iter().map(|(from, path)| {
            let path: Vec<String> = path.iter().map(|hash| hash.to_base64()).collect();
            json!({"from": from, "path": path})
        });
        let others: String = self.others.iter().map(|hash| format!("{hash}\n")).collect();
        let mut files = self.files.clone();
        files.extend([
            ("allowed_signers".to_owned(), signer.identity().allowed_signers().into_bytes()),
            ("checkpoint".to_owned(), signed.note.clone().into_bytes()),
            ("checkpoint.body".to_owned(), signed.checkpoint.body().into_bytes()),
            ("checkpoint.sshsig".to_owned(), signed.sshsig.clone().into_bytes()),
            ("consistency.jsonl".to_owned(), lines(earlier.collect())?),
            ("details.jsonl".to_owned(), lines(details.collect())?),
            ("leaves.jsonl".to_owned(), leaves),
            ("nodes.txt".to_owned(), others.into_bytes()),
            ("readme.txt".to_owned(), README.replace("ORIGIN", &signer.identity().origin).into_bytes()),
            ("signatures.jsonl".to_owned(), lines(statements.collect())?),
            ("verify.py".to_owned(), verify_py().into_bytes()),
        ]);
        Ok(files)
    }

    /// What the manifest says, but for the files.
    pub fn manifest(&self, signed: &Signed, signer: &Signer) -> Manifest {
        let (incident, from, until) = match self.scope {
            Scope::Run => (None, None, None),
            Scope::Incident(id) => (Some(id), None, None),
            Scope::Period { from, until } => (None, Some(from), Some(until)),
        };
        Manifest {
            files: Vec::new(),
            format: PACK_FORMAT,
            from,
            incident,
            key: STANDARD.encode(signer.identity().key),
            missing: self.missing.clone(),
            origin: signer.identity().origin.clone(),
            runs: self.runs.clone(),
            scope: self.scope.word().to_owned(),
            size: signed.checkpoint.size,
            until,
        }
    }

    /// The pack.
    ///
    /// # Errors
    /// A text has no canonical form.
    pub fn seal(&self, signed: &Signed, signer: &Signer) -> Result<Vec<u8>, CanonicalError> {
        let files = self.files(signed, signer)?;
        Ok(tar::write(&sealed(self.manifest(signed, signer), files, signer)?))
    }
}

/// The program that lies in each pack, with the kinds of events that there are.
pub fn verify_py() -> String {
    let own = [super::KIND_CREATED, super::KIND_ERASED, super::KIND_REPAIRED];
    VERIFY_PY.replace("@KINDS@", &[own.as_slice(), KINDS].concat().join("\n"))
}

/// The files with a manifest over them and its signature.
///
/// # Errors
/// A text has no canonical form.
pub fn sealed(
    manifest: Manifest,
    mut files: BTreeMap<String, Vec<u8>>,
    signer: &Signer,
) -> Result<BTreeMap<String, Vec<u8>>, CanonicalError> {
    let listed = |(name, bytes): (&String, &Vec<u8>)| Listed {
        bytes: bytes.len() as u64,
        name: name.clone(),
        sha256: Digest::of(bytes).to_string(),
    };
    let manifest = canonical::of(&Manifest { files: files.iter().map(listed).collect(), ..manifest })?;
    let signature = signer.sign_ssh(PACK_NAMESPACE, &manifest);
    files.insert("manifest.json".to_owned(), manifest);
    files.insert("manifest.sshsig".to_owned(), signature.into_bytes());
    Ok(files)
}
