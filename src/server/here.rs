//! Who is here: every connection that was let in, who minds it, and how it is told to end.

use super::Peer;
use crate::domain::presence::{Presence, Present, Seat};
use crate::domain::sign_in::Shown;
use crate::domain::{PersonId, Timestamp};
use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Where a connection comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The unix socket, from this account.
    Account {
        /// Its user id.
        uid: u32,
        /// Its name; `None`: the system knows none.
        name: Option<String>,
    },
    /// Over SSH, from this address.
    Source(IpAddr),
}

/// One connection, as its guest and whoever minds it know it.
#[derive(Debug)]
pub struct Connection {
    /// Where it comes from.
    pub from: Origin,
    /// Cancelled once a key was proved for it, and only a code is missing.
    pub known: CancellationToken,
    /// Cancelled once it is let in.
    pub entered: CancellationToken,
    /// Cancelled once it has to go.
    pub out: CancellationToken,
    /// Cancelled to end it without a word: whoever is at its far end comes back by themselves.
    pub dropped: CancellationToken,
    /// What its person has shown to the server before this one, which passes it on.
    pub shown: Option<Shown>,
    peer: OnceLock<Peer>,
    why: OnceLock<Why>,
    tried: OnceLock<()>,
    doing: Mutex<Doing>,
    seat: Mutex<Option<(PersonId, Seat)>>,
    last: AtomicI64,
    told: AtomicI64,
}

/// Why a connection has to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The account or key it came in by counts no more.
    Unwelcome,
    /// The certificate it came in by has run out.
    RanOut,
    /// Somebody ended it.
    EndedBy(PersonId),
    /// Another program serves now.
    Upgraded,
}

impl Why {
    /// What its person is told.
    pub fn words(&self) -> String {
        match self {
            Why::Unwelcome => "this account is no longer known to the site; runs go on\n".to_owned(),
            Why::RanOut => "the certificate you came in by has run out; runs go on\nnext: sign in afresh\n".to_owned(),
            Why::Upgraded => "the server was upgraded; runs go on\nnext: connect again\n".to_owned(),
            Why::EndedBy(person) => format!("{person} ended this session; runs go on\n"),
        }
    }
}

/// What a connection carries, as others see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doing {
    /// Nothing yet.
    Nothing,
    /// A console.
    Console,
    /// A verb.
    Verb,
}

impl Doing {
    /// Everything a connection can carry.
    pub const ALL: [Doing; 3] = [Doing::Nothing, Doing::Console, Doing::Verb];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Doing::Nothing => "nothing",
            Doing::Console => "console",
            Doing::Verb => "verb",
        }
    }
}

impl Connection {
    /// One that nobody has let in yet.
    pub fn new(from: Origin) -> Arc<Self> {
        Self::of(from, None)
    }

    /// One of somebody who signed in at the server before this one, which passes it on.
    pub fn passed_on(shown: Shown) -> Arc<Self> {
        Self::of(Origin::Source(shown.from), Some(shown))
    }

    fn of(from: Origin, shown: Option<Shown>) -> Arc<Self> {
        Arc::new(Self {
            from,
            shown,
            dropped: CancellationToken::new(),
            known: CancellationToken::new(),
            entered: CancellationToken::new(),
            out: CancellationToken::new(),
            peer: OnceLock::new(),
            why: OnceLock::new(),
            tried: OnceLock::new(),
            doing: Mutex::new(Doing::Nothing),
            seat: Mutex::new(None),
            last: AtomicI64::new(0),
            told: AtomicI64::new(0),
        })
    }

    /// Who is at its far end, once it is let in.
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.get()
    }

    /// It has tried to be let in.
    pub fn has_tried(&self) {
        let _ = self.tried.set(());
    }

    /// Whether it tried to be let in, and was not.
    pub fn has_failed(&self) -> bool {
        self.tried.get().is_some() && self.peer.get().is_none()
    }

    /// Tells it to go. The first reason stands.
    pub fn leave(&self, why: Why) {
        let _ = self.why.set(why);
        self.out.cancel();
    }

    /// What its person is told at the end.
    pub fn last_words(&self) -> String {
        self.why.get().unwrap_or(&Why::Unwelcome).words()
    }

    /// It carries something else now.
    pub fn does(&self, doing: Doing) {
        *self.doing.lock().unwrap_or_else(PoisonError::into_inner) = doing;
    }

    /// Something came from its person.
    fn heard_at(&self, at: Timestamp) {
        self.last.store(at.0, Ordering::Relaxed);
    }

    fn seat(&self) -> MutexGuard<'_, Option<(PersonId, Seat)>> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often others are told that somebody still presses keys: who is quiet is told by minutes.
const HEARD_EVERY_MS: u64 = 60_000;

/// Everybody who was let in, by the number of their connection.
#[derive(Debug)]
pub struct Here {
    book: Mutex<Book>,
    present: watch::Sender<Presence>,
}

impl Default for Here {
    fn default() -> Self {
        Self { book: Mutex::default(), present: watch::channel(Presence::default()).0 }
    }
}

#[derive(Debug, Default)]
struct Book {
    next: u64,
    by_id: BTreeMap<u64, (Timestamp, Arc<Connection>)>,
}

/// A connection as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its number, for as long as the server runs.
    pub id: u64,
    /// Who is at its far end.
    pub peer: Peer,
    /// Where it comes from.
    pub from: Origin,
    /// Since when it is here.
    pub since: Timestamp,
    /// When its person last typed something.
    pub heard: Timestamp,
    /// What it carries.
    pub doing: Doing,
    /// Where its person looks and whom they follow, at a console.
    pub seat: Option<Seat>,
}

impl Here {
    /// Lets a connection in, for as long as what is returned is kept. `None`: this peer is here `most` times already.
    pub fn enter(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        peer: Peer,
        at: Timestamp,
        most: usize,
    ) -> Option<Stay> {
        let mut book = self.book();
        let same =
            |other: &&(Timestamp, Arc<Connection>)| other.1.peer().is_some_and(|known| known.is_of_one_person(&peer));
        if book.by_id.values().filter(same).count() >= most || connection.peer.set(peer).is_err() {
            return None;
        }
        connection.heard_at(at);
        book.next += 1;
        let id = book.next;
        book.by_id.insert(id, (at, Arc::clone(connection)));
        connection.entered.cancel();
        Some(Stay { here: Arc::clone(self), id })
    }

    /// Everybody who is here, the earliest first.
    pub fn list(&self) -> Vec<Listed> {
        let book = self.book();
        let listed = book.by_id.iter().filter_map(|(id, (since, connection))| {
            Some(Listed {
                id: *id,
                peer: connection.peer()?.clone(),
                from: connection.from.clone(),
                since: *since,
                heard: Timestamp(connection.last.load(Ordering::Relaxed)),
                doing: *connection.doing.lock().unwrap_or_else(PoisonError::into_inner),
                seat: connection.seat().as_ref().map(|(_, seat)| seat.clone()),
            })
        });
        listed.collect()
    }

    /// Everybody at a console, as it changes.
    pub fn present(&self) -> watch::Receiver<Presence> {
        self.present.subscribe()
    }

    /// Somebody sits at a console of this connection and looks there; `None`: nobody any more.
    pub fn sits(&self, connection: &Connection, seat: Option<(PersonId, Seat)>) {
        *connection.seat() = seat;
        self.tell();
    }

    /// Something came from a connection's person.
    pub fn heard(&self, connection: &Connection, at: Timestamp) {
        connection.heard_at(at);
        let told = Timestamp(connection.told.load(Ordering::Relaxed));
        if connection.seat().is_some() && at.ms_since(told) >= HEARD_EVERY_MS {
            connection.told.store(at.0, Ordering::Relaxed);
            self.tell();
        }
    }

    fn tell(&self) {
        let book = self.book();
        let present = book.by_id.values().filter_map(|(since, connection)| {
            let (person, seat) = connection.seat().clone()?;
            let heard = Timestamp(connection.last.load(Ordering::Relaxed));
            Some(Present { person, seat, since: *since, heard })
        });
        let present: Presence = present.collect();
        drop(book);
        self.present.send_if_modified(|known| std::mem::replace(known, present.clone()) != present);
    }

    /// The connection with this number.
    pub fn find(&self, id: u64) -> Option<Arc<Connection>> {
        self.book().by_id.get(&id).map(|(_, connection)| Arc::clone(connection))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing under this lock can fail half-way.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who are here, for as long as it is kept.
#[derive(Debug)]
pub struct Stay {
    here: Arc<Here>,
    id: u64,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let gone = self.here.book().by_id.remove(&self.id);
        if gone.is_some_and(|(_, connection)| connection.seat().is_some()) {
            self.here.tell();
        }
    }
}
