//! People and their credentials. A credential belongs to one person: who shares one could approve their own run (Z3).

use super::parts::{duplicate_ids, duplicates, look_alikes};
use super::{Parsed, Report};
use crate::domain::PersonId;
use crate::domain::people::Person;
use crate::site::diagnostic::Code;
use crate::site::fields::Fields;
use crate::site::form::public_key;
use crate::site::keys::site::PEOPLE;
use crate::site::read::{Strictness, read};
use std::collections::BTreeMap;

/// Parses everybody, by handle.
pub fn people(file: &str, text: &str) -> Parsed<BTreeMap<PersonId, Person>> {
    let mut report = Report::new(file, text);
    let source = report.source.clone();
    let Some(fields) = read(&source, &PEOPLE, |_| Strictness::default(), &mut report.found) else {
        return Parsed::new(report, None, None);
    };
    duplicate_ids(&fields, "person", "id", &mut report);
    credentials(&fields, &mut report);
    look_alikes(&fields, "person", "id", &mut report);
    look_alikes(&fields, "person", "name", &mut report);
    let value: BTreeMap<PersonId, Person> = fields
        .tables("person")
        .map(|person| {
            for key in ["unix", "keys", "principals", "git"] {
                duplicates(person, key, &mut report);
            }
            let person = self::person(person);
            (person.id.clone(), person)
        })
        .collect();
    if value.is_empty() && fields.get("person").is_some() {
        report.error(Code::Value, fields.span_of("person"), "nobody", "a site needs somebody who may sign in");
    }
    machines(&fields, &value, &mut report);
    hooks(&fields, &mut report);
    if value.values().filter(|person| person.machine_of.is_none()).count() == 1 {
        let hint = "nobody else can approve: it runs alone in lab and staging only";
        report.warning(Code::OnePerson, 0..0, "one person: no separation of duties", hint);
    }
    Parsed::new(report, Some(fields), Some(value))
}

/// A machine is somebody's: of a person who answers for what it asks for.
fn machines(fields: &Fields, all: &BTreeMap<PersonId, Person>, report: &mut Report) {
    for machine in fields.tables("person") {
        let Some(owner) = machine.text("machine_of") else { continue };
        let (at, id) = (machine.span_of("machine_of"), machine.string("id"));
        match all.get(&PersonId::new(owner)) {
            None => {
                let hint = "name the handle of a person of this file";
                report.error(Code::Value, at, format!("nobody is called `{owner}`"), hint);
            }
            Some(owner) if owner.id.as_str() == id || owner.machine_of.is_some() => {
                let hint = "name a person: whoever answers for what it asks for";
                report.error(Code::Value, at, format!("{} is a machine itself", owner.id), hint);
            }
            Some(_) => {}
        }
    }
}

/// Whoever signs a request is one machine: a key that two have would sign for both, and people sign in instead.
fn hooks(fields: &Fields, report: &mut Report) {
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for person in fields.tables("person") {
        let Some(reference) = person.maybe("hook_secret") else { continue };
        let at = person.span_of("hook_secret");
        if person.text("machine_of").is_none() {
            let hint =
                "a program has a handle of its own, with machine_of; people sign in by account, key or certificate";
            report.error(Code::Value, at.clone(), "requests are signed by machines", hint);
        }
        if reference.starts_with("prompt:") {
            let hint = "name where it lies: file:, vault: or command:";
            report.error(Code::Value, at.clone(), "nobody is there to type it when a request comes", hint);
        }
        let id = person.string("id");
        if let Some(owner) = owners.insert(reference, id.clone()).filter(|owner| *owner != id) {
            let hint = "a key belongs to one machine, or one could ask in the other's name";
            report.error(Code::Credential, at, format!("this key belongs to {owner} already"), hint);
        }
    }
}

fn person(fields: &Fields) -> Person {
    let contact = fields.table("contact");
    Person {
        id: PersonId::new(fields.string("id")),
        name: fields.string("name"),
        unix: fields.strings("unix"),
        keys: fields.strings("keys"),
        principals: fields.strings("principals"),
        git: fields.strings("git"),
        contact: contact
            .map_or(&[][..], |contact| &contact.entries)
            .iter()
            .filter_map(|field| Some((field.name.clone(), field.node.text()?.to_owned())))
            .collect(),
        disabled: fields.flag("disabled"),
        machine_of: fields.text("machine_of").map(PersonId::new),
        hook_secret: fields.maybe("hook_secret"),
    }
}

/// Accounts, keys, principals and addresses that two persons claim; and `root`, which several people usually can become.
fn credentials(fields: &Fields, report: &mut Report) {
    let mut owners: BTreeMap<(&str, String), (usize, String)> = BTreeMap::new();
    for (at, person) in fields.tables("person").enumerate() {
        let lists =
            [("unix", "the account"), ("keys", "the key"), ("principals", "the principal"), ("git", "the address")];
        for (list, what) in lists {
            for item in person.get(list).map_or(&[][..], |node| node.items()) {
                let text = item.text().unwrap_or_default();
                // The comment of a key is decoration: the key is what signs in.
                let same = match list {
                    "keys" => public_key(text).map_or_else(|_| text.to_owned(), |(kind, key)| format!("{kind} {key}")),
                    "git" => text.to_lowercase(),
                    _ => text.to_owned(),
                };
                let shown = if list == "keys" { String::new() } else { format!(" `{text}`") };
                let owner = owners.entry((list, same)).or_insert_with(|| (at, person.string("id")));
                if owner.0 != at {
                    let message = format!("{what}{shown} belongs to {} already", owner.1);
                    let hint = "a credential belongs to one person, or one could approve what the other asked";
                    report.error(Code::Credential, item.span.clone(), message, hint);
                }
                if list == "unix" && text == "root" {
                    let hint = "root is whoever can become root: map people's own accounts";
                    report.warning(Code::Root, item.span.clone(), "`root` is somebody's account here", hint);
                }
            }
        }
    }
}
