//! Notes that name people: `@grace` in a note of a run or of an incident.
//!
//! Reading order: [`read`] (whom a text names), [`Mention`] (what waits for whoever was named), [`fold`], [`unseen`].
//!
//! Invariants: named is only who can see what the note is about, for everybody else the word stays a word; a leaf holds their handles
//! alone, the text is the note's detail and is erased with it; what is kept per person is bounded. Deliberately absent: the
//! text, which whoever lists mentions finds in the note itself.

use super::beside::Beside;
use super::event::{Event, Recorded};
use super::id::{IncidentId, PersonId, RunId, Timestamp, WorkspaceId};
use super::incident;
use super::run::Run;
use super::site::Site;
use super::workspace::Workspace;
use super::world::World;
use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// People one note may name: whoever has to call more opens an incident, whose people are told anyway.
pub const NAMED_MAX: usize = 16;

/// Mentions kept per person: who has not looked for longer than these finds them in the record. The oldest gives way.
pub const KEPT_MAX: usize = 50;

/// Names that are nobody's, as far as they are told one by one: a pasted log is full of them.
const NOBODY_SHOWN_MAX: usize = 8;

/// What a note is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// A run.
    Run(RunId),
    /// An incident.
    Incident(IncidentId),
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            On::Run(run) => run.fmt(f),
            On::Incident(incident) => incident.fmt(f),
        }
    }
}

/// A text that names nothing a note can be about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write a run, 42 or '#42', or an incident, I3")]
pub struct OnNothing;

impl std::str::FromStr for On {
    type Err = OnNothing;

    /// Reads `42`, `#42` or `I3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.starts_with(['I', 'i']) {
            true => text.parse().map(On::Incident).map_err(|_| OnNothing),
            false => text.parse().map(On::Run).map_err(|_| OnNothing),
        }
    }
}

/// Whom a text names.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    /// People who are told, in the order in which they are named.
    pub people: Vec<PersonId>,
    /// Names that are nobody's who could see it: one word for whoever does not exist, is no member, or is a machine.
    pub nobody: Vec<String>,
}

impl Named {
    /// `tells grace and kim`, `nobody called joe can see this`; nothing where no name stands in the text.
    pub fn words(&self) -> Vec<String> {
        let people = self.people.iter().map(PersonId::as_str).collect::<Vec<_>>();
        let told = (!people.is_empty()).then(|| format!("tells {}", listed(&people, "and")));
        let names = self.nobody.iter().take(NOBODY_SHOWN_MAX).map(String::as_str).collect::<Vec<_>>();
        let more = if self.nobody.len() > NOBODY_SHOWN_MAX { " (and others)" } else { "" };
        let nobody = || format!("nobody called {}{more} can see this", listed(&names, "or"));
        told.into_iter().chain((!names.is_empty()).then(nobody)).collect()
    }
}

/// `grace, kim and lea`.
fn listed(names: &[&str], last: &str) -> String {
    match names.split_last() {
        Some((end, [])) => (*end).to_owned(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

/// Whom a text of `by` names, where it is read by members of `workspace`. Whoever names themselves tells nobody.
pub fn read(site: &Site, workspace: &Workspace, by: &PersonId, text: &str) -> Named {
    let mut named = Named::default();
    let mut said: BTreeSet<&str> = BTreeSet::new();
    for word in names(text) {
        let found = shorter(word).find_map(|name| Some(PersonId::new(name)).filter(|one| reads(site, workspace, one)));
        match found {
            Some(person) if person == *by || named.people.contains(&person) => {}
            Some(person) => named.people.push(person),
            None if said.insert(word) => named.nobody.push(shorter(word).last().unwrap_or(word).to_owned()),
            None => {}
        }
    }
    named
}

/// People whom a note in `workspace` could name and whose names begin like this.
pub fn could_be<'a>(
    site: &'a Site,
    workspace: &'a Workspace,
    by: &'a PersonId,
    begin: &'a str,
) -> impl Iterator<Item = &'a PersonId> {
    let all = workspace.members.keys().filter(move |one| one.as_str().starts_with(begin) && *one != by);
    all.filter(|one| reads(site, workspace, one))
}

/// The name that is being typed at the end of a text, without its `@`.
pub fn begun(text: &str) -> Option<&str> {
    let at = text.rfind('@')?;
    let (before, name) = (text.get(..at)?, text.get(at + 1..)?);
    (begins_a_word(before) && name.chars().all(is_of_a_name)).then_some(name)
}

/// Whoever reads what is said in a workspace: a member who comes in by some door, and is no machine.
fn reads(site: &Site, workspace: &Workspace, person: &PersonId) -> bool {
    workspace.has_member(person) && site.knows(person) && site.owner_of(person).is_none()
}

/// What stands behind each `@` that begins a word: `ada@acme.example` is an address.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('@').filter_map(|(at, _)| {
        let (before, rest) = (text.get(..at)?, text.get(at + 1..)?);
        let end = rest.find(|c| !is_of_a_name(c)).unwrap_or(rest.len());
        rest.get(..end).filter(|name| begins_a_word(before) && name.chars().any(char::is_alphanumeric))
    })
}

fn begins_a_word(before: &str) -> bool {
    before.chars().next_back().is_none_or(|c| !is_of_a_name(c) && c != '@')
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A name as it stands, and then without what ends a sentence: `@grace.` and `@grace...` are grace.
fn shorter(word: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(word), |word| word.strip_suffix(['.', '-', '_']).filter(|rest| !rest.is_empty()))
}

/// Somebody was named in a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mention {
    /// The ledger index of the note.
    pub index: u64,
    /// What the note is about.
    pub on: On,
    /// Which of its notes it is, from 0.
    pub note: usize,
    /// Where that is.
    pub workspace: WorkspaceId,
    /// Whose note it is.
    pub by: PersonId,
    /// When it was written.
    pub at: Timestamp,
    /// When the person named looked; `None`: they have not.
    pub seen: Option<Timestamp>,
}

/// Who was named, oldest mention first.
pub type Mentions = OrdMap<PersonId, Vector<Mention>>;

/// What happened to mentions beside the notes they are made of, as the leaf keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Whoever was named has looked at what the note is about.
    Seen {
        /// At what.
        on: On,
    },
}

/// `note to grace and kim`; `note` where it names nobody.
pub fn note_words(people: &[PersonId]) -> String {
    let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
    if names.is_empty() { "note".to_owned() } else { format!("note to {}", listed(&names, "and")) }
}

/// In one line.
pub fn words(act: &Act) -> String {
    match act {
        Act::Seen { on } => format!("looked at the notes on {on} that name them"),
    }
}

/// What an event does to mentions. `run` is the run it was about, where the world holds it.
pub fn fold(world: &mut World, recorded: &Recorded, run: Option<&Run>) {
    let Some(by) = recorded.by.person() else { return };
    if let Event::Noted { run: id, mentions } = &recorded.event
        && let Some(run) = run
    {
        let of = (On::Run(*id), run.notes.len(), &run.plan.proposal.workspace);
        made(world, recorded, by, of, mentions);
    }
    if let Event::Beside(Beside::Incident { incident: id, workspace, act: incident::Act::NotedTo { people } }) =
        &recorded.event
        && let Some(incident) = world.incidents.get(id)
    {
        let of = (On::Incident(*id), incident.notes.len(), workspace);
        made(world, recorded, by, of, people);
    }
    if let Event::Beside(Beside::Mention { act: Act::Seen { on }, .. }) = &recorded.event {
        for one in world.mentions.get_mut(by).into_iter().flat_map(|all| all.iter_mut()) {
            if one.on == *on {
                one.seen.get_or_insert(recorded.at);
            }
        }
    }
}

/// People were named in the last of so many notes on something.
fn made(
    world: &mut World,
    recorded: &Recorded,
    by: &PersonId,
    (on, notes, workspace): (On, usize, &WorkspaceId),
    people: &[PersonId],
) {
    for person in people {
        let all = world.mentions.entry(person.clone()).or_default();
        let (index, at, note) = (recorded.index, recorded.at, notes.saturating_sub(1));
        all.push_back(Mention { index, on, note, workspace: workspace.clone(), by: by.clone(), at, seen: None });
        while all.len() > KEPT_MAX {
            all.pop_front();
        }
    }
}

/// Mentions of a person, newest first, as far as they may see what each is about by now.
pub fn of<'a>(world: &'a World, person: &'a PersonId) -> impl Iterator<Item = &'a Mention> {
    let all = world.mentions.get(person).into_iter().flat_map(|all| all.iter().rev());
    all.filter(|one| world.can_see(person, &one.workspace))
}

/// Those they have not looked at.
pub fn unseen<'a>(world: &'a World, person: &'a PersonId) -> impl Iterator<Item = &'a Mention> {
    of(world, person).filter(|one| one.seen.is_none())
}

/// The words of the note a mention is made of; empty where they were erased, or what it is about has left the world.
pub fn text<'a>(world: &'a World, mention: &Mention) -> &'a str {
    let notes = match mention.on {
        On::Run(run) => world.run(run).map(|run| &run.notes),
        On::Incident(incident) => world.incidents.get(&incident).map(|incident| &incident.notes),
    };
    notes.and_then(|notes| notes.get(mention.note)).map_or("", |note| note.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;

    fn named(text: &str) -> (Vec<String>, Vec<String>) {
        let (site, place) = (fixture::site(), fixture::workspace("prod-web"));
        let named = read(&site, &place, &"ada".into(), text);
        (named.people.iter().map(ToString::to_string).collect(), named.nobody)
    }

    #[test]
    fn a_name_is_what_stands_behind_an_at_sign_that_begins_a_word() {
        for (text, people) in [
            ("@grace please look", &["grace"][..]),
            ("look, @grace.", &["grace"]),
            ("(@grace, @kim): yours", &["grace", "kim"]),
            ("@grace @grace", &["grace"]),
            ("@grace...", &["grace"]),
            ("@ada, a note to myself", &[]),
            ("grace@acme.example wrote", &[]),
            ("@@grace", &[]),
            ("@ grace", &[]),
            ("no at all", &[]),
            ("äöü@kim @kim", &["kim"]),
        ] {
            assert_eq!(named(text), (people.iter().map(ToString::to_string).collect(), vec![]), "{text}");
        }
    }

    #[test]
    fn whoever_cannot_see_it_is_named_as_nobody_in_the_same_words_as_whoever_does_not_exist() {
        let (mut site, place) = (fixture::site(), fixture::workspace("prod-web"));
        site.people.insert("eve".into(), fixture::person("eve"));
        let mut gone = fixture::person("lea");
        gone.disabled = true;
        site.people.insert("lea".into(), gone);
        let mut machine = fixture::person("bo");
        machine.machine_of = Some("kim".into());
        site.people.insert("bo".into(), machine);
        let named = read(&site, &place, &"ada".into(), "@eve @nobody @lea. @bo @kim");
        assert_eq!(named.people, ["kim".into()]);
        assert_eq!(named.nobody, ["eve", "nobody", "lea", "bo"]);
        assert_eq!(named.words(), ["tells kim", "nobody called eve, nobody, lea or bo can see this"]);
        let log: String = (0..99).map(|nth| format!("@unit-{nth} ")).collect();
        let words = read(&site, &place, &"ada".into(), &log).words();
        assert!(words.len() == 1 && words[0].ends_with("unit-6 or unit-7 (and others) can see this"), "{words:?}");
    }

    #[test]
    fn what_is_typed_at_the_end_is_a_name_that_can_be_completed() {
        assert_eq!(begun("ask @gr"), Some("gr"));
        assert_eq!(begun("ask @"), Some(""));
        assert_eq!(begun("ask @gr now"), None);
        assert_eq!(begun("ada@ac"), None);
        let (site, place) = (fixture::site(), fixture::workspace("prod-web"));
        let me = "ada".into();
        let could: Vec<&str> = could_be(&site, &place, &me, "").map(PersonId::as_str).collect();
        assert_eq!(could, ["bo", "grace", "kim", "lea"]);
    }

    #[test]
    fn what_a_note_is_about_reads_back() {
        for on in [On::Run(RunId(42)), On::Incident(IncidentId(3))] {
            assert_eq!(on.to_string().parse::<On>(), Ok(on));
        }
        assert_eq!("42".parse::<On>(), Ok(On::Run(RunId(42))));
        for wrong in ["", "x", "I", "E3", "-1"] {
            assert!(wrong.parse::<On>().is_err(), "{wrong}");
        }
    }
}
