//! Where a person is, written down: the day their server comes back, their console opens there again, with its filters and what
//! was selected.
//!
//! It is kept at the person's end and so is nobody's word for anything: it opens screens, each of which shows what its person may
//! see. Forms, and what lies over a screen, are not kept: drafts of proposals have a place of their own.

use super::model::{Console, Cx};
use super::screens::approval::Approval;
use super::screens::follow_ups::FollowUps;
use super::screens::live::Live;
use super::screens::past::Past;
use super::screens::{Face, Screen};
use crate::console::keymap::Place;
use crate::domain::{RunId, World};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Screens kept, the last ones: nobody walks back further after an interruption.
const LEAVES_MAX: usize = 4;

/// Longest filter or selection that is kept.
const TEXT_BYTES_MAX: usize = 200;

/// Where a person is: the screens over home, the last one on top.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Bookmark(Vec<Leaf>);

/// A screen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Leaf {
    at: At,
    #[serde(flatten)]
    kept: Kept,
}

/// Which screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum At {
    Runbooks,
    Runs,
    Approvals,
    History,
    Audit,
    FollowUps,
    Run(RunId),
    Request(RunId),
    Past(RunId),
}

/// What of a screen is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Its filter, as typed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub filter: String,
    /// What is selected, as the screen writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pick: Option<String>,
}

impl Kept {
    fn bounded(mut self) -> Self {
        if self.filter.len() > TEXT_BYTES_MAX {
            self.filter.clear();
        }
        self.pick = self.pick.filter(|pick| pick.len() <= TEXT_BYTES_MAX);
        self
    }
}

impl Bookmark {
    /// As text: printable ASCII without blanks. `None` where it cannot be written.
    pub fn written(&self) -> Option<String> {
        serde_json::to_vec(self).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
    }

    /// Reads one. `None` where it is none.
    pub fn read(text: &str) -> Option<Self> {
        let Self(mut leaves) = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        leaves.truncate(LEAVES_MAX);
        let leaves = leaves.into_iter().map(|leaf| Leaf { kept: leaf.kept.bounded(), ..leaf });
        Some(Self(leaves.collect()))
    }
}

impl At {
    fn of(screen: &Screen) -> Option<Self> {
        let run = screen.spot().run();
        match screen {
            Screen::Runbooks(_) => Some(At::Runbooks),
            Screen::Runs(_) => Some(At::Runs),
            Screen::Approvals(_) => Some(At::Approvals),
            Screen::History(_) => Some(At::History),
            Screen::Audit(_) => Some(At::Audit),
            Screen::FollowUps(_) => Some(At::FollowUps),
            Screen::Live(_) => run.map(At::Run),
            Screen::Approval(_) => run.map(At::Request),
            Screen::Past(_) => run.map(At::Past),
            Screen::Home(_)
            | Screen::Propose(_)
            | Screen::SiteChange(_)
            | Screen::HostKeys(_)
            | Screen::Week(_)
            | Screen::Proof(_)
            | Screen::Wall(_) => None,
        }
    }

    fn screen(self, console: &Console, world: &World) -> Screen {
        let seen = |run: RunId| {
            let me = &console.here.me.person;
            world.run(run).is_some_and(|run| world.can_see(me, &run.plan.proposal.workspace))
        };
        match self {
            At::Runbooks => Screen::of(Place::Runbooks),
            At::Runs => Screen::of(Place::Runs),
            At::Approvals => Screen::of(Place::Approvals),
            At::History => Screen::of(Place::History),
            At::Audit => Screen::of(Place::Audit),
            At::FollowUps => Screen::FollowUps(FollowUps::of(None)),
            At::Run(run) if seen(run) => Screen::Live(Box::new(Live::of(run))),
            At::Request(run) if seen(run) => Screen::Approval(Approval::of(run)),
            // Whoever may not see it reads there that it does not exist.
            At::Run(run) | At::Request(run) | At::Past(run) => Screen::Past(Box::new(Past::of(run))),
        }
    }
}

impl Console {
    /// Where the person is; `None` at a screen in a room, which needs none.
    pub fn bookmark(&self) -> Option<Bookmark> {
        if self.is_wall() {
            return None;
        }
        let leaves: Vec<Leaf> = self
            .stack
            .iter()
            .filter_map(|shown| Some(Leaf { at: At::of(&shown.screen)?, kept: shown.screen.face().kept().bounded() }))
            .collect();
        let first = leaves.len().saturating_sub(LEAVES_MAX);
        Some(Bookmark(leaves.into_iter().skip(first).collect()))
    }

    /// Opens the screens of a bookmark over home. The one on top has yet to be entered.
    pub(super) fn reopen(&mut self, world: &World, mark: &Bookmark) {
        for leaf in &mark.0 {
            let screen = leaf.at.screen(self, world);
            self.put_on_top(screen);
            let uid = self.top_uid();
            self.of(world, uid, |face, cx| {
                restore(face, cx, &leaf.kept);
                Vec::new()
            });
        }
    }
}

fn restore(face: &mut dyn Face, cx: &Cx<'_>, kept: &Kept) {
    if *kept != Kept::default() {
        face.restore(cx, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Msg;
    use crate::console::harness::Harness;

    #[test]
    fn a_bookmark_is_plain_text_and_reads_back_and_anything_else_is_none() {
        let kept = Kept { filter: "failed & ws:wéb".to_owned(), pick: Some("#7".to_owned()) };
        let mark = Bookmark(vec![Leaf { at: At::Runs, kept }, Leaf { at: At::Run(RunId(7)), kept: Kept::default() }]);
        let text = mark.written().unwrap();
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
        assert_eq!(Bookmark::read(&text), Some(mark));
        for other in ["", "x", "!!", "e30", "W10x"] {
            assert_eq!(Bookmark::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_console_opens_again_where_its_person_was() {
        let world = crate::console::fixture::world;
        for keys in ["3 / w e b enter", "2 / r o enter j", "4", "6 / w e b enter", "3 enter j l", "3 j enter"] {
            let before = Harness::new(world()).press(keys);
            let mark = before.console.bookmark().unwrap();
            assert_ne!(mark, Bookmark::default(), "{keys}");
            let read = Bookmark::read(&mark.written().unwrap()).unwrap();
            let mut after = Harness::new(world());
            after.send(Msg::Reopen(read));
            assert_eq!(after.console.bookmark(), Some(mark), "{keys}");
            let crumbs =
                |screen: String| screen.lines().next().unwrap_or_default().chars().take(40).collect::<String>();
            assert_eq!(crumbs(after.screen()), crumbs(before.screen()), "{keys}");
        }
        let mut wall = Harness::new(world());
        wall.send(Msg::Wall);
        assert_eq!(wall.console.bookmark(), None, "a room has one screen");
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        let kept = Kept { filter: "x".repeat(900), pick: Some("y".repeat(900)) };
        let leaves = (0..50).map(|_| Leaf { at: At::History, kept: kept.clone() }).collect();
        let read = Bookmark::read(&Bookmark(leaves).written().unwrap()).unwrap();
        assert_eq!(read.0, vec![Leaf { at: At::History, kept: Kept::default() }; LEAVES_MAX]);
    }
}
