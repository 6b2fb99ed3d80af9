//! The rows. Letters are those operators' fingers know from k9s, less and vi; acts that change much are capitals or
//! live in a menu.

use super::{
    Act, Anywhere, ApprovalAct, Bound, DecideAct, FormAct, LineAct, LogAct, Motion, Place, RowAct, RunAct, Scope,
    TaskAct,
};
use crate::terminal::key::{Key, KeyCode, Mods};

const fn c(c: char) -> Key {
    Key::char(c)
}

const fn k(code: KeyCode) -> Key {
    Key::new(code)
}

const fn alt(code: KeyCode) -> Key {
    Key { code, mods: Mods::ALT }
}

const fn row(scope: Scope, keys: &'static [Key], act: Act, word: &'static str, help: &'static str) -> Bound {
    Bound { scope, keys, act, word, help }
}

/// Every key there is.
pub const TABLE: &[Bound] = &[
    // everywhere
    row(Scope::Everywhere, &[c(':')], Act::Anywhere(Anywhere::Palette), "command", "Type a command; tab completes it."),
    row(
        Scope::Everywhere,
        &[c('?'), k(KeyCode::F(1))],
        Act::Anywhere(Anywhere::Help),
        "keys",
        "Every key of this screen.",
    ),
    row(
        Scope::Everywhere,
        &[k(KeyCode::Esc), c('q')],
        Act::Anywhere(Anywhere::Back),
        "back",
        "Back to the screen before; at home, leave. Runs go on without you.",
    ),
    row(
        Scope::Everywhere,
        &[c('w')],
        Act::Anywhere(Anywhere::Why),
        "why",
        "Why something is locked, or the last refusal once more: rule, who may, what next.",
    ),
    row(
        Scope::Everywhere,
        &[c('.')],
        Act::Anywhere(Anywhere::Note),
        "note",
        "Write a note into the run's timeline; @NAME in it tells that person.",
    ),
    row(
        Scope::Everywhere,
        &[c('@')],
        Act::Anywhere(Anywhere::WhatRan),
        "what ran",
        "What exactly is run here: the script and what it is given.",
    ),
    // screens
    row(Scope::Screens, &[c('1')], Act::Go(Place::Home), "Home", "What is wrong, what waits for you."),
    row(Scope::Screens, &[c('2')], Act::Go(Place::Runbooks), "Runbooks", "Find a runbook and propose a run."),
    row(Scope::Screens, &[c('3')], Act::Go(Place::Runs), "Runs", "Every open run."),
    row(Scope::Screens, &[c('4')], Act::Go(Place::Approvals), "Approvals", "Requests that wait for approval."),
    row(
        Scope::Screens,
        &[c('6')],
        Act::Go(Place::History),
        "History",
        "Every past run, with its definition as it ran.",
    ),
    row(Scope::Screens, &[c('7')], Act::Go(Place::Audit), "Audit", "Who did what, when, through which door."),
    row(
        Scope::Screens,
        &[c('F')],
        Act::Anywhere(Anywhere::Who),
        "who",
        "Who is here and where they look; enter follows one of them until you press a key.",
    ),
    // moving
    row(Scope::Move, &[c('j'), k(KeyCode::Down)], Act::Motion(Motion::Down), "down", "Down."),
    row(Scope::Move, &[c('k'), k(KeyCode::Up)], Act::Motion(Motion::Up), "up", "Up."),
    row(Scope::Move, &[c('g'), k(KeyCode::Home)], Act::Motion(Motion::Top), "top", "To the first."),
    row(Scope::Move, &[c('G'), k(KeyCode::End)], Act::Motion(Motion::Bottom), "end", "To the last."),
    row(
        Scope::Move,
        &[Key::ctrl('f'), k(KeyCode::PageDown)],
        Act::Motion(Motion::PageDown),
        "page down",
        "A page down.",
    ),
    row(Scope::Move, &[k(KeyCode::PageUp)], Act::Motion(Motion::PageUp), "page up", "A page up."),
    row(Scope::Move, &[Key::ctrl('d')], Act::Motion(Motion::HalfDown), "half down", "Half a page down."),
    row(Scope::Move, &[Key::ctrl('u')], Act::Motion(Motion::HalfUp), "half up", "Half a page up."),
    row(Scope::Move, &[k(KeyCode::Left)], Act::Motion(Motion::Left), "left", "Left."),
    row(Scope::Move, &[k(KeyCode::Right)], Act::Motion(Motion::Right), "right", "Right."),
    // lists
    row(Scope::List, &[k(KeyCode::Enter)], Act::Row(RowAct::Open), "open", "Open what is selected."),
    row(Scope::List, &[c(' ')], Act::Row(RowAct::Mark), "mark", "Mark or unmark the row."),
    row(
        Scope::List,
        &[c('/')],
        Act::Row(RowAct::Filter),
        "filter",
        "Show only rows that match; `!` in front inverts, `-f` in front is fuzzy.",
    ),
    row(Scope::List, &[c('o')], Act::Row(RowAct::Sort), "sort", "Sort by the next column."),
    row(Scope::List, &[c('n')], Act::Row(RowAct::New), "new run", "Propose a run."),
    row(Scope::List, &[c('d')], Act::Row(RowAct::Describe), "describe", "All that is known about the row."),
    row(Scope::List, &[c('y')], Act::Row(RowAct::Raw), "raw TOML", "The definition as it is written."),
    row(Scope::List, &[c('l')], Act::Row(RowAct::Log), "log", "The log of the run."),
    row(
        Scope::List,
        &[c('L')],
        Act::Row(RowAct::LastRun),
        "last run",
        "The last run of the same runbook in the same place.",
    ),
    row(Scope::List, &[c('e')], Act::Row(RowAct::EditDraft), "edit draft", "Go on with a form you left unfinished."),
    // an approval
    row(
        Scope::Approval,
        &[c(' ')],
        Act::Approval(ApprovalAct::NextUnread),
        "next",
        "Show the next part that you have not seen yet.",
    ),
    row(
        Scope::Approval,
        &[c('a')],
        Act::Approval(ApprovalAct::Approve),
        "approve",
        "Approve exactly this plan. Open once all of it was shown.",
    ),
    row(Scope::Approval, &[c('x')], Act::Approval(ApprovalAct::Deny), "deny", "Deny, with a reason."),
    row(
        Scope::Approval,
        &[c('t')],
        Act::Approval(ApprovalAct::Retract),
        "take back",
        "Take back the approval you gave, while the run has not started.",
    ),
    row(
        Scope::Approval,
        &[c('d')],
        Act::Approval(ApprovalAct::AllLines),
        "all lines",
        "Every line of every command, or folded again.",
    ),
    row(Scope::Approval, &[c('l')], Act::Row(RowAct::Log), "log", "The run itself: its checks, its steps, its log."),
    row(Scope::Approval, &[c('L')], Act::Row(RowAct::LastRun), "last run", "The last good run it is compared with."),
    row(Scope::Approval, &[c('y')], Act::Row(RowAct::Raw), "raw TOML", "The runbook as it is bound."),
    row(
        Scope::Approval,
        &[c('A')],
        Act::Run(RunAct::Accept),
        "accept warning",
        "Answer for a warning by name and reason.",
    ),
    // a plan
    row(Scope::Plan, &[k(KeyCode::Enter)], Act::Form(FormAct::Press), "propose", "Propose exactly this plan."),
    row(Scope::Plan, &[c('d')], Act::Approval(ApprovalAct::AllLines), "all lines", "Every line of every command."),
    row(Scope::Plan, &[c('y')], Act::Row(RowAct::Raw), "raw TOML", "The runbook as it is written."),
    // a run
    row(Scope::Run, &[k(KeyCode::Enter)], Act::Run(RunAct::Open), "open", "Open the selected step, host or hand step."),
    row(Scope::Run, &[k(KeyCode::Tab)], Act::Run(RunAct::NextPane), "pane", "To the next pane."),
    row(Scope::Run, &[k(KeyCode::BackTab)], Act::Run(RunAct::PrevPane), "pane before", "To the pane before."),
    row(
        Scope::Run,
        &[c('c')],
        Act::Run(RunAct::Take),
        "take it",
        "Take what needs a person, then choose what becomes of it.",
    ),
    row(Scope::Run, &[c('S')], Act::Run(RunAct::Start), "start", "Start the approved run; the checks run again first."),
    row(Scope::Run, &[c('P')], Act::Run(RunAct::Pause), "pause", "Let no further step start, or go on after a pause."),
    row(
        Scope::Run,
        &[c('X')],
        Act::Run(RunAct::Stop),
        "stop …",
        "Stop: after this step or batch, to be undone, or at once. Before the start: withdraw.",
    ),
    row(Scope::Run, &[c('A')], Act::Run(RunAct::Accept), "accept warning", "Answer for a warning by name and reason."),
    row(Scope::Run, &[c('C')], Act::Run(RunAct::Close), "outcome", "Write the outcome note and close the run."),
    row(Scope::Run, &[c('R')], Act::Run(RunAct::Review), "review", "Sign a closed run off."),
    row(
        Scope::Run,
        &[c('U')],
        Act::Run(RunAct::Back),
        "back to it …",
        "After its end: undo what ran, run the rest, the failed hosts, or all of it once more.",
    ),
    row(
        Scope::Run,
        &[c('K')],
        Act::Run(RunAct::Secret),
        "secret",
        "Type a secret that the run asks for; it is kept in memory and shown to nobody.",
    ),
    row(Scope::Live, &[c('y')], Act::Row(RowAct::Raw), "raw TOML", "The runbook as it runs."),
    row(Scope::Live, &[c('L')], Act::Row(RowAct::LastRun), "last run", "The last good run of the same runbook here."),
    // a past run
    row(Scope::Past, &[c('l')], Act::Row(RowAct::Log), "log", "The log of the run."),
    row(Scope::Past, &[k(KeyCode::Tab)], Act::Run(RunAct::NextPane), "pane", "To the definition as it ran, and back."),
    row(Scope::Past, &[c('d')], Act::Row(RowAct::Describe), "definition", "The definition as it ran."),
    row(Scope::Past, &[c('y')], Act::Row(RowAct::Raw), "raw TOML", "The runbook as it was written then."),
    row(
        Scope::Past,
        &[c('L')],
        Act::Row(RowAct::LastRun),
        "last run",
        "The last good run of the same runbook in the same place.",
    ),
    // a change to the site
    row(
        Scope::SiteChange,
        &[c(' ')],
        Act::Approval(ApprovalAct::NextUnread),
        "next",
        "Show the next part that you have not seen yet.",
    ),
    row(
        Scope::SiteChange,
        &[c('a')],
        Act::Approval(ApprovalAct::Approve),
        "accept",
        "Accept exactly this change. Open once all of it was shown.",
    ),
    // follow-ups and deviations
    row(Scope::FollowUps, &[c('D')], Act::Task(TaskAct::Done), "done", "Say that it is done, and what was done."),
    row(
        Scope::FollowUps,
        &[c('N')],
        Act::Task(TaskAct::Give),
        "new follow-up",
        "Give somebody something to do by a day, in the workspace of the selected one.",
    ),
    row(
        Scope::Week,
        &[c('v')],
        Act::Task(TaskAct::Look),
        "looked at",
        "Say that it was looked at, and what came of it.",
    ),
    row(
        Scope::Week,
        &[c('N')],
        Act::Task(TaskAct::Give),
        "new follow-up",
        "Give somebody something to do about it by a day.",
    ),
    // logs
    row(Scope::Log, &[c('f')], Act::Log(LogAct::Full), "full log", "The log over the whole screen, or back."),
    row(Scope::Log, &[c('s')], Act::Log(LogAct::Follow), "follow", "Follow the end. Scrolling up stops it."),
    row(Scope::Log, &[c('W')], Act::Log(LogAct::Wrap), "wrap", "Wrap long lines, or cut them."),
    row(Scope::Log, &[c('t')], Act::Log(LogAct::Times), "times", "Show times, or the time since the start, or none."),
    row(Scope::Log, &[c('/')], Act::Log(LogAct::Search), "search", "Search the whole log for a regular expression."),
    row(Scope::Log, &[c('n')], Act::Log(LogAct::NextHit), "next hit", "To the next hit."),
    row(Scope::Log, &[c('N')], Act::Log(LogAct::PrevHit), "hit before", "To the hit before."),
    row(Scope::Log, &[c('m')], Act::Log(LogAct::Mark), "mark", "Draw a line under what was read so far."),
    row(Scope::Log, &[c('M')], Act::Log(LogAct::Merge), "merge", "One host's log, or all hosts' merged."),
    // a host failed
    row(Scope::Decide, &[c('1')], Act::Decide(DecideAct::Retry), "retry", "Run the step on this host again."),
    row(
        Scope::Decide,
        &[c('2')],
        Act::Decide(DecideAct::Skip),
        "skip",
        "Go on with the next step on this host; needs a reason.",
    ),
    row(
        Scope::Decide,
        &[c('3')],
        Act::Decide(DecideAct::Drop),
        "drop host",
        "Take the host out of the run; the others go on.",
    ),
    row(
        Scope::Decide,
        &[c('4')],
        Act::Decide(DecideAct::WayBack),
        "way back",
        "How what ran is undone: the runbook's own words and commands.",
    ),
    row(Scope::Decide, &[c('5')], Act::Decide(DecideAct::Stop), "stop run", "Stop the run; needs a reason."),
    row(
        Scope::Decide,
        &[c('6')],
        Act::Decide(DecideAct::MarkOk),
        "mark done",
        "An unknown end: you have seen that it ended well.",
    ),
    row(
        Scope::Decide,
        &[c('7')],
        Act::Decide(DecideAct::MarkFailed),
        "mark failed",
        "An unknown end: you have seen that it failed. The host leaves the run.",
    ),
    row(
        Scope::Decide,
        &[c('8')],
        Act::Decide(DecideAct::Probe),
        "probe",
        "An unknown end: let the step's probe look on the host whether it was done.",
    ),
    // forms and dialogs
    row(Scope::Form, &[k(KeyCode::Tab)], Act::Form(FormAct::Next), "next field", "To the next field."),
    row(Scope::Form, &[k(KeyCode::BackTab)], Act::Form(FormAct::Previous), "field before", "To the field before."),
    row(Scope::Form, &[k(KeyCode::Enter)], Act::Form(FormAct::Press), "choose", "Choose, or to the next field."),
    row(
        Scope::Form,
        &[alt(KeyCode::Char('t')), k(KeyCode::F(4))],
        Act::Form(FormAct::Toggle),
        "tick",
        "Confirm the field's value.",
    ),
    row(Scope::Form, &[k(KeyCode::Esc)], Act::Form(FormAct::Leave), "back", "Leave the form; it is kept as a draft."),
    row(
        Scope::Form,
        &[k(KeyCode::F(2)), alt(KeyCode::Char('p'))],
        Act::Form(FormAct::Preview),
        "plan",
        "Show the plan that follows from the form.",
    ),
    row(
        Scope::Form,
        &[k(KeyCode::F(3)), alt(KeyCode::Char('o'))],
        Act::Form(FormAct::Presets),
        "presets",
        "Fill the form from a preset.",
    ),
    row(
        Scope::Form,
        &[k(KeyCode::F(5)), alt(KeyCode::Char('k'))],
        Act::Form(FormAct::SavePreset),
        "keep",
        "Keep the form as a preset.",
    ),
    row(
        Scope::Form,
        &[k(KeyCode::F(6)), alt(KeyCode::Char('x'))],
        Act::Form(FormAct::Clear),
        "empty",
        "Empty the form; what was kept of it is forgotten.",
    ),
    row(
        Scope::Dialog,
        &[k(KeyCode::Tab), k(KeyCode::Down)],
        Act::Form(FormAct::Next),
        "next",
        "To the next field or button.",
    ),
    row(
        Scope::Dialog,
        &[k(KeyCode::BackTab), k(KeyCode::Up)],
        Act::Form(FormAct::Previous),
        "before",
        "To the field or button before.",
    ),
    row(
        Scope::Dialog,
        &[k(KeyCode::Enter)],
        Act::Form(FormAct::Press),
        "press",
        "Press the button, or to the next field.",
    ),
    row(Scope::Dialog, &[k(KeyCode::Esc)], Act::Form(FormAct::Leave), "cancel", "Close without doing anything."),
    row(
        Scope::Wall,
        &[c('q'), k(KeyCode::Esc)],
        Act::Anywhere(Anywhere::Back),
        "leave",
        "Leave the wall; runs go on. No other key does anything there.",
    ),
    row(Scope::Line, &[k(KeyCode::Enter)], Act::Line(LineAct::Accept), "go", "Take the line."),
    row(Scope::Line, &[k(KeyCode::Esc)], Act::Line(LineAct::Cancel), "cancel", "Leave everything as it was."),
    row(Scope::Line, &[k(KeyCode::Tab)], Act::Line(LineAct::Complete), "complete", "Complete the word."),
    row(Scope::Line, &[k(KeyCode::Up)], Act::Line(LineAct::Older), "before", "The choice or line before."),
    row(Scope::Line, &[k(KeyCode::Down)], Act::Line(LineAct::Newer), "after", "The choice or line after."),
    row(Scope::Menu, &[k(KeyCode::Enter)], Act::Form(FormAct::Press), "choose", "Choose."),
    row(Scope::Menu, &[k(KeyCode::Esc), c('q')], Act::Form(FormAct::Leave), "cancel", "Close without doing anything."),
    row(Scope::Sheet, &[c('n')], Act::Row(RowAct::New), "new run", "Propose a run of the runbook that is shown."),
    row(Scope::Sheet, &[c('y')], Act::Row(RowAct::Raw), "raw TOML", "The definition that is shown, as it is written."),
    row(Scope::Sheet, &[k(KeyCode::Enter)], Act::Form(FormAct::Leave), "close", "Close the page."),
];
