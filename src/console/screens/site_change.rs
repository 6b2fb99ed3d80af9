//! A change to the site that waits for a second person: what makes it wait, and every line of its difference.
//!
//! Invariant: it can be accepted only once every line was shown, whatever keys were pressed; another change starts
//! unread. Deliberately absent: refusing it. Whoever does not want the change puts the files back.

use super::Face;
use crate::console::effect::{Do, over};
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, ApprovalAct, Motion, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::moment;
use crate::console::overlays::Overlay;
use crate::console::overlays::dialog::{Dialog, Need};
use crate::console::overlays::sheet::{Part, Sheet};
use crate::console::pages::{diff, labelled};
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::Page;
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, text};
use crate::console::words;
use crate::domain::world::PendingSite;
use crate::domain::{Ask, Digest, Refusal, Seen};
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// A change to the site, being read.
#[derive(Debug, Default)]
pub struct SiteChange {
    page: Page,
    digest: Option<Digest>,
    /// Lines shown so far without a gap, and the width they were shown at.
    shown: (usize, u16),
}

/// Why it cannot be accepted now.
enum Locked {
    Unread(usize),
    Refused(Refusal),
}

impl SiteChange {
    fn pending<'a>(&self, cx: &Cx<'a>) -> Option<&'a PendingSite> {
        cx.world.pending.as_ref()
    }

    fn area(cx: &Cx<'_>) -> Rect {
        inset(below(cx.areas.body, 1))
    }

    /// Takes the change that waits now; another one than before is unread.
    fn look(&mut self, cx: &Cx<'_>) {
        let digest = self.pending(cx).map(|pending| pending.site.digest);
        if digest != self.digest {
            self.digest = digest;
            self.page = Page::new(self.pending(cx).map(|pending| parts(cx, pending)).unwrap_or_default());
            self.shown = (0, 0);
        }
        self.note_shown(cx);
    }

    /// Counts what is in sight as shown, unless lines before it were not.
    fn note_shown(&mut self, cx: &Cx<'_>) {
        let area = Self::area(cx);
        let standing = self.page.standing(area);
        let (shown, width) = self.shown;
        // Lines break elsewhere at another width: what was read is not known any more, unless it was all.
        let shown = match (width == area.width, shown) {
            (true, shown) => shown,
            (false, usize::MAX) => usize::MAX,
            (false, _) => 0,
        };
        let shown = match standing.first <= shown.saturating_add(1) {
            true if standing.last >= standing.all => usize::MAX,
            true => shown.max(standing.last),
            false => shown,
        };
        self.shown = (shown, area.width);
    }

    fn locked(&self, cx: &Cx<'_>) -> Option<Locked> {
        let pending = self.pending(cx)?;
        if let Some(refusal) = pending.refuses(cx.world.site.as_deref(), cx.me()) {
            return Some(Locked::Refused(refusal));
        }
        let all = self.page.standing(Self::area(cx)).all;
        match self.shown.0 {
            usize::MAX => None,
            shown => Some(Locked::Unread(all.saturating_sub(shown))),
        }
    }

    fn accept(&self, cx: &Cx<'_>) -> Vec<Do> {
        let Some(pending) = self.pending(cx) else {
            return vec![Do::Say("no change to the site waits any more".to_owned())];
        };
        if let Some(locked) = self.locked(cx) {
            return vec![Do::Say(locked.words())];
        }
        let digest = pending.site.digest;
        let ask = Ask::AcceptSite { digest, reason: String::new() };
        let what: Vec<String> = pending.sensitive.iter().map(|change| change.words()).collect();
        let title = safe!("accept the site {}", digest.short());
        let dialog = Dialog::new(cx, title, "Accept", "accepted the site", Seen::Nothing, ask)
            .says(Role::Text, format!("It changes {}.", what.join(", ")))
            .says(Role::Muted, "It comes into force at once. Approvals whose plan would change are void.")
            .field("why it may come into force", Need::Words);
        vec![over(Overlay::Dialog(Box::new(dialog)))]
    }
}

impl Locked {
    fn words(&self) -> String {
        match self {
            Locked::Unread(lines) => {
                let lines = words::count(*lines, "line was", "lines were");
                format!("{lines} not shown yet: space shows them")
            }
            Locked::Refused(refusal) => refusal.to_string(),
        }
    }
}

/// Everybody who answers for all that changes, other than whoever loaded it.
fn owners(cx: &Cx<'_>, pending: &PendingSite) -> String {
    let Some(site) = &cx.world.site else { return String::new() };
    let answerable = site.answerable(&pending.sensitive);
    let others = answerable.into_iter().filter(|person| pending.by.as_ref() != Some(person));
    others.map(|person| person.as_str()).collect::<Vec<_>>().join(", ")
}

fn parts(cx: &Cx<'_>, pending: &PendingSite) -> Vec<Part> {
    let who = pending
        .by
        .as_ref()
        .map_or("nobody yet: the files had changed when the server started".to_owned(), ToString::to_string);
    let when = moment::when(pending.at, cx.now(), &cx.here.zone);
    let commit = match (&pending.site.commit, pending.site.dirty) {
        (Some(commit), Some(true)) => {
            format!("{} and changes in no commit", commit.chars().take(10).collect::<String>())
        }
        (Some(commit), _) => commit.chars().take(10).collect(),
        (None, _) => "not in a repository".to_owned(),
    };
    let mut parts: Vec<Part> = [
        labelled("loaded by", format!("{who}, {when}")),
        labelled("site", pending.site.digest.short()),
        labelled("commit", commit),
        labelled("accepted by", format!("an owner other than whoever loaded it: {}", owners(cx, pending))),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.push(Part::Air);
    parts.push(Part::Counted(Safe::new("why it waits"), safe!("{}", pending.sensitive.len())));
    parts.extend(
        pending.sensitive.iter().map(|change| Part::Labelled(3, Safe::new(" !"), Role::Warning, change.words())),
    );
    parts.push(Part::Air);
    parts.push(Part::Counted(Safe::new("what changes"), diff::counts(&pending.diff)));
    if pending.diff.is_empty() {
        let words = "The difference was not kept: compare the files in the repository.";
        parts.push(Part::Words(Role::Warning, words.to_owned()));
    }
    parts.extend(diff::lines(&pending.diff));
    parts
}

impl Face for SiteChange {
    fn scope(&self) -> Scope {
        Scope::SiteChange
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Change to the site")]
    }

    fn foot(&self, cx: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Approval(ApprovalAct::NextUnread)),
            foot(Act::Approval(ApprovalAct::Approve)).locked(self.pending(cx).is_none() || self.locked(cx).is_some()),
            foot(Act::Anywhere(Anywhere::Why)).says("why locked"),
            foot(Act::Anywhere(Anywhere::Back)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn status(&self, cx: &Cx<'_>) -> Vec<Piece> {
        match (self.pending(cx), self.locked(cx)) {
            (None, _) => Vec::new(),
            (Some(_), Some(locked)) => vec![text(Role::Warning, locked.words())],
            (Some(_), None) => vec![text(Role::Ok, "all of it was shown: a accepts it")],
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        if self.pending(cx).is_none() {
            let row = inset(below(area, 1));
            paint.text(row, Role::Title, "No change to the site waits.");
            paint.text(below(row, 1), Role::Muted, "It was accepted, or the files were put back.");
            return;
        }
        let standing = self.page.standing(Self::area(cx)).words();
        paint.rule(inset(top(area, 1)), "a change to the site waits", standing);
        self.page.view(paint, Self::area(cx));
    }

    fn enter(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.look(cx);
        Vec::new()
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        match act {
            Act::Motion(motion) => self.page.scroll(motion, Self::area(cx)),
            Act::Approval(ApprovalAct::NextUnread) => self.page.scroll(Motion::PageDown, Self::area(cx)),
            Act::Approval(ApprovalAct::Approve) => return self.accept(cx),
            Act::Approval(ApprovalAct::Deny | ApprovalAct::Retract | ApprovalAct::AllLines)
            | Act::Anywhere(_)
            | Act::Go(_)
            | Act::Row(_)
            | Act::Run(_)
            | Act::Log(_)
            | Act::Decide(_)
            | Act::Form(_)
            | Act::Task(_)
            | Act::Line(_) => {}
        }
        self.note_shown(cx);
        Vec::new()
    }

    fn world(&mut self, cx: &Cx<'_>) -> Vec<Do> {
        self.look(cx);
        Vec::new()
    }

    fn why(&self, cx: &Cx<'_>) -> Option<Sheet> {
        let locked = self.locked(cx)?;
        let parts = vec![Part::Air, Part::Words(Role::Text, locked.words())];
        Some(Sheet::new("why it cannot be accepted now", parts))
    }
}
