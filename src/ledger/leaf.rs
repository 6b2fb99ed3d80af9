//! What is written and what is read back: [`Draft`] in, leaf bytes on disk, [`Entry`] out.
//!
//! A leaf is canonical JSON with the keys `at by i kind prev v` and, where there is something to say, `body c run`.
//! Invariant: no free text stands in a leaf: strings are tokens (printable ASCII without spaces, at most
//! [`TOKEN_BYTES_MAX`]); everything else is a detail behind a commitment.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub use crate::domain::event::DETAIL_BYTES_MAX;

use super::canonical::{self, CanonicalError};
use super::hash::Hash;
use super::record::LEAF_BYTES_MAX;

/// The version this crate writes into `v` and into event 0.
pub const FORMAT_VERSION: u64 = 1;
/// The kind of event 0.
pub const KIND_CREATED: &str = "ledger.created";
/// The kind by which the engine records that a torn tail was moved aside; see [`super::Repair::body`].
pub const KIND_REPAIRED: &str = "ledger.repaired";
/// The kind by which the engine records an erasure before it is carried out; see [`erasure_body`].
pub const KIND_ERASED: &str = "detail.erased";
/// The longest string in a leaf's `by` and `body`: room for a digest, an id, a host name; not for prose.
pub const TOKEN_BYTES_MAX: usize = 256;
/// The longest kind.
pub const KIND_BYTES_MAX: usize = 64;

/// An event to be written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// What happened: `[a-z0-9_]+` parts joined by dots, in the past tense.
    pub kind: String,
    /// When: Unix milliseconds, never before the last event.
    pub at: i64,
    /// Who, as ids and tokens.
    pub by: Value,
    /// The run it belongs to. A run's first event must carry a higher id than every run before it.
    pub run: Option<u64>,
    /// It is the run's last event: nothing may follow under this id.
    pub run_closed: bool,
    /// Ids, counts, digests, codes.
    pub body: Map<String, Value>,
    /// Everything erasable: free text, names, inputs, reasons, output. Keys `[a-z0-9_]+`.
    pub details: BTreeMap<String, Vec<u8>>,
}

/// Why a draft cannot be written. It is a mistake of the caller's; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The kind is not dotted `[a-z0-9_]+`.
    #[error("{0:?} is not a kind: dotted parts of [a-z0-9_]+, at most {KIND_BYTES_MAX} bytes")]
    Kind(String),
    /// A value has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A string in `by` or `body` is not a token; put it into a detail.
    #[error("free text in a leaf at {0}: put it into a detail")]
    FreeText(String),
    /// A detail's name is not `[a-z0-9_]+`.
    #[error("{0:?} is not a detail's name")]
    DetailName(String),
    /// A detail is longer than [`DETAIL_BYTES_MAX`].
    #[error("detail {name} has {bytes} bytes, more than {DETAIL_BYTES_MAX}")]
    DetailBytes {
        /// Its name.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// The leaf is longer than [`LEAF_BYTES_MAX`].
    #[error("the leaf has {0} bytes, more than {LEAF_BYTES_MAX}")]
    LeafBytes(usize),
    /// The event is older than the last one.
    #[error("{at} is before the last event's {last}: ledger time never goes back")]
    Clock {
        /// The draft's time.
        at: i64,
        /// The last event's time.
        last: i64,
    },
    /// The run has ended, or its first event comes after a later run's.
    #[error("run {0} has ended, or a later run began before it")]
    RunOver(u64),
    /// `run_closed` without a run.
    #[error("an event without a run cannot close one")]
    NoRun,
    /// More events or bytes than one batch may hold.
    #[error("the batch has {events} events and {bytes} bytes, more than one write may hold")]
    Batch {
        /// Its events.
        events: usize,
        /// Its leaves' and details' bytes.
        bytes: usize,
    },
}

/// A run's own chain, as it stands in a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLink {
    /// The run.
    pub id: u64,
    /// 1 for its first event, without gaps.
    pub seq: u64,
    /// The leaf hash of the run's event before; `None` for its first.
    pub prev: Option<Hash>,
    /// It is the run's last event.
    pub end: bool,
}

/// An event as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its place, and its id.
    pub index: u64,
    /// What happened.
    pub kind: String,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// Who.
    pub by: Value,
    /// The run's chain, where it belongs to one.
    pub run: Option<RunLink>,
    /// Ids, counts, digests, codes.
    pub body: Map<String, Value>,
    /// The commitments to its details.
    pub commitments: BTreeMap<String, Hash>,
    /// The leaf hash of the event before; `None` for event 0.
    pub prev: Option<Hash>,
    /// Its own leaf hash.
    pub hash: Hash,
}

/// The body of a [`KIND_ERASED`] event: which details are erased. Written first, carried out after.
pub fn erasure_body<'a>(of: impl IntoIterator<Item = (u64, &'a str)>) -> Map<String, Value> {
    let of = of.into_iter().map(|(index, name)| serde_json::json!({ "i": index, "name": name }));
    Map::from_iter([("of".to_owned(), Value::Array(of.collect()))])
}

/// The pairs an [`erasure_body`] names; `None` when it is not one.
pub(super) fn erasures(body: &Map<String, Value>) -> Option<Vec<(u64, String)>> {
    let of = body.get("of")?.as_array()?;
    of.iter().map(|pair| Some((pair.get("i")?.as_u64()?, pair.get("name")?.as_str()?.to_owned()))).collect()
}

/// The parts of a leaf that the ledger itself puts there.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub index: u64,
    pub prev: Option<Hash>,
    pub run: Option<RunLink>,
    pub commitments: &'a BTreeMap<String, Hash>,
}

/// Whether a text is a kind.
pub fn is_kind(kind: &str) -> bool {
    kind.len() <= KIND_BYTES_MAX && kind.split('.').all(canonical::is_key)
}

/// The leaf of a draft at its place.
pub(super) fn write(draft: &Draft, place: &Place<'_>) -> Result<Vec<u8>, DraftError> {
    if !is_kind(&draft.kind) {
        return Err(DraftError::Kind(draft.kind.clone()));
    }
    tokens_only(&draft.by, "by")?;
    for (key, value) in &draft.body {
        tokens_only(value, &format!("body.{key}"))?;
    }
    let mut leaf = Map::new();
    leaf.insert("at".into(), draft.at.into());
    leaf.insert("by".into(), draft.by.clone());
    leaf.insert("i".into(), place.index.into());
    leaf.insert("kind".into(), draft.kind.as_str().into());
    leaf.insert("prev".into(), hash_value(place.prev));
    leaf.insert("v".into(), FORMAT_VERSION.into());
    if !draft.body.is_empty() {
        leaf.insert("body".into(), Value::Object(draft.body.clone()));
    }
    if !place.commitments.is_empty() {
        let c = place.commitments.iter().map(|(name, hash)| (name.clone(), hash.to_base64().into()));
        leaf.insert("c".into(), Value::Object(c.collect()));
    }
    if let Some(run) = place.run {
        let mut link = Map::new();
        link.insert("id".into(), run.id.into());
        link.insert("seq".into(), run.seq.into());
        link.insert("prev".into(), hash_value(run.prev));
        if run.end {
            link.insert("end".into(), true.into());
        }
        leaf.insert("run".into(), Value::Object(link));
    }
    let bytes = canonical::to_bytes(&Value::Object(leaf))?;
    if bytes.len() > LEAF_BYTES_MAX {
        return Err(DraftError::LeafBytes(bytes.len()));
    }
    Ok(bytes)
}

fn hash_value(hash: Option<Hash>) -> Value {
    hash.map_or(Value::Null, |hash| Value::String(hash.to_base64()))
}

fn tokens_only(value: &Value, at: &str) -> Result<(), DraftError> {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => {
            let token = text.len() <= TOKEN_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
            if token { Ok(()) } else { Err(DraftError::FreeText(at.to_owned())) }
        }
        Value::Array(items) => items.iter().try_for_each(|item| tokens_only(item, at)),
        Value::Object(members) => {
            members.iter().try_for_each(|(key, value)| tokens_only(value, &format!("{at}.{key}")))
        }
    }
}

/// Why bytes that are a whole record are not a leaf of this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// Written by a newer version.
    #[error("format version {0} is newer than {FORMAT_VERSION}: use a newer quarterdeck")]
    Newer(u64),
    /// Not of the shape every leaf has.
    #[error("not a leaf: {0}")]
    Shape(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a, By, Body> {
    at: i64,
    body: Option<Body>,
    by: By,
    #[serde(borrow, default)]
    c: BTreeMap<&'a str, &'a str>,
    i: u64,
    kind: &'a str,
    prev: Option<&'a str>,
    #[serde(borrow)]
    run: Option<WireRun<'a>>,
    v: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRun<'a> {
    #[serde(default)]
    end: bool,
    id: u64,
    prev: Option<&'a str>,
    seq: u64,
}

#[derive(Deserialize)]
struct VersionOnly {
    v: u64,
}

/// What the chain needs of a leaf, without its body.
#[derive(Debug, Clone)]
pub(super) struct Outline<'a> {
    pub index: u64,
    pub at: i64,
    pub kind: &'a str,
    pub prev: Option<Hash>,
    pub run: Option<RunLink>,
    pub commitments: BTreeMap<&'a str, Hash>,
}

/// Reads the outline of a leaf.
pub(super) fn outline(leaf: &[u8]) -> Result<Outline<'_>, LeafError> {
    let wire: Wire<'_, IgnoredAny, IgnoredAny> = wire(leaf)?;
    Ok(Outline {
        index: wire.i,
        at: wire.at,
        kind: wire.kind,
        prev: wire.prev.map(hash_of).transpose()?,
        run: wire.run.as_ref().map(run_of).transpose()?,
        commitments: commitments_of(&wire.c)?,
    })
}

/// Reads a whole leaf.
pub(super) fn read(leaf: &[u8], hash: Hash) -> Result<Entry, LeafError> {
    let wire: Wire<'_, Value, Map<String, Value>> = wire(leaf)?;
    Ok(Entry {
        index: wire.i,
        kind: wire.kind.to_owned(),
        at: wire.at,
        run: wire.run.as_ref().map(run_of).transpose()?,
        commitments: commitments_of(&wire.c)?.into_iter().map(|(name, hash)| (name.to_owned(), hash)).collect(),
        prev: wire.prev.map(hash_of).transpose()?,
        by: wire.by,
        body: wire.body.unwrap_or_default(),
        hash,
    })
}

fn wire<'a, By: Deserialize<'a>, Body: Deserialize<'a>>(leaf: &'a [u8]) -> Result<Wire<'a, By, Body>, LeafError> {
    match serde_json::from_slice::<Wire<'a, By, Body>>(leaf) {
        Ok(wire) if wire.v > FORMAT_VERSION => Err(LeafError::Newer(wire.v)),
        Ok(wire) if !is_kind(wire.kind) => Err(LeafError::Shape("no kind".into())),
        Ok(wire) => Ok(wire),
        Err(error) => match serde_json::from_slice::<VersionOnly>(leaf) {
            Ok(VersionOnly { v }) if v > FORMAT_VERSION => Err(LeafError::Newer(v)),
            Ok(_) | Err(_) => Err(LeafError::Shape(error.to_string())),
        },
    }
}

fn hash_of(text: &str) -> Result<Hash, LeafError> {
    Hash::from_base64(text).ok_or_else(|| LeafError::Shape("a hash that is none".into()))
}

fn run_of(wire: &WireRun<'_>) -> Result<RunLink, LeafError> {
    Ok(RunLink { id: wire.id, seq: wire.seq, prev: wire.prev.map(hash_of).transpose()?, end: wire.end })
}

fn commitments_of<'a>(c: &BTreeMap<&'a str, &str>) -> Result<BTreeMap<&'a str, Hash>, LeafError> {
    c.iter().map(|(name, text)| Ok((*name, hash_of(text)?))).collect()
}
