//! What stands behind the screens: the site in force, the record, this session and its terminal. For whoever wonders
//! whether all is well, or has to tell somebody else.

use super::{heading, labelled};
use crate::console::facts;
use crate::console::model::{Badge, Cx, Link, MouseOwner};
use crate::console::moment;
use crate::console::safe;
use crate::console::theme::Role as Ink;
use crate::console::widgets::page::Part;
use crate::console::widgets::paint::Charset;
use crate::console::words;
use crate::domain::site::Site;
use crate::terminal::line::Safe;

/// The site in force, what waits, the record, this session.
pub fn parts(cx: &Cx<'_>) -> Vec<Part> {
    [site(cx), record(cx), session(cx)].concat()
}

fn site(cx: &Cx<'_>) -> Vec<Part> {
    let Some(site) = &cx.world.site else {
        return vec![Part::Words(Ink::Warning, "no site is in force".to_owned())];
    };
    let [_, head] = heading("site", site.name.as_str());
    let mut parts = vec![head];
    parts.extend(
        [
            labelled("holds", holds(site)),
            labelled("digest", site.digest.short()),
            labelled("commit", commit(site)),
            labelled(
                "as others",
                if site.allow_as { "allowed: :as PERSON, and the record says so" } else { "not allowed" },
            ),
        ]
        .into_iter()
        .flatten(),
    );
    match &cx.world.pending {
        None => parts.extend(labelled("waits", "nothing; :site load reads the files again")),
        Some(pending) => {
            let changes: Vec<String> = pending.sensitive.iter().map(|change| change.words()).collect();
            let by = pending.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            let when = moment::when(pending.at, cx.now(), &cx.here.zone);
            let words =
                format!("! loaded {when}{by}, until another owner accepts it (:site accept): {}", changes.join(", "));
            parts.push(Part::Labelled(super::LABEL_COLUMNS, Safe::new("waits"), Ink::Warning, words));
        }
    }
    parts
}

fn holds(site: &Site) -> String {
    [
        words::count(site.people.len(), "person", "people"),
        words::count(site.workspaces.len(), "workspace", "workspaces"),
        words::count(site.runbooks.len(), "runbook", "runbooks"),
    ]
    .join(", ")
}

fn commit(site: &Site) -> String {
    match (&site.commit, site.dirty) {
        (Some(commit), Some(true)) => format!("{commit} with changes beyond it"),
        (Some(commit), _) => commit.clone(),
        (None, _) => "not in Git".to_owned(),
    }
}

fn record(cx: &Cx<'_>) -> Vec<Part> {
    let events = usize::try_from(cx.world.events).unwrap_or(usize::MAX);
    let mut parts = heading("record", words::count(events, "event", "events")).to_vec();
    let last = moment::when(cx.world.last_at, cx.now(), &cx.here.zone);
    parts.extend(labelled("last event", last));
    let proof = "it is proved apart from the server that writes it: run `quarterdeck audit verify` in a shell";
    parts.extend(labelled("whole?", proof));
    parts
}

fn session(cx: &Cx<'_>) -> Vec<Part> {
    let here = cx.here;
    let mut parts = heading("you", safe!("{}", cx.me())).to_vec();
    let roles: Vec<&str> = facts::roles(cx.world, cx.me()).into_iter().map(|role| role.word()).collect();
    let signed_in = match here.me.badge {
        Badge::None => "by your own account".to_owned(),
        Badge::ActingAs => "acting as this person, which the record says".to_owned(),
        Badge::ReadOnly => "to look and not to act".to_owned(),
    };
    let server = match here.link {
        Link::Up => "reached".to_owned(),
        Link::Lost(since) => format!("not reached since {}; runs go on", moment::when(since, cx.now(), &here.zone)),
    };
    let (columns, rows) = here.size;
    let characters = match here.look.charset {
        Charset::Unicode => "Unicode",
        Charset::Ascii => "ASCII",
    };
    let mouse = match here.mouse {
        MouseOwner::Console => "wheel and clicks; :mouse gives it to the terminal",
        MouseOwner::Terminal => "the terminal's own; :mouse takes it back",
    };
    let bell = match here.rings {
        true => "rings when something new waits for you; :bell silences it",
        false => "silent; :bell lets it ring",
    };
    let zone = here.zone.iana_name().unwrap_or("the terminal's offset");
    parts.extend(
        [
            labelled("roles", roles.join(", ")),
            labelled("signed in", signed_in),
            labelled("server", server),
            labelled("terminal", format!("{columns}×{rows}, {characters}, times in {zone}")),
            labelled("theme", here.look.theme.name()),
            labelled("mouse", mouse),
            labelled("bell", bell),
        ]
        .into_iter()
        .flatten(),
    );
    parts
}
