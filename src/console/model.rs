//! One session's state. What is true for everybody is in `World`; what one person looks at is here.

use super::bell::{Bell, LOOK_MS};
use super::effect::Want;
use super::facts::{Board, LastBoard};
use super::layout::{Areas, areas};
use super::msg::Tag;
use super::overlays::Overlay;
use super::screens::{Screen, home::Home, wall};
use super::theme::Theme;
use super::widgets::paint::Charset;
use crate::domain::presence::{Presence, Seat, Spot};
use crate::domain::{PersonId, Refusal, Timestamp, World};
use crate::terminal::line::Safe;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A question unanswered for longer than this is spoken of on screen; sooner it would only flicker.
pub const LOADING_AFTER_MS: u64 = 300;

/// How long a notice stays, unless another replaces it.
pub const NOTICE_MS: u64 = 10_000;

/// Screens opened over each other, at most; the oldest above the first is forgotten. Nobody walks back further.
pub const STACK_MAX: usize = 16;

/// One session.
pub struct Console {
    /// Who looks, from where, with what.
    pub here: Here,
    pub(super) stack: Vec<Shown>,
    pub(super) overlay: Option<Overlay>,
    pub(super) asked: BTreeMap<Tag, Asked>,
    pub(super) submitted: BTreeMap<Tag, Pending>,
    pub(super) notice: Option<Notice>,
    pub(super) refusal: Option<Refusal>,
    pub(super) themes: Vec<Theme>,
    pub(super) hint: Option<Hint>,
    pub(super) next: u64,
    pub(super) bell: Bell,
    /// The seat this console was last led to, while it follows somebody.
    pub(super) led_to: Option<Seat>,
    /// When Home came into sight last.
    pub(super) came_home: Timestamp,
}

/// Who looks, from where, with what: what every part of the console may read.
#[derive(Clone, Debug)]
pub struct Here {
    /// Who.
    pub me: Me,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The present moment, as the last message told it.
    pub now: Timestamp,
    /// The zone times are shown in.
    pub zone: TimeZone,
    /// Colours and characters.
    pub look: Look,
    /// Whether the server is reached.
    pub link: Link,
    /// Who gets the mouse.
    pub mouse: MouseOwner,
    /// How much waits for this person's word.
    pub waiting: usize,
    /// How many notes name this person that they have not seen.
    pub named: usize,
    /// Whom this person follows: until a key is pressed, their console goes where that one goes.
    pub follows: Option<PersonId>,
    /// Whether the terminal's bell is heard when something new does.
    pub rings: bool,
    /// Since when nothing lies over the screen on top: what an overlay hides is not read.
    pub uncovered: Timestamp,
    /// Who is at a console.
    pub present: Presence,
    /// What the world means for whoever looks.
    pub board: LastBoard,
}

/// Who looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Me {
    /// The person whose acts these are.
    pub person: PersonId,
    /// How that came about.
    pub badge: Badge,
}

/// What stands beside the person's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Badge {
    /// Nothing: the person is the one who signed in.
    #[default]
    None,
    /// Somebody else acts as this person, because the site allows it; recorded as such.
    ActingAs,
    /// The session may look and not act.
    ReadOnly,
}

/// Colours and characters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// Colours by meaning.
    pub theme: Theme,
    /// Whether more than ASCII is drawn.
    pub charset: Charset,
}

/// Whether the server is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Link {
    /// It is.
    #[default]
    Up,
    /// Not since this moment; what is shown is as old.
    Lost(Timestamp),
}

/// Who gets the mouse.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MouseOwner {
    /// The console: wheel and clicks.
    #[default]
    Console,
    /// The terminal: its own selection works.
    Terminal,
}

/// What a console begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// Who.
    pub me: Me,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The present moment.
    pub now: Timestamp,
    /// The zone times are shown in.
    pub zone: TimeZone,
    /// Themes there are, already fitted to the terminal's colours; the first is used until the site names another.
    pub themes: Vec<Theme>,
    /// Whether more than ASCII is drawn.
    pub charset: Charset,
    /// What to say about this place, once at the beginning and in help at any time.
    pub hint: Option<Hint>,
}

/// What a server says about itself through its consoles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    /// The first notice.
    pub notice: String,
    /// The first words of help.
    pub help: String,
}

/// A screen on the stack.
#[derive(Debug)]
pub(super) struct Shown {
    pub uid: u64,
    pub screen: Screen,
}

/// An unanswered question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub uid: u64,
    pub want: Want,
    pub since: Timestamp,
}

/// An ask on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub uid: u64,
    /// What is told once it was accepted; nothing of what was asked beside what the person did.
    pub said: Option<&'static str>,
}

/// What the row above the footer says for a while.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub text: Safe,
    pub tone: Tone,
    pub at: Timestamp,
}

/// What a notice is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Said,
    Refused,
}

/// What a screen sees of everything else.
#[derive(Clone, Copy)]
pub struct Cx<'a> {
    /// What is true for everybody.
    pub world: &'a World,
    /// Who looks, from where.
    pub here: &'a Here,
    /// The part of the screen it draws in.
    pub areas: Areas,
    pub(super) asked: &'a BTreeMap<Tag, Asked>,
    pub(super) uid: u64,
}

impl Cx<'_> {
    /// Who looks.
    pub fn me(&self) -> &PersonId {
        &self.here.me.person
    }

    /// What the world means for whoever looks.
    pub fn board(&self) -> Arc<Board> {
        self.here.board.of(self.world, self.me())
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.here.now
    }

    /// How long this screen has waited for an answer, in milliseconds; `None` where it waits for none.
    pub fn waiting(&self, want: Want) -> Option<u64> {
        let asked = self.asked.values().find(|asked| asked.uid == self.uid && asked.want == want)?;
        Some(self.here.now.ms_since(asked.since))
    }
}

impl Console {
    /// A console that shows Home.
    pub fn new(start: Start) -> Self {
        let theme = start.themes.first().cloned().unwrap_or_default();
        Self {
            here: Here {
                me: start.me,
                size: start.size,
                now: start.now,
                zone: start.zone,
                look: Look { theme, charset: start.charset },
                link: Link::Up,
                mouse: MouseOwner::Console,
                waiting: 0,
                named: 0,
                follows: None,
                rings: true,
                uncovered: start.now,
                present: Presence::default(),
                board: LastBoard::default(),
            },
            stack: vec![Shown { uid: 0, screen: Screen::Home(Home::default()) }],
            overlay: None,
            asked: BTreeMap::new(),
            submitted: BTreeMap::new(),
            notice: start.hint.as_ref().map(|hint| Notice {
                text: Safe::new(&hint.notice),
                tone: Tone::Said,
                at: start.now,
            }),
            refusal: None,
            themes: start.themes,
            hint: start.hint,
            next: 1,
            bell: Bell::default(),
            led_to: None,
            came_home: Timestamp(i64::MIN / 2),
        }
    }

    /// Where the person looks, for others.
    pub fn spot(&self) -> Spot {
        self.stack.last().map_or(Spot::Home, |shown| shown.screen.spot())
    }

    /// Shows the wall and nothing else from now on: no notice, no bell, no count of what waits for whoever set it up.
    pub(super) fn becomes_wall(&mut self) {
        self.stack = vec![Shown { uid: 0, screen: Screen::Wall(wall::Wall) }];
        self.overlay = None;
        self.notice = None;
        self.here.rings = false;
    }

    /// Whether this is a screen in a room. Nothing opens over a wall, so it stays one.
    pub(super) fn is_wall(&self) -> bool {
        matches!(self.stack.first(), Some(Shown { screen: Screen::Wall(_), .. }))
    }

    /// Takes the theme of this name, where there is one.
    pub fn use_theme(&mut self, name: &str) -> bool {
        match self.themes.iter().find(|theme| theme.name() == name) {
            Some(theme) => {
                self.here.look.theme = theme.clone();
                true
            }
            None => false,
        }
    }

    /// The earliest moment at which the frame changes by the clock alone: a session need not wake sooner.
    pub fn next_tick(&self, world: &World) -> Timestamp {
        let moving = super::facts::something_moves(world, &self.here.me.person)
            || self.here.link != Link::Up
            || self.notice.is_some();
        let step = match (self.asked.is_empty(), moving) {
            (false, _) => LOADING_AFTER_MS,
            (true, true) => 1_000,
            (true, false) => 60_000,
        };
        let step = if self.is_wall() { step.min(wall::TURN_MS) } else { step };
        let step = if self.bell.is_stale() { step.min(LOOK_MS) } else { step };
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        Timestamp((self.here.now.0.div_euclid(step) + 1) * step)
    }

    pub(super) fn cx<'a>(&'a self, world: &'a World, shown: &Shown) -> Option<Cx<'a>> {
        let areas = areas(self.here.size)?;
        Some(Cx { world, here: &self.here, areas, asked: &self.asked, uid: shown.uid })
    }
}
