//! One connection: who may come in, and an answer to every request.
//!
//! Callbacks of one connection run one after the other and must not wait for that connection's own output; what a channel
//! carries runs in a task of its own.

use super::console::{self, Sitting};
use super::exec::{self, Spoken};
use super::here::{Connection, Doing, Origin, Stay};
use super::knock::{Knock, Step};
use super::peer::Visitor;
use super::{House, Peer};
use crate::domain::sign_in;
use crate::session::{EVENTS_WAITING_MAX, FromPeer, Opening, Place};
use crate::verbs::args::{Line, Verb, run_to_open};
use crate::verbs::{self, Exit};
use bytes::Bytes;
use futures::FutureExt as _;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Pty, Sig};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Channels of one connection: a console, and a verb beside it.
const CHANNELS_MAX: usize = 2;

/// Variables one channel may tell; ours are ten.
const VARIABLES_MAX: usize = 32;

/// Longest line of a verb: the longest text on the record, with its quotes, fits. Below what one packet holds (256 KiB),
/// beyond which the protocol itself ends the connection.
pub const LINE_BYTES_MAX: usize = 160 * 1024;

/// What a terminal sends for Ctrl-C.
const INTERRUPT: u8 = 3;

/// The extended stream on which texts to save go out and the client's answers come back; standard error is 1.
pub const SAVE_STREAM: u32 = 16;

/// The extended stream on which our own client is told where its person is, for the day it has to come back.
pub const MARK_STREAM: u32 = 18;

/// The extended stream on which texts to sign go out and the client's answers come back.
pub const SIGN_STREAM: u32 = 17;

/// One connection.
pub struct Guest {
    house: Arc<House>,
    connection: Arc<Connection>,
    knock: Option<Knock>,
    stay: Option<Stay>,
    gone: CancellationToken,
    rooms: BTreeMap<ChannelId, Room>,
}

/// One channel.
struct Room {
    writer: Option<ChannelWriteHalf<Msg>>,
    place: Place,
    tty: Tty,
    variables: usize,
    begun: Begun,
}

/// Whether the channel has a terminal at its far end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tty {
    None,
    Asked,
}

/// What the channel carries.
enum Begun {
    Nothing,
    Console(mpsc::Sender<FromPeer>),
    Verb {
        /// Standard input; `None`: the verb reads none, or it has ended.
        stdin: Option<mpsc::Sender<Bytes>>,
        cancel: CancellationToken,
    },
}

impl Guest {
    /// A connection that nobody has let in yet.
    pub fn new(house: Arc<House>, connection: Arc<Connection>) -> Self {
        let knock = match &connection.from {
            Origin::Account { .. } => None,
            // Known already, by the server before this one.
            Origin::Source(_) if connection.shown.is_some() => None,
            Origin::Source(from) => Some(Knock::new(Arc::clone(&house), Arc::clone(&connection), *from)),
        };
        Self { house, connection, knock, stay: None, gone: CancellationToken::new(), rooms: BTreeMap::new() }
    }

    /// The peer at the socket, where it is somebody here, or the server's own account: that may stop the server, whoever it is.
    fn account(&self) -> Option<Peer> {
        let Origin::Account { uid, name } = &self.connection.from else {
            return None;
        };
        let peer = Peer::Account { uid: *uid, name: name.clone() };
        (*uid == self.house.own_uid || self.house.person(&peer).is_some()).then_some(peer)
    }

    /// The peer whose console is passed on: judged afresh, as at every change of the site.
    fn passed_on(&self) -> Option<Peer> {
        let shown = self.connection.shown.clone()?;
        let world = self.house.engine.world().borrow().clone();
        let welcome = sign_in::judge(world.site.as_ref()?, &shown, self.house.engine.now()).ok()?;
        Some(Peer::Visitor(Arc::new(Visitor { shown, welcome })))
    }

    /// What a step at the network's door comes to.
    fn stepped(&mut self, step: Step) -> Auth {
        match step {
            Step::Answer(auth) => auth,
            Step::In(stay) => {
                self.stay = Some(stay);
                Auth::Accept
            }
        }
    }

    fn room(&mut self, channel: ChannelId) -> Option<&mut Room> {
        self.rooms.get_mut(&channel)
    }

    /// Opens the console on a channel; false where that cannot be.
    fn sit_down(&mut self, channel: ChannelId, session: &Session, acting_as: Option<String>, open: Opening) -> bool {
        let (house, connection) = (Arc::clone(&self.house), Arc::clone(&self.connection));
        let Some(peer) = connection.peer().cloned() else {
            return false;
        };
        let handle = session.handle();
        let Some(room) = self.room(channel).filter(|room| room.tty == Tty::Asked) else {
            return false;
        };
        let Some(writer) = room.writer.take() else {
            return false;
        };
        let (to, from) = mpsc::channel(EVENTS_WAITING_MAX);
        room.begun = Begun::Console(to);
        connection.does(Doing::Console);
        let sitting = Sitting { place: room.place.clone(), acting_as, open, from, channel, handle, writer, connection };
        let tasks = house.tasks.clone();
        let carried = guarded(session.handle(), channel, async move { console::hold(&house, peer, sitting).await });
        tasks.spawn(carried);
        true
    }

    /// Carries out a line of words on a channel; false where that cannot be.
    fn listen(&mut self, channel: ChannelId, session: &Session, line: &[u8]) -> bool {
        let understood = understand(line);
        let at_terminal = self.room(channel).is_some_and(|room| room.tty == Tty::Asked);
        if let Ok(Line { common, verb }) = &understood
            && at_terminal
            && let Some(open) = opens(verb.as_ref(), &self.connection.from)
        {
            let acting_as = common.acting_as.clone();
            return self.sit_down(channel, session, acting_as, open);
        }
        let (house, connection) = (Arc::clone(&self.house), Arc::clone(&self.connection));
        let Some(peer) = connection.peer().cloned() else {
            return false;
        };
        let (handle, gone) = (session.handle(), self.gone.child_token());
        let Some(room) = self.room(channel) else {
            return false;
        };
        let Some(writer) = room.writer.take() else {
            return false;
        };
        let (stdin, from) = mpsc::channel(EVENTS_WAITING_MAX);
        let reads = understood.as_ref().is_ok_and(|line| line.verb.as_ref().is_some_and(Verb::reads));
        room.begun = Begun::Verb { stdin: reads.then_some(stdin), cancel: gone.clone() };
        connection.does(Doing::Verb);
        let spoken = Spoken { understood, stdin: from, gone, channel, handle, writer, connection, at_terminal };
        let tasks = house.tasks.clone();
        let carried = guarded(session.handle(), channel, async move { exec::carry_out(&house, &peer, spoken).await });
        tasks.spawn(carried);
        true
    }
}

/// Carries what runs on a channel to its end. Where it breaks off, the far end hears so instead of waiting for ever.
pub(super) async fn guarded(handle: russh::server::Handle, channel: ChannelId, carried: impl Future<Output = ()>) {
    if AssertUnwindSafe(carried).catch_unwind().await.is_ok() {
        return;
    }
    tracing::error!(%channel, "what a channel carried broke off; the others go on");
    // Whoever hung up hears nothing.
    let _ = handle.extended_data(channel, STDERR, BROKE).await;
    let _ = handle.exit_status_request(channel, u32::from(Exit::TryAgain.code())).await;
    let _ = handle.eof(channel).await;
    let _ = handle.close(channel).await;
}

/// What the far end hears of a fault of ours. What it was stands in the log.
const BROKE: &str = "the server had an error of its own with this; it was recorded, and runs go on\n\
    next: look what became of it before you say it again\n";

/// Standard error, as SSH numbers it.
const STDERR: u32 = 1;

/// What a line means, quotes read as a shell reads them.
fn understand(line: &[u8]) -> Result<Line, verbs::Misunderstood> {
    let wrong = |text: &str| verbs::Misunderstood { text: text.to_owned(), exit: Exit::Usage, json: false };
    let text = std::str::from_utf8(line).map_err(|_| wrong("a line of words is UTF-8\n"))?;
    let words = shlex::split(text).ok_or_else(|| wrong("a quote is not closed\n"))?;
    verbs::parse(&words)
}

/// Whether these words open the console where a terminal is at the far end, and where it begins. From the network `run 42` is a
/// link to that run; at the socket our own client has no terminal with it, and it starts the run.
fn opens(verb: Option<&Verb>, from: &Origin) -> Option<Opening> {
    match (verb, from) {
        (None, _) => Some(Opening::Home),
        // Our own client has looked at the words already.
        (Some(Verb::Attach { open }), _) => Some(run_to_open(open).ok().flatten().map_or(Opening::Home, Opening::Run)),
        (Some(Verb::Wall), _) => Some(Opening::Wall),
        (Some(Verb::Run { run }), Origin::Source(_)) => Some(Opening::Run(*run)),
        (Some(_), _) => None,
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

impl Handler for Guest {
    type Error = russh::Error;

    async fn auth_none(&mut self, _: &str) -> Result<Auth, Self::Error> {
        if self.knock.is_some() {
            return Ok(Auth::reject());
        }
        let (here, now, most) = (&self.house.here, self.house.engine.now(), self.house.places().of_one_account());
        let entered =
            self.account().or_else(|| self.passed_on()).and_then(|peer| here.enter(&self.connection, peer, now, most));
        match entered {
            Some(stay) => {
                self.stay = Some(stay);
                Ok(Auth::Accept)
            }
            None => {
                tracing::warn!(from = ?self.connection.from, "an account that is nobody here was turned away");
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: russh::server::PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        match &mut self.knock {
            None => Ok(Auth::reject()),
            Some(knock) => knock.offered(user, offer.public_key, offer.algorithm),
        }
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: russh::server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let Some(knock) = &mut self.knock else {
            return Ok(Auth::reject());
        };
        let step = knock.key(user, key.public_key)?;
        Ok(self.stepped(step))
    }

    async fn auth_openssh_certificate(
        &mut self,
        user: &str,
        certificate: &russh::keys::Certificate,
    ) -> Result<Auth, Self::Error> {
        let Some(knock) = &mut self.knock else {
            return Ok(Auth::reject());
        };
        let step = knock.certificate(user, certificate)?;
        Ok(self.stepped(step))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<russh::server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(knock) = &mut self.knock else {
            return Ok(Auth::reject());
        };
        let step = knock.code(user, response).await?;
        Ok(self.stepped(step))
    }

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        let Origin::Account { uid, name } = &self.connection.from else {
            return Ok(None);
        };
        Ok(self.account().is_none().then(|| {
            let account = name.as_deref().unwrap_or("without a name");
            format!(
                "refused: the account {account} (uid {uid}) is nobody here (actor.unknown)\r\n\
                 next: ask the site's owner to add it to your entry in people.toml\r\n"
            )
        }))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.rooms.len() >= CHANNELS_MAX {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        // Only callbacks read: a reading half that is kept and not drained would freeze the connection.
        let id = channel.id();
        let (_, writer) = channel.split();
        let room = Room {
            writer: Some(writer),
            place: Place::new(80, 24),
            tty: Tty::None,
            variables: 0,
            begun: Begun::Nothing,
        };
        self.rooms.insert(id, room);
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let room = self.room(channel).filter(|room| room.tty == Tty::None && !room.has_begun());
        let taken = match room {
            Some(room) => {
                room.place.resize(columns, rows);
                room.place.tell("TERM", term);
                room.tty = Tty::Asked;
                true
            }
            None => false,
        };
        answer(session, channel, taken)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let room = self.room(channel).filter(|room| room.variables < VARIABLES_MAX && !room.has_begun());
        let taken = match room {
            Some(room) => {
                room.variables += 1;
                room.place.tell(name, value)
            }
            None => false,
        };
        answer(session, channel, taken)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        let free = self.room(channel).is_some_and(|room| !room.has_begun());
        let taken = free && self.sit_down(channel, session, None, Opening::Home);
        answer(session, channel, taken)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let free = self.room(channel).is_some_and(|room| !room.has_begun());
        let taken = free && line.len() <= LINE_BYTES_MAX && self.listen(channel, session, line);
        answer(session, channel, taken)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if let Some(room) = self.room(channel) {
            room.place.resize(columns, rows);
            let (columns, rows) = room.place.size();
            if let Begun::Console(to) = &room.begun {
                // A session that has ended needs no size.
                let _ = to.send(FromPeer::Resized(columns, rows)).await;
            }
        }
        answer(session, channel, true)
    }

    async fn signal(&mut self, channel: ChannelId, signal: Sig, session: &mut Session) -> Result<(), Self::Error> {
        let ends = matches!(signal, Sig::INT | Sig::TERM | Sig::HUP | Sig::KILL | Sig::QUIT | Sig::PIPE);
        if let Some(room) = self.room(channel).filter(|_| ends) {
            room.hang_up();
        }
        answer(session, channel, ends)
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _: &mut Session) -> Result<(), Self::Error> {
        self.house.here.heard(&self.connection, self.house.engine.now());
        let Some(room) = self.room(channel) else {
            return Ok(());
        };
        // A terminal at the far end sends the key; nobody else does. What a verb reads may hold such a byte.
        if room.tty == Tty::Asked && data.contains(&INTERRUPT) && matches!(room.begun, Begun::Verb { .. }) {
            room.hang_up();
            return Ok(());
        }
        let bytes = Bytes::copy_from_slice(data);
        // Both always read, or have ended; what nobody reads is let go.
        match &room.begun {
            Begun::Console(to) => drop(to.send(FromPeer::Bytes(bytes)).await),
            Begun::Verb { stdin: Some(to), .. } => drop(to.send(bytes).await),
            Begun::Verb { stdin: None, .. } | Begun::Nothing => {}
        }
        Ok(())
    }

    async fn extended_data(
        &mut self,
        channel: ChannelId,
        stream: u32,
        data: &[u8],
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(Room { begun: Begun::Console(to), .. }) = self.room(channel) else {
            return Ok(());
        };
        if let (SAVE_STREAM, Some(saved)) = (stream, console::saved(data)) {
            // A session that has ended needs no answer.
            let _ = to.send(FromPeer::Saved(saved)).await;
        }
        if let (SIGN_STREAM, Some(signed)) = (stream, console::signed(data)) {
            let _ = to.send(FromPeer::Signed(signed)).await;
        }
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(room) = self.room(channel) {
            match &mut room.begun {
                Begun::Console(_) => room.hang_up(),
                Begun::Verb { stdin, .. } => *stdin = None,
                Begun::Nothing => {}
            }
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(mut room) = self.rooms.remove(&channel) {
            room.hang_up();
        }
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        answer(session, channel, false)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        answer(session, channel, false)
    }
}

impl Room {
    fn has_begun(&self) -> bool {
        !matches!(self.begun, Begun::Nothing)
    }

    /// The far end is gone, or wants this to end.
    fn hang_up(&mut self) {
        if let Begun::Verb { cancel, .. } = &self.begun {
            cancel.cancel();
        }
        if let Begun::Console(_) = self.begun {
            // The session sees the end of its input.
            self.begun = Begun::Verb { stdin: None, cancel: CancellationToken::new() };
        }
    }
}

fn answer(session: &mut Session, channel: ChannelId, taken: bool) -> Result<(), russh::Error> {
    match taken {
        true => session.channel_success(channel),
        false => session.channel_failure(channel),
    }
}
