//! The screens. Each is a file that owns its state and answers to [`Face`]; none knows a key, a style or another
//! session.

pub mod approval;
pub mod approvals;
pub mod audit;
pub mod follow_ups;
mod held;
pub mod history;
pub mod home;
pub mod host_keys;
pub mod listing;
pub mod live;
pub mod past;
pub mod proof;
pub mod propose;
pub mod runbooks;
pub mod runs;
pub mod site_change;
pub mod wall;
pub mod week;

use super::bookmark::Kept;
use super::commands::PaletteAct;
use super::effect::{Do, Stage, Want};
use super::footer::Foot;
use super::keymap::{Act, Place, Scope};
use super::model::Cx;
use super::msg::{Answer, LogRow};
use super::overlays::{menu::Choice, sheet::Sheet};
use super::widgets::paint::Paint;
use super::widgets::piece::Piece;
use crate::domain::presence::{Selected, Spot};
use crate::domain::{Receipt, Refusal, RunId};
use crate::terminal::key::Input;
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

/// A screen and its state.
#[derive(Debug)]
pub enum Screen {
    /// What is wrong, what waits.
    Home(home::Home),
    /// Runbooks, and one of them in full.
    Runbooks(runbooks::Runbooks),
    /// The form of a proposal.
    Propose(Box<propose::Propose>),
    /// Open runs.
    Runs(runs::Runs),
    /// Requests for approval.
    Approvals(approvals::Approvals),
    /// One request.
    Approval(approval::Approval),
    /// One open run.
    Live(Box<live::Live>),
    /// Past runs.
    History(history::History),
    /// One past run.
    Past(Box<past::Past>),
    /// Events.
    Audit(audit::Audit),
    /// A change to the site that waits for a second person.
    SiteChange(site_change::SiteChange),
    /// What hosts show for themselves.
    HostKeys(host_keys::HostKeys),
    /// What is left to do.
    FollowUps(follow_ups::FollowUps),
    /// What deviates.
    Week(week::WeekScreen),
    /// A report out of the record.
    Proof(proof::Proof),
    /// One screen for a room.
    Wall(wall::Wall),
}

impl Screen {
    /// Where somebody is who looks at it.
    pub fn spot(&self) -> Spot {
        match self {
            Screen::Home(_) => Spot::Home,
            Screen::Runbooks(_) => Spot::Runbooks,
            Screen::Propose(_) => Spot::Form,
            Screen::Runs(_) => Spot::Runs,
            Screen::Approvals(_) => Spot::Approvals,
            Screen::Approval(request) => Spot::Request(request.run),
            Screen::Live(live) => Spot::Run(live.run),
            Screen::History(_) => Spot::History,
            Screen::Past(past) => Spot::Past(past.run),
            Screen::Audit(_) | Screen::Proof(_) => Spot::Record,
            Screen::SiteChange(_) | Screen::HostKeys(_) => Spot::Site,
            Screen::FollowUps(_) | Screen::Week(_) => Spot::Week,
            Screen::Wall(_) => Spot::Wall,
        }
    }

    /// The screen behind a number key.
    pub fn of(place: Place) -> Screen {
        match place {
            Place::Home => Screen::Home(home::Home::default()),
            Place::Runbooks => Screen::Runbooks(runbooks::Runbooks::default()),
            Place::Runs => Screen::Runs(runs::Runs::default()),
            Place::Approvals => Screen::Approvals(approvals::Approvals::default()),
            Place::History => Screen::History(history::History::default()),
            Place::Audit => Screen::Audit(audit::Audit::default()),
        }
    }

    /// What it answers with.
    pub fn face(&self) -> &dyn Face {
        match self {
            Screen::Home(screen) => screen,
            Screen::Runbooks(screen) => screen,
            Screen::Propose(screen) => screen.as_ref(),
            Screen::Runs(screen) => screen,
            Screen::Approvals(screen) => screen,
            Screen::Approval(screen) => screen,
            Screen::Live(screen) => screen.as_ref(),
            Screen::History(screen) => screen,
            Screen::Past(screen) => screen.as_ref(),
            Screen::Audit(screen) => screen,
            Screen::SiteChange(screen) => screen,
            Screen::HostKeys(screen) => screen,
            Screen::FollowUps(screen) => screen,
            Screen::Week(screen) => screen,
            Screen::Proof(screen) => screen,
            Screen::Wall(screen) => screen,
        }
    }

    /// As [`Screen::face`], to change it.
    pub fn face_mut(&mut self) -> &mut dyn Face {
        match self {
            Screen::Home(screen) => screen,
            Screen::Runbooks(screen) => screen,
            Screen::Propose(screen) => screen.as_mut(),
            Screen::Runs(screen) => screen,
            Screen::Approvals(screen) => screen,
            Screen::Approval(screen) => screen,
            Screen::Live(screen) => screen.as_mut(),
            Screen::History(screen) => screen,
            Screen::Past(screen) => screen.as_mut(),
            Screen::Audit(screen) => screen,
            Screen::SiteChange(screen) => screen,
            Screen::HostKeys(screen) => screen,
            Screen::FollowUps(screen) => screen,
            Screen::Week(screen) => screen,
            Screen::Proof(screen) => screen,
            Screen::Wall(screen) => screen,
        }
    }
}

/// What every screen answers to.
pub trait Face {
    /// Where its keys are looked up; may change with what is focused.
    fn scope(&self) -> Scope;

    /// Where one is, after "quarterdeck": "Approvals", "#42 rolling-restart v2.8.1".
    fn crumbs(&self, cx: &Cx<'_>) -> Vec<Safe>;

    /// The keys that matter now, most important first.
    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot>;

    /// Draws the body.
    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect);

    /// The row above the footer, where no notice stands.
    fn status(&self, _: &Cx<'_>) -> Vec<Piece> {
        Vec::new()
    }

    /// It is on top now: first shown, or shown again.
    fn enter(&mut self, _: &Cx<'_>) -> Vec<Do> {
        Vec::new()
    }

    /// It is on top no more.
    fn leave(&mut self, _: &Cx<'_>) -> Vec<Do> {
        Vec::new()
    }

    /// A key of the table was pressed.
    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do>;

    /// Something the table does not know was typed or pasted: letters for a form.
    fn typed(&mut self, _: &Cx<'_>, _: &Input) -> Vec<Do> {
        Vec::new()
    }

    /// Esc: `Some` where the screen has something of its own to close first.
    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        None
    }

    /// A line typed over it changed or ended.
    fn line(&mut self, _: &Cx<'_>, _: Stage, _: &str) -> Vec<Do> {
        Vec::new()
    }

    /// A row of its menu was chosen.
    fn picked(&mut self, _: &Cx<'_>, _: &Choice) -> Vec<Do> {
        Vec::new()
    }

    /// A question of its was answered.
    fn fetched(&mut self, _: &Cx<'_>, _: Want, _: &Answer) -> Vec<Do> {
        Vec::new()
    }

    /// An ask of its was accepted or refused.
    fn answered(&mut self, _: &Cx<'_>, _: &Result<Receipt, Refusal>) -> Vec<Do> {
        Vec::new()
    }

    /// A run printed something.
    fn tail(&mut self, _: &Cx<'_>, _: RunId, _: &[Arc<LogRow>]) -> Vec<Do> {
        Vec::new()
    }

    /// What of it is kept for the day its server comes back.
    fn kept(&self) -> Kept {
        Kept::default()
    }

    /// Puts back what was kept. Before it is entered.
    fn restore(&mut self, _: &Cx<'_>, _: &Kept) {}

    /// The world is another one now.
    fn world(&mut self, _: &Cx<'_>) -> Vec<Do> {
        Vec::new()
    }

    /// The wheel turns over this cell: what lies there is what it scrolls.
    fn pointed(&mut self, _: &Cx<'_>, _: Position) {}

    /// The mouse was pressed in its body.
    fn pressed(&mut self, _: &Cx<'_>, _: Position) -> Vec<Do> {
        Vec::new()
    }

    /// The run that a note would be about.
    fn run(&self, _: &Cx<'_>) -> Option<RunId> {
        None
    }

    /// What is selected, for whoever follows this person.
    fn selected(&self, cx: &Cx<'_>) -> Option<Selected> {
        self.run(cx).map(Selected::Run)
    }

    /// Whoever is followed has selected this: it is selected here too, where it is there.
    fn select(&mut self, _: &Cx<'_>, _: Selected) -> Vec<Do> {
        Vec::new()
    }

    /// A command that only the screen can carry out was typed.
    fn palette(&mut self, _: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        let what = match act {
            PaletteAct::Since(_) => "there is no log here",
            PaletteAct::Save(_) => "nothing here can be saved",
            PaletteAct::Copy => "nothing here can be copied",
            PaletteAct::HandOver(_) | PaletteAct::Schedule(_) | PaletteAct::BreakGlass(_) => "no run is open here",
        };
        vec![Do::Say(what.to_owned())]
    }

    /// Why something is locked here.
    fn why(&self, _: &Cx<'_>) -> Option<Sheet> {
        None
    }

    /// What exactly is run by what is selected.
    fn ran(&self, _: &Cx<'_>) -> Option<Sheet> {
        None
    }
}
