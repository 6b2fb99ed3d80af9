//! What a console wants done. Screens and overlays answer with [`Do`]; `update` carries out what is the console's own
//! and hands the rest to the session as [`Effect`].

use super::commands::PaletteAct;
use super::keymap::{Act, Place};
use super::msg::Tag;
use super::overlays::{Overlay, menu::Choice};
use super::screens::Screen;
use super::widgets::masked::Hidden;
use crate::domain::mention::On;
use crate::domain::plan::Proposal;
use crate::domain::presence::Selected;
use crate::domain::query::Fetch;
use crate::domain::{Ask, PersonId, Refusal, RunId, Seen};

/// Something only the session can do.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Submit an ask; `Msg::Submitted` answers. The session adds who, the engine when.
    Submit {
        /// Ties the answer to it.
        tag: Tag,
        /// What the person had looked at.
        seen: Seen,
        /// What for.
        ask: Ask,
    },
    /// Submit an ask with what shows that its person is themselves; `Msg::Submitted` answers. The digits stand in no ask, because
    /// asks are recorded; the signature is made at the person's side.
    SubmitWith {
        /// Ties the answer to it.
        tag: Tag,
        /// What the person had looked at.
        seen: Seen,
        /// What for.
        ask: Ask,
        /// What goes with it.
        with: With,
    },
    /// Give a run the value of one of its `prompt:` secrets; `Msg::Submitted` answers. The value stands in no ask,
    /// because asks are recorded.
    GiveSecret {
        /// Ties the answer to it.
        tag: Tag,
        /// The run.
        run: RunId,
        /// The secret's name.
        name: String,
        /// What was typed.
        value: Hidden,
    },
    /// Ask a question; `Msg::Fetched` answers.
    Fetch {
        /// Ties the answer to it.
        tag: Tag,
        /// The question.
        fetch: Fetch,
    },
    /// Send what this run prints from now on as `Msg::Tail`; replaces the run followed before.
    Follow(RunId),
    /// Send no more.
    Unfollow,
    /// Put our own text into the terminal's clipboard (OSC 52).
    Copy(String),
    /// Write a text to a file of the person's choice; `Msg::Saved` answers.
    SaveText {
        /// The file's name as typed.
        name: String,
        /// The text.
        text: String,
    },
    /// Who gets the mouse.
    SetMouse(super::MouseOwner),
    /// Ring the terminal's bell once: something new waits for the person.
    Ring,
    /// Keep an unfinished form.
    SaveDraft(Proposal),
    /// Forget the unfinished form for this runbook and workspace.
    DropDraft(Proposal),
    /// Keep a form under a name.
    SavePreset {
        /// Its name.
        name: String,
        /// The form.
        proposal: Proposal,
    },
    /// Sign in afresh as somebody else, where the site says `allow_as`.
    SignInAs(PersonId),
    /// Read the site's files again; `Msg::SiteLoaded` answers.
    LoadSite,
    /// Leave. Runs go on.
    Quit,
}

/// What goes with an ask beside its words.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct With {
    /// Six digits of the person's second factor.
    pub code: Option<Hidden>,
    /// Whether the person's own SSH key is to sign it.
    pub sign: bool,
}

/// Something a screen or overlay wants done.
#[derive(Debug)]
pub enum Do {
    /// Open a screen over this one.
    Push(Box<Screen>),
    /// Open a screen instead of this one.
    Swap(Box<Screen>),
    /// Back to the screen before.
    Back,
    /// To a numbered screen.
    Go(Place),
    /// Open an overlay, instead of the one that is open.
    Over(Box<Overlay>),
    /// Close the overlay.
    Shut,
    /// Submit an ask; `said` is what the notice says when it was accepted.
    Submit {
        /// What the person had looked at.
        seen: Seen,
        /// What for.
        ask: Ask,
        /// Past participle for the notice: "approved".
        said: &'static str,
    },
    /// The same with what shows that its person is themselves.
    SubmitWith {
        /// What the person had looked at.
        seen: Seen,
        /// What for.
        ask: Ask,
        /// What goes with it.
        with: With,
        /// Past participle for the notice.
        said: &'static str,
    },
    /// Give a run the value of one of its `prompt:` secrets.
    GiveSecret {
        /// The run.
        run: RunId,
        /// The secret's name.
        name: String,
        /// What was typed.
        value: Hidden,
    },
    /// Ask a question; the answer comes to `Face::fetched` with the same `want`. An earlier question of the same
    /// `want` is forgotten.
    Fetch(Want, Fetch),
    /// The line being typed over this screen changed or ended: comes to `Face::line`.
    Typed(Stage, String),
    /// A row of a menu was chosen: comes to `Face::picked`.
    Picked(Choice),
    /// A command that only the screen can carry out: comes to `Face::palette`.
    Palette(PaletteAct),
    /// As if the key of this act had been pressed.
    Act(Act),
    /// Go where this person goes, until a key is pressed.
    Follow(PersonId),
    /// Select this on the screen on top.
    Select(Selected),
    /// The person has looked at what notes name them on.
    See(On),
    /// Say something in the row above the footer.
    Say(String),
    /// Say no, as the engine would.
    Refuse(Refusal),
    /// Something only the session can do.
    Effect(Effect),
    /// Read the site's files again.
    LoadSite,
    /// Take a theme by name.
    Theme(String),
    /// Give the mouse to the other one.
    ToggleMouse,
    /// Let the terminal's bell be heard, or silence it.
    ToggleBell,
}

/// Where the typing of a line stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// A character came or went.
    Typing,
    /// The person took it.
    Taken,
    /// The person left it.
    Left,
}

/// What a screen's question is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Want {
    /// The rows of a list.
    Rows,
    /// More rows of a list.
    MoreRows,
    /// A run.
    Run,
    /// The run it is compared with.
    Compared,
    /// Lines of a log.
    Log,
    /// Hits of a search in a log.
    Hits,
    /// Presets.
    Presets,
    /// Drafts.
    Drafts,
    /// Secrets nobody has typed yet, to type them.
    Secrets,
    /// Secrets nobody has typed yet, to start once there are none.
    Start,
}

/// Opens a screen.
pub fn push(screen: Screen) -> Do {
    Do::Push(Box::new(screen))
}

/// Opens an overlay.
pub fn over(overlay: Overlay) -> Do {
    Do::Over(Box::new(overlay))
}
