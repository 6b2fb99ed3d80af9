//! The single writer, synchronous: decide on a candidate world, append, sync, and only then publish and answer. On any
//! error the candidate is dropped and nobody has been told anything.

use super::codec::{self, CodecError};
use crate::domain::decide;
use crate::domain::proved::Proof;
use crate::domain::query::AuditRow;
use crate::domain::run::{Phase, Run};
use crate::domain::{Actor, Ask, Command, Entry, Receipt, Recorded, Refusal, Rule, Seen, Timestamp, World, evolve};
use crate::ledger::{self, Ledger, LedgerError};
use std::sync::Arc;

// What one command leads to fits into one batch, so that it is recorded whole or not at all.
const _: () = assert!(decide::EVENTS_PER_COMMAND_MAX <= ledger::BATCH_EVENTS_MAX);

/// What somebody asked for, before the engine stamps it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who.
    pub by: Actor,
    /// What the asker had looked at.
    pub seen: Seen,
    /// What for.
    pub ask: Ask,
    /// What came with it beside its words.
    pub proof: Proof,
}

impl Request {
    /// What the engine itself asks for.
    pub fn of_engine(ask: Ask) -> Self {
        Self { by: Actor::Engine, seen: Seen::Nothing, ask, proof: Proof::default() }
    }
}

/// The answer to one request.
pub type Reply = Result<Receipt, Refusal>;

/// What a commit did.
#[derive(Debug, Default)]
pub struct Committed {
    /// One answer per request, in order.
    pub replies: Vec<Reply>,
    /// What happened, with the run it was about as it stood afterwards.
    pub happened: Vec<Happened>,
    /// The storage failed for good: the server must stop with exit 74.
    pub fatal: Option<String>,
    /// The disk is full: only what ends things was recorded, if anything.
    pub full: bool,
}

/// An event and the run it was about.
#[derive(Clone, Debug)]
pub struct Happened {
    /// The event.
    pub recorded: Recorded,
    /// The run as it stood afterwards.
    pub run: Option<Arc<Run>>,
}

/// What a ledger holds, as it is folded.
#[derive(Clone, Debug)]
pub enum Past {
    /// An event of the engine's.
    Happened(Happened),
    /// One of the ledger's own.
    Own(AuditRow),
}

/// The ledger and the world it folds to.
#[derive(Debug)]
pub struct Core {
    ledger: Ledger,
    world: Arc<World>,
}

/// Why the ledger does not fold to a world.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It holds something this version does not know.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// It holds something that cannot have happened.
    #[error("event {index}: {source}")]
    Illegal {
        /// Its index.
        index: u64,
        /// What is wrong.
        source: crate::domain::legal::Illegal,
    },
}

impl Core {
    /// Folds a ledger. Every event goes to `seen` on its way, for views that lag behind.
    ///
    /// # Errors
    /// The ledger cannot be read, or holds what cannot have happened.
    pub fn replay(ledger: Ledger, mut seen: impl FnMut(Past)) -> Result<Self, ReplayError> {
        let mut world = World { origin: ledger.genesis().origin.clone(), ..World::default() };
        for found in ledger.recorded(0) {
            let found = found?;
            let index = found.entry.index;
            let own = codec::own(&found.entry);
            match codec::recorded(found)? {
                Some(recorded) => {
                    let run = evolve(&mut world, &recorded).map_err(|source| ReplayError::Illegal { index, source })?;
                    seen(Past::Happened(Happened { recorded, run }));
                }
                None => {
                    world.events = index + 1;
                    world.last_at = own.at;
                    seen(Past::Own(own));
                }
            }
        }
        Ok(Self { ledger, world: Arc::new(world) })
    }

    /// What is true.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// A handle that reads the ledger from any thread.
    pub fn reader(&self) -> ledger::Reader {
        self.ledger.reader()
    }

    /// Signs for the ledger, where its key is here.
    pub fn signer(&self) -> Option<ledger::Signer> {
        self.ledger.signer().cloned()
    }

    /// Records that torn tails were moved aside, before anything else is recorded. Returns their bytes.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub fn record_repairs(&mut self, at: Timestamp) -> Result<u64, LedgerError> {
        let drafts: Vec<ledger::Draft> = self
            .ledger
            .repairs()
            .iter()
            .map(|repair| ledger::Draft {
                kind: ledger::KIND_REPAIRED.to_owned(),
                at: at.0.max(self.world.last_at.0),
                by: serde_json::Value::from("engine"),
                body: repair.body(),
                ..ledger::Draft::default()
            })
            .collect();
        let bytes = self.ledger.repairs().iter().map(|repair| repair.bytes).sum();
        if !drafts.is_empty() {
            self.ledger.append_from_reserve(&drafts)?;
            self.ledger.repairs_recorded()?;
            Arc::make_mut(&mut self.world).events = self.ledger.head().size;
        }
        Ok(bytes)
    }

    /// The ledger's own events from `first` on, as rows of the list of all.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn own_from(&self, first: u64) -> Result<Vec<AuditRow>, LedgerError> {
        self.ledger.iter(first).map(|entry| Ok(codec::own(&entry?))).collect()
    }

    /// Decides all requests at `at`, in order, as one group: one sync for all of them.
    pub fn commit(&mut self, requests: &[Request], at: Timestamp) -> Committed {
        let mut group = Group::new(World::clone(&self.world));
        for request in requests {
            group.take(request, at.max(self.world.last_at));
        }
        match self.ledger.append(&group.drafts) {
            Ok(_) => {
                self.world = Arc::new(group.world);
                let at_once = group.happened.iter().any(|one| one.recorded.event.is_signed_at_once());
                let fatal = if at_once { self.sign() } else { None };
                Committed { replies: group.replies, happened: group.happened, fatal, ..Committed::default() }
            }
            // One draft that cannot be written must not take the others with it.
            Err(LedgerError::Draft { .. }) if requests.len() > 1 => {
                let mut all = Committed::default();
                for request in requests {
                    let one = self.commit(std::slice::from_ref(request), at);
                    all.replies.extend(one.replies);
                    all.happened.extend(one.happened);
                    all.fatal = all.fatal.or(one.fatal);
                    all.full = one.full;
                }
                all
            }
            Err(LedgerError::Write(error)) if error.is_full() => self.commit_without_room(requests, at),
            Err(error) => self.failed(group.replies, &error),
        }
    }

    /// Signs for all that was recorded. What was recorded stands either way. Says why, where the storage failed for good.
    pub fn sign(&mut self) -> Option<String> {
        let error = self.ledger.sign_checkpoint().err()?;
        tracing::warn!(%error, "no checkpoint was signed; it is tried again after the next event");
        (self.ledger.health() == ledger::Health::Poisoned).then(|| error.to_string())
    }

    /// Whether something was recorded that is not signed for.
    pub fn is_unsigned(&self) -> bool {
        let signed = self.ledger.reader().checkpoint().map_or(0, |signed| signed.checkpoint.size);
        self.ledger.signer().is_some() && signed < self.ledger.head().size
    }

    /// The disk is full: runs begin nothing more, and what ends things or says how they went is recorded from the reserve.
    /// Everything else is refused until there is room. What tells an outcome that would begin something (a check that
    /// was the last of its round) is refused too: the engine says it again by itself.
    fn commit_without_room(&mut self, requests: &[Request], at: Timestamp) -> Committed {
        let mut group = Group { room: Room::Gone, ..Group::new(World::clone(&self.world)) };
        let running = self.world.runs.values().filter(|run| run.phase == Phase::Running);
        for run in running {
            let hold = Ask::Hold { run: run.id };
            group.take(&Request::of_engine(hold), at.max(self.world.last_at));
        }
        group.replies.clear();
        for request in requests {
            group.take(request, at.max(self.world.last_at));
        }
        match self.ledger.append_from_reserve(&group.drafts) {
            Ok(_) => {
                self.world = Arc::new(group.world);
                Committed { replies: group.replies, happened: group.happened, full: true, ..Committed::default() }
            }
            Err(error) => self.failed(group.replies, &error),
        }
    }

    /// Nothing was recorded, so nothing was done.
    fn failed(&self, replies: Vec<Reply>, error: &LedgerError) -> Committed {
        let poisoned = self.ledger.health() == ledger::Health::Poisoned;
        let refusal = match error {
            LedgerError::Write(error) if error.is_full() => no_room(),
            LedgerError::Draft { source, .. } => unrecordable(&source.to_string()),
            error => Refusal::new(Rule::Storage, format!("nothing can be recorded: {error}"))
                .next("mend the disk; nothing was changed"),
        };
        Committed {
            replies: replies.into_iter().map(|reply| reply.and(Err(refusal.clone()))).collect(),
            happened: Vec::new(),
            fatal: poisoned.then(|| error.to_string()),
            full: matches!(error, LedgerError::Write(error) if error.is_full()),
        }
    }
}

/// It has no place in the ledger as it is; saying it again would not help.
fn unrecordable(why: &str) -> Refusal {
    Refusal::new(Rule::Record, format!("this cannot be recorded: {why}")).next("nothing was changed")
}

fn no_room() -> Refusal {
    Refusal::new(Rule::NoRoom, "the disk is full: only outcomes, pause and abort can be recorded")
        .next("free space where the data lies, then say it again; nothing was changed")
}

/// Whether there is room on the disk for whatever is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Room {
    Enough,
    /// Only for what winds down.
    Gone,
}

/// Requests decided on a candidate world, and what the ledger is to hold if all goes well.
struct Group {
    world: World,
    drafts: Vec<ledger::Draft>,
    happened: Vec<Happened>,
    replies: Vec<Reply>,
    room: Room,
}

impl Group {
    fn new(world: World) -> Self {
        Self { world, drafts: Vec::new(), happened: Vec::new(), replies: Vec::new(), room: Room::Enough }
    }

    fn take(&mut self, request: &Request, at: Timestamp) {
        let Request { by, seen, ask, proof } = request.clone();
        let command = Command { by, at, seen, ask, proof };
        let reply = match decide::decide(&self.world, &command) {
            Ok(entries) if !self.has_room_for(&request.ask, &entries) => Err(no_room()),
            Ok(entries) => {
                let first = entries.first().map(|entry| (self.world.events, entry.event.run().or(request.ask.run())));
                self.record(entries, &command).map(|()| Receipt {
                    run: first.and_then(|(_, run)| run).or(request.ask.run()),
                    index: first.map(|(index, _)| index),
                })
            }
            Err(refusal) => {
                if self.room == Room::Enough {
                    // Should keeping it fail, the answer is still no.
                    self.record(decide::refused(&self.world, &command, &refusal), &command).unwrap_or_default();
                }
                Err(refusal)
            }
        };
        self.replies.push(reply);
    }

    /// A server that cannot say that it has started cannot stop anything either.
    fn has_room_for(&self, ask: &Ask, entries: &[Entry]) -> bool {
        self.room == Room::Enough
            || matches!(ask, Ask::Boot { .. } | Ask::Server(_))
            || entries.iter().all(|entry| entry.event.winds_down())
    }

    fn record(&mut self, entries: Vec<Entry>, command: &Command) -> Result<(), Refusal> {
        for entry in entries {
            let recorded = Recorded {
                index: self.world.events,
                at: command.at,
                by: command.by.clone(),
                event: entry.event.clone(),
                details: entry.details.clone(),
            };
            let fault = |why: String| unrecordable(&why);
            let run = evolve(&mut self.world, &recorded).map_err(|illegal| fault(illegal.to_string()))?;
            let draft =
                codec::draft(&entry, &command.by, command.at, &self.world).map_err(|error| fault(error.to_string()))?;
            self.drafts.push(draft);
            self.happened.push(Happened { recorded, run });
        }
        Ok(())
    }
}
