//! Keys of `quarterdeck.toml`, `people.toml` and `themes/*.toml`.

use super::{DURATION, LINE};
use crate::site::rule::Rule;
use crate::site::shape::{SCHEMA, Shape, Table, always, optional, word};

/// `quarterdeck.toml`.
pub(in crate::site) static SITE: Table = Table::of(
    "a site",
    &[&[
        SCHEMA,
        always("site", Shape::Table(&HEAD), "What it is called."),
        optional("data", Shape::Table(&DATA), "Where its records lie."),
        optional("local", Shape::Table(&LOCAL), "Work on the server's own machine, and demonstrations."),
        optional("vault", Shape::Table(&VAULT), "Where `vault:` secrets are read."),
        optional("incidents", Shape::Table(&INCIDENTS), "How soon incidents of P1 and P2 must get how far."),
        optional("egress", Shape::Table(&EGRESS), "Where the server may ask over HTTP."),
        optional("notify", Shape::Table(&NOTIFY), "Whom it tells that something waits, was decided or has ended."),
        optional("sign_in", Shape::Table(&SIGN_IN), "How people sign in over SSH, where the server listens for it."),
    ]],
);

pub(in crate::site) static HEAD: Table = Table::of(
    "[site]",
    &[&[
        always("name", Shape::Text(Rule::Name), "Its name."),
        optional("theme", Shape::Text(Rule::Id), "The theme consoles start with; harbour unless written."),
        optional(
            "administrators",
            Shape::List(&Shape::Text(Rule::Id)),
            "People who look after people, members and policy everywhere, lend roles and read the whole audit. They run and approve nothing by that.",
        ),
    ]],
);

pub(in crate::site) static INCIDENTS: Table = Table::of(
    "[incidents]",
    &[&[
        optional("acknowledge", DURATION, "Until somebody works on it; 5m unless written."),
        optional("tell", DURATION, "Until customers are told; 10m unless written."),
        optional("mitigate", DURATION, "Until they notice it no more; 30m unless written."),
        optional("resolve", DURATION, "Until its cause is gone; 60m unless written."),
    ]],
);

pub(in crate::site) static DATA: Table = Table::of(
    "[data]",
    &[&[
        optional("dir", LINE, "Absolute path of the data directory."),
        optional(
            "socket",
            LINE,
            "Absolute path of the server's socket, where everybody can reach it; beside the data directory, with .sock appended, unless written.",
        ),
    ]],
);

static PROGRAMS: Table = Table::of(
    "[local.programs]",
    &[&[
        optional("ansible-playbook", LINE, "Where it lies: an absolute path."),
        optional("ansible-inventory", LINE, "Where it lies."),
        optional("kubectl", LINE, "Where it lies."),
        optional("helm", LINE, "Where it lies."),
        optional("terraform", LINE, "Where it lies."),
    ]],
);

pub(in crate::site) static LOCAL: Table = Table::of(
    "[local]",
    &[&[
        optional(
            "account",
            Shape::Text(Rule::Account),
            "The account of the server's machine that steps on `local = true` servers run under: neither root nor the server's own, and nobody's. Without it nothing runs there in production.",
        ),
        optional(
            "programs",
            Shape::Table(&PROGRAMS),
            "Where the programs of steps lie that are not in /usr/local/bin or the like; a change of it waits for another owner.",
        ),
        optional(
            "allow_as",
            Shape::Boolean,
            "Verbs may say --as PERSON: badged, and recorded as such. Never where production is.",
        ),
    ]],
);

pub(in crate::site) static EGRESS: Table = Table::of(
    "[egress]",
    &[&[always(
        "allow",
        Shape::List(&Shape::Text(Rule::Place)),
        "Hosts with their ports, as in \"prometheus.example:9090\". Nothing else is asked; a change of it waits for another owner.",
    )]],
);

pub(in crate::site) static NOTIFY: Table = Table::of(
    "[notify]",
    &[&[
        optional(
            "command",
            Shape::List(&Shape::Text(Rule::Word)),
            "A program by its absolute path, and its arguments; no shell reads them. It gets each notice as one JSON document on standard input, under [local] account.",
        ),
        optional(
            "webhook",
            Shape::Text(Rule::Url),
            "Where each notice is sent, signed. [egress] must name the place; no redirect is followed.",
        ),
        optional("secret", Shape::Text(Rule::SecretRef), "Where the key lies that signs: file:, vault: or command:."),
        optional("link", LINE, "How one gets to a run, as in \"ssh -t bastion quarterdeck attach {{ run }}\"."),
        optional("remind", DURATION, "After so long without a decision the next person is asked; never unless written."),
        optional("tell", Shape::List(&word(TOPICS)), "What is told; all of it unless written."),
    ]],
)
.misplaced(&[("key", "no secret lives in a site: write where it lies, under secret")]);

const TOPICS: &[&str] =
    &["waiting", "decided", "expiring", "reminder", "paused", "ended", "break_glass", "incident", "mention"];

pub(in crate::site) static SIGN_IN: Table = Table::of(
    "[sign_in]",
    &[&[
        optional(
            "user_ca",
            Shape::List(&Shape::Text(Rule::PublicKey)),
            "Public keys of the authorities whose user certificates let people in, by the principals in people.toml; none unless written.",
        ),
        optional("certificate_lifetime", DURATION, "The longest a certificate may be valid; 24h unless written."),
        optional(
            "revoked_serials",
            Shape::List(&Shape::Text(Rule::Serial)),
            "Serial numbers of certificates that count no more, whoever signed them.",
        ),
        optional(
            "revoked_keys",
            Shape::List(&Shape::Text(Rule::Fingerprint)),
            "SHA-256 of keys that count no more, as `ssh-keygen -l` prints it: people's, certificates' or authorities'.",
        ),
        optional("second_factor", Shape::Boolean, "Ask for a code of the second factor after the key."),
        optional(
            "post_quantum",
            Shape::Boolean,
            "Take no key exchange that a quantum computer could undo later; clients older than OpenSSH 9.9 then stay outside.",
        ),
        optional(
            "connections",
            Shape::Integer { min: 16, max: 4_096 },
            "Connections at once, those at the socket among them, of which one account may have half; 256 unless written. Each that watches a run takes about half a MiB.",
        ),
        optional(
            "connections_per_person",
            Shape::Integer { min: 2, max: 1_024 },
            "Connections of one person over SSH at once; 64 unless written.",
        ),
        optional(
            "on_call",
            Shape::List(&Shape::Text(Rule::Network)),
            "Networks that no wrong code and no failed attempt locks out, as in \"10.20.0.0/16\".",
        ),
    ]],
)
.misplaced(&[
    ("host_key", "the server makes its own, in the data directory: `quarterdeck doctor` prints it"),
    ("listen", "where it listens is said to the server: quarterdeck serve --listen 0.0.0.0:2222"),
    ("password", "nobody signs in by a password: by account, key or certificate"),
]);

pub(in crate::site) static VAULT: Table = Table::of(
    "[vault]",
    &[&[
        always("address", Shape::Text(Rule::Url), "Vault or OpenBao, as in \"https://vault.example:8200\"."),
        optional("namespace", LINE, "The namespace everything is in."),
        always("role_id", LINE, "The AppRole that is logged in."),
        always(
            "secret_id",
            LINE,
            "Absolute path of the file that holds its secret_id; the server's account alone may read it.",
        ),
    ]],
)
.misplaced(&[("token", "no secret lives in a site: log in with role_id and a secret_id in a file")]);

/// `people.toml`.
pub(in crate::site) static PEOPLE: Table =
    Table::of("people.toml", &[&[SCHEMA, always("person", Shape::Tables(&PERSON), "Everybody who may sign in.")]]);

pub(in crate::site) static PERSON: Table = Table::of(
    "a person",
    &[&[
        always("id", Shape::Text(Rule::Id), "A handle: it stays in the record for good."),
        always("name", LINE, "Display name; it can be erased."),
        optional("unix", Shape::List(&Shape::Text(Rule::Account)), "Accounts on this bastion."),
        optional("keys", Shape::List(&Shape::Text(Rule::PublicKey)), "OpenSSH public keys."),
        optional("principals", Shape::List(&Shape::Text(Rule::Account)), "Principals accepted in an SSH certificate."),
        optional(
            "git",
            Shape::List(&Shape::Text(Rule::Account)),
            "Addresses the person commits under: who changed a runbook last does not alone approve a run of it.",
        ),
        optional("disabled", Shape::Boolean, "Comes in by no door any more; sessions that are open end."),
        optional(
            "machine_of",
            Shape::Text(Rule::Id),
            "This is a program of that person: it proposes runs and decides nothing, and its owner approves none of them.",
        ),
        optional(
            "hook_secret",
            Shape::Text(Rule::SecretRef),
            "Where the key lies that this machine signs its requests over HTTP with (serve --hooks): file:, vault: or command:.",
        ),
        optional("contact", Shape::Map { names: Rule::Name, of: &LINE }, "Ways to reach the person, by name."),
    ]],
)
.misplaced(&[
    ("password", "no secret lives in a site: people sign in by account, key or certificate"),
    ("totp", "no secret lives in a site: second factors are enrolled and kept in the data directory"),
    ("roles", "roles are given in a workspace, under [members]"),
]);

/// A theme's file.
pub(in crate::site) static THEME: Table = Table::of(
    "a theme",
    &[&[
        SCHEMA,
        always("theme", Shape::Table(&THEME_HEAD), "What it is called."),
        always("colours", Shape::Table(&COLOURS), "A colour for each part."),
    ]],
);

const COLOUR: Shape = Shape::Text(Rule::Colour);

pub(in crate::site) static COLOURS: Table = Table::of(
    "[colours]",
    &[&[
        always("text", COLOUR, "Most of what is read."),
        always("title", COLOUR, "What a screen or section is called."),
        always("muted", COLOUR, "Explanations, units, times."),
        always("faint", COLOUR, "The quietest text there is."),
        always("background", COLOUR, "Beneath everything."),
        always("panel", COLOUR, "Beneath an overlay or a pane set apart."),
        always("rule", COLOUR, "Thin lines between sections."),
        always("accent", COLOUR, "What can be acted on: keys, links, the pointer."),
        always("selection_bg", COLOUR, "Beneath the row that the next key acts on."),
        always("selection_text", COLOUR, "The text of that row."),
        always("ok", COLOUR, "Done."),
        always("running", COLOUR, "At work."),
        always("waiting", COLOUR, "Waiting."),
        always("failed", COLOUR, "Failed."),
        always("unknown", COLOUR, "Nobody knows how it ended."),
        always("skipped", COLOUR, "Left out."),
        always("refused", COLOUR, "Refused."),
        always("warning", COLOUR, "Somebody should look."),
        always("production_bg", COLOUR, "Beneath the word production."),
        always("production_text", COLOUR, "The word production."),
        always("staging", COLOUR, "The word staging."),
        always("lab", COLOUR, "The word lab."),
        always("error_text", COLOUR, "What hosts wrote to standard error."),
        always("search_hit", COLOUR, "What a search found."),
    ]],
);

pub(in crate::site) static THEME_HEAD: Table = Table::of(
    "[theme]",
    &[&[
        always("name", Shape::Text(Rule::Id), "Its name, as in harbour."),
        always("kind", word(&["dark", "light"]), "What it is drawn on."),
    ]],
);
