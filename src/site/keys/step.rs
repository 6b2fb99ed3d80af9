//! Keys of steps: those of every kind, and those that are of one kind alone.

use super::parts::INTERPRETER;
use super::runbook::LATER;
use super::workspace::SLOT;
use super::{DURATION, LINE, LINES, NAMES, PROSE};
use crate::site::rule::Rule;
use crate::site::shape::{Key, Kinds, OfKind, Shape, Table, always, approved, optional, word};

/// Kinds of steps of later versions.
const KINDS_LATER: &[&str] = &[
    "http",
    "promql",
    "logql",
    "ansible",
    "terraform",
    "helm",
    "kubectl",
    "argocd",
    "n8n",
    "vault",
    "copy",
    "notify",
    "runbook",
];

const VARIABLES: Shape = Shape::List(&Shape::Text(Rule::Variable));

const STEP_KEYS: &[Key] = &[
    always("id", Shape::Text(Rule::Id), "Its id."),
    optional("title", LINE, "What it does, in a line; the id unless written."),
    optional(
        "kind",
        Shape::Word { now: &["script", "manual", "approval", "wait"], later: KINDS_LATER },
        "script unless written.",
    ),
    optional("run", Shape::Text(Rule::Command), "The script. Inputs are shell variables; nothing in it is templated."),
    INTERPRETER,
    optional("text", PROSE, "For manual and approval: what a person does or decides. {{ input }} is replaced."),
    optional(
        "from",
        Shape::Tables(&SLOT),
        "For approval: who must say yes while the run waits; nobody fills two places, nor who asked for the run.",
    ),
    optional("for", DURATION, "For wait: how long."),
    optional("role", Shape::Text(Rule::Id), "For manual: the duty or role that does it."),
    optional("checklist", LINES, "For manual: points to tick, in order."),
    optional("evidence", Shape::Boolean, "For manual: whether evidence is asked for."),
    approved(
        "effect",
        word(&["read", "idempotent", "once"]),
        "read: free to run again. idempotent: may be retried. once: never run again by itself.",
    ),
    optional("tags", NAMES, "A run takes the steps of its tags; a step without tags always runs."),
    optional("timeout", DURATION, "Longest time it may take on a host; 10m unless written."),
    optional("due", DURATION, "From the start of the run: warned before, recorded if missed."),
    optional("retries", Shape::Table(&RETRIES), "Retries by itself; never for once."),
    optional(
        "on_failure",
        word(&["pause", "stop", "continue", "rollback"]),
        "`pause` and `stop` hold at the first failure, `continue` within `max_failures`; unwritten, so many hosts are left out, then a person decides.",
    ),
    optional("required", Shape::Boolean, "Cannot be skipped."),
    optional("secrets", VARIABLES, "Names of the secrets it gets."),
    optional("undo", Shape::Text(Rule::Command), "The script that undoes it on a host."),
];

/// The kinds of steps and the keys that are theirs alone.
pub(in crate::site) static KINDS: Kinds = Kinds {
    key: "kind",
    unless_written: "script",
    each: &[
        OfKind {
            word: "script",
            needs: &["run"],
            may: &["interpreter", "timeout", "retries", "secrets", "undo"],
            hint: "write the script under `run`, or say kind = \"manual\" and write `text`",
        },
        OfKind {
            word: "manual",
            needs: &["text"],
            may: &["role", "checklist", "evidence"],
            hint: "say in `text` what a person does",
        },
        OfKind {
            word: "approval",
            needs: &["text", "from"],
            may: &[],
            hint: "say in `text` what is decided, and `from` whom: from = [{ role = \"approver\", n = 1 }]",
        },
        OfKind { word: "wait", needs: &["for"], may: &[], hint: "say how long: for = \"5m\"" },
    ],
};

pub(in crate::site) static STEP: Table = Table::of("a step", &[STEP_KEYS])
    .kinds(&KINDS)
    .misplaced(&[
        ("place", "only steps of templates have a place: a runbook's own run in file order"),
        ("severity", "checks have a severity; a step has `on_failure`"),
        ("expect", "checks expect something; a step fails by its exit status"),
    ])
    .later(LATER);

pub(in crate::site) static TEMPLATE_STEP: Table = Table::of(
    "a template's step",
    &[STEP_KEYS, &[always("place", word(&["before", "after"]), "Before or after the runbook's own steps.")]],
)
.kinds(&KINDS)
.misplaced(STEP_MISPLACED)
.later(LATER);

const STEP_MISPLACED: &[(&str, &str)] = &[
    ("severity", "checks have a severity; a step has `on_failure`"),
    ("expect", "checks expect something; a step fails by its exit status"),
];

pub(in crate::site) static RETRIES: Table = Table::of(
    "retries",
    &[&[
        always("times", Shape::Integer { min: 1, max: 100 }, "How often after the first try."),
        optional("delay", DURATION, "Between two tries; none unless written."),
        optional("jitter", DURATION, "Up to so much more, another time for each host and try; none unless written."),
    ]],
)
.later(LATER);
