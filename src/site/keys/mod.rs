//! The keys of every kind of file: the one list that files are read with, schemas printed from and tests made of.

pub(super) mod parts;
pub(super) mod runbook;
pub(super) mod site;
pub(super) mod step;
pub(super) mod workspace;

use super::rule::Rule;
use super::shape::Shape;

const LINE: Shape = Shape::Text(Rule::Line);
const LINES: Shape = Shape::List(&Shape::Text(Rule::Line));
const PROSE: Shape = Shape::Text(Rule::Prose);
const NAMES: Shape = Shape::List(&Shape::Text(Rule::Name));
const DURATION: Shape = Shape::Text(Rule::Duration);
const SELECTOR: Shape = Shape::Text(Rule::Selector);
