//! Keys of steps: those of every kind, and those that are of one kind alone.

use super::parts::{EXPECT, INTERPRETER};
use super::runbook::LATER;
use super::workspace::SLOT;
use super::{DURATION, LINE, LINES, NAMES, PROSE};
use crate::site::rule::Rule;
use crate::site::shape::{Is, Key, Kinds, OfKind, Shape, Table, When, always, approved, optional, word};

/// Kinds of steps.
const KINDS_NOW: &[&str] = &[
    "script",
    "manual",
    "approval",
    "wait",
    "http",
    "promql",
    "logql",
    "ansible",
    "kubectl",
    "helm",
    "copy",
    "runbook",
    "terraform",
    "vault",
    "n8n",
    "notify",
    "argocd",
];

const OUTPUTS: Shape = Shape::Map { names: Rule::Variable, of: &Shape::Table(&OUTPUT_VALUE) };

/// A value as a form would take it.
const FIXED: Shape = Shape::Either(&[
    Shape::Text(Rule::Value),
    Shape::Integer { min: i64::MIN, max: i64::MAX },
    Shape::Boolean,
    Shape::Day,
]);

const VARIABLES: Shape = Shape::List(&Shape::Text(Rule::Variable));

const STEP_KEYS: &[Key] = &[
    always("id", Shape::Text(Rule::Id), "Its id."),
    optional("title", LINE, "What it does, in a line; the id unless written."),
    optional("kind", word(KINDS_NOW), "script unless written."),
    optional("run", Shape::Text(Rule::Command), "The script. Inputs are shell variables; nothing in it is templated."),
    INTERPRETER,
    optional(
        "text",
        PROSE,
        "For manual and approval: what a person does or decides. For notify: the message. {{ input }} is replaced.",
    ),
    optional(
        "from",
        Shape::Tables(&SLOT),
        "For approval: who must say yes while the run waits; nobody fills two places, nor who asked for the run.",
    ),
    optional("for", DURATION, "For wait: how long."),
    optional("until", Shape::Table(&UNTIL), "For wait: the question that must be answered as expected."),
    optional("every", DURATION, "For wait until: between two tries; 10s unless written."),
    optional("at_most", DURATION, "For wait until: after so long it has failed; 10m unless written."),
    URL,
    METHOD,
    HEADERS,
    BODY,
    STATUS,
    QUERY,
    optional(
        "expect",
        Shape::Table(&EXPECT),
        "For script, http, promql and logql: what the output, the answer's body, or every series must look like.",
    ),
    optional(
        "playbook",
        LINE,
        "For ansible: where it lies in the site, as in files/web/site.yml. What lies in its folder goes along. It plays on the hosts of the run.",
    ),
    optional("play_tags", NAMES, "For ansible: only tasks with one of these tags."),
    optional("skip_tags", NAMES, "For ansible: no task with one of these tags."),
    optional(
        "key",
        Shape::Text(Rule::Variable),
        "For ansible: the secret that is the SSH login key; the account's own keys unless written.",
    ),
    optional(
        "args",
        Shape::List(&Shape::Text(Rule::Word)),
        "For kubectl and helm: the words behind its name. {{ input }} is replaced, never at the beginning of a word.",
    ),
    optional(
        "folder",
        LINE,
        "For kubectl, helm and terraform: the folder below files/ it starts in; what lies in it goes along.",
    ),
    optional(
        "do",
        word(&["plan", "apply", "generate", "write", "revoke", "sync", "rollback"]),
        "For terraform: plan makes a plan and keeps it, apply carries out one that was approved. For vault: generate a new value, write another secret's, or revoke a version that was replaced. For argocd: sync an application, or roll it back.",
    ),
    optional("secret", Shape::Text(Rule::Variable), "For vault: the secret that is changed, where its `ref` says."),
    optional(
        "length",
        Shape::Integer { min: 16, max: 128 },
        "For vault that generates: so many letters and digits; 32 unless written.",
    ),
    optional("value", Shape::Text(Rule::Variable), "For vault that writes: the secret whose value is written."),
    optional(
        "of",
        Shape::Text(Rule::Id),
        "For vault that revokes: the step that replaced the version. For argocd that rolls back: the step that synchronised.",
    ),
    optional("application", Shape::Text(Rule::Id), "For argocd: the application's name."),
    optional("revision", LINE, "For argocd that syncs: to which revision; the newest it follows unless written."),
    optional("prune", Shape::Boolean, "For argocd that syncs: whether what the revision no longer has is taken away."),
    optional("token", Shape::Text(Rule::Variable), "For argocd: the secret that is the token it is asked with."),
    optional("form", word(&["slack", "teams", "json"]), "For notify: what takes the message; json unless written."),
    optional(
        "address",
        Shape::Text(Rule::Variable),
        "For notify: the secret that is the whole address; it must go where `url` says.",
    ),
    optional("plan", Shape::Text(Rule::Id), "For terraform that applies: the step that made the plan."),
    optional("kubeconfig", Shape::Text(Rule::Variable), "For kubectl and helm: the secret that is its kubeconfig."),
    optional("file", LINE, "For copy: which file of the site, as in files/web/app.conf."),
    optional(
        "to",
        LINE,
        "For copy: its place on a host, as in /etc/app/app.conf. The whole file is replaced, or nothing is.",
    ),
    optional("mode", LINE, "For copy: its permissions, as in \"0640\"; 0644 unless written."),
    optional(
        "runbook",
        LINE,
        "For runbook: which one and in which version, as in \"drain-host@1.2.0\". Its checks and steps take this step's place.",
    ),
    optional(
        "with",
        Shape::Map { names: Rule::Variable, of: &FIXED },
        "For runbook: values of its inputs that are fixed here; the form asks for all others.",
    ),
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
    optional(
        "become",
        Shape::Table(&BECOME),
        "For script: as whom it runs on a host, and its undo and probe with it; by sudo, which must let that user run sh.",
    ),
    optional(
        "pty",
        Shape::Boolean,
        "For script: it is given a terminal on the host, for programs that want one; its two outputs are one then, and nobody types.",
    ),
    optional(
        "output",
        word(&["withhold"]),
        "withhold: what it prints is counted and thrown away; a reader learns how it ended and no more.",
    ),
    optional(
        "outputs",
        OUTPUTS,
        "Values it publishes, by name: variables of the steps and checks behind it. Kept in the record.",
    ),
    optional(
        "probe",
        Shape::Text(Rule::Command),
        "Decides whether it was done where nobody saw its end: exit 0 yes, 1 no, anything else cannot tell. Only reads.",
    ),
    optional("undo", Shape::Text(Rule::Command), "The script that undoes it on a host."),
];

const URL: Key = optional(
    "url",
    Shape::Text(Rule::Url),
    "Where to, as in \"https://api.example/v1/{{ release }}\"; templates stand behind the first /.",
);
const METHOD: Key =
    optional("method", word(&["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), "For http: GET unless written.");
const HEADERS: Key = optional(
    "headers",
    Shape::Map { names: Rule::Name, of: &LINE },
    "Headers; the values are templates over inputs and secrets.",
);
const BODY: Key = optional("body", PROSE, "For http: what is sent along, a template over inputs and secrets.");
const STATUS: Key = optional(
    "status",
    Shape::List(&Shape::Integer { min: 100, max: 599 }),
    "For http: the answer's status is one of these; any success unless written.",
);
const QUERY: Key = optional(
    "query",
    PROSE,
    "For promql and logql: the query; it yields numbers of one moment. Inputs stand in it in double quotes.",
);

/// What is waited for.
pub(in crate::site) static UNTIL: Table = Table::of(
    "until",
    &[&[
        always("url", Shape::Text(Rule::Url), "Where to."),
        METHOD,
        HEADERS,
        BODY,
        STATUS,
        QUERY,
        optional(
            "expect",
            Shape::Table(&EXPECT),
            "What the answer's body, or every series of a query, must look like.",
        ),
        optional("timeout", DURATION, "Longest time one try may take; 5s unless written."),
        optional("of", word(&["prometheus", "loki"]), "Of whom the query is; prometheus unless written."),
    ]],
)
.later(LATER);

pub(in crate::site) static BECOME: Table = Table::of(
    "become",
    &[&[
        optional("user", Shape::Text(Rule::Account), "Whom; root unless written."),
        optional(
            "password",
            Shape::Text(Rule::Variable),
            "The secret that is the password sudo asks for; it goes ahead of the script on standard input. Without it sudo must not ask.",
        ),
    ]],
)
.later(LATER);

pub(in crate::site) static OUTPUT_VALUE: Table = Table::of(
    "a value of outputs",
    &[&[
        optional(
            "matches",
            Shape::Text(Rule::Pattern),
            "The first group of the first match in what it prints, or the match where there is no group.",
        ),
        optional(
            "json",
            LINE,
            "Keys and indices joined by dots, as in items.0.state: what stands there in the JSON it prints.",
        ),
        optional("whole", Shape::Boolean, "true: all of what it prints, blanks at both ends aside."),
    ]],
)
.later(LATER);

/// The kinds of steps and the keys that are theirs alone.
pub(in crate::site) static KINDS: Kinds = Kinds {
    key: "kind",
    unless_written: "script",
    each: &[
        OfKind {
            word: "script",
            needs: &["run"],
            one_of: &[],
            may: &[
                "interpreter",
                "timeout",
                "retries",
                "secrets",
                "undo",
                "probe",
                "output",
                "expect",
                "outputs",
                "become",
                "pty",
            ],
            hint: "write the script under `run`, or say kind = \"manual\" and write `text`",
        },
        OfKind {
            word: "manual",
            needs: &["text"],
            one_of: &[],
            may: &["role", "checklist", "evidence"],
            hint: "say in `text` what a person does",
        },
        OfKind {
            word: "approval",
            needs: &["text", "from"],
            one_of: &[],
            may: &[],
            hint: "say in `text` what is decided, and `from` whom: from = [{ role = \"approver\", n = 1 }]",
        },
        OfKind {
            word: "wait",
            needs: &[],
            one_of: &["for", "until"],
            may: &["every", "at_most", "secrets", "output"],
            hint: "say how long: for = \"5m\"; or until what holds",
        },
        OfKind {
            word: "http",
            needs: &["url"],
            one_of: &[],
            may: &[
                "method", "headers", "body", "status", "expect", "timeout", "retries", "secrets", "output", "outputs",
            ],
            hint: "say where to: url = \"https://api.example/v1/ready\"",
        },
        OfKind {
            word: "promql",
            needs: &["url", "query", "expect"],
            one_of: &[],
            may: &["headers", "timeout", "retries", "secrets", "output"],
            hint: "say whom, what, and what must come out: url, query, expect = { number = \"< 0.01\" }",
        },
        OfKind {
            word: "logql",
            needs: &["url", "query", "expect"],
            one_of: &[],
            may: &["headers", "timeout", "retries", "secrets", "output"],
            hint: "say whom, what, and what must come out: url, query, expect = { number = \"< 1\" }",
        },
        OfKind {
            word: "n8n",
            needs: &["url"],
            one_of: &[],
            may: &["headers", "body", "expect", "timeout", "retries", "secrets", "output", "outputs"],
            hint: "say which workflow: url = \"https://n8n.example/webhook/deploy\"",
        },
        OfKind {
            word: "notify",
            needs: &["url", "address", "text"],
            one_of: &[],
            may: &["form", "timeout", "retries"],
            hint: "say where to, which secret is the whole address, and what: url, address, text",
        },
        OfKind {
            word: "argocd",
            needs: &["url", "application", "do", "token"],
            one_of: &[],
            may: &["revision", "prune", "of", "timeout"],
            hint: "say which application and what: application = \"web\", do = \"sync\", token = \"argocd\"",
        },
        OfKind {
            word: "ansible",
            needs: &["playbook"],
            one_of: &[],
            may: &["play_tags", "skip_tags", "key", "timeout", "retries", "secrets", "output", "outputs"],
            hint: "say which playbook: playbook = \"files/web/site.yml\"",
        },
        OfKind {
            word: "kubectl",
            needs: &["args"],
            one_of: &[],
            may: &["folder", "kubeconfig", "timeout", "retries", "output", "outputs"],
            hint: "say what it is told: args = [\"rollout\", \"restart\", \"deployment/web\"]",
        },
        OfKind {
            word: "helm",
            needs: &["args"],
            one_of: &[],
            may: &["folder", "kubeconfig", "timeout", "retries", "output", "outputs"],
            hint: "say what it is told: args = [\"upgrade\", \"web\", \"chart\"]",
        },
        OfKind {
            word: "terraform",
            needs: &["do", "folder"],
            one_of: &[],
            may: &["plan", "timeout", "retries", "secrets", "output"],
            hint: "say what is done with what: do = \"plan\", folder = \"files/infra\"",
        },
        OfKind {
            word: "vault",
            needs: &["do", "secret"],
            one_of: &[],
            may: &["length", "value", "of", "timeout"],
            hint: "say what is done with which secret: do = \"generate\", secret = \"token\"",
        },
        OfKind {
            word: "copy",
            needs: &["file", "to"],
            one_of: &[],
            may: &["mode", "timeout", "retries"],
            hint: "say which file goes where: file = \"files/web/app.conf\", to = \"/etc/app/app.conf\"",
        },
        OfKind {
            word: "runbook",
            needs: &["runbook"],
            one_of: &[],
            may: &["with"],
            hint: "say which one, and in which version: runbook = \"drain-host@1.2.0\"",
        },
    ],
};

/// What is carried out is a plan that was made.
const APPLIES: When = When { key: "do", is: Is::Word("apply"), then: &["plan"], otherwise: &[] };

pub(in crate::site) static STEP: Table = Table::of("a step", &[STEP_KEYS])
    .kinds(&KINDS)
    .when(APPLIES)
    .misplaced(&[
        ("place", "only steps of templates have a place: a runbook's own run in file order"),
        ("severity", "checks have a severity; a step has `on_failure`"),
    ])
    .later(LATER);

pub(in crate::site) static TEMPLATE_STEP: Table = Table::of(
    "a template's step",
    &[STEP_KEYS, &[always("place", word(&["before", "after"]), "Before or after the runbook's own steps.")]],
)
.kinds(&KINDS)
.when(APPLIES)
.misplaced(STEP_MISPLACED)
.later(LATER);

const STEP_MISPLACED: &[(&str, &str)] = &[("severity", "checks have a severity; a step has `on_failure`")];

pub(in crate::site) static RETRIES: Table = Table::of(
    "retries",
    &[&[
        always("times", Shape::Integer { min: 1, max: 100 }, "How often after the first try."),
        optional("delay", DURATION, "Between two tries; none unless written."),
        optional("jitter", DURATION, "Up to so much more, another time for each host and try; none unless written."),
    ]],
)
.later(LATER);
