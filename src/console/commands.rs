//! What can be typed behind `:`. Commands with a name of their own stand in [`TABLE`]; everything else is the key table
//! once more, by its words: whoever forgot a key types what it does.

use super::effect::{Do, Effect, over, push};
use super::keymap::{self, Act, Anywhere, Bound, Place, Scope};
use super::model::Cx;
use super::overlays::Overlay;
use super::overlays::sheet::{Part, Sheet};
use super::overlays::{by_hand, incidents, lend, mentions, standing, who};
use super::pages;
use super::screens::{
    Screen, follow_ups::FollowUps, host_keys::HostKeys, live::Live, past::Past, proof, propose::Propose,
    site_change::SiteChange, week::WeekScreen,
};
use crate::domain::id::IncidentId;
use crate::domain::incident::Severity;
use crate::domain::notice::Asked;
use crate::domain::{Ask, PersonId, Role, RunId, RunbookId, Seen, Timestamp, WorkspaceId, ahead, duration};

/// What a screen is told by a command that only it can carry out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaletteAct {
    /// Go to the first line of the log of so many milliseconds ago.
    Since(u64),
    /// Write what is shown to a file of this name.
    Save(String),
    /// Put what is shown into the terminal's clipboard.
    Copy,
    /// Break glass for the run that is shown, for this incident.
    BreakGlass(IncidentId),
    /// Start the run that is shown at this moment.
    Schedule(Timestamp),
    /// Give the run that is shown to this person.
    HandOver(PersonId),
}

/// What stands behind a command's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Takes {
    Nothing,
    Person,
    Theme,
    Span,
    Moment,
    File,
    Run,
    Runbook,
    /// A workspace, and hosts of it or none for all.
    Workspace,
    /// A workspace, or none for all.
    AnyWorkspace,
    /// Hosts, by a selector, or all of them.
    Hosts,
    /// A runbook, a workspace, how many hosts and for how long; or nothing.
    Standing,
    /// An incident that is open.
    OpenIncident,
    /// A severity and a workspace, or nothing.
    Incident,
    /// A role, a workspace, and for how long.
    Role,
    /// A release, by words of tickets or reasons.
    Release,
    /// Since when, until when, in which workspace.
    Period,
    /// A host or group, and since when.
    Target,
    /// What is done with the site, or nothing to look at it.
    Site,
    /// What is done with the record, or nothing to look at it.
    Record,
    /// What is done with notices, or nothing to look at them.
    Notices,
}

impl Takes {
    /// As help prints it.
    pub fn word(self) -> &'static str {
        match self {
            Takes::Nothing => "",
            Takes::Person => "PERSON",
            Takes::Theme => "NAME",
            Takes::Span => "5m",
            Takes::Moment => "22:00",
            Takes::File => "FILE",
            Takes::Run => "RUN",
            Takes::Runbook => "RUNBOOK [WORKSPACE]",
            Takes::Workspace => "WORKSPACE [HOST…]",
            Takes::AnyWorkspace => "[WORKSPACE]",
            Takes::Hosts => "[SELECTOR]",
            Takes::Standing => "[RUNBOOK WORKSPACE HOSTS 30d]",
            Takes::OpenIncident => "INCIDENT",
            Takes::Incident => "[P1 WORKSPACE]",
            Takes::Role => "ROLE WORKSPACE 60m",
            Takes::Release => "TEXT",
            Takes::Period => "[90d] [WORKSPACE]",
            Takes::Target => "HOST|GROUP [24h]",
            Takes::Site => "[load | accept]",
            Takes::Record => "[verify]",
            Takes::Notices => "[test]",
        }
    }

    /// Whether a command means nothing without what stands behind it.
    fn is_needed(self) -> bool {
        match self {
            Takes::Nothing
            | Takes::AnyWorkspace
            | Takes::Hosts
            | Takes::Incident
            | Takes::Standing
            | Takes::Period
            | Takes::Site
            | Takes::Record
            | Takes::Notices => false,
            Takes::Person
            | Takes::Theme
            | Takes::Span
            | Takes::Moment
            | Takes::File
            | Takes::Run
            | Takes::Runbook
            | Takes::Role
            | Takes::OpenIncident
            | Takes::Release
            | Takes::Target
            | Takes::Workspace => true,
        }
    }

    /// The words that can stand behind it, where they are always the same.
    fn fixed(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Takes::Site => &[
                ("load", "Read the site's files again; what is sensitive waits for another owner."),
                ("accept", "Read the change that waits, and accept it."),
            ],
            Takes::Record => &[("verify", "How the record is proved to be whole.")],
            Takes::Notices => &[("test", "Tell one test notice through every channel.")],
            Takes::Nothing
            | Takes::Person
            | Takes::Theme
            | Takes::Span
            | Takes::Moment
            | Takes::File
            | Takes::Run
            | Takes::Runbook
            | Takes::Workspace
            | Takes::AnyWorkspace
            | Takes::Role
            | Takes::Incident
            | Takes::OpenIncident
            | Takes::Standing
            | Takes::Release
            | Takes::Period
            | Takes::Target
            | Takes::Hosts => &[],
        }
    }
}

/// A command with a name of its own.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Its name, then what else it is called.
    pub names: &'static [&'static str],
    /// What stands behind it.
    pub takes: Takes,
    /// A sentence for help.
    pub help: &'static str,
    does: Does,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Go(Place),
    Record,
    Hosts,
    Enrol,
    Windows,
    Elevate,
    Elevations,
    Access,
    ByHand,
    Incident,
    Standing,
    FollowUps,
    Week,
    Release,
    Compliance,
    Changes,
    Site,
    State,
    Propose,
    Run,
    Since,
    Save,
    Copy,
    HandOver,
    Schedule,
    BreakGlass,
    As,
    Theme,
    Mouse,
    Bell,
    Notify,
    Who,
    Follow,
    Mentions,
    Help,
    Quit,
}

const fn named(names: &'static [&'static str], takes: Takes, does: Does, help: &'static str) -> Named {
    Named { names, takes, help, does }
}

/// Commands with a name of their own.
pub const TABLE: &[Named] = &[
    named(&["home"], Takes::Nothing, Does::Go(Place::Home), "What is wrong, what waits for you."),
    named(&["runbooks", "rb"], Takes::Nothing, Does::Go(Place::Runbooks), "Find a runbook and propose a run."),
    named(&["runs"], Takes::Nothing, Does::Go(Place::Runs), "Every open run."),
    named(
        &["approvals", "ap", "inbox"],
        Takes::Nothing,
        Does::Go(Place::Approvals),
        "Requests that wait for approval.",
    ),
    named(
        &["history", "hist"],
        Takes::Nothing,
        Does::Go(Place::History),
        "Every past run, with its definition as it ran.",
    ),
    named(&["audit", "events"], Takes::Record, Does::Record, "Who did what, when, through which door."),
    named(&["propose", "new"], Takes::Runbook, Does::Propose, "Fill the form for a run of this runbook."),
    named(&["run", "r"], Takes::Run, Does::Run, "Open this run, live or as it was."),
    named(&["hosts"], Takes::Hosts, Does::Hosts, "Hosts of your workspaces: how they are reached, what runs on them."),
    named(&["windows", "calendar"], Takes::AnyWorkspace, Does::Windows, "When runs may start, and when none may."),
    named(
        &["enrol"],
        Takes::Workspace,
        Does::Enrol,
        "Look at the keys that hosts of a workspace show, and the change that pins them.",
    ),
    named(&["elevate"], Takes::Role, Does::Elevate, "Ask to hold a role for a while; another person lends it."),
    named(&["elevations", "roles"], Takes::Nothing, Does::Elevations, "Roles for a while: asked for and lent."),
    named(&["standing"], Takes::Standing, Does::Standing, "Ask for an approval in advance, or see those there are."),
    named(&["incident", "incidents"], Takes::Incident, Does::Incident, "Open an incident, or see those that are open."),
    named(
        &["follow-ups", "fu"],
        Takes::AnyWorkspace,
        Does::FollowUps,
        "What is left to do after runs and reviews, by whom and by when.",
    ),
    named(
        &["week", "deviations"],
        Takes::AnyWorkspace,
        Does::Week,
        "What deviated in the last seven days, and what of it nobody has looked at.",
    ),
    named(
        &["release"],
        Takes::Release,
        Does::Release,
        "What deviated in the runs of a release: those whose ticket or reason holds this.",
    ),
    named(
        &["compliance"],
        Takes::Period,
        Does::Compliance,
        "Who changed what under which approval, and what controls lack; :save FILE.csv, .json or .html keeps it.",
    ),
    named(&["changes"], Takes::Target, Does::Changes, "What touched a host or a group of hosts, the latest first."),
    named(&["by-hand", "record"], Takes::Nothing, Does::ByHand, "What was done by hand and waits to be looked at."),
    named(
        &["access"],
        Takes::AnyWorkspace,
        Does::Access,
        "Who holds which role, since when, and when it was used last.",
    ),
    named(&["site"], Takes::Site, Does::Site, "The site in force, and what of it waits."),
    named(&["state", "doctor"], Takes::Nothing, Does::State, "Site, record, server, this session: is all well?"),
    named(
        &["notify"],
        Takes::Notices,
        Does::Notify,
        "What people are told outside the console, and whether it arrives.",
    ),
    named(
        &["who", "sessions"],
        Takes::Nothing,
        Does::Who,
        "Who is here, and where they look; enter follows one of them.",
    ),
    named(&["follow"], Takes::Person, Does::Follow, "Go where this person goes, until you press a key."),
    named(
        &["mentions", "named"],
        Takes::Nothing,
        Does::Mentions,
        "Notes that name you, and the way to what they are about.",
    ),
    named(&["since"], Takes::Span, Does::Since, "Go to the first line of the log of so long ago."),
    named(&["save"], Takes::File, Does::Save, "Write the shown log or list to a file of yours."),
    named(&["copy", "yank"], Takes::Nothing, Does::Copy, "Put the shown log or list into your terminal's clipboard."),
    named(
        &["handover"],
        Takes::Person,
        Does::HandOver,
        "Give the run that is shown to somebody else, who drives it then.",
    ),
    named(&["schedule"], Takes::Moment, Does::Schedule, "Have the approved run that is shown begin at a moment ahead."),
    named(
        &["break-glass"],
        Takes::OpenIncident,
        Does::BreakGlass,
        "Let the run that is shown begin without approval, for an incident somebody else opened.",
    ),
    named(&["as"], Takes::Person, Does::As, "Sign in afresh as somebody else, where the site allows it."),
    named(&["theme"], Takes::Theme, Does::Theme, "Take other colours."),
    named(
        &["mouse"],
        Takes::Nothing,
        Does::Mouse,
        "Give the mouse to the terminal, to select and copy, or take it back.",
    ),
    named(
        &["bell"],
        Takes::Nothing,
        Does::Bell,
        "Silence the bell that rings when something new waits for you, or let it ring.",
    ),
    named(&["help", "keys"], Takes::Nothing, Does::Help, "Every key of this screen."),
    named(&["quit", "q", "exit"], Takes::Nothing, Does::Quit, "Leave. Runs go on without you."),
];

/// Something that can be typed, complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// What the line becomes.
    pub line: String,
    /// What stands behind it still, as help prints it.
    pub takes: &'static str,
    /// What it is called otherwise, or the key that does it.
    pub also: String,
    /// A sentence.
    pub help: String,
}

/// What a line can become, the likeliest first: names, then what stands behind them, then the words of keys.
pub fn offers(cx: &Cx<'_>, scope: Scope, themes: &[String], line: &str) -> Vec<Offer> {
    let typed = line.trim_start().to_lowercase();
    if let Some((name, rest)) = typed.split_once(' ')
        && let Some(command) = TABLE.iter().find(|command| command.names.contains(&name))
        && command.takes != Takes::Nothing
    {
        return behind(cx, command, themes, rest);
    }
    let of_name = |command: &Named| {
        let (first, others) = command.names.split_first()?;
        let hit = command.names.iter().any(|name| name.starts_with(&typed));
        let line = match command.takes {
            takes if takes.is_needed() => format!("{first} "),
            _ => (*first).to_owned(),
        };
        hit.then(|| Offer { line, takes: command.takes.word(), also: others.join(" "), help: command.help.to_owned() })
    };
    let of_key = |bound: &&Bound| Offer {
        line: bound.word.to_lowercase(),
        takes: "",
        also: bound.keys.first().copied().map(keymap::label).unwrap_or_default(),
        help: bound.help.to_owned(),
    };
    let mut offers: Vec<Offer> = TABLE.iter().filter_map(of_name).collect();
    let keys = scope.chain().iter().flat_map(|scope| keymap::own(*scope)).filter(|bound| is_worth_a_word(bound.act));
    for offer in keys.map(|bound| of_key(&bound)).filter(|offer| offer.line.starts_with(&typed)) {
        if !offers.iter().any(|known| known.line.trim_end() == offer.line) {
            offers.push(offer);
        }
    }
    offers
}

/// Moving about and typing are done by keys alone.
fn is_worth_a_word(act: Act) -> bool {
    match act {
        Act::Anywhere(Anywhere::Palette | Anywhere::Back)
        | Act::Motion(_)
        | Act::Form(_)
        | Act::Line(_)
        | Act::Go(_) => false,
        Act::Anywhere(Anywhere::Help | Anywhere::Why | Anywhere::Note | Anywhere::WhatRan | Anywhere::Who)
        | Act::Row(_)
        | Act::Approval(_)
        | Act::Run(_)
        | Act::Log(_)
        | Act::Decide(_)
        | Act::Task(_) => true,
    }
}

fn behind(cx: &Cx<'_>, command: &Named, themes: &[String], rest: &str) -> Vec<Offer> {
    let Some(first) = command.names.first() else {
        return Vec::new();
    };
    let rest = rest.trim_start();
    let offer = |(word, help): (String, String)| Offer {
        line: format!("{first} {word}"),
        takes: "",
        also: String::new(),
        help,
    };
    let site = cx.world.site.as_ref();
    let known: Vec<(String, String)> = match command.takes {
        Takes::Nothing
        | Takes::Span
        | Takes::Moment
        | Takes::File
        | Takes::Release
        | Takes::Period
        | Takes::Target
        | Takes::Hosts => Vec::new(),
        Takes::Site | Takes::Record | Takes::Notices => {
            let fixed = command.takes.fixed().iter();
            fixed.map(|(word, help)| ((*word).to_owned(), (*help).to_owned())).collect()
        }
        Takes::Person => site
            .map(|site| site.people.values().map(|person| (person.id.to_string(), person.name.clone())).collect())
            .unwrap_or_default(),
        Takes::Theme => themes.iter().map(|theme| (theme.clone(), String::new())).collect(),
        Takes::Run => cx
            .world
            .visible_runs(cx.me())
            .map(|run| (run.id.0.to_string(), format!("{} in {}", run.plan.runbook.id, run.plan.proposal.workspace)))
            .collect(),
        Takes::Workspace | Takes::AnyWorkspace => super::facts::workspaces(cx.world, cx.me())
            .iter()
            .map(|place| (place.id.to_string(), place.title.clone()))
            .collect(),
        Takes::Role => words_and_places(cx, rest, &Role::ALL.map(Role::word)),
        Takes::Standing => site.map(|site| runbook_words(cx, site, rest)).unwrap_or_default(),
        Takes::OpenIncident => {
            incidents::visible(cx).into_iter().map(|one| (one.id.to_string(), one.title.clone())).collect()
        }
        Takes::Incident => words_and_places(cx, rest, &Severity::ALL.map(Severity::word)),
        Takes::Runbook => site.map(|site| runbook_words(cx, site, rest)).unwrap_or_default(),
    };
    let rest = rest.trim_start_matches('#');
    known.into_iter().filter(|(word, _)| word.to_lowercase().starts_with(rest)).map(offer).collect()
}

fn words_and_places(cx: &Cx<'_>, rest: &str, words: &[&str]) -> Vec<(String, String)> {
    let places = super::facts::workspaces(cx.world, cx.me());
    match rest.split_once(' ') {
        None => words.iter().map(|word| ((*word).to_owned(), String::new())).collect(),
        Some((word, _)) => places.iter().map(|place| (format!("{word} {}", place.id), place.title.clone())).collect(),
    }
}

fn runbook_words(cx: &Cx<'_>, site: &crate::domain::site::Site, rest: &str) -> Vec<(String, String)> {
    let places = super::facts::workspaces(cx.world, cx.me());
    match rest.split_once(' ') {
        None => site.runbooks.values().map(|runbook| (runbook.id.to_string(), runbook.title.clone())).collect(),
        Some((runbook, _)) => {
            places.iter().map(|place| (format!("{runbook} {}", place.id), place.title.clone())).collect()
        }
    }
}

/// The line as it was meant: where one name, person or runbook alone fits what was typed, that one. Runs are numbers: 4 is not
/// the beginning of 42.
pub fn meant(cx: &Cx<'_>, scope: Scope, themes: &[String], line: &str) -> String {
    let name = line.trim_start().split(' ').next().unwrap_or_default().to_lowercase();
    let command = TABLE.iter().find(|command| command.names.contains(&name.as_str()));
    let is_number = command.is_some_and(|command| command.takes == Takes::Run);
    match offers(cx, scope, themes, line).as_slice() {
        [only] if !is_number && only.takes.is_empty() && !line.trim().is_empty() => only.line.clone(),
        _ => line.to_owned(),
    }
}

/// What a line does.
pub fn run(cx: &Cx<'_>, scope: Scope, line: &str) -> Vec<Do> {
    let line = line.trim();
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    if line.is_empty() {
        return Vec::new();
    }
    let lower = name.to_lowercase();
    if let Some(command) = TABLE.iter().find(|command| command.names.contains(&lower.as_str())) {
        if command.takes.is_needed() && rest.is_empty() {
            let first = command.names.first().copied().unwrap_or_default();
            return vec![Do::Say(format!("write :{first} {}", command.takes.word()))];
        }
        return carry_out(cx, command, rest);
    }
    let by_word = |bound: &&Bound| bound.word.eq_ignore_ascii_case(line) && is_worth_a_word(bound.act);
    let here = scope.chain().iter().flat_map(|scope| keymap::own(*scope)).find(by_word);
    match (here, keymap::TABLE.iter().find(by_word)) {
        (Some(bound), _) => vec![Do::Act(bound.act)],
        (None, Some(elsewhere)) => {
            vec![Do::Say(format!("\"{}\" is done in {}, not here", elsewhere.word, elsewhere.scope.title()))]
        }
        (None, None) => vec![Do::Say(format!("no command is called {name}; tab shows them"))],
    }
}

fn carry_out(cx: &Cx<'_>, command: &Named, rest: &str) -> Vec<Do> {
    match command.does {
        Does::Go(place) => vec![Do::Go(place)],
        Does::Record => match rest {
            "" => vec![Do::Go(Place::Audit)],
            "verify" => vec![sheet("is the record whole?", pages::state::parts(cx))],
            other => {
                vec![Do::Say(format!("nothing is done with the record by `{other}`; write :audit or :audit verify"))]
            }
        },
        Does::Hosts => match pages::place::hosts(cx, rest) {
            Ok(parts) => vec![sheet("hosts", parts)],
            Err(why) => vec![Do::Say(why)],
        },
        Does::Enrol => enrol(cx, rest),
        Does::Windows => windows(cx, rest),
        Does::Elevate => vec![lend::asked(cx, rest)],
        Does::Standing => vec![standing::typed(cx, rest)],
        Does::Incident => vec![incidents::typed(cx, rest)],
        Does::ByHand => vec![by_hand::all(cx)],
        Does::Access => access(cx, rest),
        Does::Elevations => vec![lend::all(cx)],
        Does::FollowUps => of_workspace(cx, rest, |place| Screen::FollowUps(FollowUps::of(place))),
        Does::Week => of_workspace(cx, rest, |place| Screen::Week(WeekScreen::of(place))),
        Does::Release => vec![push(Screen::Week(WeekScreen::of_release(rest)))],
        Does::Compliance => opened(proof::compliance(cx, rest)),
        Does::Changes => opened(proof::changes(cx, rest)),
        Does::Site => match rest {
            "" => vec![sheet("site", pages::state::parts(cx))],
            "load" => vec![Do::LoadSite],
            "accept" if cx.world.pending.is_none() => vec![Do::Say("no change to the site waits".to_owned())],
            "accept" => vec![push(Screen::SiteChange(SiteChange::default()))],
            other => vec![Do::Say(format!("nothing is done with the site by `{other}`; write :site load"))],
        },
        Does::State => vec![sheet("how things are", pages::state::parts(cx))],
        Does::Propose => propose(cx, rest),
        Does::Run => match rest.parse::<RunId>() {
            Ok(run) => vec![open(cx, run)],
            Err(_) => vec![Do::Say(format!("`{rest}` is no run; write :run 42"))],
        },
        Does::Since => match duration::parse_ms(rest) {
            Ok(ms) => vec![Do::Palette(PaletteAct::Since(ms))],
            Err(wrong) => vec![Do::Say(wrong)],
        },
        Does::Save => vec![Do::Palette(PaletteAct::Save(rest.to_owned()))],
        Does::Copy => vec![Do::Palette(PaletteAct::Copy)],
        Does::HandOver => vec![Do::Palette(PaletteAct::HandOver(PersonId::new(rest)))],
        Does::Schedule => match ahead::parse(rest, cx.now(), &cx.here.zone) {
            Ok(at) => vec![Do::Palette(PaletteAct::Schedule(at))],
            Err(wrong) => vec![Do::Say(wrong)],
        },
        Does::BreakGlass => match rest.parse::<IncidentId>() {
            Ok(incident) => vec![Do::Palette(PaletteAct::BreakGlass(incident))],
            Err(wrong) => vec![Do::Say(wrong.to_string())],
        },
        Does::As => vec![Do::Effect(Effect::SignInAs(PersonId::new(rest)))],
        Does::Theme => vec![Do::Theme(rest.to_owned())],
        Does::Mouse => vec![Do::ToggleMouse],
        Does::Bell => vec![Do::ToggleBell],
        Does::Notify => match rest {
            "" => vec![sheet("what people are told", pages::notify::parts(cx))],
            "test" => {
                let said = "a test notice is on its way; :notify shows whether it arrives";
                vec![Do::Submit { seen: Seen::Nothing, ask: Ask::Notice(Asked::Test), said }]
            }
            other => vec![Do::Say(format!("nothing is done with notices by `{other}`; write :notify or :notify test"))],
        },
        Does::Who => vec![who::menu(cx)],
        Does::Follow => vec![Do::Follow(PersonId::new(rest))],
        Does::Mentions => vec![mentions::all(cx)],
        Does::Help => vec![Do::Act(Act::Anywhere(Anywhere::Help))],
        Does::Quit => vec![Do::Effect(Effect::Quit)],
    }
}

fn sheet(title: &'static str, parts: Vec<Part>) -> Do {
    over(Overlay::Sheet(Sheet::new(title, parts)))
}

/// A run where it is: live while it is open, else as it was.
pub fn open(cx: &Cx<'_>, run: RunId) -> Do {
    let open = cx.world.run(run).is_some_and(|found| cx.world.can_see(cx.me(), &found.plan.proposal.workspace));
    match open {
        true => push(Screen::Live(Box::new(Live::of(run)))),
        false => push(Screen::Past(Box::new(Past::of(run)))),
    }
}

fn propose(cx: &Cx<'_>, rest: &str) -> Vec<Do> {
    let (runbook, place) = rest.split_once(' ').unwrap_or((rest, ""));
    let places = super::facts::workspaces(cx.world, cx.me());
    let place = match (place.trim(), places.as_slice()) {
        ("", [only]) => only.id.clone(),
        ("", _) => {
            return vec![Do::Say(format!("write :propose {runbook} WORKSPACE; tab shows them"))];
        }
        (place, _) => WorkspaceId::new(place),
    };
    match Propose::new(cx, &RunbookId::new(runbook), &place) {
        Some(form) => vec![push(Screen::Propose(Box::new(form)))],
        None => vec![Do::Say(format!("no runbook {runbook}, or no workspace {place}"))],
    }
}

/// A screen about one workspace, or about all where none is named.
fn of_workspace(cx: &Cx<'_>, rest: &str, screen: impl FnOnce(Option<WorkspaceId>) -> Screen) -> Vec<Do> {
    let known = super::facts::workspaces(cx.world, cx.me()).iter().any(|known| known.id.as_str() == rest);
    match (rest.is_empty(), known) {
        (true, _) => vec![push(screen(None))],
        (false, true) => vec![push(screen(Some(WorkspaceId::new(rest))))],
        (false, false) => vec![Do::Say(format!("no workspace is called {rest}; tab shows them"))],
    }
}

fn opened(report: Result<proof::Proof, String>) -> Vec<Do> {
    match report {
        Ok(report) => vec![push(Screen::Proof(report))],
        Err(wrong) => vec![Do::Say(wrong)],
    }
}

fn enrol(cx: &Cx<'_>, rest: &str) -> Vec<Do> {
    let mut words = rest.split_whitespace().map(str::to_owned);
    let place = WorkspaceId::new(words.next().unwrap_or_default());
    match super::facts::workspaces(cx.world, cx.me()).iter().any(|known| known.id == place) {
        true => vec![push(Screen::HostKeys(HostKeys::of(place, words.collect())))],
        false => vec![Do::Say(format!("no workspace is called {place}; tab shows them"))],
    }
}

fn access(cx: &Cx<'_>, place: &str) -> Vec<Do> {
    let all = super::facts::workspaces(cx.world, cx.me());
    let wanted: Vec<_> = all.iter().filter(|known| place.is_empty() || known.id.as_str() == place).collect();
    match wanted.is_empty() {
        true => vec![Do::Say(format!("no workspace is called {place}; tab shows them"))],
        false => vec![sheet("who may what", pages::access::parts(cx, wanted.into_iter().map(|it| &***it)))],
    }
}

fn windows(cx: &Cx<'_>, place: &str) -> Vec<Do> {
    let all = super::facts::workspaces(cx.world, cx.me());
    let wanted: Vec<_> = all.iter().filter(|known| place.is_empty() || known.id.as_str() == place).collect();
    match wanted.is_empty() {
        true => vec![Do::Say(format!("no workspace is called {place}; tab shows them"))],
        false => vec![sheet("when runs may start", pages::calendar::parts(cx, wanted.into_iter().map(|it| &***it)))],
    }
}
