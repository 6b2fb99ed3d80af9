//! Values that steps publish out of what they print, for the steps and checks behind them.
//!
//! A value is short text of one line, taken after secrets were masked, and stands in the record beside the end of its step. It
//! reaches scripts as their inputs do: as a variable, never as part of what is run. A step on hosts publishes for its own host
//! alone. What was not published is never replaced by nothing: whatever names it does not run.

use super::check;
use super::id::HostIx;
use super::input;
use super::run::{Item, Run, Slot};
use super::runbook::{Done, Step};
use super::tool::terraform;
use serde::{Deserialize, Serialize};

/// Longest value, in bytes: a name, a number, an address; not a document.
pub const VALUE_BYTES_MAX: usize = 1_024;

/// Most values of one step.
pub const VALUES_MAX: usize = 16;

/// A value a step publishes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Publish {
    /// The variable's name.
    pub name: String,
    /// Where it is found in what the step prints.
    pub found: Found,
}

/// Where a value is found in standard output, or in an answer's body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It is all of it, blanks at both ends aside.
    Whole,
    /// The first group of the first match of a regular expression, or the match where it has no group.
    Matches(String),
    /// A value inside JSON, by its path.
    Json(String),
}

impl Publish {
    /// Whether it says which plan may be carried out.
    pub fn is_of_a_plan(&self) -> bool {
        matches!(&self.found, Found::Matches(pattern) if pattern == terraform::PUBLISHED)
    }

    /// `release from the output's last.tag`.
    pub fn words(&self) -> String {
        match &self.found {
            Found::Whole => format!("{} is the whole output", self.name),
            Found::Matches(pattern) => format!("{} is found by /{pattern}/", self.name),
            Found::Json(path) => format!("{} is {path} of the JSON", self.name),
        }
    }
}

/// A value known before a run began: what the run it goes back to had published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heard {
    /// For which host; `None` for every one.
    pub host: Option<HostIx>,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// Takes the values out of what was printed.
///
/// # Errors
/// The first value that is not there, or is no short text of one line.
pub fn taken(publishes: &[Publish], printed: &str) -> Result<Vec<(String, String)>, String> {
    let of = |publish: &Publish| {
        let value = value(&publish.found, printed).and_then(short)?;
        Ok((publish.name.clone(), value))
    };
    let named = |publish: &Publish| of(publish).map_err(|why: String| format!("publishes no {}: {why}", publish.name));
    publishes.iter().map(named).collect()
}

fn value(found: &Found, printed: &str) -> Result<String, String> {
    match found {
        Found::Whole => Ok(printed.trim().to_owned()),
        Found::Matches(pattern) => {
            let regex =
                regex::RegexBuilder::new(pattern).multi_line(true).build().map_err(|error| error.to_string())?;
            let captures = regex.captures(printed).ok_or_else(|| format!("nothing matches /{pattern}/"))?;
            let group = captures.get(1).or_else(|| captures.get(0).filter(|_| captures.len() == 1));
            let text = group.map(|group| group.as_str().trim().to_owned());
            text.ok_or_else(|| format!("the group of /{pattern}/ took no part in the match"))
        }
        Found::Json(path) => check::inside(path, printed),
    }
}

fn short(value: String) -> Result<String, String> {
    if value.is_empty() {
        return Err("it is empty".to_owned());
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(format!("longer than {VALUE_BYTES_MAX} bytes"));
    }
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err("it is no text".to_owned());
    }
    match value.chars().find(|c| input::is_invisible(*c)) {
        Some(c) => Err(format!("it holds the invisible character U+{:04X}", u32::from(c))),
        None => Ok(value),
    }
}

/// Values as they stand in the record.
pub fn written(values: &[(String, String)]) -> String {
    let lines: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    lines.join("\n")
}

/// Reads what [`written`] wrote: a value is one line, a name holds no `=`.
pub fn read(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(pair).collect()
}

/// What is known on a host, or once for the whole run, before an item: of each name the latest value.
pub fn before(run: &Run, item: Item, host: Option<HostIx>) -> Vec<(String, String)> {
    let mut known: Vec<(String, String)> = Vec::new();
    let mut learn = |name: &String, value: &String| {
        known.retain(|(other, _)| other != name);
        known.push((name.clone(), value.clone()));
    };
    for heard in run.plan.published.iter().filter(|heard| heard.host.is_none() || heard.host == host) {
        learn(&heard.name, &heard.value);
    }
    for (position, step) in publishers(run, item) {
        let cell = run.cell(Slot { item: Item::Step(position), host: place(step, host) });
        for (name, value) in cell.map(|cell| &*cell.published).unwrap_or_default() {
            learn(name, value);
        }
    }
    known
}

/// Names a step or verification would use, that were to be published before it, and that have no value: it must not run.
pub fn lacking(run: &Run, item: Item, host: Option<HostIx>) -> Vec<String> {
    let promised = publishers(run, item).filter(|(_, it)| it.action.done() != Done::OnHosts || host.is_some());
    let promised = promised.flat_map(|(_, step)| step.publishes.iter().map(|publish| &publish.name));
    let mut names: Vec<String> = promised.chain(&run.plan.promised).cloned().collect();
    names.sort();
    names.dedup();
    // Asked for every order: most runs publish nothing, and what a step does may be a megabyte.
    if names.is_empty() {
        return names;
    }
    let Some(written) = written_of(run, item) else { return Vec::new() };
    let known = before(run, item, host);
    names.retain(|name| !known.iter().any(|(other, _)| other == name) && mentions(&written, name));
    names
}

/// Everything an item runs, as it was written.
fn written_of(run: &Run, item: Item) -> Option<String> {
    match item {
        Item::Reach | Item::Preflight(_) => None,
        Item::Step(position) => run.plan.step(position).map(|step| step.action.written(&str::to_owned)),
        Item::Verify(n) => run.plan.runbook.verify.get(usize::from(n)).map(|check| check.script.text.clone()),
    }
}

/// Steps before an item that publish something, in order.
fn publishers(run: &Run, item: Item) -> impl Iterator<Item = (u16, &Step)> {
    let is_before = move |position: u16| match item {
        Item::Reach | Item::Preflight(_) => false,
        Item::Step(at) => position < at,
        Item::Verify(_) => true,
    };
    run.plan.steps().filter(move |(position, step)| !step.publishes.is_empty() && is_before(*position))
}

fn place(step: &Step, host: Option<HostIx>) -> Option<HostIx> {
    match step.action.done() {
        Done::OnHosts => host,
        Done::ByPeople | Done::ByServer | Done::ByTime => None,
    }
}

/// Whether a name stands as a word in what is run. It may stand there for something else; then too it is better asked than
/// guessed.
fn mentions(written: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let ends = |text: &str, at: usize| {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    written.match_indices(name).any(|(at, _)| ends(written, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(found: Found, printed: &str) -> Result<String, String> {
        let publish = Publish { name: "release".to_owned(), found };
        taken(&[publish], printed).map(|all| all[0].1.clone())
    }

    #[test]
    fn a_value_is_the_whole_a_group_or_a_value_inside_json() {
        assert_eq!(one(Found::Whole, " v1.2\n"), Ok("v1.2".to_owned()));
        let printed = "building\nrelease: v1.2 \nrelease: v1.3\n";
        assert_eq!(one(Found::Matches("^release: (.*)$".to_owned()), printed), Ok("v1.2".to_owned()), "the first");
        assert_eq!(one(Found::Matches(r"v\d+\.\d+".to_owned()), printed), Ok("v1.2".to_owned()), "the match itself");
        assert_eq!(one(Found::Json("a.1.b".to_owned()), r#"{"a":[0,{"b":7}]}"#), Ok("7".to_owned()));
    }

    #[test]
    fn what_is_not_there_or_no_short_line_is_said() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        for (found, printed, why) in [
            (Found::Whole, " \n", "it is empty"),
            (Found::Whole, "a\nb", "invisible character U+000A"),
            (Found::Whole, "a\u{202e}b", "invisible character U+202E"),
            (Found::Whole, "a\u{fffd}b", "no text"),
            (Found::Whole, long.as_str(), "longer than 1024 bytes"),
            (Found::Matches("^v(.)$".to_owned()), "w1", "nothing matches"),
            (Found::Matches("a|(b)".to_owned()), "a", "took no part"),
            (Found::Json("a.b".to_owned()), "{}", "`a.b` is not there"),
            (Found::Json("a".to_owned()), "oops", "expected JSON"),
        ] {
            let said = one(found, printed).unwrap_err();
            assert!(said.starts_with("publishes no release: ") && said.contains(why), "{said}");
        }
    }
}
