//! Keys that runbooks and templates share: inputs, secrets and checks.

use super::runbook::LATER;
use super::{DURATION, LINE, LINES, PROSE};
use crate::site::rule::Rule;
use crate::site::shape::{Is, Key, Shape, Table, When, always, optional, word};

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
            "file:/absolute/path, vault:MOUNT/PATH#FIELD or prompt:. Resolved at the step, never stored.",
        ),
        always("purpose", LINE, "What it is for."),
    ]],
)
.misplaced(&[("value", "a secret's value is never written in a site: name where it lies with `ref`")])
.later(LATER);

pub(super) const INTERPRETER: Key = optional(
    "interpreter",
    Shape::Either(&[
        word(&["sh", "bash", "python3", "perl", "ruby", "node", "pwsh"]),
        Shape::List(&Shape::Text(Rule::Word)),
    ]),
    "What reads the script; sh unless written. Any other program as a list of words that make it read standard input, as in [\"/opt/venv/bin/python\", \"-\"]. All but sh and bash get their values as one JSON object on file descriptor 3.",
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
