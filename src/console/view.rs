//! Draws a console. Reads everything, changes nothing.

use super::facts;
use super::footer;
use super::layout::{Areas, SIZE_MIN, layout};
use super::model::{Badge, Console, Cx, Link, Tone};
use super::moment;
use super::safe;
use super::screens::{Face, Screen};
use super::theme::Role;
use super::widgets::paint::{Paint, below};
use super::widgets::piece::{Piece, gap, spring, text};
use crate::domain::presence::{self, Spot};
use crate::domain::serving::{self, Goal};
use crate::domain::{PersonId, World};
use crate::terminal::line::Safe;
use ratatui::Frame;
use ratatui::buffer::Buffer;

/// Draws the frame.
pub fn view(console: &Console, world: &World, frame: &mut Frame<'_>) {
    draw(console, world, frame.buffer_mut());
}

/// Draws into a buffer of the console's size.
pub(super) fn draw(console: &Console, world: &World, buffer: &mut Buffer) {
    let area = buffer.area;
    let mut paint = Paint::new(buffer, &console.here.look);
    paint.clear(area);
    let (Some(areas), Some(shown)) = (layout(console), console.stack.last()) else {
        let (columns, rows) = console.here.size;
        let needs = safe!("Quarterdeck needs {}×{}, this is {columns}×{rows}.", SIZE_MIN.0, SIZE_MIN.1);
        paint.text(area, Role::Title, needs);
        paint.text(below(area, 1), Role::Muted, "Runs go on.");
        return;
    };
    let Some(cx) = console.cx(world, shown) else {
        return;
    };
    let face = shown.screen.face();
    header(&cx, &shown.screen, &mut paint, areas);
    face.view(&cx, &mut paint, areas.body);
    status(console, &cx, face, &mut paint, areas);
    if let Link::Lost(_) = console.here.link {
        paint.dim(areas.body);
    }
    match &console.overlay {
        Some(overlay) => {
            overlay.view(&cx, &mut paint);
            let spots = footer::spots(overlay.scope(), &overlay.foot(), areas.footer.width);
            paint.line(areas.footer, &footer::line(&spots));
        }
        None => match &cx.here.follows {
            Some(person) => paint.line(areas.footer, &followed(&cx, person)),
            None => {
                let spots = footer::spots(face.scope(), &face.foot(&cx), areas.footer.width);
                paint.line(areas.footer, &footer::line(&spots));
            }
        },
    }
}

fn header(cx: &Cx<'_>, screen: &Screen, paint: &mut Paint<'_>, areas: Areas) {
    let crumbs = screen.face().crumbs(cx);
    let site = cx.world.site.as_ref().map(|site| Safe::new(&site.name)).unwrap_or_default();
    let mut line = vec![gap(1), text(Role::Accent, "quarterdeck")];
    let columns = usize::from(areas.header.width).saturating_sub(HEADER_AIR);
    let who: Vec<Piece> = if crumbs.is_empty() {
        // The site's name gives way to a third of the row, the roles to what is left then.
        let site = site.cut_middle(columns / 3);
        let left = 3 + site.width();
        if !site.is_empty() {
            line.extend([text(Role::Muted, " · "), text(Role::Title, site)]);
        }
        who(cx, screen.spot(), columns.saturating_sub(left))
    } else {
        who(cx, screen.spot(), 0)
    };
    let right: usize = who.iter().map(Piece::wants).sum();
    let mut room = columns.saturating_sub(right);
    let last = crumbs.len().saturating_sub(1);
    for (nth, crumb) in crumbs.into_iter().enumerate() {
        room = room.saturating_sub(3);
        let role = if nth == last { Role::Title } else { Role::Text };
        let shown = crumb.cut_middle(room);
        room -= shown.width();
        line.extend([text(Role::Muted, " ▸ "), text(role, shown)]);
    }
    line.push(spring());
    line.extend(who);
    line.push(gap(1));
    paint.line(areas.header, &line);
}

/// Columns of the header that hold the product's name and the air around everything.
const HEADER_AIR: usize = 1 + "quarterdeck".len() + 2 + 1;

/// Columns of whom one follows, at most.
const FOLLOWED_COLUMNS_MAX: usize = 36;

/// Columns of a person's name, at most.
const NAME_COLUMNS_MAX: usize = 20;

/// What waits, name, roles, badge and time; of the roles as many as fit into `room` together with the rest.
fn who(cx: &Cx<'_>, spot: Spot, room: usize) -> Vec<Piece> {
    let me = cx.me();
    let mut tail = Vec::new();
    if cx.here.me.badge == Badge::ActingAs {
        tail.extend([gap(1), text(Role::Warning, "[acting as]")]);
    }
    if looks_only(cx, spot) {
        tail.extend([gap(1), text(Role::Warning, "[RO]")]);
    }
    tail.extend([gap(2), text(Role::Muted, moment::time_and_zone(cx.now(), &cx.here.zone))]);
    let name = safe!("{me}").cut_middle(NAME_COLUMNS_MAX);
    let waits = waits(cx);
    let used = name.width() + waits.iter().chain(&tail).map(Piece::wants).sum::<usize>();
    let roles = roles(cx, room.saturating_sub(used));
    let name = [text(Role::Text, name), text(Role::Muted, roles)];
    waits.into_iter().chain(name).chain(tail).collect()
}

/// Whether no key of this person's does anything to what is on the screen.
fn looks_only(cx: &Cx<'_>, spot: Spot) -> bool {
    let is_held = cx.here.me.badge == Badge::ReadOnly || cx.here.follows.is_some() || spot == Spot::Wall;
    is_held || facts::looks_only(cx.world, cx.me(), spot.run())
}

/// `kim follows  @1  3 for you`: who sees these screens too, how many notes name this person, and how much waits for their word, on
/// every screen. Nothing where nothing does.
fn waits(cx: &Cx<'_>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let followers = presence::followers(&cx.here.present, cx.me());
    match followers.len() {
        0 => {}
        1 => {
            let who = followers.into_iter().map(|one| safe!("{one} follows").cut_middle(NAME_COLUMNS_MAX));
            pieces.extend(who.flat_map(|who| [text(Role::Accent, who), gap(2)]));
        }
        n => pieces.extend([text(Role::Accent, safe!("{n} follow")), gap(2)]),
    }
    if cx.here.named > 0 {
        pieces.extend([text(Role::Warning, safe!("@{}", cx.here.named)), gap(2)]);
    }
    if cx.here.waiting > 0 {
        pieces.extend([text(Role::Warning, safe!("{} for you", cx.here.waiting)), gap(2)]);
    }
    pieces
}

/// The last row while somebody is followed: whom, where they are, and how it ends. No key of the screen does anything then.
fn followed(cx: &Cx<'_>, person: &PersonId) -> Vec<Piece> {
    let at = presence::seat_of(&cx.here.present, person).map(|one| one.seat.spot).unwrap_or_default();
    vec![
        gap(1),
        text(Role::Accent, safe!("following {person}").cut_middle(FOLLOWED_COLUMNS_MAX)),
        text(Role::Muted, safe!(" · at {} · ", presence::spot_words(cx.world, cx.me(), at))),
        text(Role::Accent, "any key"),
        text(Role::Muted, " ends it"),
    ]
}

/// `: operator, approver`; where not all fit, whole ones and `…`.
fn roles(cx: &Cx<'_>, room: usize) -> Safe {
    let roles = super::facts::roles(cx.world, cx.me());
    let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
    let all = (0..=words.len()).rev().find_map(|kept| {
        let shown = words.get(..kept)?.join(", ");
        let shown = match (kept == words.len(), kept) {
            (true, _) => safe!(": {shown}"),
            (false, 0) => Safe::new(": …"),
            (false, _) => safe!(": {shown}, …"),
        };
        (shown.width() <= room).then_some(shown)
    });
    all.filter(|_| !words.is_empty()).unwrap_or_default()
}

/// What everybody reads while the server drains.
fn banner(cx: &Cx<'_>) -> Vec<Piece> {
    let left = serving::in_flight(cx.world);
    let words = match cx.world.serving.goal() {
        Some(Goal::Stop) => safe!("the server is stopping: steps in flight finish first, {left} left; nothing starts"),
        Some(Goal::Upgrade) if left > 0 => {
            safe!("upgrading: steps in flight finish first, {left} left; nothing starts until then")
        }
        Some(Goal::Upgrade) | None => safe!("upgrading: back in a moment, runs go on"),
    };
    vec![gap(1), text(Role::Warning, words)]
}

fn status(console: &Console, cx: &Cx<'_>, face: &dyn Face, paint: &mut Paint<'_>, areas: Areas) {
    let line = match (&console.here.link, &console.notice) {
        (Link::Lost(since), _) => {
            let ago = moment::counter(cx.now().ms_since(*since));
            vec![gap(1), text(Role::Warning, safe!("last seen {ago} ago, reconnecting, runs go on"))]
        }
        (Link::Up, Some(notice)) => match notice.tone {
            Tone::Said => vec![gap(1), text(Role::Text, notice.text.clone())],
            Tone::Refused => vec![
                gap(1),
                text(Role::Refused, safe!("⊘ ")),
                text(Role::Text, notice.text.cut_end(usize::from(areas.status.width).saturating_sub(14))),
                spring(),
                text(Role::Accent, "w"),
                text(Role::Muted, " why"),
                gap(1),
            ],
        },
        (Link::Up, None) if cx.world.serving.holds() => banner(cx),
        // What a screen says there is which keys act on it: none does.
        (Link::Up, None) if cx.here.follows.is_some() => Vec::new(),
        (Link::Up, None) => {
            let mut line = face.status(cx);
            line.insert(0, gap(1));
            line
        }
    };
    paint.line(areas.status, &line);
}
