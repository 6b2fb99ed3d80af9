//! Following somebody: this console goes where theirs goes, and back to its person at the first key.
//!
//! Invariants: whoever follows reads where somebody is and goes there with their own eyes and rights, so what they may not see says
//! no more than "a run", and they go on following; while they follow, no key does anything but end it, because what lies under
//! a finger is somebody else's choice; nobody follows in a circle, and a screen in a room is followed by nobody. Deliberately absent:
//! any way to the other console.

use super::effect::Do;
use super::keymap::Place;
use super::model::Console;
use super::screens::approval::Approval;
use super::screens::live::Live;
use super::screens::past::Past;
use super::screens::site_change::SiteChange;
use super::screens::week::WeekScreen;
use super::screens::{Face, Screen};
use crate::domain::presence::{self, Presence, Seat, Selected, Spot};
use crate::domain::{PersonId, RunId, World};
use crate::terminal::key::{Input, MouseKind};
use std::collections::BTreeSet;

impl Console {
    /// Where this person is, for others. What they have selected is worked out for those who follow them alone.
    pub fn seat(&self, world: &World) -> Seat {
        let is_followed = !presence::followers(&self.here.present, &self.here.me.person).is_empty();
        let selected = is_followed.then(|| self.selected(world)).flatten();
        Seat { spot: self.spot(), selected, follows: self.here.follows.clone() }
    }

    fn selected(&self, world: &World) -> Option<Selected> {
        let shown = self.stack.last()?;
        shown.screen.face().selected(&self.cx(world, shown)?)
    }

    /// Begins to follow somebody.
    pub(super) fn follow(&mut self, world: &World, person: &PersonId) -> Vec<Do> {
        let me = &self.here.me.person;
        if person == me {
            return vec![Do::Say("that is you: follow somebody else".to_owned())];
        }
        if presence::leads_back(&self.here.present, me, person) {
            return vec![Do::Say(format!("{person} follows you, or somebody who does: nobody would lead"))];
        }
        let Some(seat) = presence::seat_of(&self.here.present, person).map(|one| one.seat.clone()) else {
            return vec![Do::Say(format!("{person} is at no console; :who shows who is"))];
        };
        self.here.follows = Some(person.clone());
        let mut todo = vec![Do::Shut];
        todo.extend(self.goes(world, None, &seat));
        self.led_to = Some(seat);
        todo
    }

    /// Others came, left, or look somewhere else.
    pub(super) fn others(&mut self, world: &World, present: Presence) -> Vec<Do> {
        let before = std::mem::replace(&mut self.here.present, present);
        if self.is_wall() {
            return Vec::new();
        }
        let mut todo: Vec<Do> = self.led(&before).map(Do::Say).into_iter().collect();
        todo.extend(self.is_led(world));
        todo
    }

    /// Who began or ceased to follow this person.
    fn led(&self, before: &Presence) -> Option<String> {
        let me = &self.here.me.person;
        let (were, are) = (presence::followers(before, me), presence::followers(&self.here.present, me));
        let names = |of: BTreeSet<&PersonId>| of.into_iter().map(PersonId::as_str).collect::<Vec<_>>().join(", ");
        let (come, gone) = (&are - &were, &were - &are);
        match (come.len(), gone.len()) {
            (0, 0) => None,
            (0, 1) => Some(format!("{} follows you no more", names(gone))),
            (0, _) => Some(format!("{} follow you no more", names(gone))),
            (1, _) => {
                Some(format!("{} follows you: they see the screens you go to, and type nothing here", names(come)))
            }
            (_, _) => {
                Some(format!("{} follow you: they see the screens you go to, and type nothing here", names(come)))
            }
        }
    }

    /// Goes where whoever is followed has gone.
    fn is_led(&mut self, world: &World) -> Vec<Do> {
        let Some(person) = self.here.follows.clone() else { return Vec::new() };
        let Some(seat) = presence::seat_of(&self.here.present, &person).map(|one| one.seat.clone()) else {
            return self.follows_nobody(format!("{person} left: you follow nobody any more"));
        };
        if presence::leads_back(&self.here.present, &self.here.me.person, &person) {
            return self.follows_nobody(format!("{person} follows you now: you follow nobody any more"));
        }
        let before = self.led_to.replace(seat.clone());
        self.goes(world, before.as_ref(), &seat)
    }

    /// The world is another one now: a run whose screen was heard of before the run itself is there to be shown.
    pub(super) fn catches_up(&self, world: &World) -> Vec<Do> {
        let Some(seat) = self.led_to.as_ref().filter(|seat| seat.spot != self.spot()) else { return Vec::new() };
        let run = if let Spot::Run(run) | Spot::Request(run) = seat.spot { Some(run) } else { None };
        match run.is_some_and(|run| self.sees_run(world, run)) {
            true => self.goes(world, None, seat),
            false => Vec::new(),
        }
    }

    fn sees_run(&self, world: &World, run: RunId) -> bool {
        let me = &self.here.me.person;
        world.run(run).is_some_and(|run| world.can_see(me, &run.plan.proposal.workspace))
    }

    fn follows_nobody(&mut self, why: String) -> Vec<Do> {
        self.here.follows = None;
        self.led_to = None;
        vec![Do::Say(why)]
    }

    /// Whatever a person does while they follow somebody ends that, and does nothing else. `None`: they follow nobody.
    pub(super) fn ends_following(&mut self, input: &Input) -> Option<Vec<Do>> {
        let person = self.here.follows.clone()?;
        let is_meant = match input {
            Input::Key(_) | Input::Paste(_) | Input::PasteRefused => true,
            Input::Mouse(mouse) => match mouse.kind {
                MouseKind::Down | MouseKind::ScrollUp | MouseKind::ScrollDown => true,
                MouseKind::Up | MouseKind::Drag => false,
            },
        };
        let said = format!("you follow {person} no more; that key did nothing else");
        Some(if is_meant { self.follows_nobody(said) } else { Vec::new() })
    }

    /// The way to a seat: its screen, where that is another one, and what is selected there.
    fn goes(&self, world: &World, before: Option<&Seat>, seat: &Seat) -> Vec<Do> {
        let is_there = before.is_some_and(|before| before.spot == seat.spot);
        let is_selected = is_there && before.is_some_and(|before| before.selected == seat.selected);
        let mut todo = if is_there { Vec::new() } else { self.to_spot(world, seat.spot) };
        todo.extend(seat.selected.filter(|_| !is_selected).map(Do::Select));
        todo
    }

    fn to_spot(&self, world: &World, spot: Spot) -> Vec<Do> {
        let sees = |run: RunId| self.sees_run(world, run);
        let over_home = |screen| vec![Do::Go(Place::Home), Do::Push(Box::new(screen))];
        match spot {
            // A form is its person's own until it is proposed.
            Spot::Runbooks | Spot::Form => vec![Do::Go(Place::Runbooks)],
            Spot::Runs => vec![Do::Go(Place::Runs)],
            Spot::Approvals => vec![Do::Go(Place::Approvals)],
            Spot::History => vec![Do::Go(Place::History)],
            Spot::Record => vec![Do::Go(Place::Audit)],
            Spot::Site if world.pending.is_some() => over_home(Screen::SiteChange(SiteChange::default())),
            Spot::Home | Spot::Site => vec![Do::Go(Place::Home)],
            Spot::Week => over_home(Screen::Week(WeekScreen::of(None))),
            Spot::Wall => Vec::new(),
            Spot::Run(run) if sees(run) => over_home(Screen::Live(Box::new(Live::of(run)))),
            Spot::Request(run) if sees(run) => over_home(Screen::Approval(Approval::of(run))),
            // The engine says what of it this person may see.
            Spot::Run(run) | Spot::Request(run) | Spot::Past(run) => {
                over_home(Screen::Past(Box::new(Past::led_to(run))))
            }
        }
    }

    /// Selects what whoever is followed has selected, where it is there to be selected.
    pub(super) fn selects(&mut self, world: &World, selected: Selected) -> Vec<Do> {
        self.top(world, |face: &mut dyn Face, cx| face.select(cx, selected))
    }
}
