//! `quarterdeck.toml`.

use super::{Parsed, Report};
use crate::domain::PersonId;
use crate::domain::incident::Clocks;
use crate::domain::notice::Notify;
use crate::domain::sign_in::SignIn;
use crate::domain::site::VaultAt;
use crate::domain::tool::PROGRAMS;
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;
use crate::site::form::fingerprint;
use crate::site::keys::site::SITE;
use crate::site::read::{Strictness, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The theme consoles start with where the site names none.
const THEME: &str = "harbour";

/// What the site says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// The theme consoles start with.
    pub theme: String,
    /// Where its records lie, where it says so.
    pub data_dir: Option<PathBuf>,
    /// Where the server's socket lies, where it says so.
    pub socket: Option<PathBuf>,
    /// How soon incidents must get how far.
    pub clocks: Clocks,
    /// Who administers the site.
    pub administrators: BTreeSet<PersonId>,
    /// Whether verbs may say `--as PERSON`.
    pub allow_as: bool,
    /// The account of the server's machine that local work runs under.
    pub local_account: Option<String>,
    /// Where programs of the server's machine lie, by name.
    pub programs: BTreeMap<String, String>,
    /// Where `vault:` secrets are read.
    pub vault: Option<VaultAt>,
    /// Places the server may ask over HTTP.
    pub egress: BTreeSet<String>,
    /// Whom it tells, of what, and how.
    pub notify: Option<Notify>,
    /// How people sign in over SSH.
    pub sign_in: SignIn,
}

/// Parses `quarterdeck.toml`.
pub fn quarterdeck(file: &str, text: &str) -> Parsed<Settings> {
    let mut report = Report::new(file, text);
    let source = report.source.clone();
    let Some(fields) = read(&source, &SITE, |_| Strictness::default(), &mut report.found) else {
        return Parsed::new(report, None, None);
    };
    let head = fields.table("site");
    let data = fields.table("data");
    for name in ["dir", "socket"] {
        if let Some((data, path)) = data.and_then(|data| Some((data, data.text(name)?)))
            && !Path::new(path).is_absolute()
        {
            let hint = "a relative one would depend on where the server was started";
            report.error(Code::Value, data.span_of(name), "not an absolute path", hint);
        }
    }
    if let Some(vault) = fields.table("vault")
        && vault.text("secret_id").is_some_and(|path| !Path::new(path).is_absolute())
    {
        let hint = "write the path of the file that holds it, never the secret_id itself";
        report.error(Code::Value, vault.span_of("secret_id"), "not an absolute path", hint);
    }
    let value = Settings {
        name: head.map(|head| head.string("name")).unwrap_or_default(),
        theme: head.and_then(|head| head.maybe("theme")).unwrap_or_else(|| THEME.to_owned()),
        data_dir: data.and_then(|data| data.text("dir")).map(PathBuf::from),
        socket: data.and_then(|data| data.text("socket")).map(PathBuf::from),
        clocks: clocks(fields.table("incidents"), &mut report),
        administrators: head
            .map(|head| head.strings::<Vec<String>>("administrators"))
            .into_iter()
            .flatten()
            .map(PersonId::new)
            .collect(),
        allow_as: fields.table("local").is_some_and(|local: &Fields| local.flag("allow_as")),
        local_account: fields.table("local").and_then(|local| local.maybe("account")),
        programs: programs(fields.table("local"), &mut report),
        vault: fields.table("vault").map(|vault| VaultAt {
            address: vault.string("address"),
            namespace: vault.maybe("namespace"),
            role_id: vault.string("role_id"),
            secret_id: vault.string("secret_id"),
        }),
        egress: fields.table("egress").map(|egress| egress.strings("allow")).unwrap_or_default(),
        notify: fields.table("notify").map(|notify| super::notify::notify(notify, &mut report)),
        sign_in: sign_in(fields.table("sign_in")),
    };
    Parsed::new(report, Some(fields), Some(value))
}

/// What the rules of its keys have let pass is a value of theirs.
fn sign_in(table: Option<&Fields>) -> SignIn {
    let usual = SignIn::default();
    let Some(table) = table else {
        return usual;
    };
    let words = |name: &str| table.strings::<Vec<String>>(name).into_iter();
    let number = |name: &str| table.integer(name).and_then(|number| u16::try_from(number).ok());
    SignIn {
        user_ca: table.strings("user_ca"),
        lifetime_ms: table.duration_ms("certificate_lifetime").unwrap_or(usual.lifetime_ms),
        revoked_serials: words("revoked_serials").filter_map(|word| word.parse().ok()).collect(),
        revoked_keys: words("revoked_keys").filter_map(|word| fingerprint(&word).ok()).collect(),
        second_factor: table.flag("second_factor"),
        post_quantum: table.flag("post_quantum"),
        on_call: words("on_call").filter_map(|word| word.parse().ok()).collect(),
        connections: number("connections").unwrap_or(usual.connections),
        connections_per_person: number("connections_per_person").unwrap_or(usual.connections_per_person),
    }
}

/// The clocks of incidents: each later than the one before it.
fn clocks(table: Option<&Fields>, report: &mut Report) -> Clocks {
    let usual = Clocks::default();
    let Some(table) = table else {
        return usual;
    };
    let ms = |name: &str, usual: u64| table.duration_ms(name).unwrap_or(usual);
    let clocks = Clocks {
        acknowledge_ms: ms("acknowledge", usual.acknowledge_ms),
        tell_ms: ms("tell", usual.tell_ms),
        mitigate_ms: ms("mitigate", usual.mitigate_ms),
        resolve_ms: ms("resolve", usual.resolve_ms),
    };
    let order = [
        ("tell", clocks.acknowledge_ms, clocks.tell_ms),
        ("mitigate", clocks.tell_ms, clocks.mitigate_ms),
        ("resolve", clocks.mitigate_ms, clocks.resolve_ms),
    ];
    for (name, before, this) in order {
        if this < before {
            let hint = "an incident is acknowledged, told, mitigated and resolved, in this order";
            report.error(Code::Value, table.span_of(name), "due before what comes first", hint);
        }
    }
    clocks
}

/// Programs by name, each where it lies: found by a search, it could be another one tomorrow.
fn programs(local: Option<&Fields>, report: &mut Report) -> BTreeMap<String, String> {
    let Some(table) = local.and_then(|local| local.table("programs")) else {
        return BTreeMap::new();
    };
    let mut programs = BTreeMap::new();
    for name in PROGRAMS {
        let Some(path) = table.maybe(name) else { continue };
        if !Path::new(&path).is_absolute() {
            report.error(
                Code::Value,
                table.span_of(name),
                "not an absolute path",
                "as in: /opt/ansible/bin/ansible-playbook",
            );
        }
        programs.insert(name.to_owned(), path);
    }
    programs
}
