//! Propose a run: fill the form, read the plan that follows from it, ask for it. The plan is made anew after every key,
//! purely from what is typed; wide screens show it beside the form.
//!
//! What is typed is kept as a draft whenever one leaves, and forgotten once it was proposed.

mod draw;
mod entry;
mod form;

use super::live::Live;
use super::{Face, Screen};
use crate::console::effect::{Do, Effect, Stage, Want, over};
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, ApprovalAct, FormAct, Motion, RowAct, Scope};
use crate::console::layout::{beside, inset};
use crate::console::model::Cx;
use crate::console::msg::Answer;
use crate::console::overlays::Overlay;
use crate::console::overlays::dialog::DIALOG_DEAF_MS;
use crate::console::overlays::menu::{Choice, Item, Menu};
use crate::console::overlays::prompt::Prompt;
use crate::console::overlays::sheet::{self, Sheet};
use crate::console::theme::Role;
use crate::console::widgets::page::Page;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, gap, name, text};
use crate::console::{glyph, pages, safe};
use crate::domain::plan::{Plan, Proposal};
use crate::domain::query::{Fetch, Fetched, Preset};
use crate::domain::{Ask, Receipt, Refusal, Rule, RunId, RunbookId, Seen, Timestamp, WorkspaceId, planning};
use crate::terminal::key::{Input, KeyCode};
use crate::terminal::line::Safe;
use draw::Hit;
use entry::{Heard, Held, What};
use form::Form;
use ratatui::layout::{Position, Rect};

/// From this width on the plan stands beside the form.
const WIDE_COLUMNS: u16 = 130;

/// A form, and the plan that follows from it.
#[derive(Debug)]
pub struct Propose {
    form: Form,
    plan: Result<Plan, Refusal>,
    page: Page,
    shows: Shows,
    standing: Standing,
    presets: Vec<Preset>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shows {
    Form,
    /// The plan over the whole screen, since this moment.
    Plan(Timestamp),
}

/// What became of the form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    /// Nobody has looked for an unfinished one yet.
    Fresh,
    Open,
    /// It was proposed: there is no draft to keep.
    Proposed,
}

struct Parts {
    head: Rect,
    form: Rect,
    verdict: Rect,
    plan_rule: Rect,
    plan: Rect,
}

impl Propose {
    /// An empty form; `None` where runbook or workspace is not there for this person.
    pub fn new(cx: &Cx<'_>, runbook: &RunbookId, workspace: &WorkspaceId) -> Option<Self> {
        let runbook = cx.world.site.as_ref()?.runbooks.get(runbook)?;
        let workspace = cx.world.workspace(workspace).filter(|place| place.has_member(cx.me()))?;
        let plan = Err(Refusal::new(Rule::Input, ""));
        let mut form = Form::new(runbook, workspace);
        // The cursor waits where something is missing, not in a value that is there already, nor where most leave it as it is.
        let first = || form.entries.iter().position(|entry| entry.what != What::Select);
        form.focus = form.first_open().or_else(first).unwrap_or(0);
        let mut screen = Self {
            form,
            plan,
            page: Page::default(),
            shows: Shows::Form,
            standing: Standing::Fresh,
            presets: Vec::new(),
        };
        screen.plan_anew(cx);
        Some(screen)
    }

    /// A form filled from a draft.
    pub fn resume(cx: &Cx<'_>, proposal: &Proposal) -> Option<Self> {
        let mut screen = Self::new(cx, &proposal.runbook, &proposal.workspace)?;
        screen.form.fill(proposal);
        screen.standing = Standing::Open;
        screen.plan_anew(cx);
        Some(screen)
    }

    fn plan_anew(&mut self, cx: &Cx<'_>) {
        let run = RunId(cx.world.next_run.max(1));
        self.plan = planning::plan(cx.world, run, cx.me(), cx.now(), &self.form.proposal());
        if let Ok(plan) = &self.plan {
            self.page.replace(pages::plan::parts(cx, plan));
        }
    }

    fn parts(&self, cx: &Cx<'_>) -> Parts {
        let body = inset(cx.areas.body);
        let (left, right) = match body.width >= WIDE_COLUMNS {
            true => beside(body, body.width * 2 / 5),
            false => (body, Rect { width: 0, ..body }),
        };
        let under = below(left, 1);
        let form = Rect { height: under.height.saturating_sub(3), ..under };
        Parts {
            head: top(left, 1),
            form,
            verdict: below(under, form.height + 1),
            plan_rule: top(right, 1),
            plan: below(right, 1),
        }
    }

    /// Where the plan stands when it has the whole screen.
    fn whole(cx: &Cx<'_>) -> Rect {
        inset(below(cx.areas.body, 1))
    }

    fn show_plan(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.plan_anew(cx);
        match &self.plan {
            Ok(plan) => {
                self.page = Page::new(pages::plan::parts(cx, plan));
                self.shows = Shows::Plan(cx.now());
                Vec::new()
            }
            Err(refusal) => {
                self.form.touch_all();
                if let Some(open) = self.form.first_open() {
                    self.form.focus = open;
                }
                vec![Do::Refuse(refusal.clone())]
            }
        }
    }

    fn press(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        match self.form.focused().map(|entry| (&entry.what, entry.breaks_lines())) {
            Some((What::Show, _)) => return self.show_plan(cx),
            Some((_, true)) => {
                self.form.key(crate::terminal::key::Key::new(KeyCode::Enter));
                self.plan_anew(cx);
            }
            Some((_, false)) | None => self.form.go(1),
        }
        Vec::new()
    }

    fn form_act(&mut self, cx: &Cx<'_>, act: FormAct) -> Vec<Do> {
        match act {
            FormAct::Next => self.form.go(1),
            FormAct::Previous => self.form.go(-1),
            FormAct::Press => return self.press(cx),
            FormAct::Toggle => {
                if !self.form.tick() {
                    return vec![Do::Say("this field asks for no confirmation".to_owned())];
                }
                self.plan_anew(cx);
            }
            FormAct::Leave => return vec![Do::Back],
            FormAct::Preview => return self.show_plan(cx),
            FormAct::Presets => {
                return vec![Do::Fetch(Want::Presets, Fetch::Presets(cx.me().clone()))];
            }
            FormAct::Clear => {
                let before = self.form.proposal();
                self.form = Form::new(&self.form.runbook, &self.form.workspace);
                self.plan_anew(cx);
                let said = Do::Say("the form is empty; what was kept of it is forgotten".to_owned());
                return vec![Do::Effect(Effect::DropDraft(before)), said];
            }
            FormAct::SavePreset => return vec![over(Overlay::Prompt(Prompt::new("keep as", "")))],
        }
        Vec::new()
    }

    fn submit(&self, cx: &Cx<'_>, since: Timestamp) -> Vec<Do> {
        // The Enter that opened the plan must not be the one that proposes it.
        if cx.now().ms_since(since) < DIALOG_DEAF_MS {
            return Vec::new();
        }
        match &self.plan {
            Ok(plan) => vec![Do::Submit {
                seen: Seen::Nothing,
                ask: Ask::Propose(Box::new(plan.proposal.clone())),
                said: "proposed",
            }],
            Err(refusal) => vec![Do::Refuse(refusal.clone())],
        }
    }

    fn of_here<'a>(&self, kept: &'a [Preset]) -> impl Iterator<Item = &'a Preset> {
        let (runbook, workspace) = (self.form.runbook.id.clone(), self.form.workspace.id.clone());
        kept.iter().filter(move |one| one.proposal.runbook == runbook && one.proposal.workspace == workspace)
    }

    fn choose_preset(&mut self, kept: &[Preset]) -> Vec<Do> {
        self.presets = self.of_here(kept).cloned().collect();
        if self.presets.is_empty() {
            return vec![Do::Say("no preset for this runbook here yet: F5 keeps the form as one".to_owned())];
        }
        let item = |(nth, preset): (usize, &Preset)| Item {
            label: Safe::new(&preset.name),
            detail: safe!("{}", preset.proposal.inputs.values().cloned().collect::<Vec<_>>().join(" ")).cut_end(40),
            mark: None,
            choice: Choice::Preset(nth),
        };
        vec![over(Overlay::Menu(Menu::new("presets", self.presets.iter().enumerate().map(item).collect())))]
    }

    fn head(&self) -> Vec<Piece> {
        let mark = glyph::environment(self.form.workspace.environment);
        vec![
            text(mark.role, safe!(" {} {} ", mark.glyph, self.form.workspace.environment.word().to_uppercase())),
            gap(1),
            name(Role::Title, safe!("{}", self.form.workspace.id)),
            gap(2),
            text(Role::Text, self.form.runbook.title.as_str()).rest(),
            gap(1),
            text(Role::Muted, safe!("v{}", self.form.runbook.version.trim_start_matches('v'))),
        ]
    }
}

impl Face for Propose {
    fn scope(&self) -> Scope {
        match self.shows {
            Shows::Form => Scope::Form,
            Shows::Plan(_) => Scope::Plan,
        }
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        let mut crumbs = vec![Safe::new("Runbooks"), safe!("{}", self.form.runbook.id)];
        crumbs.push(Safe::new(match self.shows {
            Shows::Form => "propose",
            Shows::Plan(_) => "plan",
        }));
        crumbs
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        match self.shows {
            Shows::Form => {
                let mut feet = vec![foot(Act::Form(FormAct::Next)), foot(Act::Form(FormAct::Preview))];
                if self.form.runbook.inputs.iter().any(|input| input.confirm.is_some()) {
                    feet.push(foot(Act::Form(FormAct::Toggle)).says("confirm"));
                }
                feet.extend([FormAct::Presets, FormAct::SavePreset, FormAct::Leave].map(|act| foot(Act::Form(act))));
                feet
            }
            Shows::Plan(_) => vec![
                foot(Act::Form(FormAct::Press)).locked(self.plan.is_err()),
                foot(Act::Motion(Motion::PageDown)),
                foot(Act::Row(RowAct::Raw)),
                foot(Act::Anywhere(Anywhere::Back)).says("back to the form"),
                foot(Act::Anywhere(Anywhere::Help)),
            ],
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        if let Shows::Plan(_) = self.shows {
            let whole = Self::whole(cx);
            let title = safe!("what would run: {}", self.form.runbook.id);
            paint.rule(inset(top(area, 1)), title, self.page.standing(whole).words());
            self.page.view(paint, whole);
            return;
        }
        let parts = self.parts(cx);
        paint.line(parts.head, &self.head());
        draw::view(cx, &self.form, paint, parts.form);
        draw::verdict(&self.plan, paint, parts.verdict);
        if parts.plan.width == 0 {
            return;
        }
        match &self.plan {
            Ok(_) => {
                paint.rule(parts.plan_rule, "what would run", self.page.standing(parts.plan).words());
                self.page.view(paint, parts.plan);
            }
            Err(_) => {
                paint.rule(parts.plan_rule, "what would run", "");
                paint.text(below(parts.plan, 1), Role::Muted, "The plan appears here once the form holds one.");
            }
        }
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.plan_anew(cx);
        match self.standing {
            Standing::Fresh => vec![Do::Fetch(Want::Drafts, Fetch::Drafts(cx.me().clone()))],
            Standing::Open | Standing::Proposed => Vec::new(),
        }
    }

    fn leave(&mut self, _: &Cx<'_>) -> Vec<Do> {
        match (self.standing, self.form.is_touched()) {
            (Standing::Proposed, _) | (_, false) => Vec::new(),
            (Standing::Fresh | Standing::Open, true) => {
                vec![Do::Effect(Effect::SaveDraft(self.form.proposal()))]
            }
        }
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match (act, self.shows) {
            (Act::Form(FormAct::Press), Shows::Plan(since)) => self.submit(cx, since),
            (Act::Form(act), _) => self.form_act(cx, act),
            (Act::Motion(Motion::Left), Shows::Plan(_)) => {
                self.page.to_heading(Motion::Up, Self::whole(cx));
                Vec::new()
            }
            (Act::Motion(Motion::Right), Shows::Plan(_)) => {
                self.page.to_heading(Motion::Down, Self::whole(cx));
                Vec::new()
            }
            (Act::Motion(motion), Shows::Plan(_)) => {
                self.page.scroll(motion, Self::whole(cx));
                Vec::new()
            }
            // The wheel, while the form is filled.
            (Act::Motion(motion), Shows::Form) => {
                self.page.scroll(motion, self.parts(cx).plan);
                Vec::new()
            }
            (Act::Row(RowAct::Raw), _) => {
                let runbook = &self.form.runbook;
                vec![sheet::source(runbook)]
            }
            (Act::Approval(ApprovalAct::AllLines), _) => {
                vec![Do::Say("every line of every command is shown already".to_owned())]
            }
            (
                Act::Anywhere(_)
                | Act::Go(_)
                | Act::Row(_)
                | Act::Approval(_)
                | Act::Run(_)
                | Act::Log(_)
                | Act::Decide(_)
                | Act::Task(_)
                | Act::Line(_),
                _,
            ) => Vec::new(),
        }
    }

    fn typed(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        if self.shows != Shows::Form {
            return Vec::new();
        }
        let heard = match input {
            Input::Key(key) => match (self.form.key(*key), key.code) {
                (Heard::NotMine, KeyCode::Down) => {
                    self.form.go(1);
                    Heard::NotMine
                }
                (Heard::NotMine, KeyCode::Up) => {
                    self.form.go(-1);
                    Heard::NotMine
                }
                (Heard::NotMine, KeyCode::PageDown) => {
                    return self.act(cx, Act::Motion(Motion::PageDown));
                }
                (Heard::NotMine, KeyCode::PageUp) => {
                    return self.act(cx, Act::Motion(Motion::PageUp));
                }
                (heard, _) => heard,
            },
            Input::Paste(pasted) => {
                let focus = self.form.focus;
                self.form.entries.get_mut(focus).map_or(Heard::NotMine, |entry| entry.paste(pasted))
            }
            Input::PasteRefused => return vec![Do::Say("that paste is too long".to_owned())],
            Input::Mouse(_) => return Vec::new(),
        };
        if heard == Heard::Changed {
            self.plan_anew(cx);
        }
        Vec::new()
    }

    fn back(&mut self, _: &Cx<'_>) -> Option<Vec<Do>> {
        match self.shows {
            Shows::Plan(_) => {
                self.shows = Shows::Form;
                Some(Vec::new())
            }
            Shows::Form => None,
        }
    }

    fn line(&mut self, _: &Cx<'_>, stage: Stage, typed: &str) -> Vec<Do> {
        match (stage, typed.trim()) {
            (Stage::Taken, "") => vec![Do::Say("a preset needs a name".to_owned())],
            (Stage::Taken, name) => {
                let (name, proposal) = (name.to_owned(), self.form.proposal());
                vec![Do::Say(format!("kept as preset {name}")), Do::Effect(Effect::SavePreset { name, proposal })]
            }
            (Stage::Typing | Stage::Left, _) => Vec::new(),
        }
    }

    fn picked(&mut self, cx: &Cx<'_>, choice: &Choice) -> Vec<Do> {
        let Choice::Preset(nth) = choice else {
            return Vec::new();
        };
        let Some(preset) = self.presets.get(*nth).cloned() else {
            return Vec::new();
        };
        self.form.fill(&preset.proposal);
        self.plan_anew(cx);
        vec![Do::Say(format!("filled from {}; confirm anew what asks for it", preset.name))]
    }

    fn fetched(&mut self, cx: &Cx<'_>, want: Want, answer: &Answer) -> Vec<Do> {
        match (want, answer) {
            (Want::Presets, Answer::Plain(Fetched::Presets(kept))) => self.choose_preset(kept),
            (Want::Drafts, Answer::Plain(Fetched::Drafts(kept))) => {
                let draft = self.of_here(kept).next().cloned();
                self.standing = Standing::Open;
                match draft.filter(|_| !self.form.is_touched()) {
                    Some(draft) => {
                        self.form.fill(&draft.proposal);
                        self.plan_anew(cx);
                        vec![Do::Say(
                            "what you left unfinished is back; confirm anew what asks for it, F6 empties".to_owned(),
                        )]
                    }
                    None => Vec::new(),
                }
            }
            (Want::Presets, Answer::Plain(Fetched::Failed(why))) => {
                vec![Do::Say(format!("no presets: {why}"))]
            }
            (_, Answer::Plain(_) | Answer::Log(_)) => Vec::new(),
        }
    }

    fn answered(&mut self, _: &Cx<'_>, result: &Result<Receipt, Refusal>) -> Vec<Do> {
        match result {
            Ok(Receipt { run: Some(run), .. }) => {
                self.standing = Standing::Proposed;
                vec![
                    Do::Effect(Effect::DropDraft(self.form.proposal())),
                    Do::Swap(Box::new(Screen::Live(Box::new(Live::of(*run))))),
                ]
            }
            Ok(Receipt { run: None, .. }) | Err(_) => Vec::new(),
        }
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        let Some(runbook) = cx.world.site.as_ref().and_then(|site| site.runbooks.get(&self.form.runbook.id)) else {
            return Vec::new();
        };
        let Some(workspace) = cx.world.workspace(&self.form.workspace.id) else {
            return Vec::new();
        };
        let changed = runbook.digest != self.form.runbook.digest || **workspace != *self.form.workspace;
        if changed {
            let mut form = Form::new(runbook, workspace);
            form.carry_over(&self.form);
            self.form = form;
        }
        self.plan_anew(cx);
        match changed {
            true => vec![Do::Say("runbook or workspace changed just now: look at the form again".to_owned())],
            false => Vec::new(),
        }
    }

    fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        let form = self.parts(cx).form;
        if self.shows != Shows::Form || !form.contains(at) {
            return Vec::new();
        }
        match draw::field_at(cx, &self.form, form, at.y) {
            Some(Hit::Tick(nth)) => {
                self.form.focus = nth;
                self.form_act(cx, FormAct::Toggle)
            }
            Some(Hit::Field(nth)) => {
                let again = self.form.focus == nth;
                self.form.focus = nth;
                match self.form.focused().map(|entry| &entry.held) {
                    Some(Held::Button) => self.show_plan(cx),
                    Some(Held::OneOf { .. } | Held::Mark(_)) if again => {
                        self.form.key(crate::terminal::key::Key::char(' '));
                        self.plan_anew(cx);
                        Vec::new()
                    }
                    Some(Held::Text(_) | Held::OneOf { .. } | Held::Mark(_)) | None => Vec::new(),
                }
            }
            None => Vec::new(),
        }
    }

    fn ran(&self, _: &Cx<'_>) -> Option<Sheet> {
        let runbook = &self.form.runbook;
        Some(Sheet::new(safe!("what {} runs", runbook.id), pages::runbook::commands(runbook)))
    }
}
