//! A question before an act: what will happen, why, and where it must be meant, a word or code to type.
//!
//! Invariants (Z43): it hears nothing for 500 ms after it opened, so keys typed for the screen below do nothing; the
//! cursor never starts on the button that acts; a paste reaches reasons and digits of a second factor only, never a code or word that shows intent;
//! the button that acts hears nothing in the instant after it was reached, so a burst of pasted characters from a
//! terminal without bracketed paste cannot run through a whole dialog. Refused, the dialog stays, text and all.

use super::names::Names;
use super::{incidents, standing};
use crate::console::effect::{Do, With};
use crate::console::footer::{Foot, foot as entry};
use crate::console::glyph;
use crate::console::keymap::{self, Act, FormAct, Scope};
use crate::console::layout::middle;
use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::{Ground, Role};
use crate::console::widgets::field::{Field, Focused, Lines};
use crate::console::widgets::fold;
use crate::console::widgets::masked::{Hidden, Masked};
use crate::console::widgets::paint::{Paint, below, indent, inside, top};
use crate::console::widgets::piece::{Piece, gap, spring, text};
use crate::domain::decide::glass::Breaking;
use crate::domain::follow_up::{self, Draft, Source, day};
use crate::domain::plan::Proposal;
use crate::domain::{Ask, Digest, PersonId, Receipt, Refusal, RunId, RunbookId, Seen, Timestamp, WorkspaceId, binding};
use crate::terminal::key::{Input, KeyCode};
use crate::terminal::line::Safe;
use ratatui::layout::{Position, Rect};

/// A dialog hears nothing for so long after it opened.
pub const DIALOG_DEAF_MS: u64 = 500;

/// The acting button hears nothing for so long after it was reached: fingers are slower, pastes are not.
pub const BUTTON_DEAF_MS: u64 = 120;

const COLUMNS: u16 = 74;

const CANCEL: &str = "Cancel";

/// Digits of a second factor's code.
const DIGITS: usize = 6;

/// Columns between the buttons.
const BUTTON_GAP: u16 = 2;

/// A question before an act.
#[derive(Debug)]
pub struct Dialog {
    title: Safe,
    says: Vec<(Role, String)>,
    fields: Vec<Wanted>,
    verb: &'static str,
    said: &'static str,
    asks: Asks,
    /// Whether the person's own SSH key signs it.
    signs: bool,
    /// Where its words can name people, where they can.
    names: Option<Names>,
    focus: Focus,
    opened: Timestamp,
    reached: Timestamp,
    state: State,
}

/// What the button asks for.
#[derive(Debug)]
enum Asks {
    /// This, with the words that were typed for it.
    Ask(Seen, Ask),
    /// That the value in the masked field is kept for this secret.
    Secret(RunId, String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Focus {
    Field(usize),
    Cancel,
    Act,
}

#[derive(Debug)]
enum State {
    Open,
    Sent,
    Missing(Safe),
    Refused(Refusal),
}

#[derive(Debug)]
struct Wanted {
    label: Safe,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Typed(Box<Field>, Need),
    Ticked { number: u16, done: bool },
    Masked(Masked),
}

impl Wanted {
    fn rows(&self) -> usize {
        match self.held {
            Held::Typed(..) | Held::Masked(_) => 2,
            Held::Ticked { .. } => 1,
        }
    }
}

/// What a field of a dialog must hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Need {
    /// The reason or text that goes on the record; may stay empty.
    MayWords,
    /// The reason or text that goes on the record.
    Words,
    /// The binding's code, typed.
    Code(Digest),
    /// Follow-ups, counted from this moment, with `;` between; may stay empty.
    MayFollowUps(Timestamp),
    /// One follow-up, counted from this moment.
    FollowUp(Timestamp),
    /// This word, typed.
    Word(&'static str),
    /// Six digits of the person's second factor.
    Digits,
}

impl Dialog {
    /// A dialog that asks `ask` when `verb` is pressed, and tells `said` when it was accepted. The first field of
    /// words becomes the ask's own text.
    pub fn new(
        cx: &Cx<'_>,
        title: impl Into<Safe>,
        verb: &'static str,
        said: &'static str,
        seen: Seen,
        ask: Ask,
    ) -> Self {
        Self::asking(cx, title, verb, said, Asks::Ask(seen, ask))
    }

    /// A dialog that takes the value of a `prompt:` secret of a run.
    pub fn secret(cx: &Cx<'_>, run: RunId, name: &str, words: &str) -> Self {
        let asks = Asks::Secret(run, name.to_owned());
        let label = if words.is_empty() { safe!("{name}") } else { safe!("{name}: {words}") };
        let mut dialog = Self::asking(cx, safe!("a secret of {run}"), "Give", "secret taken for", asks)
            .says(Role::Text, "It is kept in memory until the run is over, and shown to nobody.");
        dialog.fields.push(Wanted { label, held: Held::Masked(Masked::default()) });
        dialog.focus = Focus::Field(0);
        dialog
    }

    fn asking(cx: &Cx<'_>, title: impl Into<Safe>, verb: &'static str, said: &'static str, asks: Asks) -> Self {
        let (opened, reached) = (cx.now(), cx.now());
        let (title, says, fields) = (title.into(), Vec::new(), Vec::new());
        let (signs, names, focus, state) = (false, None, Focus::Cancel, State::Open);
        Self { title, says, fields, verb, said, asks, signs, names, focus, opened, reached, state }
    }

    /// Adds a sentence.
    pub fn says(mut self, role: Role, words: impl Into<String>) -> Self {
        self.says.push((role, words.into()));
        self
    }

    /// Has it signed with the person's own SSH key once it is meant.
    pub fn signed(mut self) -> Self {
        self.signs = true;
        self
    }

    /// Lets its words name members of this workspace: tab completes a name, and whom they do not reach is said before they are sent.
    pub fn naming(mut self, workspace: &WorkspaceId) -> Self {
        self.names = Some(Names::new(workspace));
        self
    }

    /// Adds a field. With fields the cursor starts in the first one, not on a button.
    pub fn field(self, label: &str, need: Need) -> Self {
        self.field_with(label, need, "")
    }

    /// Adds a field that starts with a text.
    pub fn field_with(mut self, label: &str, need: Need, start: &str) -> Self {
        let field = Box::new(Field::new(Lines::One, start));
        self.fields.push(Wanted { label: Safe::new(label), held: Held::Typed(field, need) });
        self.focus = Focus::Field(0);
        self
    }

    /// Adds a point to tick with space; every point must be ticked.
    pub fn tick(mut self, label: &str, number: u16) -> Self {
        self.fields.push(Wanted { label: Safe::new(label), held: Held::Ticked { number, done: false } });
        self.focus = Focus::Field(0);
        self
    }

    /// Takes what the person did.
    pub fn input(&mut self, cx: &Cx<'_>, input: &Input) -> Vec<Do> {
        if cx.now().ms_since(self.opened) < DIALOG_DEAF_MS || matches!(self.state, State::Sent) {
            return Vec::new();
        }
        match input {
            Input::Key(key) => match keymap::act(Scope::Dialog, *key) {
                Some(Act::Form(FormAct::Leave)) => return vec![Do::Shut],
                Some(Act::Form(FormAct::Next)) if key.code == KeyCode::Tab && self.completes(cx) => {}
                Some(Act::Form(FormAct::Next)) => self.go(cx, 1),
                Some(Act::Form(FormAct::Previous)) => self.go(cx, -1),
                Some(Act::Form(FormAct::Press)) => return self.press(cx),
                Some(_) => {}
                None => {
                    if let Focus::Field(nth) = self.focus
                        && let Some(wanted) = self.fields.get_mut(nth)
                    {
                        match &mut wanted.held {
                            Held::Typed(field, _) => drop(field.key(*key)),
                            Held::Masked(field) => drop(field.key(*key)),
                            Held::Ticked { done, .. } if key.code == KeyCode::Char(' ') => *done = !*done,
                            Held::Ticked { .. } => {}
                        }
                        self.state = State::Open;
                    }
                }
            },
            Input::Paste(text) => {
                if let Focus::Field(nth) = self.focus
                    && let Some(wanted) = self.fields.get_mut(nth)
                {
                    match &mut wanted.held {
                        Held::Typed(
                            field,
                            Need::MayWords | Need::Words | Need::MayFollowUps(_) | Need::FollowUp(_) | Need::Digits,
                        ) => field.paste(text),
                        Held::Typed(_, Need::Code(_) | Need::Word(_)) => {
                            self.state = State::Missing(Safe::new("this is typed, not pasted"));
                        }
                        Held::Masked(field) => field.paste(text),
                        Held::Ticked { .. } => {}
                    }
                }
            }
            Input::PasteRefused => self.state = State::Missing(Safe::new("that paste is too long")),
            Input::Mouse(_) => {}
        }
        Vec::new()
    }

    /// Hears what became of its ask; true where it is done.
    pub fn answered(&mut self, result: &Result<Receipt, Refusal>) -> bool {
        match (&self.state, result) {
            (State::Sent, Ok(_)) => true,
            (State::Sent, Err(refusal)) => {
                self.state = State::Refused(refusal.clone());
                false
            }
            (State::Open | State::Missing(_) | State::Refused(_), _) => false,
        }
    }

    fn go(&mut self, cx: &Cx<'_>, by: isize) {
        let stops: Vec<Focus> = (0..self.fields.len()).map(Focus::Field).chain([Focus::Cancel, Focus::Act]).collect();
        let at = stops.iter().position(|stop| *stop == self.focus).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(stops.len() - 1);
        if let Some(stop) = stops.get(to) {
            self.focus = *stop;
            self.reached = cx.now();
        }
    }

    fn press(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        match self.focus {
            // From the last field Enter goes to the button: two more keys than a habit types blindly.
            Focus::Field(nth) if nth + 1 == self.fields.len() => {
                self.focus = Focus::Act;
                self.reached = cx.now();
                Vec::new()
            }
            Focus::Field(_) => {
                self.go(cx, 1);
                Vec::new()
            }
            Focus::Cancel => vec![Do::Shut],
            Focus::Act if cx.now().ms_since(self.reached) < BUTTON_DEAF_MS => Vec::new(),
            Focus::Act => match (self.missing(), self.unheard(cx)) {
                (Some((nth, what)), _) => {
                    self.state = State::Missing(what);
                    self.focus = Focus::Field(nth);
                    Vec::new()
                }
                (None, Some(what)) => {
                    self.state = State::Missing(what);
                    Vec::new()
                }
                (None, None) => {
                    self.state = State::Sent;
                    vec![self.wanted()]
                }
            },
        }
    }

    /// Completes the name at the end of the focused field. False where there is none to complete.
    fn completes(&mut self, cx: &Cx<'_>) -> bool {
        let (Some(names), Focus::Field(nth)) = (&self.names, self.focus) else { return false };
        match self.fields.get_mut(nth).map(|wanted| &mut wanted.held) {
            Some(Held::Typed(field, Need::MayWords | Need::Words)) => names.complete(cx, field),
            Some(Held::Typed(..) | Held::Ticked { .. } | Held::Masked(_)) | None => false,
        }
    }

    /// Whom the words do not reach, the first time they are about to be sent.
    fn unheard(&mut self, cx: &Cx<'_>) -> Option<Safe> {
        let text = self.words().text;
        self.names.as_mut()?.unheard(cx, &text)
    }

    fn wanted(&mut self) -> Do {
        let code = self.digits();
        match &self.asks {
            Asks::Ask(seen, ask) if self.signs || code.is_some() => {
                let (ask, with) = (with_words(ask.clone(), self.words()), With { code, sign: self.signs });
                Do::SubmitWith { seen: *seen, ask, with, said: self.said }
            }
            Asks::Ask(seen, ask) => {
                Do::Submit { seen: *seen, ask: with_words(ask.clone(), self.words()), said: self.said }
            }
            Asks::Secret(run, name) => {
                let (run, name) = (*run, name.clone());
                let typed = self.fields.iter_mut().find_map(|wanted| match &mut wanted.held {
                    Held::Masked(field) => Some(field.take()),
                    Held::Typed(..) | Held::Ticked { .. } => None,
                });
                Do::GiveSecret { run, name, value: typed.unwrap_or_else(|| Masked::default().take()) }
            }
        }
    }

    fn missing(&self) -> Option<(usize, Safe)> {
        self.fields.iter().enumerate().find_map(|(nth, wanted)| {
            let what = match &wanted.held {
                Held::Typed(_, Need::MayWords) => None,
                Held::Typed(field, Need::Words) => field.is_blank().then(|| safe!("{} is missing", wanted.label)),
                Held::Typed(field, Need::Code(digest)) => {
                    (!binding::is_code(digest, &field.text())).then(|| Safe::new("that is not this plan's code"))
                }
                Held::Typed(field, Need::MayFollowUps(now)) => {
                    Draft::parse_line(&field.text(), *now).err().map(Safe::new)
                }
                Held::Typed(field, Need::FollowUp(now)) => Draft::parse(&field.text(), *now).err().map(Safe::new),
                Held::Typed(field, Need::Word(word)) => {
                    (field.text().trim() != *word).then(|| safe!("type the word {word}"))
                }
                Held::Typed(field, Need::Digits) => {
                    let digits = digits(&field.text());
                    let right = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
                    (!right).then(|| Safe::new("type the six digits that your device shows now"))
                }
                Held::Masked(field) => field.is_empty().then(|| Safe::new("nothing was typed")),
                Held::Ticked { done, .. } => (!done).then(|| safe!("not ticked: {}", wanted.label)),
            };
            what.map(|what| (nth, what))
        })
    }

    fn digits(&self) -> Option<Hidden> {
        self.fields.iter().find_map(|wanted| match &wanted.held {
            Held::Typed(field, Need::Digits) => Some(Hidden::new(digits(&field.text()))),
            Held::Typed(..) | Held::Masked(_) | Held::Ticked { .. } => None,
        })
    }

    fn words(&self) -> Words {
        let mut words = Words::default();
        for wanted in &self.fields {
            match &wanted.held {
                Held::Typed(field, Need::MayWords | Need::Words) => words.texts.push(field.text().trim().to_owned()),
                Held::Typed(field, Need::MayFollowUps(now)) => {
                    words.follow_ups = Draft::parse_line(&field.text(), *now).unwrap_or_default();
                }
                Held::Typed(field, Need::FollowUp(now)) => {
                    words.follow_ups.extend(Draft::parse(&field.text(), *now));
                }
                Held::Typed(_, Need::Code(_) | Need::Word(_) | Need::Digits) | Held::Masked(_) => {}
                Held::Ticked { number, done } => words.ticked.extend(done.then_some(*number)),
            }
        }
        words.text = words.texts.iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
        words
    }

    /// Takes a click: it moves the cursor to a field or button; on the button it is on already, it presses.
    pub fn pressed(&mut self, cx: &Cx<'_>, at: Position) -> Vec<Do> {
        if cx.now().ms_since(self.opened) < DIALOG_DEAF_MS || matches!(self.state, State::Sent) {
            return Vec::new();
        }
        let laid = self.laid(cx);
        let field = laid.fields.iter().position(|area| area.contains(at)).map(Focus::Field);
        let [cancel, act] = self.button_areas(laid.buttons);
        let button = [(cancel, Focus::Cancel), (act, Focus::Act)].into_iter().find(|(area, _)| area.contains(at));
        let Some(hit) = field.or(button.map(|(_, focus)| focus)) else { return Vec::new() };
        if hit == self.focus && matches!(hit, Focus::Cancel | Focus::Act) {
            return self.press(cx);
        }
        self.focus = hit;
        self.reached = cx.now();
        if let Focus::Field(nth) = hit
            && let Some(Wanted { held: Held::Ticked { done, .. }, .. }) = self.fields.get_mut(nth)
        {
            *done = !*done;
        }
        Vec::new()
    }

    /// Where everything stands.
    fn laid(&self, cx: &Cx<'_>) -> Laid {
        let width = COLUMNS.min(cx.areas.body.width);
        let says: Vec<(Role, Safe)> = self.folded(usize::from(width.saturating_sub(4)));
        let answer = self.answer(cx, usize::from(width.saturating_sub(4)));
        let fields: usize = self.fields.iter().map(Wanted::rows).sum();
        let rows = says.len() + fields + answer.len() + 6 + usize::from(!self.fields.is_empty());
        let area = middle(cx.areas.body, width, u16::try_from(rows).unwrap_or(u16::MAX));
        let mut left = below(inside(area), 1);
        let begin = left;
        // When the screen is short the sentences give way first: fields and buttons must stay in sight.
        let room = usize::from(left.height).saturating_sub(fields + answer.len() + 3);
        let said = says.len().min(room);
        left = below(left, u16::try_from(said).unwrap_or(0) + u16::from(!self.fields.is_empty()));
        let mut at = Vec::new();
        for wanted in &self.fields {
            let rows = u16::try_from(wanted.rows()).unwrap_or(2);
            at.push(top(left, rows));
            left = below(left, rows);
        }
        let answered = left;
        let buttons = below(left, u16::try_from(answer.len()).unwrap_or(u16::MAX).saturating_add(1));
        Laid { area, says: says.into_iter().take(said).collect(), begin, fields: at, answer, answered, buttons }
    }

    /// Draws it in the middle of the screen.
    pub fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>) {
        let laid = self.laid(cx);
        let mut paint = paint.on(Ground::Panel);
        paint.panel(laid.area, self.title.clone());
        for (nth, (role, line)) in (0u16..).zip(laid.says) {
            paint.text(below(laid.begin, nth), role, line);
        }
        for (nth, (wanted, area)) in self.fields.iter().zip(&laid.fields).enumerate() {
            let focused = self.focus == Focus::Field(nth);
            let role = if focused { Role::Accent } else { Role::Muted };
            let pointer = text(Role::Accent, if focused { glyph::POINTER } else { " " });
            let row = top(below(*area, 1), 1);
            match &wanted.held {
                Held::Typed(field, _) => {
                    paint.text(*area, role, wanted.label.clone());
                    paint.line(row, &[pointer]);
                    field.draw(&mut paint, indent(row, 2), if focused { Focused::Yes } else { Focused::No });
                }
                Held::Masked(field) => {
                    paint.text(*area, role, wanted.label.clone());
                    paint.line(row, &[pointer]);
                    field.draw(&mut paint, indent(row, 2), if focused { Focused::Yes } else { Focused::No });
                }
                Held::Ticked { done, .. } => {
                    let box_ = if *done { text(Role::Ok, "[✔]") } else { text(Role::Muted, "[ ]") };
                    let label = text(if focused { Role::Title } else { Role::Text }, wanted.label.clone()).rest();
                    paint.line(*area, &[pointer, gap(1), box_, gap(1), label]);
                }
            }
        }
        for (nth, (role, line)) in (0u16..).zip(laid.answer) {
            paint.text(below(laid.answered, nth), role, line);
        }
        self.buttons(&mut paint, laid.buttons);
    }

    fn buttons(&self, paint: &mut Paint<'_>, area: Rect) {
        let button = |focused: bool, word: &str| -> Vec<Piece> {
            let role = if focused { Role::Accent } else { Role::Text };
            let (open, close) = if focused { ("▸[ ", " ]") } else { (" [ ", " ]") };
            vec![text(role, open), text(role, Safe::new(word)), text(role, close)]
        };
        let mut pieces = vec![spring()];
        pieces.extend(button(self.focus == Focus::Cancel, CANCEL));
        pieces.push(gap(BUTTON_GAP));
        pieces.extend(button(self.focus == Focus::Act, self.verb));
        pieces.push(gap(1));
        paint.line(area, &pieces);
    }

    /// Where [`Dialog::buttons`] draws them.
    fn button_areas(&self, area: Rect) -> [Rect; 2] {
        let wide = |word: &str| u16::try_from(word.len()).unwrap_or(0) + 5;
        let row = top(area, 1);
        let act = area.right().saturating_sub(1 + wide(self.verb));
        let cancel = act.saturating_sub(BUTTON_GAP + wide(CANCEL));
        [Rect { x: cancel, width: wide(CANCEL), ..row }, Rect { x: act, width: wide(self.verb), ..row }]
    }

    fn folded(&self, columns: usize) -> Vec<(Role, Safe)> {
        let says = self.says.iter();
        says.flat_map(|(role, words)| fold::words(words, columns).into_iter().map(|line| (*role, line))).collect()
    }

    fn answer(&self, cx: &Cx<'_>, columns: usize) -> Vec<(Role, Safe)> {
        match &self.state {
            State::Open => {
                self.names.as_ref().map(|names| names.told(cx, &self.words().text, columns)).unwrap_or_default()
            }
            State::Sent => vec![(Role::Muted, Safe::new("asking …"))],
            State::Missing(what) => {
                fold::words(what.as_str(), columns).into_iter().map(|line| (Role::Warning, line)).collect()
            }
            State::Refused(refusal) => {
                let mut lines = vec![(Role::Refused, format!("⊘ {} ({})", refusal.what, refusal.rule.code()))];
                if !refusal.who_may.is_empty() {
                    lines.push((Role::Text, format!("who may: {}", refusal.who_may)));
                }
                if !refusal.next.is_empty() {
                    lines.push((Role::Text, format!("next: {}", refusal.next)));
                }
                lines
                    .into_iter()
                    .flat_map(|(role, words)| fold::words(&words, columns).into_iter().map(move |line| (role, line)))
                    .collect()
            }
        }
    }
}

/// Digits of a second factor, as devices show them: with a gap in the middle.
fn digits(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_whitespace()).collect()
}

/// Where the parts of a dialog stand, and its folded sentences.
struct Laid {
    area: Rect,
    begin: Rect,
    says: Vec<(Role, Safe)>,
    fields: Vec<Rect>,
    answered: Rect,
    answer: Vec<(Role, Safe)>,
    buttons: Rect,
}

/// A note for a run's timeline.
pub fn note(cx: &Cx<'_>, run: RunId) -> Box<Dialog> {
    let ask = Ask::Note { run, text: String::new() };
    let dialog =
        Dialog::new(cx, safe!("note on {run}"), "write", "noted on", Seen::Nothing, ask).field("note", Need::Words);
    Box::new(match cx.world.run(run) {
        Some(found) => dialog.naming(&found.plan.proposal.workspace),
        None => dialog,
    })
}

/// A follow-up in a workspace, out of what one looks at.
pub fn follow_up(cx: &Cx<'_>, workspace: &WorkspaceId, from: Source) -> Box<Dialog> {
    let said = match &from {
        Source::Person => format!("In {workspace}."),
        Source::Run(_) | Source::Deviation(_) => format!("In {workspace}, out of {}.", from.words()),
    };
    let draft = Draft { owner: PersonId::new(""), due: day(cx.now()), text: String::new(), runbook: None };
    let ask = Ask::FollowUp(follow_up::Wanted::Add { workspace: workspace.clone(), draft, from });
    let dialog = Dialog::new(cx, "a new follow-up", "Give", "follow-up given", Seen::Nothing, ask)
        .says(Role::Text, said)
        .says(Role::Muted, "Such as bo:14d:Automate the drain. One about a runbook closes with its next version.")
        .field("OWNER:DUE:TEXT", Need::FollowUp(cx.now()))
        .field("the runbook it is about (may stay empty)", Need::MayWords);
    Box::new(dialog)
}

/// The keys the footer shows.
pub fn foot() -> Vec<Foot> {
    vec![entry(Act::Form(FormAct::Next)), entry(Act::Form(FormAct::Press)), entry(Act::Form(FormAct::Leave))]
}

#[derive(Default)]
struct Words {
    /// The first text, and all of them in order.
    text: String,
    texts: Vec<String>,
    ticked: Vec<u16>,
    follow_ups: Vec<Draft>,
}

/// A proposal that goes back to a run: the words say why it is wanted, and how its person knows what became of each step.
fn going_back(mut proposal: Proposal, words: String) -> Proposal {
    if let Some(again) = &mut proposal.again {
        for settled in &mut again.settled {
            settled.reason.clone_from(&words);
        }
        proposal.reason = words;
    }
    proposal
}

/// A follow-up as it was typed; the words are the note of one that is done, or the runbook that another is about.
fn wanted_with(wanted: follow_up::Wanted, words: String, mut typed: Vec<Draft>) -> follow_up::Wanted {
    match wanted {
        follow_up::Wanted::Done { id, .. } => follow_up::Wanted::Done { id, note: words },
        follow_up::Wanted::Add { workspace, draft, from } => {
            let runbook = (!words.is_empty()).then(|| RunbookId::new(words));
            follow_up::Wanted::Add { workspace, draft: Draft { runbook, ..typed.pop().unwrap_or(draft) }, from }
        }
    }
}

/// The ask with the words that were typed for it.
fn with_words(ask: Ask, words: Words) -> Ask {
    let Words { text: words, texts, ticked, follow_ups } = words;
    match ask {
        Ask::AcceptSite { digest, .. } => Ask::AcceptSite { digest, reason: words },
        Ask::AcceptWarning { run, warning, .. } => Ask::AcceptWarning { run, warning, reason: words },
        Ask::Vote { run, choice, .. } => Ask::Vote { run, choice, reason: words },
        Ask::Tick { run, step, .. } => Ask::Tick { run, step, checked: ticked, evidence: words },
        Ask::Resolve { run, slot, decision, .. } => Ask::Resolve { run, slot, decision, reason: words },
        Ask::Claim { run, .. } => Ask::Claim { run, reason: words },
        Ask::HandOver { run, to, .. } => Ask::HandOver { run, to, reason: words },
        Ask::Stop { run, how, .. } => Ask::Stop { run, how, reason: words },
        Ask::Note { run, .. } => Ask::Note { run, text: words },
        Ask::Close { run, .. } => Ask::Close { run, note: words },
        Ask::Review { run, .. } => Ask::Review { run, comment: words, follow_ups },
        Ask::FollowUp(wanted) => Ask::FollowUp(wanted_with(wanted, words, follow_ups)),
        Ask::LookAt { workspace, deviation, .. } => Ask::LookAt { workspace, deviation, reason: words },
        Ask::Elevate { workspace, role, for_ms, .. } => Ask::Elevate { workspace, role, for_ms, reason: words },
        Ask::AnswerElevation { elevation, answer, .. } => Ask::AnswerElevation { elevation, answer, reason: words },
        Ask::OpenIncident(opening) => Ask::OpenIncident(Box::new(incidents::filled(*opening, &texts))),
        Ask::WantStanding(wanted) => Ask::WantStanding(Box::new(standing::filled(*wanted, &texts))),
        Ask::InStanding { standing, word, .. } => Ask::InStanding { standing, word, reason: words },
        Ask::ReviewByHand { entry, .. } => Ask::ReviewByHand { entry, comment: words },
        Ask::BreakGlass(breaking) => Ask::BreakGlass(Box::new(Breaking { reason: words, ..*breaking })),
        Ask::InIncident { incident, deed, .. } => Ask::InIncident { incident, deed, text: words },
        Ask::Propose(proposal) => Ask::Propose(Box::new(going_back(*proposal, words))),
        Ask::LoadSite { .. }
        | Ask::Withdraw { .. }
        | Ask::Start { .. }
        | Ask::Schedule { .. }
        | Ask::Pause { .. }
        | Ask::Continue { .. }
        | Ask::SeeMentions { .. }
        | Ask::Report(_)
        | Ask::Wake { .. }
        | Ask::Hold { .. }
        | Ask::Boot { .. }
        | Ask::Server(_)
        | Ask::Factor { .. }
        | Ask::List { .. }
        | Ask::Evidence { .. }
        | Ask::Versions { .. }
        | Ask::EnterByHand(_)
        | Ask::ShowByHand { .. }
        | Ask::Export(_)
        | Ask::Lapse
        | Ask::Notice(_)
        | Ask::ClockJumped { .. } => ask,
    }
}
