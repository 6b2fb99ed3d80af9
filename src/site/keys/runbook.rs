//! Keys of `runbooks/**/*.toml` and of `runbooks/templates/*.toml`.

use super::parts::{CHECK, INPUT, SECRET};
use super::step::{STEP, TEMPLATE_STEP};
use super::{DURATION, LINE, LINES, PROSE, SELECTOR};
use crate::site::rule::Rule;
use crate::site::shape::{Key, SCHEMA, Shape, Table, always, approved, optional, word};

/// Keys of later versions, wherever they may come to stand.
pub(super) const LATER: &[&str] = &["test"];

/// A runbook's file.
pub(in crate::site) static RUNBOOK: Table = Table::of(
    "a runbook",
    &[
        &[
            SCHEMA,
            always("runbook", Shape::Table(&HEAD), "What it is, who answers for it, when it was reviewed."),
            optional("change", Shape::Table(&CHANGE), "Words about the change, for kind = \"change\"."),
            approved("scope", Shape::Table(&SCOPE), "What it touches and what not."),
            approved("targets", Shape::Table(&TARGETS), "Where it runs and how wide."),
            optional("limits", Shape::Table(&LIMITS), "Time-outs beside those of steps."),
            optional("secrets", SECRETS, "Secrets by name; scripts get them as shell variables, on stdin."),
            approved("rollback", Shape::Table(&ROLLBACK), "How it is undone."),
        ],
        PARTS,
        &[optional("step", Shape::Tables(&STEP), "What is done, in order.")],
    ],
)
.later(LATER);

/// A template's file.
pub(in crate::site) static TEMPLATE: Table = Table::of(
    "a template",
    &[
        &[SCHEMA, always("template", Shape::Table(&TEMPLATE_HEAD), "What runbooks name under `uses`.")],
        PARTS,
        &[optional("step", Shape::Tables(&TEMPLATE_STEP), "What is done before or after the runbook's own steps.")],
    ],
)
.misplaced(&[
    ("secrets", "the runbook that uses the template declares the secrets"),
    ("targets", "the runbook that uses the template says where it runs"),
    ("scope", "the runbook that uses the template says what it touches"),
    ("rollback", "the runbook that uses the template says how it is undone"),
])
.later(LATER);

/// What runbooks and templates have in common.
const PARTS: &[Key] = &[
    optional(
        "inputs",
        INPUTS,
        "The form a proposer fills. Each value reaches scripts as a shell variable of that name.",
    ),
    optional("preflight", Shape::Tables(&CHECK), "Checks before the first step, in parallel."),
    optional("verify", Shape::Tables(&CHECK), "Checks after the last step; without one a run cannot end succeeded."),
];

const INPUTS: Shape = Shape::Map { names: Rule::Variable, of: &Shape::Table(&INPUT) };
const SECRETS: Shape = Shape::Map { names: Rule::Variable, of: &Shape::Table(&SECRET) };

const UNICODE: Key = optional(
    "unicode",
    Shape::Boolean,
    "Commands of this file may hold characters beyond ASCII; they are shown escaped.",
);

pub(in crate::site) static HEAD: Table = Table::of(
    "[runbook]",
    &[&[
        always("id", Shape::Text(Rule::Id), "Its id, as in rolling-restart."),
        always("title", LINE, "Its title on screen."),
        always(
            "kind",
            word(&["incident", "change", "maintenance", "recovery", "security", "audit"]),
            "What sort of work it is.",
        ),
        always("version", LINE, "The author's version, as in \"1.4.0\"."),
        always(
            "status",
            word(&["draft", "approved", "retired"]),
            "A draft runs only in lab and staging; approved counts once a second person has accepted it.",
        ),
        approved("owner", LINE, "The team that answers for it."),
        approved("last_reviewed", Shape::Day, "Day of the last review."),
        approved("next_review", Shape::Day, "Day the next review is due: past it a warning, 90 days past it a block."),
        always("impact", word(&["low", "medium", "high"]), "A floor: rules raise it, nothing lowers it."),
        optional("runs_as", word(ROLES), "The role that executes it; operator unless written."),
        optional(
            "uses",
            Shape::List(&Shape::Text(Rule::TemplateUse)),
            "Templates, in order, as in \"host-baseline@1\".",
        ),
        optional("links", LINES, "Documents to read along."),
        optional("controls", LINES, "Controls it serves, as in \"SOC2:CC8.1\"."),
        UNICODE,
    ]],
)
.later(LATER);

/// Roles of a workspace.
pub(in crate::site) const ROLES: &[&str] =
    &["viewer", "operator", "approver", "reviewer", "commander", "auditor", "owner"];

pub(in crate::site) static TEMPLATE_HEAD: Table = Table::of(
    "[template]",
    &[&[
        always("id", Shape::Text(Rule::Id), "Its id; its items are named id/item."),
        always("version", Shape::Integer { min: 1, max: 1_000_000 }, "Its version: runbooks name id@version."),
        UNICODE,
    ]],
)
.later(LATER);

pub(in crate::site) static CHANGE: Table = Table::of(
    "[change]",
    &[&[
        optional("strategy", LINE, "How it is rolled out."),
        optional("slo_impact", LINE, "What it may cost the service level."),
        optional("policies", LINES, "Policies it follows, by name."),
    ]],
)
.later(LATER);

pub(in crate::site) static SCOPE: Table = Table::of(
    "[scope]",
    &[&[
        approved("changes", PROSE, "What it changes."),
        approved("why", PROSE, "Why."),
        approved("expected", PROSE, "What to expect afterwards."),
        optional("excluded", LINES, "What is left alone, in words."),
        optional("exclude", SELECTOR, "A selector: a resolved host in it refuses the run."),
    ]],
)
.later(LATER);

const AMOUNT: Shape = Shape::Either(&[Shape::Integer { min: 0, max: 100_000 }, Shape::Text(Rule::Percent)]);

const BATCH: Shape = Shape::Either(&[Shape::Integer { min: 1, max: 100_000 }, Shape::Text(Rule::Percent)]);

pub(in crate::site) static TARGETS: Table = Table::of(
    "[targets]",
    &[&[
        always("select", SELECTOR, "group: tag: host: /regex/ with & | ! ( ). An empty match is an error, never all."),
        optional(
            "batches",
            Shape::List(&BATCH),
            "Numbers of hosts or shares, canary first; one batch of all unless written.",
        ),
        optional("parallel", Shape::Integer { min: 1, max: 1_024 }, "Hosts at once inside a batch; 8 unless written."),
        optional(
            "order",
            word(&["host-first", "step-first"]),
            "host-first unless written: each host goes through the steps. step-first: each step on all hosts, batch by batch, before the next step.",
        ),
        optional("pause_between", DURATION, "After a batch is through so long passes before the next begins; none unless written."),
        optional("gate", word(&["person"]), "person: after each batch but the last the run pauses, until somebody who may execute it lets it go on."),
        optional(
            "lock",
            word(&["exclusive", "shared"]),
            "exclusive unless written: no other run is on these hosts meanwhile, it waits in line. Runs of runbooks that only read may share them.",
        ),
        optional("max_failures", AMOUNT, "Failed hosts tolerated, a number or a share: unreachable ones, and those of steps that do not write `pause` or `stop`."),
    ]],
)
.later(LATER);

pub(in crate::site) static LIMITS: Table = Table::of(
    "[limits]",
    &[&[
        optional("connect", DURATION, "To a usable SSH session; 15s unless written."),
        optional("idle", DURATION, "Without a byte from the host while a step runs; 10m unless written."),
        optional("run", DURATION, "From the start to the end of the last step; 4h unless written."),
    ]],
)
.later(LATER);

pub(in crate::site) static ROLLBACK: Table =
    Table::of("[rollback]", &[&[approved("plan", PROSE, "How what ran is undone, in words.")]]).later(LATER);
