//! What can be said, everywhere it is said: in the table people read, in the console, and on the command line.

use crate::console::{commands, keymap};
use crate::verbs::args::Line;
use clap::CommandFactory as _;
use std::collections::BTreeSet;

/// Every verb as one types it: `runs list`, not `runs`.
fn verbs_of(command: &clap::Command, before: &str) -> BTreeSet<String> {
    command
        .get_subcommands()
        .flat_map(|verb| {
            let name = format!("{before}{}", verb.get_name());
            match verb.has_subcommands() {
                // One that also does something by itself has words of its own behind it.
                true => {
                    let own = verb.get_positionals().next().map(|_| name.clone());
                    let mut all = verbs_of(verb, &format!("{name} "));
                    all.extend(own);
                    all
                }
                false => [name].into(),
            }
        })
        .collect()
}

#[test]
fn architecture_md_prints_every_verb_and_no_other() {
    let page = include_str!("../../ARCHITECTURE.md");
    let table = page.lines().skip_while(|line| !line.starts_with("| verb |")).skip(2);
    let printed: BTreeSet<String> = table
        .take_while(|line| line.starts_with('|'))
        .flat_map(|line| {
            let first = line.split('|').nth(1).unwrap_or_default().to_owned();
            let words: Vec<String> = first.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            words
        })
        .collect();
    assert_eq!(printed, verbs_of(&Line::command(), ""));
}

/// Where each verb is in the console: a command behind `:`, or a key by its word.
const IN_THE_CONSOLE: &[(&str, &str)] = &[
    ("show", ":runbooks"),
    ("plan", "plan"),
    ("propose", ":propose"),
    ("accept", "accept warning"),
    ("approve", "approve"),
    ("deny", "deny"),
    ("retract", "take back"),
    ("withdraw", "stop …"),
    ("start", "start"),
    ("run", ":run"),
    ("tick", "open"),
    ("secret", "secret"),
    ("decide", "retry"),
    ("claim", "take it"),
    ("handover", ":handover"),
    ("pause", "pause"),
    ("continue", "pause"),
    ("abort", "stop …"),
    ("rerun", "back to it …"),
    ("resume", "back to it …"),
    ("rollback", "back to it …"),
    ("note", "note"),
    ("mentions list", ":mentions"),
    ("mentions seen", ":mentions"),
    ("close", "outcome"),
    ("review", "review"),
    ("follow-up add", "new follow-up"),
    ("follow-up done", "done"),
    ("follow-up list", ":follow-ups"),
    ("deviations list", ":week"),
    ("deviations look", "looked at"),
    ("deviations follow", "new follow-up"),
    ("compliance", ":compliance"),
    ("changes", ":changes"),
    ("runs list", ":history"),
    ("runs show", ":run"),
    ("runs log", "full log"),
    ("audit list", ":audit"),
    ("audit verify", ":audit"),
    ("hosts list", ":hosts"),
    ("hosts enrol", ":enrol"),
    ("windows list", ":windows"),
    ("people roles", ":access"),
    ("elevate", ":elevate"),
    ("break-glass", ":break-glass"),
    ("standing propose", ":standing"),
    ("standing list", ":standing"),
    ("standing show", ":standing"),
    ("standing approve", ":standing"),
    ("standing deny", ":standing"),
    ("standing revoke", ":standing"),
    ("record list", ":by-hand"),
    ("record review", ":by-hand"),
    ("incident open", ":incident"),
    ("incident list", ":incident"),
    ("incident show", ":incident"),
    ("incident note", ":incident"),
    ("incident mark", ":incident"),
    ("incident command", ":incident"),
    ("incident grade", ":incident"),
    ("incident close", ":incident"),
    ("elevations list", ":elevations"),
    ("elevations grant", ":elevations"),
    ("elevations refuse", ":elevations"),
    ("elevations end", ":elevations"),
    ("site load", ":site"),
    ("site show", ":approvals"),
    ("site accept", "accept"),
    ("notify list", ":notify"),
    ("notify test", ":notify"),
];

/// Verbs that are none of the console's, and why.
const OUTSIDE_THE_CONSOLE: &[(&str, &str)] = &[
    ("demo", "a process"),
    ("serve", "a process"),
    ("sessions list", "who is connected, for whoever minds the server"),
    ("sessions kill", "it goes with the list"),
    ("attach", "it opens the console"),
    ("wall", "a screen in a room, with nobody at its keys"),
    ("people list", "a list for whoever confirms, beside a telephone"),
    ("people enrol", "a secret is shown once, and stays on no screen of a console"),
    ("people prove", "it goes with enrol"),
    ("people confirm", "compared by voice, done once"),
    ("people revoke", "for the day a telephone is lost"),
    ("doctor", "for the day the console does not open"),
    ("init", "there is no site yet"),
    ("import rundeck", "files of other tools, for a site's repository"),
    ("import markdown", "files of other tools, for a site's repository"),
    ("record add", "commands are taken from where they were typed, not typed again"),
    ("record file", "a file lies where its person is, not where the console runs"),
    ("evidence", "a file lies where its person is, not where the console runs"),
    ("runs evidence", "a file is for a program, not for a terminal"),
    ("evidence export", "a file for somebody else"),
    ("evidence verify", "for whoever has the file, and no server"),
    ("audit head", "to be kept elsewhere, by a program or a person"),
    ("audit proof", "for programs that verify it"),
    ("audit consistency", "for programs that verify it"),
    ("hosts import", "files of other tools, for a site's repository"),
    ("check", "files that nobody serves yet"),
    ("schema", "for editors"),
    ("completions", "for shells"),
];

#[test]
fn every_verb_is_in_the_console_or_outside_it_for_a_reason() {
    let command = |name: &str| commands::TABLE.iter().any(|command| command.names.contains(&name));
    for (verb, place) in IN_THE_CONSOLE {
        let known = match place.strip_prefix(':') {
            Some(name) => command(name),
            None => keymap::TABLE.iter().any(|bound| bound.word == *place),
        };
        assert!(known, "{verb}: the console has no {place}");
    }
    let told = IN_THE_CONSOLE.iter().chain(OUTSIDE_THE_CONSOLE).map(|(verb, _)| (*verb).to_owned());
    assert_eq!(told.collect::<BTreeSet<_>>(), verbs_of(&Line::command(), ""));
}
