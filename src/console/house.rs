//! A house in which people sit at consoles: one world, changed through `decide` and `evolve` alone, and a console each.
//!
//! What a console asks for is done as session and engine do it, without sockets, threads and clocks; what a host would do is said
//! by the test. Tests press keys, look at screens, and see what becomes of the run.

use super::effect::Effect;
use super::harness::Harness;
use super::msg::{Answer, LogRow, LogRows, Msg};
use crate::domain::due::Work;
use crate::domain::factor::{Factor, Standing, step_at};
use crate::domain::order::{CellResult, Order, Outcome, OutputSummary, Progressed, Report, Stream};
use crate::domain::plan::Proposal;
use crate::domain::policy;
use crate::domain::presence::{Presence, Present};
use crate::domain::proved::{Code, Proof};
use crate::domain::query::{AuditRow, Fetch, Fetched, LogFrom, LogQuery, Page, Preset};
use crate::domain::run::{Phase, Run};
use crate::domain::site::Site;
use crate::domain::{
    Actor, Ask, Command, Digest, Door, PersonId, Receipt, Recorded, Refusal, RunId, Seen, Timestamp, World, decide,
    due, evolve, history, words,
};
use crate::terminal::line::{Safe, SafeLine};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What everybody's second factor shows in this house.
pub const DIGITS: &str = "123456";

/// A retry that is due within this is waited for; later moments (expiries, time-outs) are not a test's business.
const RETRY_WAIT_MS: i64 = 60_000;

/// One world and the people who look at it.
pub struct House {
    /// What is true.
    pub world: World,
    /// The clock.
    pub at: Timestamp,
    log: Vec<Recorded>,
    /// Every run there ever was, as it stood last.
    runs: BTreeMap<RunId, Arc<Run>>,
    people: BTreeMap<&'static str, Seat>,
    printed: Vec<(RunId, LogRow)>,
    kept: BTreeMap<(String, String), Preset>,
    secrets: BTreeMap<(RunId, String), String>,
    /// Who is here, as consoles were last told; `None`: nobody is told.
    present: Option<Presence>,
}

/// One person's console, and how far what it asked for is done.
struct Seat {
    console: Option<Harness>,
    done: usize,
    follows: Option<RunId>,
}

impl House {
    /// This site in force, and these people at 80×24.
    pub fn new(site: Site, people: &[&'static str]) -> Self {
        let world = World { origin: "house".to_owned(), ..World::default() };
        let mut house = Self {
            world,
            at: super::fixture::NOW,
            log: Vec::new(),
            runs: BTreeMap::new(),
            people: BTreeMap::new(),
            printed: Vec::new(),
            kept: BTreeMap::new(),
            secrets: BTreeMap::new(),
            present: None,
        };
        house.engine(Ask::LoadSite { site: Arc::new(site), diff: String::new() });
        for person in people {
            let console = Harness::new(house.world.clone()).by(person);
            house.people.insert(person, Seat { console: Some(console), done: 0, follows: None });
        }
        house
    }

    /// From now on everybody is told who is here, as a server does.
    pub fn together(mut self) -> Self {
        self.present = Some(Presence::default());
        self.serve();
        self
    }

    /// Somebody leaves.
    pub fn leaves(&mut self, who: &str) {
        self.people.remove(who);
        self.serve();
    }

    /// Presses keys; whatever they ask for is done before the next key.
    pub fn press(&mut self, who: &'static str, keys: &str) {
        for key in keys.split_whitespace() {
            self.at_console(who, |console| console.press(key));
        }
    }

    /// Types a text.
    pub fn types(&mut self, who: &'static str, text: &str) {
        self.at_console(who, |console| console.type_str(text));
    }

    /// Pastes a text.
    pub fn pastes(&mut self, who: &'static str, text: &str) {
        self.at_console(who, |console| console.paste(text));
    }

    /// Somebody comes by a link to this run.
    pub fn open(&mut self, who: &'static str, run: u64) {
        self.tell(who, Msg::Open(RunId(run)));
        self.serve();
    }

    /// What a person sees.
    pub fn screen(&self, who: &str) -> String {
        self.people[who].console.as_ref().expect("nobody presses now").screen()
    }

    /// Fails unless a person sees every one of these texts.
    pub fn sees(&self, who: &str, texts: &[&str]) {
        let screen = self.screen(who);
        for text in texts {
            assert!(screen.contains(text), "{who} does not see {text:?}:\n{screen}");
        }
    }

    /// Fails if a person sees one of these texts.
    pub fn sees_not(&self, who: &str, texts: &[&str]) {
        let screen = self.screen(who);
        for text in texts {
            assert!(!screen.contains(text), "{who} sees {text:?}:\n{screen}");
        }
    }

    /// What a person's console asked of its session so far.
    pub fn effects(&self, who: &str) -> &[Effect] {
        self.people[who].console.as_ref().expect("nobody presses now").effects()
    }

    /// A run, open or over.
    pub fn run(&self, id: u64) -> &Arc<Run> {
        self.runs.get(&RunId(id)).expect("there was such a run")
    }

    /// Where a run stands.
    pub fn phase(&self, id: u64) -> &Phase {
        &self.run(id).phase
    }

    /// What somebody typed for a secret of a run.
    pub fn secret(&self, run: u64, name: &str) -> Option<&str> {
        self.secrets.get(&(RunId(run), name.to_owned())).map(String::as_str)
    }

    /// Forms somebody has kept: presets by name, drafts without.
    pub fn kept(&self, who: &str) -> Vec<&Preset> {
        self.kept.iter().filter(|((owner, _), _)| owner == who).map(|(_, preset)| preset).collect()
    }

    /// Everything that happened, as kinds.
    pub fn kinds(&self) -> Vec<String> {
        self.log.iter().map(|one| words::kind(&one.event).to_owned()).collect()
    }

    /// Somebody asks by a verb.
    pub fn asks(&mut self, who: &str, ask: Ask) -> Result<Receipt, Refusal> {
        let receipt = self.submit(actor(who), Seen::Nothing, ask);
        self.serve();
        receipt
    }

    /// Another site is read from the disk by somebody.
    pub fn load(&mut self, by: &str, site: Site, diff: &str) -> Result<Receipt, Refusal> {
        let ask = Ask::LoadSite { site: Arc::new(site), diff: diff.to_owned() };
        let receipt = self.submit(actor(by), Seen::Nothing, ask);
        self.serve();
        receipt
    }

    /// Every order that is due begins on its host.
    pub fn begin_all(&mut self) {
        for order in self.orders() {
            self.engine(Ask::Report(Report { key: order.key, what: Progressed::Started { group: 4_711 } }));
        }
        self.serve();
    }

    /// Carries out orders until none is due; `judge` says how each ends and what it prints. Retries are waited for.
    pub fn carry_out(&mut self, mut judge: impl FnMut(&Order) -> (CellResult, Vec<&'static str>)) {
        loop {
            while let Some(order) = self.orders().into_iter().next() {
                let (result, texts) = judge(&order);
                self.print(&order, &texts);
                let saw = texts.last().map(|text| text.trim_start_matches("E ").to_owned()).unwrap_or_default();
                let outcome =
                    Outcome { result, output: OutputSummary::nothing(), saw, used: Vec::new(), published: Vec::new() };
                self.engine(Ask::Report(Report { key: order.key, what: Progressed::Ended(outcome) }));
            }
            let soon = due(&self.world).into_iter().find_map(|work| match work {
                Work::At(at, ask) if at.0 - self.at.0 <= RETRY_WAIT_MS => Some((at, ask)),
                Work::At(..) | Work::Do(_) => None,
            });
            let Some((at, ask)) = soon else { break };
            self.at = self.at.max(at);
            self.engine(ask);
        }
        self.serve();
    }

    /// As [`House::carry_out`], all well and silent.
    pub fn all_goes_well(&mut self) {
        self.carry_out(|_| (CellResult::Ok, Vec::new()));
    }

    fn orders(&self) -> Vec<Order> {
        let cleared = due(&self.world).into_iter().filter_map(|work| match work {
            Work::Do(key) => Some(policy::clear(self.world.run(key.run)?, key.slot)?.order().clone()),
            Work::At(..) => None,
        });
        cleared.collect()
    }

    fn print(&mut self, order: &Order, texts: &[&str]) {
        let key = order.key;
        let step = self.world.run(key.run).expect("an order is of a run").plan.item_name(key.slot.item).0;
        for text in texts {
            let number = self.printed.iter().filter(|(run, _)| *run == key.run).count();
            let row = LogRow {
                number: u64::try_from(number).unwrap(),
                at: self.at,
                host: order.host.name.to_string(),
                item: key.slot.item,
                step: step.clone(),
                attempt: key.attempt,
                stream: if text.starts_with("E ") { Stream::Err } else { Stream::Out },
                text: SafeLine::from(Safe::new(text.trim_start_matches("E "))),
            };
            self.printed.push((key.run, row.clone()));
            let viewers: Vec<&'static str> =
                self.people.iter().filter(|(_, seat)| seat.follows == Some(key.run)).map(|(who, _)| *who).collect();
            for who in viewers {
                self.tell(who, Msg::Tail(key.run, vec![Arc::new(row.clone())]));
            }
        }
    }

    fn at_console(&mut self, who: &'static str, act: impl FnOnce(Harness) -> Harness) {
        let at = self.at;
        let seat = self.people.get_mut(who).expect("somebody of this house");
        let mut console = seat.console.take().expect("one key at a time");
        console.send(Msg::Tick(at));
        let console = act(console);
        self.at = self.at.max(console.console.here.now);
        seat.console = Some(console);
        self.serve();
    }

    fn tell(&mut self, who: &'static str, msg: Msg) {
        let seat = self.people.get_mut(who).expect("somebody of this house");
        seat.console.as_mut().expect("nobody presses now").send(msg);
    }

    /// Does everything the consoles have asked for, until they ask for nothing more.
    fn serve(&mut self) {
        loop {
            let next = self.people.iter_mut().find_map(|(who, seat)| {
                let effect = seat.console.as_ref()?.effects().get(seat.done)?.clone();
                seat.done += 1;
                Some((*who, effect))
            });
            match next {
                Some((who, effect)) => self.carry(who, effect),
                None if self.meet() => {}
                None => return,
            }
        }
    }

    /// Tells everybody who is where, where that has changed.
    fn meet(&mut self) -> bool {
        let Some(known) = &self.present else { return false };
        let seats = self.people.iter().filter_map(|(who, seat)| Some((who, seat.console.as_ref()?)));
        let present: Presence = seats
            .map(|(who, console)| Present {
                person: PersonId::new(who),
                seat: console.console.seat(&self.world),
                since: super::fixture::NOW,
                heard: super::fixture::NOW,
            })
            .collect();
        if present == *known {
            return false;
        }
        self.present = Some(Presence::clone(&present));
        for console in self.people.values_mut().filter_map(|seat| seat.console.as_mut()) {
            console.send(Msg::Present(Presence::clone(&present)));
        }
        true
    }

    fn carry(&mut self, who: &'static str, effect: Effect) {
        match effect {
            Effect::SubmitWith { tag, seen, ask, with } => {
                let code = with.code.map_or(Code::None, |digits| self.judged(who, digits.reveal()));
                let result = self.submit_with(actor(who), seen, ask, Proof { code, ..Proof::default() });
                self.tell(who, Msg::Submitted(tag, result));
            }
            Effect::Submit { tag, seen, ask } => {
                let result = self.submit(actor(who), seen, ask);
                self.tell(who, Msg::Submitted(tag, result));
            }
            Effect::Fetch { tag, fetch } => {
                let answer = self.answer(who, fetch);
                self.tell(who, Msg::Fetched(tag, answer));
            }
            Effect::GiveSecret { tag, run, name, value } => {
                self.secrets.insert((run, name), value.reveal().to_owned());
                self.tell(who, Msg::Submitted(tag, Ok(Receipt { run: Some(run), index: None })));
            }
            Effect::Follow(run) => self.seat(who).follows = Some(run),
            Effect::Unfollow => self.seat(who).follows = None,
            Effect::SaveDraft(proposal) => self.keep(who, "", proposal),
            Effect::DropDraft(proposal) => drop(self.kept.remove(&(who.to_owned(), drawer("", &proposal)))),
            Effect::SavePreset { name, proposal } => self.keep(who, &name, proposal),
            Effect::Copy(_)
            | Effect::SaveText { .. }
            | Effect::SetMouse(_)
            | Effect::Ring
            | Effect::SignInAs(_)
            | Effect::LoadSite
            | Effect::Quit => {}
        }
    }

    fn seat(&mut self, who: &str) -> &mut Seat {
        self.people.get_mut(who).expect("somebody of this house")
    }

    fn keep(&mut self, who: &str, name: &str, proposal: Proposal) {
        let key = (who.to_owned(), drawer(name, &proposal));
        self.kept.insert(key, Preset { name: name.to_owned(), proposal });
    }

    fn engine(&mut self, ask: Ask) {
        self.submit(Actor::Engine, Seen::Nothing, ask).expect("the engine is in the right");
    }

    fn submit(&mut self, by: Actor, seen: Seen, ask: Ask) -> Result<Receipt, Refusal> {
        self.submit_with(by, seen, ask, Proof::default())
    }

    /// A second factor in force whose device shows [`DIGITS`] for ever.
    pub fn enrolled(&mut self, who: &'static str) {
        let id = Digest::of(who.as_bytes());
        let standing = Standing::Confirmed("grace".into());
        let factor = Factor { id, standing, since: self.at, last: 0, wrong: imbl::Vector::new() };
        self.world.factors.insert(who.into(), factor);
    }

    fn judged(&self, who: &str, digits: &str) -> Code {
        let factor = self.world.factors.get(&PersonId::new(who)).filter(|_| digits == DIGITS);
        factor.map_or(Code::Wrong, |factor| Code::Right { factor: factor.id, step: step_at(self.at) })
    }

    fn submit_with(&mut self, by: Actor, seen: Seen, ask: Ask, proof: Proof) -> Result<Receipt, Refusal> {
        let command = Command { by: by.clone(), at: self.at, seen, ask, proof };
        let entries = decide(&self.world, &command)?;
        let run = entries.first().and_then(|entry| entry.event.run()).or(command.ask.run());
        let index = (!entries.is_empty()).then_some(self.world.events);
        for entry in entries {
            let index = self.world.events;
            let one = Recorded { index, at: self.at, by: by.clone(), event: entry.event, details: entry.details };
            let changed = evolve(&mut self.world, &one).expect("decide emits what evolve takes");
            if let Some(run) = changed {
                self.runs.insert(run.id, run);
            }
            self.log.push(one);
        }
        let (world, people) = (&self.world, &mut self.people);
        for console in people.values_mut().filter_map(|seat| seat.console.as_mut()) {
            console.world = world.clone();
            console.send(Msg::World);
        }
        Ok(Receipt { run, index })
    }

    fn answer(&self, who: &str, fetch: Fetch) -> Answer {
        let sees = |run: &Run| self.world.can_see(&PersonId::new(who), &run.plan.proposal.workspace);
        let plain = match fetch {
            Fetch::Log(query) => return Answer::Log(self.lines(&query)),
            Fetch::History(_) => {
                let rows = self.runs.values().rev().filter(|run| sees(run)).map(|run| history::row(run));
                Fetched::History(page(rows.collect()))
            }
            Fetch::Audit(query) => {
                let of_run = |one: &&Recorded| query.run.is_none() || one.event.run() == query.run;
                Fetched::Audit(page(self.log.iter().rev().filter(of_run).map(|one| audit(one, &self.runs)).collect()))
            }
            Fetch::Run(run) => match self.runs.get(&run).filter(|run| sees(run)) {
                Some(run) => Fetched::Run(Arc::clone(run)),
                None => Fetched::Failed(format!("no run {run}")),
            },
            Fetch::Proof(_) | Fetch::Sealed(_) => Fetched::Failed("no record is kept here".to_owned()),
            Fetch::Keys(..) => Fetched::Failed("no host is reached from here".to_owned()),
            Fetch::Evidence(..) => Fetched::Failed("no file is kept here".to_owned()),
            Fetch::Secrets(run) => {
                let plan = &self.world.run(run).expect("an open run is asked about").plan;
                let prompts = plan.secrets.iter().filter(|secret| secret.reference.starts_with("prompt:"));
                let open = prompts.filter(|secret| !self.secrets.contains_key(&(run, secret.name.clone())));
                Fetched::Secrets(open.map(|secret| secret.name.clone()).collect())
            }
            Fetch::Presets(_) => Fetched::Presets(self.drawn(who, |preset| !preset.name.is_empty())),
            Fetch::Drafts(_) => Fetched::Drafts(self.drawn(who, |preset| preset.name.is_empty())),
        };
        Answer::Plain(plain)
    }

    fn drawn(&self, who: &str, wanted: fn(&Preset) -> bool) -> Vec<Preset> {
        self.kept(who).into_iter().filter(|preset| wanted(preset)).cloned().collect()
    }

    fn lines(&self, query: &LogQuery) -> LogRows {
        let wanted = |row: &LogRow| {
            query.host.as_ref().is_none_or(|host| *host == row.host) && query.item.is_none_or(|item| item == row.item)
        };
        let all: Vec<LogRow> = self
            .printed
            .iter()
            .filter(|(run, row)| *run == query.run && wanted(row))
            .zip(0u64..)
            .map(|((_, row), number)| LogRow { number, ..row.clone() })
            .collect();
        let (total, count) = (all.len(), usize::try_from(query.count).unwrap());
        let first = match query.from {
            LogFrom::Line(line) => usize::try_from(line).unwrap().min(total),
            LogFrom::End => total.saturating_sub(count),
            LogFrom::Time(at) => all.iter().position(|row| row.at >= at).unwrap_or(total),
        };
        let rows = all.into_iter().skip(first).take(count).map(Arc::new).collect();
        let (first, total) = (u64::try_from(first).unwrap(), u64::try_from(total).unwrap());
        LogRows { run: query.run, rows, first, total, amiss: None }
    }
}

fn actor(who: &str) -> Actor {
    Actor::Person { person: PersonId::new(who), door: Door::Socket { uid: 1_000 } }
}

/// Where a form lies: a preset by its name, a draft by what it is a form for.
fn drawer(name: &str, proposal: &Proposal) -> String {
    if name.is_empty() { format!("\0{}\0{}", proposal.runbook, proposal.workspace) } else { name.to_owned() }
}

fn audit(one: &Recorded, runs: &BTreeMap<RunId, Arc<Run>>) -> AuditRow {
    let plan = one.event.run().and_then(|id| runs.get(&id)).map(|run| &*run.plan);
    AuditRow {
        index: one.index,
        at: one.at,
        by: one.by.clone(),
        kind: words::kind(&one.event).to_owned(),
        run: one.event.run(),
        workspace: one.event.workspace().cloned(),
        summary: words::event(&one.event, &one.details, plan),
    }
}

fn page<T>(rows: Vec<T>) -> Page<T> {
    let all = u64::try_from(rows.len()).unwrap();
    Page { rows, matching: all, total: all, next: None }
}
