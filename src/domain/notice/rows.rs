//! What a person may see of notices: on their way, and what became of the last ones.

use super::{Channel, End, Notice, Trouble};
use crate::domain::id::{PersonId, Timestamp};
use crate::domain::world::World;
use std::sync::Arc;

/// A notice on one channel.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The notice.
    pub notice: Arc<Notice>,
    /// The channel.
    pub channel: Channel,
    /// Tries so far.
    pub tries: u16,
    /// When it arrived or was given up, or when it is tried next.
    pub at: Timestamp,
    /// How far it is.
    pub standing: Standing,
    /// What was seen of the last try, in words.
    pub saw: String,
}

/// How far a channel is with a notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It was not tried yet, or came to nothing so far.
    OnItsWay(Option<Trouble>),
    /// It arrived.
    Delivered,
    /// It was given up.
    GivenUp(Trouble),
}

impl Standing {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Standing::OnItsWay(_) => "on its way",
            Standing::Delivered => "delivered",
            Standing::GivenUp(_) => "given up",
        }
    }

    /// Why it has not arrived, where something went wrong.
    pub fn trouble(self) -> Option<Trouble> {
        match self {
            Standing::OnItsWay(trouble) => trouble,
            Standing::Delivered => None,
            Standing::GivenUp(trouble) => Some(trouble),
        }
    }

    /// `given up: answered 404`.
    pub fn words(self) -> String {
        match self.trouble() {
            Some(trouble) => format!("{}: {}", self.word(), trouble.words()),
            None => self.word().to_owned(),
        }
    }
}

/// Everything a person may see of notices, newest first.
pub fn rows(world: &World, person: &PersonId) -> Vec<Row> {
    let sees = |notice: &Notice| notice.about.place().is_none_or(|(place, _)| world.can_see(person, place));
    let on_their_way = world.outbox.pending.values().flat_map(|pending| {
        pending.open.iter().map(|(channel, tries)| Row {
            notice: Arc::clone(&pending.notice),
            channel: *channel,
            tries: tries.made,
            at: tries.not_before,
            standing: Standing::OnItsWay(tries.trouble),
            saw: String::new(),
        })
    });
    let over = world.outbox.sent.iter().map(|sent| Row {
        notice: Arc::clone(&sent.notice),
        channel: sent.channel,
        tries: sent.tries,
        at: sent.at,
        standing: match sent.end {
            End::Delivered => Standing::Delivered,
            End::GivenUp(trouble) => Standing::GivenUp(trouble),
        },
        saw: sent.saw.clone(),
    });
    let mut rows: Vec<Row> = on_their_way.chain(over).filter(|row| sees(&row.notice)).collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.notice.id), row.channel));
    rows
}
