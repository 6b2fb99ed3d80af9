//! Being relieved by another program: who wishes it, how far it is, and what the house does meanwhile.
//!
//! The house asks; how a program is looked at and started is its starter's to do, who takes the wishes. Consoles at the socket
//! come back by themselves once the successor listens. A connection over SSH lives in the process that accepted it, so that
//! process stays for as long as such a console does, and passes it on (`relay`); it has no data and no engine any more.

use super::baton::{Baton, Message};
use super::here::{Doing, Why};
use super::{CUT_WAIT, FAREWELL_WAIT, House, Peer};
use crate::domain::Actor;
use crate::domain::sign_in::Shown;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

/// Wishes that wait: one is carried out at a time, and nobody needs many.
const WISHES_WAITING_MAX: usize = 4;

/// Lines on their way to whoever wished.
const LINES_WAITING_MAX: usize = 64;

/// Somebody wishes that another program takes this server's place.
#[derive(Debug)]
pub struct Wish {
    /// Who.
    pub by: Actor,
    /// Which program; `None`: the one this server was started as, as it lies there by now.
    pub program: Option<PathBuf>,
    /// Where it is told how that goes.
    pub told: mpsc::Sender<Told>,
}

/// What whoever wished hears.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// How far it is.
    Line(String),
    /// It came to nothing, and why; the server goes on as it was.
    No(String),
    /// It is done.
    Done(String),
}

/// How far the house is with being relieved.
#[derive(Clone, Debug, Default)]
pub enum Stage {
    /// Nobody does.
    #[default]
    Not,
    /// The engine ends, and a successor is started.
    Begun,
    /// It serves.
    Done(Arc<Baton>),
    /// None could be started.
    Failed,
}

/// See the module.
#[derive(Debug)]
pub struct Relief {
    stage: watch::Sender<Stage>,
    wishes: mpsc::Sender<Wish>,
    taken: Mutex<Option<mpsc::Receiver<Wish>>>,
}

impl Default for Relief {
    fn default() -> Self {
        let (wishes, taken) = mpsc::channel(WISHES_WAITING_MAX);
        Self { stage: watch::channel(Stage::Not).0, wishes, taken: Mutex::new(Some(taken)) }
    }
}

impl Relief {
    /// Wishes for it. `None`: nobody here can do it.
    pub fn wish(&self, by: Actor, program: Option<PathBuf>) -> Option<mpsc::Receiver<Told>> {
        if self.taken().is_some() {
            return None;
        }
        let (told, hears) = mpsc::channel(LINES_WAITING_MAX);
        self.wishes.try_send(Wish { by, program, told }).ok().map(|()| hears)
    }

    /// The wishes, for the one who carries them out.
    pub fn wishes(&self) -> Option<mpsc::Receiver<Wish>> {
        self.taken().take()
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Option<mpsc::Receiver<Wish>>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is at this stage now.
    pub fn is_at(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }

    /// Waits until a successor is started: nobody is let in here any more.
    pub async fn begun(&self) {
        let mut stages = self.stage.subscribe();
        if stages.wait_for(|stage| !matches!(stage, Stage::Not)).await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether a successor is started, serves, or could not.
    pub fn is_under_way(&self) -> bool {
        !matches!(*self.stage.borrow(), Stage::Not)
    }

    /// Whether there is no server any more: none could be started once this one had let go of its data.
    pub fn has_failed(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Failed)
    }

    /// Waits until the successor serves, or cannot.
    pub async fn settled(&self) -> Option<Arc<Baton>> {
        let mut stages = self.stage.subscribe();
        let settled = stages.wait_for(|stage| matches!(stage, Stage::Done(_) | Stage::Failed)).await;
        match settled.as_deref() {
            Ok(Stage::Done(baton)) => Some(Arc::clone(baton)),
            Ok(Stage::Not | Stage::Begun | Stage::Failed) | Err(_) => None,
        }
    }
}

impl House {
    /// Sees everybody over to the successor; then only consoles over SSH are left, and are passed on until they end or it does.
    /// False where there is no successor.
    pub(super) async fn see_over(self: &Arc<Self>) -> bool {
        // Whoever asks now waits for the successor.
        self.over.cancel();
        let Some(baton) = self.relief.settled().await else {
            return false;
        };
        self.tasks.close();
        for row in self.here.list() {
            // Nothing of the successor's can be asked for over a connection that has no console.
            if let (Peer::Visitor(_), Doing::Nothing | Doing::Verb) = (&row.peer, row.doing)
                && let Some(connection) = self.here.find(row.id)
            {
                connection.leave(Why::Upgraded);
            }
        }
        let farewell = async {
            tokio::time::sleep(FAREWELL_WAIT).await;
            self.cut_sockets.cancel();
            std::future::pending::<()>().await;
        };
        let successor_ends = async { while let Ok(Some(_)) = baton.receive().await {} };
        tokio::select! {
            () = self.tasks.wait() => {}
            () = farewell => {}
            () = successor_ends => {
                // Each console hears by itself how it ended, or that it is to be opened again.
                if tokio::time::timeout(FAREWELL_WAIT, self.tasks.wait()).await.is_err() {
                    self.cut.cancel();
                    // Nobody waits for what is cut.
                    let _ = tokio::time::timeout(CUT_WAIT, self.tasks.wait()).await;
                }
            }
        }
        true
    }

    /// Ends every connection that is left.
    pub fn cut_off(&self) {
        self.cut.cancel();
    }

    /// Takes the consoles that the server before this one passes on, until that process ends.
    pub async fn take_consoles(self: Arc<Self>, baton: Arc<Baton>) {
        loop {
            match baton.receive().await {
                Ok(Some((Message::Console { shown }, sockets))) => {
                    for socket in sockets {
                        self.take_console(&shown, socket);
                    }
                }
                Ok(Some((Message::Doors { .. } | Message::Here { .. }, _))) => {}
                Ok(None) => return,
                Err(error) => return tracing::warn!(%error, "nothing more is passed on by the server before this one"),
            }
        }
    }

    fn take_console(self: &Arc<Self>, shown: &Shown, socket: OwnedFd) {
        let stream = std::os::unix::net::UnixStream::from(socket);
        let stream = stream.set_nonblocking(true).and_then(|()| tokio::net::UnixStream::from_std(stream));
        let pass = self.crowd.take(super::Whom::Account(self.own_uid), 0, self.places());
        match (stream, pass) {
            (Ok(stream), Some(pass)) => {
                let (home, config) = (Arc::clone(self), Arc::clone(&self.config));
                let connection = super::Connection::passed_on(shown.clone());
                self.tasks.spawn(async move { home.admit(stream, config, connection, pass).await });
            }
            (Err(error), _) => tracing::warn!(%error, "a console could not be passed on"),
            (Ok(_), None) => tracing::warn!("a console was not passed on: too many are here"),
        }
    }
}

/// A copy of a socket, to be passed on: whoever listens at it goes on until then.
///
/// # Errors
/// The system has no descriptor left.
pub fn copy_of(socket: impl std::os::fd::AsFd) -> std::io::Result<OwnedFd> {
    socket.as_fd().try_clone_to_owned()
}
