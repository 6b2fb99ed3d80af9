//! Keys that runbooks and templates share: inputs, secrets, checks and steps.

use super::runbook::LATER;
use super::{DURATION, LINE, LINES, NAMES, PROSE};
use crate::site::rule::Rule;
use crate::site::shape::{Is, Key, Shape, Table, When, always, approved, optional, word};

/// Kinds of steps of later versions.
const KINDS_LATER: &[&str] = &[
    "approval",
    "wait",
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

pub(in crate::site) static INPUT: Table = Table::of(
    "an input",
    &[&[
        always("prompt", LINE, "What the form asks."),
        always(
            "type",
            word(&["string", "text", "int", "bool", "choice", "date", "duration", "host", "file"]),
            "What may be typed.",
        ),
        optional("pattern", Shape::Text(Rule::Pattern), "For string: what the whole value must match."),
        optional("min", Shape::Integer { min: i64::MIN, max: i64::MAX }, "For int: least value."),
        optional("max", Shape::Integer { min: i64::MIN, max: i64::MAX }, "For int: greatest value."),
        optional("choices", LINES, "For choice: the list."),
        optional(
            "default",
            Shape::Either(&[
                Shape::Text(Rule::Prose),
                Shape::Integer { min: i64::MIN, max: i64::MAX },
                Shape::Boolean,
                Shape::Day,
            ]),
            "What the form starts with.",
        ),
        optional("help", PROSE, "Explains the field."),
        optional("source", LINE, "Where the value comes from."),
        optional("confirm", LINE, "Asks for a tick beside the field, recorded with name and time."),
        optional("required", Shape::Boolean, "Whether it must be filled; it may stay empty unless written."),
    ]],
)
.when(When { key: "type", is: Is::Word("choice"), then: &["choices"], otherwise: &[] })
.later(LATER);

pub(in crate::site) static SECRET: Table = Table::of(
    "a secret",
    &[&[
        always(
            "ref",
            Shape::Text(Rule::SecretRef),
            "file:/absolute/path or prompt:. Resolved at the step, never stored.",
        ),
        always("purpose", LINE, "What it is for."),
    ]],
)
.misplaced(&[("value", "a secret's value is never written in a site: name where it lies with `ref`")])
.later(LATER);

const INTERPRETER: Key = optional(
    "interpreter",
    Shape::Word { now: &["sh", "bash"], later: &["python", "python3", "perl", "ruby", "node", "pwsh", "powershell"] },
    "What reads the script; sh unless written.",
);

pub(in crate::site) static CHECK: Table = Table::of(
    "a check",
    &[&[
        always("id", Shape::Text(Rule::Id), "Its id."),
        always("title", LINE, "What holds when it passes."),
        always(
            "run",
            Shape::Text(Rule::Command),
            "The script. Inputs are shell variables; nothing in it is templated.",
        ),
        always("effect", word(&["read"]), "Always \"read\": a check changes nothing."),
        optional("expect", Shape::Table(&EXPECT), "What must come out; exit status 0 unless written."),
        optional("severity", word(&["block", "warn"]), "block stops the run, warn needs a named person and a reason."),
        INTERPRETER,
        optional("timeout", DURATION, "Longest time it may take; 1m unless written."),
    ]],
)
.misplaced(&[
    ("secrets", "checks get no secrets: do it in a step"),
    ("undo", "a check changes nothing that could be undone"),
    ("place", "only steps of templates have a place"),
])
.later(LATER);

const MATCH: &[Key] = &[
    optional("equals", Shape::Text(Rule::Value), "Exactly this, blanks at both ends aside."),
    optional("matches", Shape::Text(Rule::Pattern), "Somewhere this regular expression."),
    optional("number", Shape::Text(Rule::Comparison), "A number that compares so, as in \">= 10\"."),
    optional("json", Shape::Table(&JSON), "A value inside JSON."),
];

pub(in crate::site) static EXPECT: Table = Table::of(
    "expect",
    &[
        &[
            optional("exit", Shape::Integer { min: 0, max: 255 }, "The exit status."),
            optional("stdout", Shape::Table(&OUTPUT), "What standard output must look like."),
            optional("stderr", Shape::Table(&OUTPUT), "What standard error must look like."),
        ],
        MATCH,
    ],
)
.later(LATER);

pub(in crate::site) static OUTPUT: Table = Table::of("an expected output", &[MATCH]).later(LATER);

pub(in crate::site) static JSON: Table = Table::of(
    "json",
    &[&[
        always("path", LINE, "Keys and indices joined by dots, as in items.0.state."),
        always(
            "equals",
            Shape::Either(&[Shape::Text(Rule::Value), Shape::Integer { min: i64::MIN, max: i64::MAX }, Shape::Boolean]),
            "What must stand there, compared as text.",
        ),
    ]],
)
.later(LATER);

const STEP_KEYS: &[Key] = &[
    always("id", Shape::Text(Rule::Id), "Its id."),
    optional("title", LINE, "What it does, in a line; the id unless written."),
    optional("kind", Shape::Word { now: &["script", "manual"], later: KINDS_LATER }, "script unless written."),
    optional("run", Shape::Text(Rule::Command), "The script. Inputs are shell variables; nothing in it is templated."),
    INTERPRETER,
    optional("text", PROSE, "For manual: what a person does. {{ input }} is replaced."),
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

/// What a person does is told in `text`, what a host does in `run`.
const BY_KIND: When = When { key: "kind", is: Is::Word("manual"), then: &["text"], otherwise: &["run"] };

pub(in crate::site) static STEP: Table = Table::of("a step", &[STEP_KEYS])
    .when(BY_KIND)
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
.when(BY_KIND)
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
    ]],
)
.later(LATER);
