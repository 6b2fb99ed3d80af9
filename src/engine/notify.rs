//! Sends what is on its way to people: tries each channel when the world says so, and has the result recorded.
//!
//! Invariants: nothing here decides what is told or when it is tried again: both are in the world; no run waits for a delivery; a try
//! whose result is not on record is made again after a restart, under the same key, so a notice arrives at least once. The key
//! that signs is fetched for each try and reaches no record, no log, no argument and no environment.

use super::clock;
use super::handle::Handle;
use super::signing;
use crate::connect::{CallError, webhook};
use crate::domain::call::authority;
use crate::domain::notice::{self, Asked, Channel, Notice, Pending, Tries, Trouble};
use crate::domain::site::Site;
use crate::domain::{Actor, Ask, Rule, Seen, Timestamp, World};
use crate::executor::Untold;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinSet};

/// Tries of one channel under way at once: a receiver that is slow gets no crowd, and its fellow channel is not held up.
const TRIES_AT_ONCE_MAX: usize = 4;

/// How long a result waits before it is told again while nothing can be recorded.
const RESULT_RETRY: Duration = Duration::from_secs(1);

/// The name of the key that signs, where something is said about it.
const KEY_NAME: &str = "notify";

/// A channel of a notice.
type Key = (u64, Channel);

/// What is being sent.
pub(super) struct Teller {
    handle: Handle,
    under_way: BTreeMap<Key, Id>,
    /// Tries whose result is not on record: not made again by this server, or they might be for ever.
    left: BTreeSet<Key>,
    tasks: JoinSet<Recorded>,
}

/// Whether the result of a try is on record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Recorded {
    Yes,
    No,
}

impl Teller {
    pub fn new(handle: Handle) -> Self {
        Self { handle, under_way: BTreeMap::new(), left: BTreeSet::new(), tasks: JoinSet::new() }
    }

    /// Works until the engine stops.
    pub async fn work(mut self) {
        let mut world = self.handle.world();
        let stop = self.handle.stop.clone();
        loop {
            let now = Arc::clone(&world.borrow_and_update());
            let wake = self.begin(&now);
            let sleep = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(self.handle.clock.instant_of(at)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                changed = world.changed() => if changed.is_err() { return },
                Some(done) = self.tasks.join_next_with_id() => self.landed(done),
                () = sleep => {}
            }
        }
    }

    /// Begins what is due; returns the next moment at which something is.
    fn begin(&mut self, world: &Arc<World>) -> Option<Timestamp> {
        let now = self.handle.clock.now();
        let mut wake: Option<Timestamp> = None;
        self.left.retain(|(id, _)| world.outbox.pending.contains_key(id));
        for (id, pending) in &world.outbox.pending {
            for (channel, tries) in &pending.open {
                let key = (*id, *channel);
                if self.under_way.contains_key(&key) || self.left.contains(&key) {
                    continue;
                }
                if tries.not_before > now {
                    wake = Some(wake.map_or(tries.not_before, |nearest| nearest.min(tries.not_before)));
                } else if self.under_way.keys().filter(|(_, of)| of == channel).count() < TRIES_AT_ONCE_MAX {
                    // Whoever is left out is looked at again when one of those under way has landed.
                    self.send(world, pending, key, *tries);
                }
            }
        }
        wake
    }

    fn send(&mut self, world: &Arc<World>, pending: &Pending, key: Key, tries: Tries) {
        let (handle, world, notice) = (self.handle.clone(), Arc::clone(world), Arc::clone(&pending.notice));
        let attempt = tries.made.saturating_add(1);
        let task = self.tasks.spawn(async move {
            let came = deliver(&handle, &world, &notice, key.1).await;
            record(&handle, key, attempt, came).await
        });
        self.under_way.insert(key, task.id());
    }

    fn landed(&mut self, done: Result<(Id, Recorded), tokio::task::JoinError>) {
        let (task, recorded) = match done {
            Ok(done) => done,
            Err(broken) => {
                tracing::error!(%broken, "telling somebody broke off; it is tried after the next start");
                (broken.id(), Recorded::No)
            }
        };
        let Some(key) = self.under_way.iter().find_map(|(key, under_way)| (*under_way == task).then_some(*key)) else {
            return;
        };
        self.under_way.remove(&key);
        if recorded == Recorded::No {
            self.left.insert(key);
        }
    }
}

/// Why a try came to nothing, and what was seen of it.
struct Untaken(Trouble, String);

impl Untaken {
    fn new(trouble: Trouble) -> Self {
        Self(trouble, String::new())
    }
}

async fn deliver(handle: &Handle, world: &World, notice: &Notice, channel: Channel) -> Result<(), Untaken> {
    let gone = || Untaken::new(Trouble::Gone);
    let site = world.site.as_ref().ok_or_else(gone)?;
    let id = notice::key(&world.origin, notice.id);
    let document = notice::document(&world.origin, notice).to_string();
    match channel {
        Channel::Command => by_command(handle, site, &document).await,
        Channel::Webhook => by_webhook(handle, site, &id, &document).await,
    }
}

async fn by_command(handle: &Handle, site: &Site, document: &str) -> Result<(), Untaken> {
    let words = site.notify.as_ref().map(|notify| notify.command.as_slice()).unwrap_or_default();
    if words.is_empty() {
        return Err(Untaken::new(Trouble::Gone));
    }
    let told = handle.executor.tell(&notice::under(site), words, format!("{document}\n").as_bytes()).await;
    told.map_err(|untold| match untold {
        Untold::NotStarted(why) => Untaken(Trouble::NotStarted, why),
        Untold::Exit(code) => Untaken::new(Trouble::Exit(code)),
        Untold::Late => Untaken::new(Trouble::Late),
    })
}

async fn by_webhook(handle: &Handle, site: &Site, id: &str, document: &str) -> Result<(), Untaken> {
    let Some(to) = site.notify.as_ref().and_then(|notify| notify.webhook.as_ref()) else {
        return Err(Untaken::new(Trouble::Gone));
    };
    let place = authority(&to.url).map_err(|why| Untaken(Trouble::Egress, why))?.place;
    if !site.egress.contains(&place) {
        return Err(Untaken(Trouble::Egress, format!("{place} is not named under [egress] allow")));
    }
    let key = signing::key(handle, site, KEY_NAME, &to.secret)
        .await
        .map_err(|error| Untaken(Trouble::NoSecret, error.to_string()))?;
    // A receiver holds the moment against its own clock.
    let timestamp = clock::wall().0.div_euclid(1_000);
    match webhook::tell(&to.url, id, key.expose(), timestamp, document).await {
        Ok(status) if (200..300).contains(&status) => Ok(()),
        Ok(status) => Err(Untaken::new(Trouble::Status(status))),
        Err(CallError::NotSent(why) | CallError::NotHeard(why)) => Err(Untaken(Trouble::NoAnswer, why)),
    }
}

/// Has the result of a try recorded; while nothing can be, it is told again.
async fn record(handle: &Handle, (notice, channel): Key, attempt: u16, came: Result<(), Untaken>) -> Recorded {
    let (came, saw) = match came {
        Ok(()) => (Ok(()), String::new()),
        Err(Untaken(trouble, saw)) => {
            tracing::warn!(notice, channel = channel.word(), attempt, why = trouble.words(), saw, "nobody was told");
            (Err(trouble), saw)
        }
    };
    let asked = Asked::Tried { notice, channel, attempt, came, saw };
    loop {
        match handle.decided(Actor::Engine, Seen::Nothing, Ask::Notice(asked.clone())).await {
            Ok(_) => return Recorded::Yes,
            Err(refusal) if matches!(refusal.rule, Rule::Storage | Rule::NoRoom) && !handle.stop.is_cancelled() => {
                tokio::time::sleep(RESULT_RETRY).await;
            }
            Err(refusal) => {
                tracing::warn!(notice, %refusal, "what became of a notice was not recorded");
                return Recorded::No;
            }
        }
    }
}

#[cfg(test)]
mod tests;
