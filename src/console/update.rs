//! One message in, a changed console and effects out.

use super::effect::{Do, Effect, Stage};
use super::footer;
use super::keymap::{self, Act, Anywhere, Motion, Place, Scope};
use super::layout::{Areas, areas};
use super::model::{Asked, Badge, Console, Cx, Link, MouseOwner, NOTICE_MS, Notice, Pending, STACK_MAX, Shown, Tone};
use super::msg::{Answer, Msg, Tag};
use super::overlays::menu::Choice;
use super::overlays::{self, Overlay, dialog, help, palette, sheet};
use super::screens::{Face, Screen, home::Home};
use crate::domain::{Receipt, Refusal, Rule, World};
use crate::terminal::key::{Input, Key, KeyCode, Mouse, MouseKind};
use crate::terminal::line::Safe;
use ratatui::layout::Position;
use std::collections::VecDeque;

/// Steps one message can lead to, at most: a screen that answers every answer with a question must not hang a session.
const STEPS_MAX: usize = 64;

/// Esc at home leaves only after so long there: a hurried hand presses it until nothing is open any more.
const HOME_REST_MS: u64 = 400;

const ESC: Key = Key::new(KeyCode::Esc);

/// Rows one notch of the wheel moves.
const WHEEL_ROWS: usize = 3;

/// Takes a message.
pub fn update(console: &mut Console, world: &World, msg: Msg) -> Vec<Effect> {
    // The key that ends following does nothing else.
    let looks = matches!(msg, Msg::Input(..)) && console.here.follows.is_none();
    let todo = match msg {
        Msg::Input(at, input) => {
            console.here.now = console.here.now.max(at);
            console.input(world, input)
        }
        Msg::World => {
            if !console.is_wall() {
                console.hears(world);
            }
            let mut todo = console.every(world, |face, cx| face.world(cx));
            todo.extend(console.catches_up(world));
            todo
        }
        Msg::Fetched(tag, answer) => console.fetched(world, tag, &answer),
        Msg::Submitted(tag, result) => console.answered(world, tag, result),
        Msg::Tick(now) => {
            console.here.now = console.here.now.max(now);
            if console.notice.as_ref().is_some_and(|notice| now.ms_since(notice.at) >= NOTICE_MS) {
                console.notice = None;
            }
            let rung = console.bell.is_stale() && console.listens(world);
            rung.then_some(Do::Effect(Effect::Ring)).into_iter().collect()
        }
        Msg::Present(present) => {
            let todo = console.others(world, present);
            console.renew(world);
            todo
        }
        Msg::Resize(columns, rows) => {
            console.here.size = (columns, rows);
            Vec::new()
        }
        Msg::Tail(run, rows) => console.every(world, |face, cx| face.tail(cx, run, &rows)),
        Msg::Saved(Ok(path)) => vec![Do::Say(format!("saved as {path}"))],
        Msg::Saved(Err(why)) => vec![Do::Say(format!("not saved: {why}"))],
        Msg::SiteLoaded(Ok(load)) => vec![Do::Say(load.words().to_owned())],
        Msg::SiteLoaded(Err(refusal)) | Msg::Refused(refusal) => vec![Do::Refuse(refusal)],
        Msg::Open(run) => {
            // A run that is over is asked for; whoever may not see it reads there that it does not exist.
            let uid = console.top_uid();
            console.of(world, uid, |_, cx| vec![super::commands::open(cx, run)])
        }
        Msg::Reopen(mark) => {
            console.reopen(world, &mark);
            console.top(world, |face, cx| face.enter(cx))
        }
        Msg::Wall => {
            console.becomes_wall();
            Vec::new()
        }
        Msg::Lost => {
            console.here.link = Link::Lost(console.here.now);
            Vec::new()
        }
        Msg::Reconnected => {
            console.here.link = Link::Up;
            console.bell.forget();
            // Whatever was on its way is lost with the old connection; screens ask again.
            console.asked.clear();
            console.submitted.clear();
            console.top(world, |face, cx| face.enter(cx))
        }
    };
    let (covered, away) = (console.overlay.is_some(), console.stack.len() > 1);
    let mut effects = console.carry_out(world, todo);
    if looks {
        console.looked(world, &mut effects);
    }
    let uncovered = covered && console.overlay.is_none();
    if uncovered {
        console.here.uncovered = console.here.now;
    }
    if console.stack.len() == 1 && (uncovered || away) {
        console.came_home = console.here.now;
    }
    effects
}

/// Why the run that a screen shows or has selected stands where it stands.
fn standing(face: &dyn Face, cx: &Cx<'_>) -> Option<sheet::Sheet> {
    let run = cx.world.run(face.run(cx)?)?;
    cx.world.can_see(cx.me(), &run.plan.proposal.workspace).then(|| super::standing::sheet(cx, run))
}

impl Console {
    fn input(&mut self, world: &World, input: Input) -> Vec<Do> {
        if input == Input::Key(Key::ctrl('c')) {
            let mut todo = self.every(world, |face, cx| face.leave(cx));
            todo.push(Do::Effect(Effect::Quit));
            return todo;
        }
        if self.is_wall() {
            // A keyboard left under a screen does nothing, whatever its keys mean elsewhere.
            return match input {
                Input::Key(key) if keymap::act(Scope::Wall, key).is_some() => vec![Do::Effect(Effect::Quit)],
                Input::Key(_) | Input::Paste(_) | Input::PasteRefused | Input::Mouse(_) => Vec::new(),
            };
        }
        if let Some(todo) = self.ends_following(&input) {
            return todo;
        }
        let Some(areas) = areas(self.here.size) else { return Vec::new() };
        if let Input::Mouse(mouse) = input {
            return self.mouse(world, areas, mouse);
        }
        if let Some(overlay) = &mut self.overlay {
            let Some(shown) = self.stack.last() else { return Vec::new() };
            let cx = Cx { world, here: &self.here, areas, asked: &self.asked, uid: shown.uid };
            return overlay.input(&cx, &input);
        }
        let Some(scope) = self.stack.last().map(|shown| shown.screen.face().scope()) else { return Vec::new() };
        let bound = match &input {
            Input::Key(key) => keymap::act(scope, *key),
            Input::Paste(_) | Input::PasteRefused | Input::Mouse(_) => None,
        };
        match bound {
            // A hurried hand stops at home; whoever means to leave presses once more.
            Some(Act::Anywhere(Anywhere::Back)) if input == Input::Key(ESC) && self.has_just_come_home() => {
                vec![Do::Say("this is home; esc once more leaves, runs go on".to_owned())]
            }
            Some(act) => self.act(world, act),
            None => self.top(world, |face, cx| face.typed(cx, &input)),
        }
    }

    /// What lies over the screen and shows who is here shows it as it is now.
    fn renew(&mut self, world: &World) {
        let (Some(Overlay::Menu(menu)), Some(areas)) = (&mut self.overlay, areas(self.here.size)) else { return };
        let Some(shown) = self.stack.last() else { return };
        menu.present(&Cx { world, here: &self.here, areas, asked: &self.asked, uid: shown.uid });
    }

    fn has_just_come_home(&self) -> bool {
        self.stack.len() == 1 && self.here.now.ms_since(self.came_home) < HOME_REST_MS
    }

    fn act(&mut self, world: &World, act: Act) -> Vec<Do> {
        match act {
            Act::Anywhere(act) => self.anywhere(world, act),
            Act::Go(place) => vec![Do::Go(place)],
            Act::Motion(_)
            | Act::Row(_)
            | Act::Approval(_)
            | Act::Run(_)
            | Act::Log(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Task(_)
            | Act::Line(_) => self.top(world, |face, cx| face.act(cx, act)),
        }
    }

    fn anywhere(&mut self, world: &World, act: Anywhere) -> Vec<Do> {
        match act {
            Anywhere::Palette => {
                let scope = self.stack.last().map_or(Scope::Everywhere, |shown| shown.screen.face().scope());
                let themes = self.themes.iter().map(|theme| theme.name().to_owned()).collect();
                vec![super::effect::over(Overlay::Palette(palette::Palette::new(scope, themes)))]
            }
            Anywhere::Help => {
                let scope = self.stack.last().map(|shown| shown.screen.face().scope());
                scope
                    .map(|scope| super::effect::over(Overlay::Sheet(help::of(scope, self.hint.as_ref()))))
                    .into_iter()
                    .collect()
            }
            Anywhere::Back => {
                let mut own = None;
                let todo = self.top(world, |face, cx| {
                    own = face.back(cx);
                    Vec::new()
                });
                match own {
                    Some(todo) => todo,
                    None if self.stack.len() > 1 => vec![Do::Back],
                    None => todo.into_iter().chain([Do::Effect(Effect::Quit)]).collect(),
                }
            }
            Anywhere::Why => {
                let refusal = self.refusal.clone();
                // What was just refused is what the row above the footer offers to explain.
                let fresh = self.notice.as_ref().is_some_and(|notice| notice.tone == Tone::Refused);
                self.top(world, |face, cx| {
                    let refused = refusal.as_ref().map(sheet::of_refusal);
                    let sheet = match fresh {
                        true => refused,
                        false => face.why(cx).or_else(|| standing(face, cx)).or(refused),
                    };
                    match sheet {
                        Some(sheet) => vec![super::effect::over(Overlay::Sheet(sheet))],
                        None if super::facts::looks_only(cx.world, cx.me(), None) => {
                            let words = "you may look and write notes, and do nothing else; :elevate asks for a role";
                            vec![Do::Say(words.to_owned())]
                        }
                        None => vec![Do::Say("nothing was refused here".to_owned())],
                    }
                })
            }
            Anywhere::Note => self.top(world, |face, cx| match face.run(cx) {
                Some(run) => vec![super::effect::over(Overlay::Dialog(dialog::note(cx, run)))],
                None => vec![Do::Say("notes belong to a run: open or select one first".to_owned())],
            }),
            Anywhere::Who => self.top(world, |_, cx| vec![overlays::who::menu(cx)]),
            Anywhere::WhatRan => self.top(world, |face, cx| match face.ran(cx) {
                Some(sheet) => vec![super::effect::over(Overlay::Sheet(sheet))],
                None => vec![Do::Say("select a step or a run first".to_owned())],
            }),
        }
    }

    fn mouse(&mut self, world: &World, areas: Areas, mouse: Mouse) -> Vec<Do> {
        let at = Position { x: mouse.x, y: mouse.y };
        let wheel = match mouse.kind {
            MouseKind::ScrollUp => Some(Motion::Up),
            MouseKind::ScrollDown => Some(Motion::Down),
            MouseKind::Down | MouseKind::Up | MouseKind::Drag => None,
        };
        if let Some(motion) = wheel {
            return match (&mut self.overlay, self.stack.last()) {
                (Some(overlay), Some(shown)) => {
                    let cx = Cx { world, here: &self.here, areas, asked: &self.asked, uid: shown.uid };
                    overlay.wheel(&cx, motion, WHEEL_ROWS)
                }
                (Some(_), None) => Vec::new(),
                (None, _) => {
                    let mut todo = self.top(world, |face, cx| {
                        face.pointed(cx, at);
                        Vec::new()
                    });
                    for _ in 0..WHEEL_ROWS {
                        todo.extend(self.top(world, |face, cx| face.act(cx, Act::Motion(motion))));
                    }
                    todo
                }
            };
        }
        if mouse.kind != MouseKind::Down {
            return Vec::new();
        }
        if let (Some(overlay), Some(shown)) = (&mut self.overlay, self.stack.last()) {
            let cx = Cx { world, here: &self.here, areas, asked: &self.asked, uid: shown.uid };
            if !areas.footer.contains(at) {
                return overlay.pressed(&cx, at);
            }
            // A key of the footer, as if it were pressed.
            let spots = footer::spots(overlay.scope(), &overlay.foot(), areas.footer.width);
            let hit = spots.iter().find(|spot| (spot.x..spot.x + spot.width).contains(&at.x));
            let key = hit.and_then(|spot| keymap::bound(overlay.scope(), spot.act)?.keys.first().copied());
            return key.map(|key| overlay.input(&cx, &Input::Key(key))).unwrap_or_default();
        }
        if areas.footer.contains(at) {
            let Some(shown) = self.stack.last() else { return Vec::new() };
            let Some(cx) = self.cx(world, shown) else { return Vec::new() };
            let face = shown.screen.face();
            let spots = footer::spots(face.scope(), &face.foot(&cx), areas.footer.width);
            let hit = spots.iter().find(|spot| (spot.x..spot.x + spot.width).contains(&at.x)).map(|spot| spot.act);
            return hit.map_or_else(Vec::new, |act| self.act(world, act));
        }
        if areas.body.contains(at) {
            return self.top(world, |face, cx| face.pressed(cx, at));
        }
        Vec::new()
    }

    fn fetched(&mut self, world: &World, tag: Tag, answer: &Answer) -> Vec<Do> {
        let Some(asked) = self.asked.remove(&tag) else { return Vec::new() };
        self.of(world, asked.uid, |face, cx| face.fetched(cx, asked.want, answer))
    }

    fn answered(&mut self, world: &World, tag: Tag, result: Result<Receipt, Refusal>) -> Vec<Do> {
        let Some(pending) = self.submitted.remove(&tag) else { return Vec::new() };
        // What was asked beside what the person did is no answer to anything of theirs.
        let Some(said) = pending.said else { return Vec::new() };
        match &result {
            Ok(receipt) => {
                let run = receipt.run.map(|run| format!(" {run}")).unwrap_or_default();
                self.say(format!("{said}{run}"), Tone::Said);
            }
            Err(refusal) => self.refuse(refusal.clone()),
        }
        if let Some(Overlay::Dialog(dialog)) = &mut self.overlay
            && dialog.answered(&result)
        {
            self.overlay = None;
        }
        self.of(world, pending.uid, |face, cx| face.answered(cx, &result))
    }

    pub(super) fn say(&mut self, text: String, tone: Tone) {
        self.notice = Some(Notice { text: Safe::new(text), tone, at: self.here.now });
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.say(format!("{} ({})", refusal.what, refusal.rule.code()), Tone::Refused);
        self.refusal = Some(refusal);
    }

    fn carry_out(&mut self, world: &World, todo: Vec<Do>) -> Vec<Effect> {
        let mut out = Vec::new();
        let mut todo = VecDeque::from(todo);
        for _ in 0..STEPS_MAX {
            let Some(next) = todo.pop_front() else { break };
            todo.extend(self.one(world, next, &mut out));
        }
        out
    }

    fn one(&mut self, world: &World, step: Do, out: &mut Vec<Effect>) -> Vec<Do> {
        match step {
            Do::Push(screen) => {
                self.overlay = None;
                let left = self.top(world, |face, cx| face.leave(cx));
                self.put_on_top(*screen);
                left.into_iter().chain(self.top(world, |face, cx| face.enter(cx))).collect()
            }
            Do::Swap(screen) => {
                self.overlay = None;
                let left = self.top(world, |face, cx| face.leave(cx));
                self.drop_top();
                self.put_on_top(*screen);
                left.into_iter().chain(self.top(world, |face, cx| face.enter(cx))).collect()
            }
            Do::Back => {
                self.overlay = None;
                let left = self.top(world, |face, cx| face.leave(cx));
                self.drop_top();
                left.into_iter().chain(self.top(world, |face, cx| face.enter(cx))).collect()
            }
            Do::Go(place) => {
                self.overlay = None;
                let left = self.top(world, |face, cx| face.leave(cx));
                while self.stack.len() > 1 {
                    self.drop_top();
                }
                if place != Place::Home {
                    self.put_on_top(Screen::of(place));
                }
                left.into_iter().chain(self.top(world, |face, cx| face.enter(cx))).collect()
            }
            Do::Over(overlay) => {
                self.overlay = Some(*overlay);
                Vec::new()
            }
            Do::Shut => {
                self.overlay = None;
                Vec::new()
            }
            Do::Submit { seen, ask, said } => {
                if let Some(refusal) = self.may_not_ask() {
                    self.refuse(refusal);
                    return Vec::new();
                }
                let tag = self.tag();
                self.submitted.insert(tag, Pending { uid: self.top_uid(), said: Some(said) });
                out.push(Effect::Submit { tag, seen, ask });
                Vec::new()
            }
            Do::SubmitWith { seen, ask, with, said } => {
                if let Some(refusal) = self.may_not_ask() {
                    self.refuse(refusal);
                    return Vec::new();
                }
                let tag = self.tag();
                self.submitted.insert(tag, Pending { uid: self.top_uid(), said: Some(said) });
                out.push(Effect::SubmitWith { tag, seen, ask, with });
                Vec::new()
            }
            Do::GiveSecret { run, name, value } => {
                if self.here.link != Link::Up {
                    let refusal = Refusal::new(Rule::Storage, "the server is not reached: the secret was not given");
                    self.refuse(refusal.next("wait for the connection, then type it again"));
                    return Vec::new();
                }
                let tag = self.tag();
                self.submitted.insert(tag, Pending { uid: self.top_uid(), said: Some("secret taken for") });
                out.push(Effect::GiveSecret { tag, run, name, value });
                Vec::new()
            }
            Do::Fetch(want, fetch) => {
                let (tag, uid, since) = (self.tag(), self.top_uid(), self.here.now);
                self.asked.retain(|_, asked| (asked.uid, asked.want) != (uid, want));
                self.asked.insert(tag, Asked { uid, want, since });
                out.push(Effect::Fetch { tag, fetch });
                Vec::new()
            }
            Do::Typed(stage, text) => {
                if stage != Stage::Typing {
                    self.overlay = None;
                }
                self.top(world, |face, cx| face.line(cx, stage, &text))
            }
            Do::Picked(Choice::Wherever(choice)) => self.top(world, |_, cx| overlays::chosen(cx, &choice)),
            Do::Picked(choice) => self.top(world, |face, cx| face.picked(cx, &choice)),
            Do::Palette(act) => self.top(world, |face, cx| face.palette(cx, &act)),
            Do::Act(act) => self.act(world, act),
            Do::Follow(person) => self.follow(world, &person),
            Do::Select(selected) => self.selects(world, selected),
            Do::See(on) => {
                self.sees(world, on, out);
                Vec::new()
            }
            Do::Say(text) => {
                self.say(text, Tone::Said);
                Vec::new()
            }
            Do::Refuse(refusal) => {
                self.refuse(refusal);
                Vec::new()
            }
            Do::LoadSite => {
                match self.may_not_ask() {
                    Some(refusal) => self.refuse(refusal),
                    None => out.push(Effect::LoadSite),
                }
                Vec::new()
            }
            Do::Theme(name) => {
                let said = match self.use_theme(&name) {
                    true => format!("theme {name}"),
                    false => {
                        let names: Vec<&str> = self.themes.iter().map(|theme| theme.name()).collect();
                        format!("no theme {name}; there are {}", names.join(", "))
                    }
                };
                self.say(said, Tone::Said);
                Vec::new()
            }
            Do::ToggleMouse => {
                let (owner, said) = match self.here.mouse {
                    MouseOwner::Console => {
                        (MouseOwner::Terminal, "the terminal has the mouse: select and copy as usual")
                    }
                    MouseOwner::Terminal => (MouseOwner::Console, "the console has the mouse"),
                };
                self.here.mouse = owner;
                self.say(said.to_owned(), Tone::Said);
                out.push(Effect::SetMouse(owner));
                Vec::new()
            }
            Do::ToggleBell => {
                self.here.rings = !self.here.rings;
                let said = match self.here.rings {
                    true => "the bell rings when something new waits for you",
                    false => "the bell is silent in this session",
                };
                self.say(said.to_owned(), Tone::Said);
                Vec::new()
            }
            Do::Effect(effect) => {
                out.push(effect);
                Vec::new()
            }
        }
    }

    pub(super) fn tag(&mut self) -> Tag {
        self.next += 1;
        Tag(self.next)
    }

    /// Why nothing can be asked for now.
    pub(super) fn may_not_ask(&self) -> Option<Refusal> {
        if self.here.me.badge == Badge::ReadOnly {
            let refusal = Refusal::new(Rule::Role, "this session may look and not act");
            return Some(refusal.next("sign in without read-only"));
        }
        let lost = Refusal::new(Rule::Storage, "the server is not reached: nothing was asked for");
        (self.here.link != Link::Up).then(|| lost.next("wait for the connection, then ask again"))
    }

    pub(super) fn top_uid(&self) -> u64 {
        self.stack.last().map_or(0, |shown| shown.uid)
    }

    pub(super) fn put_on_top(&mut self, screen: Screen) {
        if self.stack.len() >= STACK_MAX {
            self.stack.remove(1);
        }
        self.next += 1;
        self.stack.push(Shown { uid: self.next, screen });
    }

    fn drop_top(&mut self) {
        if let Some(gone) = self.stack.pop() {
            self.asked.retain(|_, asked| asked.uid != gone.uid);
        }
        if self.stack.is_empty() {
            self.stack.push(Shown { uid: 0, screen: Screen::Home(Home::default()) });
        }
    }

    pub(super) fn top(&mut self, world: &World, ask: impl FnOnce(&mut dyn Face, &Cx<'_>) -> Vec<Do>) -> Vec<Do> {
        self.of(world, self.top_uid(), ask)
    }

    pub(super) fn of(
        &mut self,
        world: &World,
        uid: u64,
        ask: impl FnOnce(&mut dyn Face, &Cx<'_>) -> Vec<Do>,
    ) -> Vec<Do> {
        let Some(areas) = areas(self.here.size).or(areas(super::layout::SIZE_MIN)) else { return Vec::new() };
        let Some(shown) = self.stack.iter_mut().find(|shown| shown.uid == uid) else { return Vec::new() };
        let cx = Cx { world, here: &self.here, areas, asked: &self.asked, uid };
        ask(shown.screen.face_mut(), &cx)
    }

    fn every(&mut self, world: &World, ask: impl Fn(&mut dyn Face, &Cx<'_>) -> Vec<Do>) -> Vec<Do> {
        // Screens below the top follow the world silently: what they want done would act on a screen nobody sees.
        let top = self.top_uid();
        let uids: Vec<u64> = self.stack.iter().map(|shown| shown.uid).collect();
        let mut todo = Vec::new();
        for uid in uids {
            let wanted = self.of(world, uid, |face, cx| ask(face, cx));
            if uid == top {
                todo = wanted;
            }
        }
        todo
    }
}

#[cfg(test)]
mod tests;
