//! The form of a proposal as data: fields, ticks, what is wrong with each, and the proposal that follows from them.

use super::entry::{Entry, Heard, Touched, What};
use crate::domain::plan::{Proposal, RunPurpose};
use crate::domain::runbook::{Impact, Input, Runbook};
use crate::domain::workspace::Workspace;
use crate::domain::{input, selector};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A form being filled.
#[derive(Clone, Debug)]
pub struct Form {
    /// What is proposed.
    pub runbook: Arc<Runbook>,
    /// Where.
    pub workspace: Arc<Workspace>,
    /// The fields, in order.
    pub entries: Vec<Entry>,
    /// Which of them the keys go to.
    pub focus: usize,
    /// Confirmed inputs, with the value each had then: another value is not confirmed.
    ticks: BTreeMap<String, String>,
}

impl Form {
    /// An untouched form.
    pub fn new(runbook: &Arc<Runbook>, workspace: &Arc<Workspace>) -> Self {
        let tags: BTreeSet<&str> = runbook
            .steps
            .iter()
            .flat_map(|step| step.tags.iter().map(String::as_str))
            .filter(|tag| !workspace.baseline_tags.contains(*tag))
            .collect();
        let mut entries: Vec<Entry> =
            runbook.inputs.iter().enumerate().map(|(nth, input)| Entry::input(nth, input)).collect();
        entries.extend([
            Entry::line(What::Select),
            Entry::purpose(),
            Entry::line(What::Ticket),
            Entry::lines(What::Reason),
            Entry::line(What::Tells),
        ]);
        entries.extend(tags.into_iter().map(Entry::tag));
        entries.extend([Entry::raise(), Entry::show()]);
        Self {
            runbook: Arc::clone(runbook),
            workspace: Arc::clone(workspace),
            entries,
            focus: 0,
            ticks: BTreeMap::new(),
        }
    }

    /// Takes the values of a proposal. Its ticks are not taken: what comes out of a drawer is confirmed anew.
    pub fn fill(&mut self, proposal: &Proposal) {
        for entry in &mut self.entries {
            let value = match &entry.what {
                What::Input(nth) => {
                    let known = self.runbook.inputs.get(*nth).and_then(|input| proposal.inputs.get(&input.name));
                    match known {
                        Some(value) => value.clone(),
                        None => continue,
                    }
                }
                What::Select => proposal.select.clone().unwrap_or_default(),
                What::Purpose => proposal.purpose.words().to_owned(),
                What::Ticket => proposal.ticket.clone(),
                What::Reason => proposal.reason.clone(),
                What::Tells => proposal.communication.clone(),
                What::Tag(tag) => proposal.tags.contains(tag).to_string(),
                What::Raise => proposal.raise_to.map(|impact| impact.word().to_owned()).unwrap_or_default(),
                What::Show => continue,
            };
            entry.set(&value);
            entry.touched = Touched::Yes;
        }
        self.ticks.clear();
    }

    /// As [`Form::fill`], keeping the ticks whose value is the same: for a form whose runbook was loaded anew.
    pub fn carry_over(&mut self, before: &Form) {
        self.fill(&before.proposal());
        self.ticks.clone_from(&before.ticks);
        self.focus = before.focus.min(self.entries.len().saturating_sub(1));
        for (entry, old) in self.entries.iter_mut().zip(&before.entries) {
            entry.touched = old.touched;
        }
    }

    /// The proposal as it stands.
    pub fn proposal(&self) -> Proposal {
        let of =
            |what: &What| self.entries.iter().find(|entry| entry.what == *what).map(Entry::value).unwrap_or_default();
        let select = of(&What::Select);
        let purpose = of(&What::Purpose);
        let raise = of(&What::Raise);
        let inputs = self.inputs().map(|(input, entry)| (input.name.clone(), entry.value()));
        let ticked = self.inputs().filter(|(input, entry)| self.is_ticked(input, entry));
        Proposal {
            workspace: self.workspace.id.clone(),
            runbook: self.runbook.id.clone(),
            inputs: inputs.collect(),
            ticks: ticked.map(|(input, _)| input.name.clone()).collect(),
            select: Some(select.trim().to_owned()).filter(|select| !select.is_empty()),
            tags: self
                .entries
                .iter()
                .filter(|entry| !entry.value().is_empty())
                .filter_map(|entry| if let What::Tag(tag) = &entry.what { Some(tag.clone()) } else { None })
                .collect(),
            purpose: RunPurpose::ALL.into_iter().find(|known| known.words() == purpose).unwrap_or(RunPurpose::Rollout),
            reason: of(&What::Reason).trim().to_owned(),
            ticket: of(&What::Ticket).trim().to_owned(),
            communication: of(&What::Tells).trim().to_owned(),
            raise_to: [Impact::Medium, Impact::High].into_iter().find(|impact| impact.word() == raise),
            again: None,
            versions: std::collections::BTreeMap::new(),
        }
    }

    /// The inputs with their fields.
    pub fn inputs(&self) -> impl Iterator<Item = (&Input, &Entry)> {
        self.entries.iter().filter_map(|entry| Some((self.input(entry)?, entry)))
    }

    /// The input a field is for.
    pub fn input(&self, entry: &Entry) -> Option<&Input> {
        let What::Input(nth) = entry.what else {
            return None;
        };
        self.runbook.inputs.get(nth)
    }

    /// Whether the value a field has now was confirmed.
    pub fn is_ticked(&self, input: &Input, entry: &Entry) -> bool {
        self.ticks.get(&input.name).is_some_and(|then| *then == entry.value())
    }

    /// Confirms the focused field's value, or takes that back. False where it asks for no confirmation.
    pub fn tick(&mut self) -> bool {
        let Some(entry) = self.entries.get(self.focus) else {
            return false;
        };
        let Some(input) = self.input(entry).filter(|input| input.confirm.is_some()) else {
            return false;
        };
        let (name, value) = (input.name.clone(), entry.value());
        if self.is_ticked(input, entry) {
            self.ticks.remove(&name);
        } else {
            self.ticks.insert(name, value);
        }
        true
    }

    /// What is wrong with a field's value; nothing where it is right.
    pub fn wrong(&self, entry: &Entry) -> Option<String> {
        match &entry.what {
            What::Input(_) => {
                let input = self.input(entry)?;
                let value = entry.value();
                input::check(input, &value, &self.workspace).err()
            }
            What::Select => self.hosts(entry).err(),
            What::Reason => {
                let needs =
                    self.entries.iter().any(|entry| matches!(entry.what, What::Tag(_)) && !entry.value().is_empty());
                (needs && entry.value().trim().is_empty()).then(|| "tags beyond the baseline need a reason".to_owned())
            }
            What::Purpose | What::Ticket | What::Tells | What::Tag(_) | What::Raise | What::Show => None,
        }
    }

    /// What keeps a field from being done: a wrong value, or a confirmation that is missing.
    pub fn open(&self, entry: &Entry) -> Option<String> {
        let unconfirmed = || {
            let input = self.input(entry)?;
            input.confirm.as_ref().filter(|_| !self.is_ticked(input, entry)).map(|_| "not confirmed yet".to_owned())
        };
        self.wrong(entry).or_else(unconfirmed)
    }

    /// How many hosts the selector leaves of how many.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn hosts(&self, entry: &Entry) -> Result<(usize, usize), String> {
        let base = selector::resolve(&self.runbook.targets.select, &self.workspace.servers);
        let base = base.map_err(|error| error.to_string())?;
        let typed = entry.value();
        if typed.trim().is_empty() {
            return Ok((base.len(), base.len()));
        }
        let narrower = selector::parse(typed.trim()).map_err(|error| format!("{error}, at column {}", error.at + 1))?;
        match base.iter().filter(|server| narrower.matches(server)).count() {
            0 => Err("matches none of them; an empty match is never \"all\"".to_owned()),
            left => Ok((left, base.len())),
        }
    }

    /// The first field that is not done.
    pub fn first_open(&self) -> Option<usize> {
        self.entries.iter().position(|entry| self.open(entry).is_some())
    }

    /// To another field.
    pub fn go(&mut self, by: isize) {
        if let Some(entry) = self.entries.get_mut(self.focus)
            && !entry.value().is_empty()
        {
            entry.touched = Touched::Yes;
        }
        self.focus = self.focus.saturating_add_signed(by).min(self.entries.len().saturating_sub(1));
    }

    /// Gives a key to the focused field.
    pub fn key(&mut self, key: crate::terminal::key::Key) -> Heard {
        self.entries.get_mut(self.focus).map_or(Heard::NotMine, |entry| entry.key(key))
    }

    /// The focused field.
    pub fn focused(&self) -> Option<&Entry> {
        self.entries.get(self.focus)
    }

    /// Whether somebody has worked on it.
    pub fn is_touched(&self) -> bool {
        self.entries.iter().any(|entry| entry.touched == Touched::Yes)
    }

    /// Calls everything wrong by its name from now on.
    pub fn touch_all(&mut self) {
        for entry in &mut self.entries {
            entry.touched = Touched::Yes;
        }
    }
}
