//! What screens are drawn with. Everything goes through [`paint::Paint`], which takes only `Safe` text, knows the
//! theme, and never writes past the area it was given.

pub mod chart;
pub mod field;
pub mod fold;
pub mod log;
pub mod masked;
pub mod page;
pub mod paint;
pub mod pick;
pub mod piece;
pub mod places;
pub mod script;
pub mod table;
