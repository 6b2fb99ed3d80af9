//! The one table of keys. What a key does, what the footer prints, what help says and what the palette offers all
//! come from [`TABLE`]; no screen knows a key.
//!
//! Invariants (tested): within a scope and those it lies in, a key means one thing; nothing needs Ctrl-A, Ctrl-B or
//! Ctrl-S, which tmux, screen and flow control keep for themselves; every entry has a help sentence.

mod table;

use crate::terminal::key::{Key, KeyCode, Mods};
pub use table::TABLE;

/// What a key does. Groups are matched totally where they are handled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Act {
    /// The same on every screen.
    Anywhere(Anywhere),
    /// Opens one of the numbered screens.
    Go(Place),
    /// Moves the selection or the text.
    Motion(Motion),
    /// Something with the selected row.
    Row(RowAct),
    /// Something with a request for approval.
    Approval(ApprovalAct),
    /// Something with a run.
    Run(RunAct),
    /// Something with a log.
    Log(LogAct),
    /// A choice about a cell that failed or is unknown.
    Decide(DecideAct),
    /// Something with what is left to do or to look at.
    Task(TaskAct),
    /// Moves through a form or dialog.
    Form(FormAct),
    /// Ends or helps typing one line.
    Line(LineAct),
}

/// The same on every screen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum Anywhere {
    Palette,
    Help,
    Back,
    Why,
    Note,
    WhatRan,
    Who,
}

/// The numbered screens. `5` is kept for incidents, so that fingers need not learn twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Place {
    Home,
    Runbooks,
    Runs,
    Approvals,
    History,
    Audit,
}

/// Moves the selection or the text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Motion {
    Down,
    Up,
    Top,
    Bottom,
    PageDown,
    PageUp,
    HalfDown,
    HalfUp,
    Left,
    Right,
}

/// Something with the selected row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum RowAct {
    Open,
    Mark,
    Filter,
    Sort,
    New,
    Describe,
    Raw,
    Log,
    LastRun,
    EditDraft,
}

/// Something with a request for approval.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum ApprovalAct {
    NextUnread,
    Approve,
    Deny,
    Retract,
    AllLines,
}

/// Something with a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum RunAct {
    Open,
    NextPane,
    PrevPane,
    Take,
    Start,
    Pause,
    Stop,
    Accept,
    Close,
    Review,
    Back,
    Secret,
}

/// Something with a log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum LogAct {
    Full,
    Follow,
    Wrap,
    Times,
    Search,
    NextHit,
    PrevHit,
    Mark,
    Merge,
}

/// A choice about a cell that failed or is unknown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum DecideAct {
    Retry,
    Probe,
    Skip,
    Drop,
    WayBack,
    Stop,
    MarkOk,
    MarkFailed,
}

/// Something with what is left to do or to look at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum TaskAct {
    Done,
    Give,
    Look,
}

/// Moves through a form or dialog.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum FormAct {
    Next,
    Previous,
    Press,
    Toggle,
    Leave,
    Preview,
    Presets,
    SavePreset,
    Clear,
}

/// Ends or helps typing one line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the table says what each does")]
pub enum LineAct {
    Accept,
    Cancel,
    Complete,
    Older,
    Newer,
}

/// Where a key is looked up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Scope {
    Everywhere,
    Screens,
    Move,
    List,
    Run,
    Log,
    Home,
    Runbooks,
    Runs,
    Approvals,
    Approval,
    Plan,
    Live,
    History,
    Past,
    Audit,
    SiteChange,
    HostKeys,
    FollowUps,
    Week,
    Proof,
    /// A screen in a room: only leaving has keys.
    Wall,
    /// A form of several fields: letters go into the focused field.
    Form,
    /// A dialog: letters go into its field.
    Dialog,
    /// One line being typed: filter, search, palette.
    Line,
    /// A list of choices over a screen.
    Menu,
    /// A page of text over a screen: help, raw TOML, a refusal in full.
    Sheet,
    /// The choice about a failed cell.
    Decide,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 28] = [
        Scope::Everywhere,
        Scope::Screens,
        Scope::Move,
        Scope::List,
        Scope::Run,
        Scope::Log,
        Scope::Home,
        Scope::Runbooks,
        Scope::Runs,
        Scope::Approvals,
        Scope::Approval,
        Scope::Plan,
        Scope::Live,
        Scope::History,
        Scope::Past,
        Scope::Audit,
        Scope::SiteChange,
        Scope::HostKeys,
        Scope::FollowUps,
        Scope::Week,
        Scope::Proof,
        Scope::Wall,
        Scope::Form,
        Scope::Dialog,
        Scope::Line,
        Scope::Menu,
        Scope::Sheet,
        Scope::Decide,
    ];

    /// The scope and those it lies in, innermost first.
    pub fn chain(self) -> &'static [Scope] {
        use Scope::*;
        match self {
            Everywhere => &[Everywhere],
            Screens => &[Screens, Everywhere],
            Move => &[Move, Screens, Everywhere],
            List => &[List, Move, Screens, Everywhere],
            Run => &[Run, Move, Screens, Everywhere],
            Log => &[Log, Move, Screens, Everywhere],
            Home => &[Home, List, Move, Screens, Everywhere],
            Runbooks => &[Runbooks, List, Move, Screens, Everywhere],
            Runs => &[Runs, List, Move, Screens, Everywhere],
            Approvals => &[Approvals, List, Move, Screens, Everywhere],
            Approval => &[Approval, Move, Screens, Everywhere],
            Plan => &[Plan, Move, Screens, Everywhere],
            Live => &[Live, Run, Log, Move, Screens, Everywhere],
            History => &[History, List, Move, Screens, Everywhere],
            Past => &[Past, Log, Move, Screens, Everywhere],
            Audit => &[Audit, List, Move, Screens, Everywhere],
            SiteChange => &[SiteChange, Move, Screens, Everywhere],
            HostKeys => &[HostKeys, Move, Screens, Everywhere],
            FollowUps => &[FollowUps, List, Move, Screens, Everywhere],
            Week => &[Week, List, Move, Screens, Everywhere],
            Proof => &[Proof, Move, Screens, Everywhere],
            Wall => &[Wall],
            Form => &[Form],
            Dialog => &[Dialog],
            Line => &[Line],
            Menu => &[Menu, Move],
            Sheet => &[Sheet, Move, Everywhere],
            Decide => &[Decide, Everywhere],
        }
    }

    /// What help calls it.
    pub fn title(self) -> &'static str {
        match self {
            Scope::Everywhere => "everywhere",
            Scope::Screens => "screens",
            Scope::Move => "moving",
            Scope::List => "lists",
            Scope::Run => "a run",
            Scope::Log => "logs",
            Scope::Home => "home",
            Scope::Runbooks => "runbooks",
            Scope::Runs => "runs",
            Scope::Approvals => "approvals",
            Scope::Approval => "an approval",
            Scope::Plan => "a plan",
            Scope::Live => "a live run",
            Scope::History => "history",
            Scope::Past => "a past run",
            Scope::Audit => "audit",
            Scope::SiteChange => "a change to the site",
            Scope::HostKeys => "keys of hosts",
            Scope::FollowUps => "follow-ups",
            Scope::Week => "what deviates",
            Scope::Proof => "a report",
            Scope::Wall => "a wall",
            Scope::Form => "forms",
            Scope::Dialog => "dialogs",
            Scope::Line => "typing a line",
            Scope::Menu => "menus",
            Scope::Sheet => "pages of text",
            Scope::Decide => "a host failed",
        }
    }
}

/// One row of the table: where, which keys, what for.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// Where it holds.
    pub scope: Scope,
    /// The keys; the first is the one printed.
    pub keys: &'static [Key],
    /// What it does.
    pub act: Act,
    /// One or two words for the footer.
    pub word: &'static str,
    /// A sentence for help.
    pub help: &'static str,
}

/// What a key does in a scope.
pub fn act(scope: Scope, key: Key) -> Option<Act> {
    scope.chain().iter().find_map(|scope| own(*scope).find(|bound| bound.keys.contains(&key)).map(|bound| bound.act))
}

/// The row that does `act` in a scope.
pub fn bound(scope: Scope, act: Act) -> Option<&'static Bound> {
    scope.chain().iter().find_map(|scope| own(*scope).find(|bound| bound.act == act))
}

/// A scope's own rows.
pub fn own(scope: Scope) -> impl Iterator<Item = &'static Bound> {
    TABLE.iter().filter(move |bound| bound.scope == scope)
}

/// A key as it is printed: `c`, `esc`, `ctrl-f`, `space`.
pub fn label(key: Key) -> String {
    let mut label = String::new();
    if key.mods.has(Mods::CTRL) {
        label.push_str("ctrl-");
    }
    if key.mods.has(Mods::ALT) {
        label.push_str("alt-");
    }
    let code = match key.code {
        KeyCode::Char(' ') => "space",
        KeyCode::Char(c) => {
            label.push(c);
            ""
        }
        KeyCode::Enter => "enter",
        KeyCode::Esc => "esc",
        KeyCode::Backspace => "backspace",
        KeyCode::Tab => "tab",
        KeyCode::BackTab => "shift-tab",
        KeyCode::Delete => "del",
        KeyCode::Insert => "ins",
        KeyCode::Left => "←",
        KeyCode::Right => "→",
        KeyCode::Up => "↑",
        KeyCode::Down => "↓",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::PageUp => "pgup",
        KeyCode::PageDown => "pgdn",
        KeyCode::F(n) => {
            label.push_str(&format!("f{n}"));
            ""
        }
    };
    label.push_str(code);
    label
}

#[cfg(test)]
mod tests;
