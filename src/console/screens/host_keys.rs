//! What hosts of a workspace show for themselves, how that compares with what is known, and the change that pins it.
//!
//! Invariant: nothing is trusted from here. The change is saved, reviewed, loaded, and accepted by another person.

use super::{Face, listing};
use crate::console::commands::PaletteAct;
use crate::console::effect::{Do, Want};
use crate::console::footer::{Foot, foot};
use crate::console::keymap::{Act, Anywhere, Motion, Scope};
use crate::console::layout::inset;
use crate::console::model::Cx;
use crate::console::msg::Answer;
use crate::console::pages::diff;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::page::{Page, Part};
use crate::console::widgets::paint::{Paint, below, top};
use crate::console::widgets::piece::{Piece, name, text};
use crate::console::words;
use crate::domain::WorkspaceId;
use crate::domain::enrol::{Enrolment, Seen, Standing};
use crate::domain::query::{Fetch, Fetched};
use crate::terminal::line::Safe;
use ratatui::layout::Rect;

/// Keys of hosts, being looked at.
#[derive(Debug)]
pub struct HostKeys {
    workspace: WorkspaceId,
    hosts: Vec<String>,
    looked: Looked,
    page: Page,
}

#[derive(Debug)]
enum Looked {
    Not,
    Under,
    Done(Enrolment),
    Failed,
}

impl HostKeys {
    /// Of these hosts of a workspace; of all, where none is named.
    pub fn of(workspace: WorkspaceId, hosts: Vec<String>) -> Self {
        Self { workspace, hosts, looked: Looked::Not, page: Page::default() }
    }

    fn area(cx: &Cx<'_>) -> Rect {
        inset(below(cx.areas.body, 1))
    }
}

fn role_of(standing: &Standing) -> (&'static str, Role) {
    match standing {
        Standing::Pinned | Standing::Signed => (" ", Role::Ok),
        Standing::Known => ("+", Role::Accent),
        Standing::Unknown => ("?", Role::Warning),
        Standing::Differs(_) => ("!", Role::Failed),
        Standing::Unreached(_) => ("-", Role::Failed),
    }
}

fn host(seen: &Seen) -> Vec<Part> {
    let (mark, role) = role_of(&seen.standing);
    let first = vec![
        text(role, mark).cols(2),
        name(Role::Title, seen.host.as_str()),
        text(Role::Muted, safe!("  {}", seen.reached)),
    ];
    let shown = seen.shown.as_ref().map(|shown| {
        let kind = shown.key.split(' ').next().unwrap_or_default();
        Part::Indented(2, Role::Text, format!("{kind} {}", shown.fingerprint))
    });
    let standing = Part::Labelled(2, Safe::new(""), role, seen.standing.words());
    [Some(Part::Line(first)), shown, Some(standing), Some(Part::Air)].into_iter().flatten().collect()
}

fn parts(found: &Enrolment) -> Vec<Part> {
    let mut parts: Vec<Part> = found.seen.iter().flat_map(host).collect();
    if found.patch.is_empty() {
        parts.push(Part::Words(Role::Muted, "Nothing here waits to be pinned.".to_owned()));
        return parts;
    }
    parts.push(Part::Counted(Safe::new("the change that pins what was seen"), diff::counts(&found.patch)));
    let next = "Compare fingerprints with the hosts' own first. :save FILE writes the change for `git apply`, :site load loads \
                it, and another owner accepts it.";
    parts.push(Part::Words(Role::Muted, next.to_owned()));
    parts.push(Part::Air);
    parts.extend(diff::lines(&found.patch));
    parts
}

impl Face for HostKeys {
    fn scope(&self) -> Scope {
        Scope::HostKeys
    }

    fn crumbs(&self, _: &Cx<'_>) -> Vec<Safe> {
        vec![Safe::new("Keys of hosts"), Safe::new(self.workspace.as_str())]
    }

    fn foot(&self, _: &Cx<'_>) -> Vec<Foot> {
        vec![
            foot(Act::Motion(Motion::PageDown)),
            foot(Act::Motion(Motion::Bottom)),
            foot(Act::Anywhere(Anywhere::Palette)),
            foot(Act::Anywhere(Anywhere::Back)),
            foot(Act::Anywhere(Anywhere::Help)),
        ]
    }

    fn status(&self, _: &Cx<'_>) -> Vec<Piece> {
        let Looked::Done(found) = &self.looked else { return Vec::new() };
        let count = |is: fn(&Standing) -> bool| found.seen.iter().filter(|seen| is(&seen.standing)).count();
        let differ = count(|standing| matches!(standing, Standing::Differs(_)));
        let unreached = count(|standing| matches!(standing, Standing::Unreached(_)));
        let unknown = count(|standing| matches!(standing, Standing::Unknown));
        let said = [
            (differ, Role::Failed, "shows another key than is known", "show other keys than are known"),
            (unreached, Role::Failed, "was not reached", "were not reached"),
            (unknown, Role::Warning, "has nobody vouched for", "have nobody vouched for"),
        ];
        match said.into_iter().find(|(count, ..)| *count > 0) {
            Some((1, role, one, _)) => vec![text(role, safe!("1 host {one}"))],
            Some((count, role, _, many)) => vec![text(role, safe!("{} hosts {many}", words::number(count)))],
            None => Vec::new(),
        }
    }

    fn view(&self, cx: &Cx<'_>, paint: &mut Paint<'_>, area: Rect) {
        let line = below(area, 2);
        match &self.looked {
            Looked::Not | Looked::Under => {
                paint.rule(inset(top(area, 1)), "what hosts show", Safe::new(""));
                if let Some(words) = listing::loading(cx, Want::Rows, "what the hosts show") {
                    paint.text(line, Role::Muted, words);
                }
            }
            Looked::Done(found) if found.seen.is_empty() => {
                paint.rule(inset(top(area, 1)), "what hosts show", Safe::new("0"));
                paint.text(line, Role::Text, "  No host of this workspace is reached by SSH.");
            }
            Looked::Done(_) | Looked::Failed => {
                let standing = self.page.standing(Self::area(cx)).words();
                paint.rule(inset(top(area, 1)), "what hosts show", standing);
                self.page.view(paint, Self::area(cx));
            }
        }
    }

    fn enter(&mut self, _: &Cx<'_>) -> Vec<Do> {
        match self.looked {
            Looked::Not => {
                self.looked = Looked::Under;
                vec![Do::Fetch(Want::Rows, Fetch::Keys(self.workspace.clone(), self.hosts.clone()))]
            }
            Looked::Under | Looked::Done(_) | Looked::Failed => Vec::new(),
        }
    }

    fn act(&mut self, cx: &Cx<'_>, act: Act) -> Vec<Do> {
        if let Act::Motion(motion) = act {
            self.page.scroll(motion, Self::area(cx));
        }
        Vec::new()
    }

    fn fetched(&mut self, _: &Cx<'_>, _: Want, answer: &Answer) -> Vec<Do> {
        match answer {
            Answer::Plain(Fetched::Keys(found)) => {
                self.page = Page::new(parts(found));
                self.looked = Looked::Done(found.clone());
            }
            Answer::Plain(Fetched::Failed(why)) => {
                let words = format!("They were not looked at: {why}");
                self.page = Page::new(vec![Part::Air, Part::Words(Role::Failed, words)]);
                self.looked = Looked::Failed;
            }
            Answer::Plain(_) | Answer::Log(_) => {}
        }
        Vec::new()
    }

    fn palette(&mut self, _: &Cx<'_>, act: &PaletteAct) -> Vec<Do> {
        match &self.looked {
            Looked::Done(found) if !found.patch.is_empty() => {
                listing::hand_out(act, found.patch.lines().map(str::to_owned))
            }
            Looked::Not | Looked::Under | Looked::Done(_) | Looked::Failed => {
                vec![Do::Say("there is no change to hand out".to_owned())]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::console::Effect;
    use crate::console::fixture;
    use crate::console::harness::Harness;
    use crate::domain::enrol::Enrolment;
    use crate::domain::query::{Fetch, Fetched};

    const PATCH: &str =
        "--- a/w.toml\n+++ b/w.toml\n@@ -1,1 +1,2 @@\n name = \"a\"\n+host_key = \"ssh-ed25519 AAAA\"\n";

    fn typed(console: Harness, line: &str) -> Harness {
        console.press(":").type_str(line).press("enter")
    }

    #[test]
    fn the_change_is_handed_out_to_the_byte_and_only_where_there_is_one() {
        let console = typed(Harness::new(fixture::world()), "enrol prod-web web-01 web-02");
        let asked = Fetch::Keys("prod-web".into(), vec!["web-01".to_owned(), "web-02".to_owned()]);
        assert_eq!(console.question(), Some(&asked));
        let console = typed(console, "save keys.patch");
        assert!(console.screen().contains("there is no change to hand out"), "{}", console.screen());
        let found = Enrolment { seen: Vec::new(), patch: PATCH.to_owned() };
        let console = typed(console.fetched(Fetched::Keys(found)), "save keys.patch");
        let saved = Effect::SaveText { name: "keys.patch".to_owned(), text: PATCH.to_owned() };
        assert_eq!(console.effects().last(), Some(&saved));
    }

    #[test]
    fn a_workspace_that_is_not_ones_own_is_not_asked_about() {
        let console = typed(Harness::new(fixture::world()), "enrol elsewhere");
        assert!(console.screen().contains("no workspace is called elsewhere"), "{}", console.screen());
        assert_eq!(console.question(), None);
    }
}
