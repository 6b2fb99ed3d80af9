//! A selection in a list. It is an id, never a row number: in a war-room rows move under the cursor, and the next key
//! must act on what the person saw, not on what slid there.

use crate::console::keymap::Motion;

/// Which item of a list is selected, and how far the list is scrolled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pick<Id> {
    selected: Option<Id>,
    /// Where it was last seen: when the item goes, its neighbour is next.
    near: usize,
    top: usize,
}

impl<Id> Default for Pick<Id> {
    fn default() -> Self {
        Self { selected: None, near: 0, top: 0 }
    }
}

impl<Id: Clone + PartialEq> Pick<Id> {
    /// Nothing selected yet; the first item will be.
    pub fn new() -> Self {
        Self::default()
    }

    /// A list that opens on this item.
    pub fn on(id: Id) -> Self {
        Self { selected: Some(id), ..Self::default() }
    }

    /// What is selected, whether it is there or not.
    pub fn selected(&self) -> Option<&Id> {
        self.selected.as_ref()
    }

    /// The selected item among those there are now; where it is gone, the one that took its place.
    pub fn of<'a>(&self, ids: &'a [Id]) -> Option<&'a Id> {
        ids.get(self.index(ids)?)
    }

    /// Its position among those there are now.
    pub fn index(&self, ids: &[Id]) -> Option<usize> {
        let last = ids.len().checked_sub(1)?;
        let found = self.selected.as_ref().and_then(|selected| ids.iter().position(|id| id == selected));
        Some(found.unwrap_or(self.near.min(last)))
    }

    /// Selects an item.
    pub fn select(&mut self, ids: &[Id], index: usize) {
        if let Some(id) = ids.get(index) {
            self.selected = Some(id.clone());
            self.near = index;
        }
    }

    /// Follows a change of the list: call it whenever the world or a page changed.
    pub fn settle(&mut self, ids: &[Id]) {
        if let Some(index) = self.index(ids) {
            self.select(ids, index);
        }
    }

    /// Moves by a key. `height` is how many items are on screen.
    pub fn go(&mut self, ids: &[Id], motion: Motion, height: usize) {
        let (Some(index), Some(last)) = (self.index(ids), ids.len().checked_sub(1)) else {
            return;
        };
        let page = height.max(1);
        let to = match motion {
            Motion::Down => index + 1,
            Motion::Up => index.saturating_sub(1),
            Motion::Top => 0,
            Motion::Bottom => last,
            Motion::PageDown => index + page,
            Motion::PageUp => index.saturating_sub(page),
            Motion::HalfDown => index + page.div_ceil(2),
            Motion::HalfUp => index.saturating_sub(page.div_ceil(2)),
            Motion::Left | Motion::Right => index,
        };
        self.select(ids, to.min(last));
        self.top = self.top(ids, height);
    }

    /// The first item on screen when `height` of them fit: the selected one is always among them.
    pub fn top(&self, ids: &[Id], height: usize) -> usize {
        let most = ids.len().saturating_sub(height);
        match self.index(ids) {
            Some(index) => self.top.clamp((index + 1).saturating_sub(height), index).min(most),
            None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_move_take_the_selection_along() {
        let mut pick = Pick::new();
        pick.go(&[1, 2, 3], Motion::Down, 10);
        assert_eq!(pick.of(&[1, 2, 3]), Some(&2));
        assert_eq!(pick.of(&[9, 8, 1, 2, 3]), Some(&2));
        assert_eq!(pick.index(&[9, 8, 1, 2, 3]), Some(3));
    }

    #[test]
    fn when_the_selected_row_goes_its_place_is_kept() {
        let mut pick = Pick::new();
        pick.select(&[1, 2, 3], 1);
        assert_eq!(pick.of(&[1, 3]), Some(&3));
        assert_eq!(pick.of(&[1]), Some(&1));
        assert_eq!(pick.of(&[]), None);
    }

    #[test]
    fn the_selected_row_is_always_on_screen() {
        let ids: Vec<u32> = (0..100).collect();
        let mut pick = Pick::new();
        for motion in [Motion::PageDown, Motion::Down, Motion::HalfDown, Motion::Bottom, Motion::PageUp, Motion::Top] {
            pick.go(&ids, motion, 7);
            let (top, index) = (pick.top(&ids, 7), pick.index(&ids).unwrap());
            assert!(top <= index && index < top + 7, "{motion:?}: {index} not in {top}..{}", top + 7);
        }
    }
}
