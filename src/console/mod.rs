//! The full-screen console as pure Elm Architecture: [`update`] turns a message into a changed [`Console`] and
//! [`Effect`]s, [`view`] draws it, [`layout`] is where both look up what stands where. One `Console` per session; the
//! `World` is shared and read-only.
//!
//! Reading order: `model` and `msg`, `update`, `view` and `layout`; then `keymap`, `theme`, `glyph`, `moment`, `words`
//! (the language of the screens), `facts` (what the world means for a person), `bell` (what calls them), `widgets`, `overlays`, `screens`.
//!
//! Invariants: no clock, no file, no socket, no environment; every key comes from `keymap::TABLE`; every string drawn is
//! `Safe`; a selection is an id; nothing is asked for but through an effect.

mod bell;
mod bookmark;
pub mod commands;
pub mod compare;
pub mod effect;
pub mod facts;
pub mod filter;
mod follow;
pub mod footer;
pub mod glyph;
pub mod keymap;
pub mod layout;
mod mentions;
pub mod model;
pub mod moment;
pub mod msg;
pub mod overlays;
pub mod pages;
pub mod screens;
mod standing;
pub mod theme;
mod update;
mod view;
pub mod widgets;
pub mod words;

#[cfg(test)]
pub mod cases;
#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod governed;
#[cfg(test)]
pub mod harness;
#[cfg(test)]
mod house;
#[cfg(test)]
mod pictures;

pub use bookmark::Bookmark;
pub use effect::{Effect, With};
pub use layout::{Areas, layout};
pub use model::{Badge, Console, Cx, Here, Hint, Link, Look, Me, MouseOwner, Start};
pub use msg::{Answer, LogRow, LogRows, Msg, SiteLoad, Tag};
pub use theme::{Depth, Theme, ThemeError};
pub use update::update;
pub use view::view;
pub use widgets::masked::Hidden;
pub use widgets::paint::Charset;

/// `safe!("{done} of {all}")`: formatted text, escaped as a whole, arguments included.
macro_rules! safe {
    ($($arguments:tt)*) => { $crate::terminal::line::Safe::from(format_args!($($arguments)*)) };
}
pub(crate) use safe;
