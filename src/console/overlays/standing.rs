//! Standing approvals: asked for, read, decided, revoked.

use super::Overlay;
use super::dialog::{Dialog, Need};
use super::menu::{Choice as Pick, Item as Row, Menu, Wherever};
use super::sheet::Sheet;
use crate::console::effect::{Do, over};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::pages;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::console::words;
use crate::domain::decide::standing::{WantedStanding, Word};
use crate::domain::id::StandingId;
use crate::domain::run::Choice;
use crate::domain::standing::{Allowed, Standing};
use crate::domain::{Ask, RunbookId, Seen, WorkspaceId, binding, duration, policy};
use crate::terminal::line::Safe;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Asks for one, as typed: `RUNBOOK WORKSPACE HOSTS 30d`. Nothing typed: shows those there are.
pub fn typed(cx: &Cx<'_>, typed: &str) -> Do {
    let words: Vec<&str> = typed.split_whitespace().collect();
    match words.as_slice() {
        [] => all(cx),
        [runbook, place, hosts, long] => match (hosts.parse::<u32>(), duration::parse_ms(long)) {
            (Ok(hosts_max), Ok(for_ms)) => wanting(cx, runbook, place, hosts_max, for_ms),
            (Err(_), _) => Do::Say(format!("{hosts} is no number of hosts")),
            (_, Err(wrong)) => Do::Say(wrong),
        },
        _ => Do::Say("write :standing RUNBOOK WORKSPACE HOSTS 30d, or :standing to see those there are".to_owned()),
    }
}

fn wanting(cx: &Cx<'_>, runbook: &str, place: &str, hosts_max: u32, for_ms: u64) -> Do {
    let wanted = WantedStanding {
        workspace: WorkspaceId::new(place),
        runbook: RunbookId::new(runbook),
        inputs: BTreeMap::new(),
        hosts_max,
        for_ms,
        reason: String::new(),
    };
    let title = safe!("a standing approval of {runbook} in {place}");
    let hosts = words::count(usize::try_from(hosts_max).unwrap_or(usize::MAX), "host", "hosts");
    let says = format!("This version of it, on up to {hosts}, for {}.", duration::words(for_ms));
    let ask = Ask::WantStanding(Box::new(wanted));
    let dialog = Dialog::new(cx, title, "Ask", "asked for a standing approval", Seen::Nothing, ask)
        .says(Ink::Text, says)
        .says(Ink::Muted, "Runs inside these bounds then need no approval of their own. They are marked and reviewed.")
        .field("why", Need::Words)
        .field("inputs: NAME=VALUE, NAME=1..5, NAME=* (comma between; may stay empty)", Need::MayWords);
    over(Overlay::Dialog(Box::new(dialog)))
}

/// What is wanted, with what was typed into its form: why, then the inputs.
pub fn filled(wanted: WantedStanding, typed: &[String]) -> WantedStanding {
    let text = |nth: usize| typed.get(nth).cloned().unwrap_or_default();
    let pairs = text(1);
    let pairs = pairs.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let inputs = pairs.map(|pair| {
        let (name, range) = pair.split_once('=').unwrap_or((pair, "*"));
        (name.trim().to_owned(), Allowed::parse(range.trim()))
    });
    WantedStanding { reason: text(0), inputs: inputs.collect(), ..wanted }
}

/// Those of this person's workspaces.
fn visible<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Arc<Standing>> {
    let (world, me) = (cx.world, &cx.here.me.person);
    world.standings.values().filter(move |one| world.can_see(me, &one.terms.workspace))
}

/// Those this person may decide on and has not.
pub fn mine<'a>(cx: &Cx<'a>) -> impl Iterator<Item = &'a Arc<Standing>> {
    let (world, me) = (cx.world, &cx.here.me.person);
    visible(cx).filter(move |one| {
        let Some((site, place)) = world.site.as_ref().zip(world.workspace(&one.terms.workspace)) else { return false };
        let for_me = |waits: &policy::WaitsFor| crate::console::facts::is_for(waits, me);
        one.given.is_none() && one.missing(site, place).iter().any(for_me)
    })
}

fn all(cx: &Cx<'_>) -> Do {
    let rows: Vec<Row> = visible(cx)
        .map(|one| Row {
            mark: None,
            label: safe!("{} {}", one.terms.standing, one.terms.runbook),
            detail: safe!("{}: {}", one.terms.workspace, stands(cx, one)),
            choice: Pick::Wherever(Wherever::Standing(one.terms.standing)),
        })
        .collect();
    match rows.is_empty() {
        true => Do::Say("there is no standing approval; :standing RUNBOOK WORKSPACE HOSTS 30d asks for one".to_owned()),
        false => over(Overlay::Menu(Menu::new("standing approvals", rows))),
    }
}

/// Where it stands, in a line.
pub fn stands(cx: &Cx<'_>, one: &Standing) -> String {
    let place = cx.world.workspace(&one.terms.workspace);
    let until = moment::when(one.over_at(), cx.now(), &cx.here.zone);
    match (place.is_some_and(|place| place.standing.contains_key(&one.terms.standing)), one.given) {
        (true, _) => format!("in force until {until}"),
        (false, Some(_)) => "not in force: an approver no longer holds the role".to_owned(),
        (false, None) => {
            let waits = cx.world.site.as_ref().zip(place).map(|(site, place)| one.missing(site, place));
            let told = waits.unwrap_or_default();
            let told: Vec<String> =
                told.iter().map(|waits| words::waits(waits, cx.me(), cx.now(), &cx.here.zone)).collect();
            told.join("; ")
        }
    }
}

/// What can be done about one.
pub fn menu(cx: &Cx<'_>, id: StandingId) -> Do {
    let Some(one) = cx.world.standings.get(&id) else {
        return Do::Say(format!("{id} is over"));
    };
    let row = |label: &'static str, detail: &'static str, choice: Wherever| Row {
        mark: None,
        label: Safe::new(label),
        detail: Safe::new(detail),
        choice: Pick::Wherever(choice),
    };
    let word = |label, detail, word| row(label, detail, Wherever::InStanding(id, word));
    let mut rows = vec![row("read it", "what it lets run, on what, until when", Wherever::ReadStanding(id))];
    if one.given.is_none() && one.terms.by != *cx.me() {
        rows.push(word("approve", "runs inside its bounds then start at once", Word::Vote(Choice::Approve)));
        rows.push(word("deny", "it ends here", Word::Vote(Choice::Deny)));
    }
    rows.push(word("revoke", "what has not started by it waits, what runs pauses", Word::Revoke));
    over(Overlay::Menu(Menu::new(safe!("{id} {}", one.terms.runbook), rows)))
}

/// The question before it is done.
pub fn word(cx: &Cx<'_>, id: StandingId, word: Word) -> Do {
    let Some(one) = cx.world.standings.get(&id) else {
        return Do::Say(format!("{id} is over"));
    };
    let (title, verb, said, label, need) = match word {
        Word::Vote(Choice::Approve) => ("approve", "Approve", "approved a standing approval", "why", Need::Words),
        Word::Vote(Choice::Deny) => ("deny", "Deny", "denied a standing approval", "why not", Need::Words),
        Word::Vote(Choice::Retract) => ("take back", "Take back", "took an approval back", "why", Need::Words),
        Word::Revoke => ("revoke", "Revoke", "revoked a standing approval", "why (may stay empty)", Need::MayWords),
    };
    let ask = Ask::InStanding { standing: id, word, reason: String::new() };
    let mut dialog = Dialog::new(cx, safe!("{title} {id}"), verb, said, Seen::Binding(one.binding), ask)
        .says(Ink::Text, format!("{} in {}: {}", one.terms.runbook, one.terms.workspace, bounds(one)))
        .field(label, need);
    if word == Word::Vote(Choice::Approve) {
        let code = binding::code(&one.binding);
        dialog = dialog.field(&format!("type its code, {code}"), Need::Code(one.binding));
    }
    over(Overlay::Dialog(Box::new(dialog)))
}

fn bounds(one: &Standing) -> String {
    let hosts = usize::try_from(one.terms.hosts_max).unwrap_or(usize::MAX);
    format!("up to {}, {} impact at most", words::count(hosts, "host", "hosts"), one.terms.impact.word())
}

/// All of it as text.
pub fn read(cx: &Cx<'_>, id: StandingId) -> Do {
    match cx.world.standings.get(&id) {
        Some(one) => {
            over(Overlay::Sheet(Sheet::new(safe!("{id} {}", one.terms.runbook), pages::standing::parts(cx, one))))
        }
        None => Do::Say(format!("{id} is over")),
    }
}
