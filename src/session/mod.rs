//! One person at one terminal: bytes in become keys, keys become asks, what is true becomes frames.
//!
//! Reading order: [`Place`] (what the person sits at), [`Visit`] (who, and with which rights), [`run`], then `work` (what a
//! console wants done; `signing` for what needs the person's own key), `follow` (lines of a run as they come), `wire` (bytes out).
//!
//! Invariants: input is always read, also while the terminal takes no output; a frame is drawn only when all bytes before it
//! are gone, so a slow terminal sees fewer frames and never a torn one; a panic in here ends this session and no other, and its
//! text reaches the log and never the person. Deliberately absent: the socket, who may come in, and every rule.

mod follow;
mod place;
#[cfg(test)]
mod quiet;
mod shared;
mod signing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unseen;
mod welcome;
mod wire;
mod work;

/// What a server may say through its consoles.
pub use crate::console::Hint;
pub use crate::terminal::guard::DUMB;
pub use place::{COLUMNS, MARK_BYTES_MAX, Place, ROWS, SIGNING_FORM, Variable};
pub use shared::Shared;
pub use signing::ToSign;
pub use welcome::may_enter;

use crate::console::{self, Badge, Charset, Console, Depth, Me, Msg, Theme, update, view};
use crate::domain::presence::{Presence, Seat};
use crate::domain::serving::Serving;
use crate::domain::{Actor, Door, PersonId, RunId, World};
use crate::engine::Handle;
use crate::terminal::bytes::{self as terminal, Colours, MouseCapture, Painter};
use crate::terminal::key::Decoder;
use bytes::Bytes;
use follow::Follow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use welcome::is_welcome;
use wire::Outbox;
use work::Done;

/// Messages between server and session that wait. A session always reads, so this is a burst and not a store.
pub const EVENTS_WAITING_MAX: usize = 64;

/// Who visits, and with which rights.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Whose acts these are, and through which door.
    pub actor: Actor,
    /// The peer's account on this machine, where it has one: whoever is no longer mapped to the person is shown out.
    pub account: String,
    /// Cancelled once whoever is here has to go, whatever the site says of them.
    pub out: CancellationToken,
    /// What the person sits at.
    pub place: Place,
    /// Themes: name and colours by part, the first is the one to begin with.
    pub themes: Vec<ThemeColours>,
    /// Where it begins.
    pub open: Opening,
    /// What a console says about the place it stands at.
    pub hint: Option<Hint>,
    /// Where texts that the person saves go; `None`: this terminal takes no files.
    pub files: Option<mpsc::Sender<SavedText>>,
    /// Where goes what the person's own key is to sign; `None`: this terminal signs nothing.
    pub signer: Option<mpsc::Sender<ToSign>>,
    /// Where it is told what opens this place again, where the terminal remembers it.
    pub marks: Option<watch::Sender<String>>,
    /// Where it is told where the person looks, and whom they follow.
    pub looks: watch::Sender<Seat>,
    /// Who else is here, as it changes.
    pub present: watch::Receiver<Presence>,
    /// What all sessions of the server share.
    pub shared: Arc<Shared>,
}

/// Where a visit begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Opening {
    /// At Home.
    #[default]
    Home,
    /// At this run.
    Run(RunId),
    /// At the screen for a room, and it stays there.
    Wall,
}

/// A theme as its file says: colours by part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThemeColours {
    /// Its name.
    pub name: String,
    /// `#rrggbb` or a name, by part.
    pub colours: BTreeMap<String, String>,
}

/// A text the person wants on their own disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SavedText {
    /// The file's name as typed.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What comes from the person's side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FromPeer {
    /// Typed bytes.
    Bytes(Bytes),
    /// The terminal has so many columns and rows now.
    Resized(u16, u16),
    /// A text was saved (where), or could not be (why).
    Saved(Result<String, String>),
    /// Something was signed (the signature, armoured), or was not (why).
    Signed(Result<String, String>),
}

/// How a visit ended. Where there still is a terminal, it has been given back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// The person left.
    Left,
    /// The terminal went away.
    HungUp,
    /// The person signs in afresh as somebody else.
    SignInAs(PersonId),
    /// The person is no longer known, or no longer by this account or key, or somebody ended the session.
    ShownOut,
    /// The server stops.
    Stopped,
    /// Another server goes on, and so does this console there: the terminal is left as it is, and the place knows where the person was.
    HandedOver,
    /// The session broke; the log says how.
    Broke,
}

/// One visit, from the first frame to the last. The place is told when it has another size.
pub async fn run(
    visit: &mut Visit,
    engine: &Handle,
    from: &mut mpsc::Receiver<FromPeer>,
    wire: &mut (impl AsyncWrite + Unpin + Send),
) -> End {
    let Some(person) = visit.actor.person().cloned() else {
        return End::ShownOut;
    };
    let mut session = Session::new(visit, engine, person);
    let end = session.live(from, wire).await;
    if end == End::HandedOver {
        session.mark();
        return end;
    }
    if end == End::HungUp {
        return end;
    }
    session.out.push(&terminal::leave(session.visit.place.capability()));
    // A terminal that takes nothing any more is not waited for longer than a person would.
    let flushed = tokio::time::timeout(LAST_BYTES_WAIT, session.out.flush(wire)).await;
    match flushed {
        Ok(Ok(())) => end,
        Ok(Err(_)) | Err(_) => End::HungUp,
    }
}

/// How long the last bytes of a session may take.
const LAST_BYTES_WAIT: Duration = Duration::from_secs(5);

struct Session<'a> {
    visit: &'a mut Visit,
    engine: &'a Handle,
    console: Console,
    world: Arc<World>,
    painter: Painter,
    decoder: Decoder,
    /// Counts monotonic time for the decoder.
    begun: Instant,
    out: Outbox,
    tasks: JoinSet<Done>,
    follow: Option<Follow>,
    /// What waits for the person's signature.
    unsigned: Option<signing::Unsigned>,
    frame: FrameDue,
    /// Whether a test asked that the next frame breaks.
    fault: bool,
    end: Option<End>,
}

/// Whether a frame is due, and when its turn is.
#[derive(Clone, Copy, Debug)]
struct FrameDue {
    wanted: Wanted,
    turn: Instant,
}

/// How much a frame is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Wanted {
    /// Nothing has changed.
    No,
    /// Something has changed; together with what changes a moment later it is one frame.
    Soon,
    /// Somebody pressed a key and looks.
    Now,
}

/// What woke the session.
enum Woken {
    Peer(Option<FromPeer>),
    World(Result<(), watch::error::RecvError>),
    Present,
    Grown,
    Done(Option<Result<Done, tokio::task::JoinError>>),
    Timer,
    Wrote(std::io::Result<()>),
    Stopping,
    Out,
}

impl<'a> Session<'a> {
    fn new(visit: &'a mut Visit, engine: &'a Handle, person: PersonId) -> Self {
        let (capability, now) = (visit.place.capability(), Instant::now());
        let (columns, rows) = visit.place.size();
        let badge = match &visit.actor {
            Actor::Person { door: Door::As { .. }, .. } => Badge::ActingAs,
            Actor::Person { door: Door::Socket { .. } | Door::Ssh { .. } | Door::Hook { .. }, .. } | Actor::Engine => {
                Badge::None
            }
        };
        let console = Console::new(console::Start {
            me: Me { person, badge },
            size: (columns, rows),
            now: engine.now(),
            zone: visit.place.zone(),
            hint: visit.hint.clone(),
            themes: themes(&visit.themes, capability.colours),
            charset: match capability.charset {
                terminal::Charset::Unicode => Charset::Unicode,
                terminal::Charset::Ascii => Charset::Ascii,
            },
        });
        let mut out = Outbox::default();
        out.push(&terminal::enter(capability, MouseCapture::On));
        Self {
            visit,
            engine,
            console,
            world: Arc::clone(&engine.world().borrow()),
            painter: Painter::new(columns, rows, capability),
            decoder: Decoder::new(),
            begun: now,
            out,
            tasks: JoinSet::new(),
            follow: None,
            unsigned: None,
            frame: FrameDue { wanted: Wanted::Soon, turn: now },
            fault: false,
            end: None,
        }
    }

    async fn live(&mut self, from: &mut mpsc::Receiver<FromPeer>, wire: &mut (impl AsyncWrite + Unpin + Send)) -> End {
        let mut worlds = self.engine.world();
        let (out, mut present) = (self.visit.out.clone(), self.visit.present.clone());
        let marked = self.visit.place.take_bookmark();
        if self.visit.open == Opening::Wall {
            self.tell(Msg::Wall);
        }
        self.tell(Msg::World);
        self.tell(Msg::Present(Presence::clone(&present.borrow_and_update())));
        match marked {
            Some(mark) => self.tell(Msg::Reopen(mark)),
            None => {
                if let Opening::Run(run) = self.visit.open {
                    self.tell(Msg::Open(run));
                }
            }
        }
        self.mark();
        loop {
            self.draw();
            if let Some(end) = self.end.take() {
                return end;
            }
            let timer = self.next_timer();
            // What only others do is not looked at more often than it can be shown.
            let rested = self.is_rested();
            let woken = tokio::select! {
                event = from.recv() => Woken::Peer(event),
                changed = worlds.changed() => Woken::World(changed),
                () = others_moved(&mut present), if rested => Woken::Present,
                () = grown(&mut self.follow), if rested => Woken::Grown,
                done = self.tasks.join_next(), if !self.tasks.is_empty() => Woken::Done(done),
                wrote = self.out.write(wire), if !self.out.is_empty() => Woken::Wrote(wrote),
                () = tokio::time::sleep_until(timer) => Woken::Timer,
                () = self.engine.ended() => Woken::Stopping,
                () = out.cancelled() => Woken::Out,
            };
            self.take(woken, &mut worlds, &mut present);
            // All that has come is taken before anything is drawn.
            while self.end.is_none() {
                match from.try_recv() {
                    Ok(event) => self.take(Woken::Peer(Some(event)), &mut worlds, &mut present),
                    Err(_) => break,
                }
            }
        }
    }

    fn take(
        &mut self,
        woken: Woken,
        worlds: &mut watch::Receiver<Arc<World>>,
        present: &mut watch::Receiver<Presence>,
    ) {
        match woken {
            Woken::Peer(Some(FromPeer::Bytes(typed))) => {
                // A key acts on who is here now, not on who was here at the last turn to draw.
                if present.has_changed().unwrap_or(false) {
                    self.meet(present);
                }
                let inputs = self.decoder.feed(&typed, self.begun.elapsed());
                self.inputs(inputs);
            }
            Woken::Peer(Some(FromPeer::Resized(columns, rows))) => {
                self.visit.place.resize(columns.into(), rows.into());
                let (columns, rows) = self.visit.place.size();
                self.painter.resize(columns, rows);
                self.tell(Msg::Resize(columns, rows));
            }
            Woken::Peer(Some(FromPeer::Signed(result))) => self.signed(result),
            Woken::Peer(Some(FromPeer::Saved(result))) => self.tell(Msg::Saved(result)),
            Woken::Peer(None) | Woken::Wrote(Err(_)) => self.end = Some(End::HungUp),
            Woken::World(Ok(())) => self.see(worlds),
            Woken::Present => self.meet(present),
            Woken::World(Err(_)) | Woken::Stopping => self.end = Some(self.stopped()),
            Woken::Out => self.end = Some(End::ShownOut),
            Woken::Grown => self.ask_for_lines(),
            Woken::Done(Some(Ok(done))) => {
                // What was decided is published before it is answered: nobody opens a run that they do not see yet.
                if worlds.has_changed().unwrap_or(false) {
                    self.see(worlds);
                }
                self.done(done);
            }
            // A task that broke off was an answer; the console asks again when somebody looks again.
            Woken::Done(Some(Err(error))) => tracing::error!(%error, "a session's task broke off"),
            Woken::Done(None) | Woken::Wrote(Ok(())) => {}
            Woken::Timer => {
                let inputs = self.decoder.tick(self.begun.elapsed());
                self.inputs(inputs);
                let now = self.engine.now();
                if now >= self.console.next_tick(&self.world) {
                    self.tell(Msg::Tick(now));
                }
            }
        }
    }

    fn meet(&mut self, present: &mut watch::Receiver<Presence>) {
        let present = Presence::clone(&present.borrow_and_update());
        self.tell(Msg::Present(present));
    }

    fn see(&mut self, worlds: &mut watch::Receiver<Arc<World>>) {
        self.world = Arc::clone(&worlds.borrow_and_update());
        if !is_welcome(&self.world, self.visit) {
            self.end = Some(End::ShownOut);
        }
        self.tell(Msg::World);
    }

    /// How this ends where the engine does.
    fn stopped(&self) -> End {
        match self.engine.world().borrow().serving {
            Serving::HandedOver => End::HandedOver,
            Serving::Usual | Serving::Draining { .. } => End::Stopped,
        }
    }

    /// Keeps where the person is, for the day this console opens again.
    fn mark(&mut self) {
        let Some(mark) = self.console.bookmark().and_then(|mark| mark.written()) else { return };
        self.visit.place.remember(&mark);
        if let Some(marks) = &self.visit.marks {
            marks.send_if_modified(|known| std::mem::replace(known, mark.clone()) != mark);
        }
    }

    fn inputs(&mut self, inputs: Vec<crate::terminal::key::Input>) {
        for input in inputs {
            self.fault = self.visit.place.faults();
            let now = self.engine.now();
            self.tell(Msg::Input(now, input));
            self.frame.wanted = Wanted::Now;
        }
        self.mark();
    }

    /// Hands a message to the console and carries out what it wants.
    fn tell(&mut self, msg: Msg) {
        if self.end.is_some() {
            return;
        }
        let (console, world) = (&mut self.console, &self.world);
        // The console is not looked at again after a panic, so no half-made change of it is ever seen.
        let wanted = catch_unwind(AssertUnwindSafe(|| update(console, world, msg)));
        self.frame.wanted = self.frame.wanted.max(Wanted::Soon);
        match wanted {
            Ok(effects) => {
                let sits = self.console.seat(&self.world);
                self.visit.looks.send_if_modified(|seat| std::mem::replace(seat, sits) != *seat);
                for effect in effects {
                    self.carry_out(effect);
                }
            }
            Err(_) => self.broke("update"),
        }
    }

    fn draw(&mut self) {
        let now = Instant::now();
        let waits = match self.frame.wanted {
            Wanted::No => true,
            Wanted::Soon => now < self.frame.turn,
            Wanted::Now => false,
        };
        if waits || !self.out.is_empty() || self.end.is_some() {
            return;
        }
        let (console, world, painter) = (&self.console, &self.world, &mut self.painter);
        let fault = self.fault;
        #[expect(clippy::panic, reason = "a test asks to see what a panic in drawing does")]
        let drawn = catch_unwind(AssertUnwindSafe(|| {
            painter.draw(|frame| {
                view(console, world, frame);
                if fault {
                    std::panic::panic_any("asked for by a test");
                }
            })
        }));
        let turn = self.visit.shared.next_turn(now, now.elapsed());
        self.frame = FrameDue { wanted: Wanted::No, turn };
        match drawn {
            Ok(frame) => self.out.push_frame(frame),
            Err(_) => self.broke("view"),
        }
    }

    fn broke(&mut self, place: &str) {
        tracing::error!(place, person = ?self.visit.actor.person(), "a session broke; the others go on");
        self.end = Some(End::Broke);
    }

    /// The earliest moment something is due that nobody will wake us for.
    fn next_timer(&self) -> Instant {
        let tick = self.console.next_tick(&self.world).ms_since(self.engine.now()).min(TICK_MS);
        let mut at = Instant::now() + Duration::from_millis(tick.max(1));
        if let Some(deadline) = self.decoder.deadline() {
            at = at.min(self.begun + deadline);
        }
        let waits = match self.frame.wanted {
            Wanted::No => !self.is_rested(),
            Wanted::Soon | Wanted::Now => true,
        };
        if waits && self.out.is_empty() {
            at = at.min(self.frame.turn);
        }
        at
    }

    /// Whether it is this session's turn to draw, and the wire has room.
    fn is_rested(&self) -> bool {
        self.out.is_empty() && Instant::now() >= self.frame.turn
    }
}

/// The longest a session sleeps: the clock in its header shows minutes.
const TICK_MS: u64 = 60_000;

/// Waits until the followed run prints; for ever where none is followed or an answer is still on its way.
async fn grown(follow: &mut Option<Follow>) {
    match follow {
        Some(follow) => follow.grown().await,
        None => std::future::pending().await,
    }
}

/// Waits until somebody comes, leaves or looks elsewhere; for ever where nobody tells any more.
async fn others_moved(present: &mut watch::Receiver<Presence>) {
    if present.changed().await.is_err() {
        std::future::pending().await
    }
}

fn themes(given: &[ThemeColours], colours: Colours) -> Vec<Theme> {
    let depth = match colours {
        Colours::None => Depth::Mono,
        Colours::Ansi16 => Depth::Sixteen,
        Colours::Indexed256 => Depth::Indexed,
        Colours::True => Depth::True,
    };
    let mut themes: Vec<Theme> = Vec::new();
    for theme in given {
        match Theme::from_roles(&theme.name, &theme.colours) {
            Ok(made) => themes.push(made.at(depth)),
            Err(error) => tracing::warn!(theme = theme.name, %error, "a theme cannot be used"),
        }
    }
    if themes.is_empty() {
        themes.push(Theme::mono());
    }
    themes
}
