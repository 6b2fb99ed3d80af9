//! Names in what is typed into a dialog: `@grace` tells grace. Whom the words reach is said while they are typed, whom they do not
//! before they are sent.

use crate::console::model::Cx;
use crate::console::safe;
use crate::console::theme::Role;
use crate::console::widgets::field::Field;
use crate::console::widgets::fold;
use crate::domain::mention::{self, Named};
use crate::domain::{PersonId, WorkspaceId};
use crate::terminal::line::Safe;

/// Names that are offered while one is typed.
const OFFERED_MAX: usize = 6;

/// Where words can name people.
#[derive(Debug)]
pub(super) struct Names {
    workspace: WorkspaceId,
    /// The text whose author was told that it does not reach all of those it names.
    warned: Option<String>,
}

impl Names {
    /// Members of this workspace.
    pub fn new(workspace: &WorkspaceId) -> Self {
        Self { workspace: workspace.clone(), warned: None }
    }

    fn read(&self, cx: &Cx<'_>, text: &str) -> Named {
        let place = cx.world.site.as_ref().zip(cx.world.workspace(&self.workspace));
        place.map(|(site, workspace)| mention::read(site, workspace, cx.me(), text)).unwrap_or_default()
    }

    /// Whom a name that has begun could be.
    fn could_be(&self, cx: &Cx<'_>, begun: &str) -> Vec<PersonId> {
        let place = cx.world.site.as_ref().zip(cx.world.workspace(&self.workspace));
        let all = place.map(|(site, workspace)| mention::could_be(site, workspace, cx.me(), begun).cloned().collect());
        all.unwrap_or_default()
    }

    /// Completes the name at the end of a field as far as it is certain. False where nothing is to be completed.
    pub fn complete(&self, cx: &Cx<'_>, field: &mut Field) -> bool {
        let text = field.text();
        let Some(begun) = mention::begun(&text).filter(|_| field.is_at_end()) else { return false };
        let all = self.could_be(cx, begun);
        let Some(first) = all.first() else { return false };
        let common = all.iter().fold(first.as_str(), |known, one| shared(known, one.as_str()));
        let rest = common.get(begun.len()..).unwrap_or_default();
        if rest.is_empty() && (all.len() == 1 || begun.is_empty()) {
            return false;
        }
        field.paste(rest);
        true
    }

    /// What is said under the field: whom the words tell, whom they do not, and how a name that has begun could go on.
    pub fn told(&self, cx: &Cx<'_>, text: &str, columns: usize) -> Vec<(Role, Safe)> {
        let offers = match mention::begun(text) {
            Some(begun) => self.could_be(cx, begun).into_iter().filter(|one| one.as_str() != begun).collect(),
            None => Vec::new(),
        };
        if !offers.is_empty() {
            let names: Vec<&str> = offers.iter().take(OFFERED_MAX).map(PersonId::as_str).collect();
            let more = if offers.len() > OFFERED_MAX { ", …" } else { "" };
            let words = format!("tab completes: {}{more}", names.join(", "));
            return fold::words(&words, columns).into_iter().map(|line| (Role::Muted, line)).collect();
        }
        let named = self.read(cx, text);
        let role = if named.nobody.is_empty() { Role::Muted } else { Role::Warning };
        fold::words(&named.words().join("; "), columns)
            .into_iter()
            .filter(|line| !line.is_empty())
            .map(|line| (role, line))
            .collect()
    }

    /// What an author is told the first time this text is about to be sent; nothing where everybody it names is reached.
    pub fn unheard(&mut self, cx: &Cx<'_>, text: &str) -> Option<Safe> {
        let named = self.read(cx, text);
        if named.nobody.is_empty() || self.warned.as_deref() == Some(text) {
            return None;
        }
        self.warned = Some(text.to_owned());
        Some(safe!("{}: press again to write it all the same", named.words().join("; ")))
    }
}

/// What two names begin with.
fn shared<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).take_while(|((_, a), b)| a == b);
    let end = same.last().map_or(0, |((at, c), _)| at + c.len_utf8());
    one.get(..end).unwrap_or_default()
}
