//! `sessions`: who is here, by which door, since when; and how one of them is ended.

use super::House;
use super::here::{Listed, Origin, Why};
use super::peer::Peer;
use crate::domain::people::Door;
use crate::domain::presence;
use crate::domain::{Actor, PersonId, Refusal, Rule, Timestamp, World, duration};
use crate::verbs::args::Sessions;
use crate::verbs::out::{Gone, Io, document};
use crate::verbs::{self, Exit, json as written};
use serde_json::{Value, json};

/// Carries the verb out.
pub async fn run(house: &House, actor: &Actor, verb: &Sessions, as_json: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let Some(person) = actor.person() else {
        return Ok(Exit::No);
    };
    let world = house.engine.world().borrow().clone();
    match verb {
        Sessions::List => {
            let (now, rows) = (house.engine.now(), house.here.list());
            let text = match as_json {
                true => {
                    let rows: Vec<Value> = rows.iter().map(|row| in_json(house, &world, person, row)).collect();
                    document(&json!({"rows": rows}))
                }
                false => {
                    let rows: Vec<Vec<String>> =
                        rows.iter().map(|row| in_words(house, &world, person, row, now)).collect();
                    verbs::table(&["id", "person", "door", "from", "since", "idle", "does"], &rows)
                }
            };
            io.out(&text).await.map(|()| Exit::Done)
        }
        Sessions::Kill { id } => match kill(house, &world, person, *id) {
            Ok(()) if as_json => io.out(&document(&json!({"done": "ended", "session": id}))).await.map(|()| Exit::Done),
            Ok(()) => io.out(&format!("session {id} ended\n")).await.map(|()| Exit::Done),
            Err(refusal) => verbs::refuse(&refusal, as_json, io).await,
        },
    }
}

/// Ends a session: one's own, or any as a site administrator. What it was in the middle of stands; runs go on.
fn kill(house: &House, world: &World, person: &PersonId, id: u64) -> Result<(), Refusal> {
    let found = house.here.find(id).and_then(|connection| Some((of(house, connection.peer()?), connection)));
    let administers = administers(world, person);
    match found {
        Some((whose, connection)) if administers || whose.as_ref() == Some(person) => {
            tracing::warn!(by = %person, id, from = ?connection.from, "a session was ended");
            connection.leave(Why::EndedBy(person.clone()));
            Ok(())
        }
        Some(_) => {
            let administrators = world.site.iter().flat_map(|site| &site.administrators);
            let who: Vec<&str> = administrators.map(PersonId::as_str).collect();
            Err(Refusal::new(Rule::Role, "another's session is ended by a site administrator").who_may(who.join(", ")))
        }
        None => Err(Refusal::new(Rule::NotFound, format!("no session {id}")).next("quarterdeck sessions list")),
    }
}

fn administers(world: &World, person: &PersonId) -> bool {
    world.site.as_ref().is_some_and(|site| site.administrators.contains(person))
}

/// Whose session it is.
fn of(house: &House, peer: &Peer) -> Option<PersonId> {
    peer.visitor().cloned().or_else(|| house.person(peer))
}

/// Where somebody sits is theirs to know, and a site administrator's.
fn source(world: &World, asker: &PersonId, whose: Option<&PersonId>, row: &Listed) -> Option<String> {
    let told = whose == Some(asker) || administers(world, asker);
    match &row.from {
        Origin::Account { uid, name } => told.then(|| name.clone().unwrap_or_else(|| format!("uid {uid}"))),
        Origin::Source(address) => told.then(|| address.to_string()),
    }
}

fn in_json(house: &House, world: &World, asker: &PersonId, row: &Listed) -> Value {
    let whose = of(house, &row.peer);
    let door = match &row.peer {
        Peer::Account { uid, .. } => Door::Socket { uid: *uid },
        Peer::Visitor(visitor) => visitor.welcome.door.clone(),
    };
    json!({
        "does": row.doing.word(),
        "door": written::door(&door),
        "follows": row.seat.as_ref().and_then(|seat| seat.follows.as_ref()).map(PersonId::as_str),
        "from": source(world, asker, whose.as_ref(), row),
        "heard": written::time(row.heard),
        "id": row.id,
        "looks_at": row.seat.as_ref().map(|seat| presence::spot_words(world, asker, seat.spot)),
        "person": whose.as_ref().map(PersonId::as_str),
        "since": written::time(row.since),
    })
}

fn in_words(house: &House, world: &World, asker: &PersonId, row: &Listed, now: Timestamp) -> Vec<String> {
    let whose = of(house, &row.peer);
    let door = match &row.peer {
        Peer::Account { .. } => "socket".to_owned(),
        Peer::Visitor(visitor) => match &visitor.welcome.door {
            Door::Ssh { vouched: Some(vouched), .. } => format!("ssh, certificate {}", vouched.serial),
            Door::Ssh { vouched: None, .. } | Door::Socket { .. } | Door::As { .. } | Door::Hook { .. } => {
                "ssh, key".to_owned()
            }
        },
    };
    vec![
        row.id.to_string(),
        whose.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        door,
        source(world, asker, whose.as_ref(), row).unwrap_or_else(|| "-".to_owned()),
        verbs::time(row.since),
        duration::words(now.ms_since(row.heard)),
        does(world, asker, row),
    ]
}

/// `console, at #42`, `console, at #42, follows ada`.
fn does(world: &World, asker: &PersonId, row: &Listed) -> String {
    let word = row.doing.word();
    let Some(seat) = &row.seat else { return word.to_owned() };
    let follows = seat.follows.as_ref().map(|person| format!(", follows {person}")).unwrap_or_default();
    format!("{word}, at {}{follows}", presence::spot_words(world, asker, seat.spot))
}
