//! Keys of `workspaces/*.toml`.

use super::runbook::ROLES;
use super::{DURATION, LINE, NAMES};
use crate::site::rule::Rule;
use crate::site::shape::{Is, SCHEMA, Shape, Table, When, always, optional, word};

const IDS: Shape = Shape::List(&Shape::Text(Rule::Id));
const PUBLIC_KEYS: Shape = Shape::Either(&[Shape::Text(Rule::PublicKey), Shape::List(&Shape::Text(Rule::PublicKey))]);

const ALGORITHMS: Shape = word(&["modern", "standard", "legacy"]);

/// A workspace's file.
pub(in crate::site) static WORKSPACE: Table = Table::of(
    "a workspace",
    &[&[
        SCHEMA,
        always("workspace", Shape::Table(&HEAD), "What it is and who answers for it."),
        optional("server", Shape::Tables(&SERVER), "The machines a run can reach, and no others."),
        optional(
            "source",
            Shape::Tables(&SOURCE),
            "Where more servers are asked for whenever a run is proposed; what was said then is bound.",
        ),
        optional(
            "algorithms",
            Shape::Map { names: Rule::Name, of: &ALGORITHMS },
            "What the hosts of a group are offered over SSH: modern unless written, standard or legacy where they know no better.",
        ),
        optional("members", Shape::Map { names: Rule::Id, of: &Shape::List(&word(ROLES)) }, "Who may do what here."),
        optional("policy", Shape::Table(&POLICY), "Rules for approvals."),
        optional("window", Shape::Tables(&WINDOW), "When runs may start; without one, always."),
        optional("freeze", Shape::Tables(&FREEZE), "When none may start."),
    ]],
);

pub(in crate::site) static HEAD: Table = Table::of(
    "[workspace]",
    &[&[
        always("id", Shape::Text(Rule::Id), "Its id."),
        always("title", LINE, "Its title on screen."),
        always("environment", word(&["production", "staging", "lab"]), "How close to customers it is."),
        optional(
            "colour",
            word(&["red", "orange", "yellow", "green", "cyan", "blue", "purple", "magenta", "white", "grey"]),
            "Shown with the name: colour never stands alone.",
        ),
        optional("baseline_tags", NAMES, "The tags a run takes unless more are chosen."),
        optional("duties", IDS, "Duties a manual step may name."),
        always("owner", Shape::Text(Rule::Id), "The person who answers for it."),
        optional("unicode", Shape::Boolean, "Addresses and users may hold characters beyond ASCII."),
    ]],
);

pub(in crate::site) static SERVER: Table = Table::of(
    "a server",
    &[&[
        always("name", Shape::Text(Rule::Name), "Its name inside the workspace."),
        optional("local", Shape::Boolean, "It is the bastion itself; then nothing about SSH is written."),
        optional("address", Shape::Text(Rule::Address), "Host name or address."),
        optional("port", Shape::Integer { min: 1, max: 65_535 }, "TCP port; 22 unless written."),
        optional("user", Shape::Text(Rule::Account), "Login name."),
        optional(
            "key",
            Shape::Text(Rule::Name),
            "The one private key it is shown, by its file's name under keys/ in the data directory; without it, the server's own keys and its agent's.",
        ),
        optional("groups", NAMES, "Groups it belongs to."),
        optional("tags", NAMES, "Tags it carries."),
        optional("jump", Shape::Text(Rule::Name), "Server of this workspace to go through."),
        optional("host_key", PUBLIC_KEYS, "Its public key; several while it is replaced. An unknown key is refused."),
        optional("host_ca", PUBLIC_KEYS, "The authority that signs its host certificate."),
    ]],
)
.when(When { key: "local", is: Is::True, then: &[], otherwise: &["address", "user"] })
.misplaced(&[("password", "hosts are reached by keys; no secret lives in a site")]);

pub(in crate::site) static SOURCE: Table = Table::of(
    "a source of servers",
    &[&[
        always("name", Shape::Text(Rule::Name), "Its name inside the workspace."),
        optional(
            "inventory",
            LINE,
            "An inventory of Ansible, as an absolute path: `ansible-inventory --list` says what is in it.",
        ),
        optional(
            "command",
            Shape::List(&Shape::Text(Rule::Word)),
            "Or a program by its absolute path, with its arguments, started without a shell: it prints what that would.",
        ),
        always("user", Shape::Text(Rule::Account), "Login name where the answer names none."),
        optional("groups", NAMES, "Groups that all its servers belong to, beside those of the answer."),
        optional("tags", NAMES, "Tags that all its servers carry."),
        optional(
            "jump",
            Shape::Text(Rule::Name),
            "Server of this workspace to go through, where the answer names none.",
        ),
        optional("key", Shape::Text(Rule::Name), "The one private key they are shown, as of a server."),
        optional(
            "host_ca",
            PUBLIC_KEYS,
            "The authority that signs their host certificates. The variable `quarterdeck_host_key` of a host pins its key instead; without both, known_hosts decides.",
        ),
    ]],
);

pub(in crate::site) static POLICY: Table = Table::of(
    "[policy]",
    &[&[
        optional("approval_expiry", DURATION, "A request waiting longer expires; 4h unless written."),
        optional("execution_expiry", DURATION, "An approved run not started for longer expires; 24h unless written."),
        optional(
            "after_window",
            word(&["pause", "finish"]),
            "What becomes of a run whose window closes while it is at work; `pause` unless written.",
        ),
        optional(
            "break_glass",
            word(&["operator", "approver", "reviewer", "commander", "owner"]),
            "The role that may break glass for an incident somebody else opened; nobody unless written.",
        ),
        optional(
            "review_within",
            DURATION,
            "A run that is over and not reviewed for so long is a deviation; 7d unless written.",
        ),
        optional(
            "second_factor",
            word(&["low", "medium", "high"]),
            "From which impact an approval needs a code of the approver's second factor; never unless written.",
        ),
        optional(
            "signed",
            word(&["low", "medium", "high"]),
            "From which impact an approval is signed by a key the approver has in people.toml; never unless written.",
        ),
        optional(
            "checkpoints",
            Shape::List(&word(&["scope", "communication", "rollback", "ticket"])),
            "What every run must have shown beyond what always holds: an approval at low impact too, who is told, a written way back, a ticket.",
        ),
        optional("quorum", Shape::Tables(&QUORUM), "Who must approve at one impact; one approver unless written."),
    ]],
);

pub(in crate::site) static QUORUM: Table = Table::of(
    "a quorum",
    &[&[
        always("impact", word(&["low", "medium", "high"]), "The impact it holds for."),
        always("from", Shape::Tables(&SLOT), "Groups, all of them needed; one person fills one place."),
    ]],
);

pub(in crate::site) static SLOT: Table = Table::of(
    "a group of a quorum",
    &[&[
        always("role", word(ROLES), "The role."),
        optional("n", Shape::Integer { min: 1, max: 100 }, "How many people; one unless written."),
    ]],
);

pub(in crate::site) static WINDOW: Table = Table::of(
    "a window",
    &[&[
        always("name", LINE, "Its name."),
        always(
            "start",
            Shape::Text(Rule::Cron),
            "When it opens, in the zone: five cron fields, or the one moment as \"2026-12-05T08:00:00\".",
        ),
        always("lasts", DURATION, "How long it stays open."),
        always("zone", Shape::Text(Rule::Zone), "Time zone, as in \"Europe/Berlin\"."),
    ]],
);

pub(in crate::site) static FREEZE: Table = Table::of(
    "a freeze",
    &[&[
        always("name", LINE, "Its name."),
        always("from", Shape::Moment, "First moment, in the zone."),
        always("to", Shape::Moment, "First moment after it, in the zone."),
        optional("except", IDS, "Runbooks that start all the same, within the windows."),
        always("zone", Shape::Text(Rule::Zone), "Time zone, as in \"Europe/Berlin\"."),
    ]],
);
