//! Verbs of what shows that a person is themselves: approvals with a second factor or a signature, and second factors.

use super::access;
use super::act::{refused, told};
use super::args::{Approve, People, STDIN};
use super::out::{self, Gone, Io};
use super::{Cx, Exit, json, qr, text};
use crate::domain::binding::Code;
use crate::domain::command::{Ask, Seen};
use crate::domain::factor::{self, Factor, Standing, Want};
use crate::domain::people::{Person, Role};
use crate::domain::run::Choice;
use crate::domain::site::{Sensitive, Site};
use crate::domain::statement::{NAMESPACE, Statement};
use crate::domain::{Digest, PersonId, Refusal, Rule, Timestamp, World};
use crate::engine::{Given, Offered, SIGNATURE_BYTES_MAX};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Six digits, with blanks and a line's end.
const CODE_INPUT_BYTES_MAX: usize = 32;

/// Digits of a factor's id that must be given: as many as are shown.
const ID_DIGITS_MIN: usize = 8;

/// `approve`.
pub async fn approve(cx: &Cx<'_>, approve: &Approve, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let found = match cx.open_run(approve.run) {
        Ok(found) => found,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    let run = approve.run;
    // Whether it is the code is judged with everything else, so that an attempt with another one stands in the record.
    let seen = Seen::Code(Code::typed(&approve.code));
    if approve.statement && seen.is_plan(&found.binding) == Some(false) {
        let refusal = Refusal::new(Rule::Stale, format!("{} is not the code of {run} as it stands", approve.code))
            .next(format!("read `quarterdeck runs show {}`, then give its code", run.0));
        return refused(cx, &refusal, io).await;
    }
    if approve.statement {
        return statement(cx, &Statement::of(&found, cx.person), io).await;
    }
    if approve.sign.is_some() {
        let what = "whoever approves signs where their key is, and this line came without the signature";
        let refusal = Refusal::new(Rule::SignatureMissing, what).next("say it with the program itself: --sign");
        return refused(cx, &refusal, io).await;
    }
    let given = match given(approve, io).await {
        Ok(given) => given,
        Err(refusal) => return refused(cx, &refusal, io).await,
    };
    let ask = Ask::Vote { run, choice: Choice::Approve, reason: approve.reason.clone().unwrap_or_default() };
    match cx.engine.submit_with(cx.actor.clone(), seen, ask, given).await {
        Ok(receipt) => told(cx, "approved", &receipt, io).await,
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

/// What is signed, to the byte; in JSON with the keys that may sign it.
async fn statement(cx: &Cx<'_>, statement: &Statement, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let text = statement.text();
    match cx.json {
        true => {
            let world = cx.world();
            let person = world.site.as_ref().and_then(|site| site.people.get(cx.person));
            let keys = person.map(|person| person.keys.clone()).unwrap_or_default();
            io.out(&out::document(&json!({"keys": keys, "namespace": NAMESPACE, "statement": text}))).await?;
        }
        false => io.out(&text).await?,
    }
    Ok(Exit::Done)
}

/// Six digits alone: said, or on standard input.
pub async fn digits(factor: Option<&str>, io: &mut Io<'_>) -> Result<Given, Refusal> {
    let code = match factor {
        Some(STDIN) => {
            let bytes = io.read(CODE_INPUT_BYTES_MAX).await.map(Zeroizing::new);
            let bytes = bytes.ok_or_else(|| Refusal::new(Rule::Input, "standard input holds more than six digits"))?;
            let text =
                std::str::from_utf8(&bytes).map_err(|_| Refusal::new(Rule::Input, "standard input is not text"))?;
            Some(Zeroizing::new(text.trim().to_owned()))
        }
        said => said.map(|digits| Zeroizing::new(digits.to_owned())),
    };
    Ok(Given { code, signature: None })
}

/// What comes on standard input: the digits on the first line where they are announced, then the signature.
async fn given(approve: &Approve, io: &mut Io<'_>) -> Result<Given, Refusal> {
    let mut code = approve.factor.clone().filter(|digits| digits != STDIN).map(Zeroizing::new);
    if !approve.reads() {
        return Ok(Given { code, signature: None });
    }
    let wrong = |what: &str| Refusal::new(Rule::Input, what);
    let bytes = io.read(CODE_INPUT_BYTES_MAX + SIGNATURE_BYTES_MAX).await.map(Zeroizing::new);
    let bytes = bytes.ok_or_else(|| wrong("standard input holds more than six digits and a signature"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("standard input is not text"))?;
    let mut rest = text;
    if approve.factor.as_deref() == Some(STDIN) {
        let (digits, behind) = text.split_once('\n').unwrap_or((text, ""));
        code = Some(Zeroizing::new(digits.trim().to_owned()));
        rest = behind;
    }
    let signature = approve.signature.is_some().then(|| rest.to_owned());
    Ok(Given { code, signature })
}

/// `people …`.
pub async fn people(cx: &Cx<'_>, verb: &People, io: &mut Io<'_>) -> Result<Exit, Gone> {
    match verb {
        People::List => {
            let world = cx.world();
            let rows = known(&world, cx.person, cx.engine.now());
            let answer = match cx.json {
                true => out::document(&json!({"rows": rows.iter().map(Known::json).collect::<Vec<_>>()})),
                false => {
                    let rows: Vec<Vec<String>> = rows.iter().map(Known::row).collect();
                    text::table(&["person", "roles", "keys", "second factor"], &rows)
                }
            };
            io.out(&answer).await?;
            Ok(Exit::Done)
        }
        People::Enrol => match cx.engine.enrol(cx.actor.clone()).await {
            Ok(offered) => {
                // Shown here and nowhere else; no filter has to mind it: digits and letters alone.
                let answer = Zeroizing::new(match cx.json {
                    true => out::document(&json!({
                        "id": offered.id.to_string(),
                        "secret": offered.base32.as_str(),
                        "uri": offered.uri.as_str(),
                    })),
                    false => enrolment(cx, &offered),
                });
                io.out(&answer).await?;
                Ok(Exit::Done)
            }
            Err(refusal) => refused(cx, &refusal, io).await,
        },
        People::Prove => {
            let Some(bytes) = io.read(CODE_INPUT_BYTES_MAX).await.map(Zeroizing::new) else {
                let refusal = Refusal::new(Rule::Input, "standard input holds more than six digits");
                return refused(cx, &refusal, io).await;
            };
            let code = Zeroizing::new(String::from_utf8_lossy(&bytes).trim().to_owned());
            let given = Given { code: Some(code), signature: None };
            about(cx, cx.person, Want::Prove, given, "it works; another person confirms it", io).await
        }
        People::Confirm { person, id, reason } => {
            let person = PersonId::new(person);
            let want = Want::Confirm { id: enrolled(&cx.world(), &person, id), reason: reason.clone() };
            about(cx, &person, want, Given::default(), "confirmed; it is in force", io).await
        }
        People::Roles { workspace, unused } => access::roles(cx, workspace.as_deref(), *unused, io).await,
        People::Revoke { person, reason } => {
            let revoked = cx.engine.revoke_factor(cx.actor.clone(), &PersonId::new(person), reason.clone()).await;
            match revoked {
                Ok(receipt) => told(cx, "revoked", &receipt, io).await,
                Err(refusal) => refused(cx, &refusal, io).await,
            }
        }
    }
}

async fn about(
    cx: &Cx<'_>,
    person: &PersonId,
    want: Want,
    given: Given,
    said: &'static str,
    io: &mut Io<'_>,
) -> Result<Exit, Gone> {
    let ask = Ask::Factor { person: person.clone(), want };
    match cx.engine.submit_with(cx.actor.clone(), Seen::Nothing, ask, given).await {
        Ok(receipt) => told(cx, said, &receipt, io).await,
        Err(refusal) => refused(cx, &refusal, io).await,
    }
}

/// The id that somebody was told, whole where it is that of what is enrolled. Another one is confirmed by nobody: it is refused
/// where everything is, and stands in the record.
fn enrolled(world: &World, person: &PersonId, told: &str) -> Digest {
    let plain: String = told.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_ascii_lowercase();
    let known = world.factors.get(person).map(|factor| factor.id);
    let is_it = |id: &Digest| plain.len() >= ID_DIGITS_MIN && id.to_string().starts_with(&plain);
    known.filter(is_it).unwrap_or_else(|| Digest::of(told.as_bytes()))
}

fn enrolment(cx: &Cx<'_>, offered: &Offered) -> String {
    let world = cx.world();
    let change = [Sensitive::People(cx.person.clone())];
    let others = world.site.as_ref().map(|site| site.answerable(&change)).unwrap_or_default();
    let others: Vec<&str> = others.into_iter().filter(|one| *one != cx.person).map(PersonId::as_str).collect();
    let others = match others.is_empty() {
        true => "another person who owns a workspace (there is none yet)".to_owned(),
        false => others.join(" or "),
    };
    let id = offered.id.short();
    let grouped: Vec<String> =
        offered.base32.as_bytes().chunks(4).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let picture = qr::drawn(&offered.uri).map(|picture| format!("{picture}\n")).unwrap_or_default();
    format!(
        "{picture}uri     {}\nsecret  {}\n        TOTP, SHA-1, 6 digits, 30 seconds\nid      {id}\n\n\
         It is shown this once. Now:\n\
         1. take it into your device, then: quarterdeck people prove\n\
         2. read the id {id} out to {others}, and have it confirmed:\n   quarterdeck people confirm {} --id {id} --reason …\n",
        offered.uri.as_str(),
        grouped.join(" "),
        cx.person
    )
}

/// Somebody as the list shows them.
struct Known<'a> {
    person: &'a Person,
    /// In workspaces that whoever asks may see.
    roles: Vec<(String, Vec<Role>)>,
    factor: Option<&'a Factor>,
    locked_until: Option<Timestamp>,
}

/// Whoever shares a workspace with the asker; an owner sees everybody.
fn known<'a>(world: &'a World, asker: &PersonId, now: Timestamp) -> Vec<Known<'a>> {
    let Some(site) = world.site.as_deref() else {
        return Vec::new();
    };
    let all = site.people.values().map(|person| {
        let factor = world.factors.get(&person.id);
        let locked_until = factor.and_then(|factor| factor::locked_until(factor, now));
        Known { person, roles: roles(site, asker, &person.id), factor, locked_until }
    });
    all.filter(|one| {
        one.person.id == *asker
            || !one.roles.is_empty()
            || site.answers_for(asker, &Sensitive::People(one.person.id.clone()))
    })
    .collect()
}

fn roles(site: &Site, asker: &PersonId, person: &PersonId) -> Vec<(String, Vec<Role>)> {
    let shared = site.workspaces.values().filter(|workspace| workspace.has_member(asker));
    let held = shared.filter_map(|workspace| {
        let held: Vec<Role> = workspace.members.get(person)?.iter().copied().collect();
        Some((workspace.id.to_string(), held))
    });
    held.collect()
}

impl Known<'_> {
    fn json(&self) -> Value {
        let roles: serde_json::Map<String, Value> = self
            .roles
            .iter()
            .map(|(workspace, roles)| {
                (workspace.clone(), roles.iter().map(|role| role.word()).collect::<Vec<_>>().into())
            })
            .collect();
        let keys: Vec<Value> = self.person.keys.iter().map(|key| fingerprint(key).into()).collect();
        let factor = self.factor.map(|factor| {
            let by = match &factor.standing {
                Standing::Confirmed(by) => Some(by.as_str()),
                Standing::Offered | Standing::Proved => None,
            };
            json!({
                "confirmed_by": by,
                "id": factor.id.to_string(),
                "locked_until": self.locked_until.map(json::time),
                "since": json::time(factor.since),
                "standing": word(&factor.standing),
            })
        });
        json!({
            "factor": factor,
            "keys": keys,
            "name": self.person.name,
            "person": self.person.id.as_str(),
            "roles": roles,
        })
    }

    fn row(&self) -> Vec<String> {
        let roles: Vec<String> = self
            .roles
            .iter()
            .map(|(workspace, roles)| {
                let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
                format!("{workspace}: {}", words.join(", "))
            })
            .collect();
        let keys = match self.person.keys.as_slice() {
            [] => "none".to_owned(),
            [one] => fingerprint(one),
            [first, rest @ ..] => format!("{} and {} more", fingerprint(first), rest.len()),
        };
        let factor = self.factor.map_or("none".to_owned(), |factor| match (&factor.standing, self.locked_until) {
            (_, Some(until)) => format!("locked until {}", text::time(until)),
            (Standing::Confirmed(by), None) => format!("confirmed by {by}, {}", text::time(factor.since)),
            (standing @ (Standing::Offered | Standing::Proved), None) => word(standing).to_owned(),
        });
        vec![self.person.id.to_string(), roles.join("; "), keys, factor]
    }
}

fn word(standing: &Standing) -> &'static str {
    match standing {
        Standing::Offered => "offered, not proved",
        Standing::Proved => "proved, not confirmed",
        Standing::Confirmed(_) => "confirmed",
    }
}

/// A key as `ssh-keygen -l` names it.
fn fingerprint(key: &str) -> String {
    let mut words = key.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let blob = words.next().and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(Digest::of(&blob).0))
}
