//! Steps that run another runbook, as their file says it. `site/within.rs` puts the other's steps in their place.

use super::{Report, step};
use crate::domain::runbook::{Effect, OnFailure, Within};
use crate::domain::{Digest, StepId};
use crate::site::diagnostic::Code;
use crate::site::fields::{Fields, Node};
use crate::site::keys::step::KINDS;
use std::collections::{BTreeMap, BTreeSet};

/// The kind that runs another runbook.
pub(super) const KIND: &str = "runbook";

/// A step that runs another runbook.
#[derive(Debug)]
pub(in crate::site) struct Call<'a> {
    /// Its keys.
    pub fields: &'a Fields,
    /// Its id.
    pub id: String,
    /// Which runbook, by id.
    pub runbook: String,
    /// In which version.
    pub version: String,
    /// Values of its inputs, so far as they are fixed.
    pub with: BTreeMap<String, String>,
    /// What repeating it means at worst.
    pub effect: Effect,
    /// Tags of all its steps.
    pub tags: BTreeSet<String>,
    /// What a failure does where its own steps do not say so.
    pub on_failure: Option<OnFailure>,
    /// Whether none of its steps can be skipped.
    pub required: bool,
}

impl Call<'_> {
    /// As it stands in the record, still without what only the other runbook knows.
    pub(super) fn placed(&self, first: usize) -> Within {
        Within {
            step: StepId::new(self.id.clone()),
            name: format!("{}@{}", self.runbook, self.version),
            digest: Digest::of(&[]),
            first: u16::try_from(first).unwrap_or(u16::MAX),
            steps: 0,
            select: String::new(),
            exclude: None,
        }
    }
}

/// Whether a step runs another runbook.
pub(in crate::site) fn is_call(fields: &Fields) -> bool {
    fields.text(KINDS.key) == Some(KIND)
}

/// Reads such a step.
pub(in crate::site) fn call<'a>(fields: &'a Fields, report: &mut Report) -> Call<'a> {
    step::keys_of_kind(fields, &KINDS, report);
    let written = fields.text("runbook").unwrap_or_default();
    let (runbook, version) = written.split_once('@').unwrap_or((written, ""));
    if !fields.lacks("runbook") && (runbook.is_empty() || version.is_empty()) {
        let hint = "name the version that was read: runbook = \"drain-host@1.2.0\"";
        report.error(Code::Value, fields.span_of("runbook"), "expected an id and a version", hint);
    }
    if fields.get("due").is_some() {
        let hint = "write `due` at a step of the runbook that it runs";
        report.error(Code::KeyMisplaced, fields.span_of("due"), "a runbook is not due as a whole", hint);
    }
    Call {
        fields,
        id: fields.string("id"),
        runbook: runbook.to_owned(),
        version: version.to_owned(),
        with: with(fields.table("with")),
        effect: step::effect(fields),
        tags: fields.strings("tags"),
        on_failure: step::on_failure(fields),
        required: fields.flag("required"),
    }
}

fn with(fields: Option<&Fields>) -> BTreeMap<String, String> {
    let entries = fields.map_or(&[][..], |fields| &fields.entries);
    let value = |node: &Node| node.scalar().unwrap_or_default();
    entries.iter().map(|field| (field.name.clone(), value(&field.node))).collect()
}
