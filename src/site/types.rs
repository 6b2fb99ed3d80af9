//! The types of TOML values in words, and which of them a shape takes.

use super::shape::Shape;
use toml::de::DeValue;

/// Whether a value is of a shape's type.
pub(super) fn fits(shape: &Shape, value: &DeValue<'_>) -> bool {
    match (shape, value) {
        (Shape::Text(_) | Shape::Word(_), DeValue::String(_))
        | (Shape::Integer { .. }, DeValue::Integer(_))
        | (Shape::Boolean, DeValue::Boolean(_))
        | (Shape::Day | Shape::Moment, DeValue::Datetime(_))
        | (Shape::List(_) | Shape::Tables(_), DeValue::Array(_))
        | (Shape::Table(_) | Shape::Map { .. }, DeValue::Table(_)) => true,
        (Shape::Either(shapes), value) => shapes.iter().any(|shape| fits(shape, value)),
        _ => false,
    }
}

/// What a shape's type is called.
pub(super) fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Text(_) => "a text".to_owned(),
        Shape::Word(words) => format!("one of \"{}\"", words.join("\", \"")),
        Shape::Integer { .. } => "a whole number".to_owned(),
        Shape::Boolean => "true or false".to_owned(),
        Shape::Day => "a day as in 2026-11-30".to_owned(),
        Shape::Moment => "a day and time as in 2026-12-18T00:00:00".to_owned(),
        Shape::List(_) => "a list".to_owned(),
        Shape::Table(_) | Shape::Map { .. } => "a table".to_owned(),
        Shape::Tables(_) => "a list of tables, [[…]]".to_owned(),
        Shape::Either(shapes) => shapes.iter().map(expected).collect::<Vec<_>>().join(" or "),
    }
}

/// What a value's type is called.
pub(super) fn called(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
