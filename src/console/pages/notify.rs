//! What people are told outside the console: what is on its way, and what became of the last notices.

use super::{heading, labelled};
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::theme::Role as Ink;
use crate::console::widgets::page::Part;
use crate::console::words;
use crate::domain::notice::{self, Row, Standing, Topic};

/// Notices shown of each sort; `quarterdeck notify list` prints all.
const SHOWN_MAX: usize = 20;

/// How the site tells people, and how far that is.
pub fn parts(cx: &Cx<'_>) -> Vec<Part> {
    let mut parts = settings(cx);
    let (on_their_way, over): (Vec<Row>, Vec<Row>) =
        notice::rows(cx.world, cx.me()).into_iter().partition(|row| matches!(row.standing, Standing::OnItsWay(_)));
    for (title, rows) in [("on their way", on_their_way), ("arrived, or given up", over)] {
        parts.extend(heading(title, words::count(rows.len(), "notice", "notices")));
        parts.extend(rows.iter().take(SHOWN_MAX).map(|row| part(cx, row)));
    }
    parts
}

fn settings(cx: &Cx<'_>) -> Vec<Part> {
    let Some(notify) = cx.world.site.as_ref().and_then(|site| site.notify.as_ref()) else {
        let words = "The site tells nobody: an owner writes [notify] in quarterdeck.toml.";
        return vec![Part::Words(Ink::Muted, words.to_owned())];
    };
    let channels: Vec<&str> = notify.channels().map(|channel| channel.word()).collect();
    let told: Vec<&str> = notify.tell.iter().copied().map(Topic::word).collect();
    let remind = match notify.remind_ms {
        Some(ms) => format!("the next person is asked every {}", moment::span(ms)),
        None => "never".to_owned(),
    };
    [
        labelled("told by", channels.join(", ")),
        labelled("told of", told.join(", ")),
        labelled("again", remind),
        labelled("does it work?", ":notify test tells one through each, where you own a workspace"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn part(cx: &Cx<'_>, row: &Row) -> Part {
    let when = moment::when(row.notice.at, cx.now(), &cx.here.zone);
    let ink = match row.standing {
        Standing::OnItsWay(None) | Standing::Delivered => Ink::Text,
        Standing::OnItsWay(Some(_)) => Ink::Warning,
        Standing::GivenUp(_) => Ink::Failed,
    };
    let by = row.channel.word();
    Part::Words(ink, format!("{when} · {} · {by} {}", notice::summary(&row.notice), row.standing.words()))
}
