//! The values a step publishes, taken out of what it printed once it has ended well.

use super::output::Outlet;
use crate::domain::order::{CellResult, Order};
use crate::domain::published;
use crate::domain::run::Reason;

/// What an order came to, with what it published. A step that ended well and published not what it should has failed: what
/// comes behind it would run on nothing. `printed` is redacted; a value in which a secret was masked is none.
pub(super) fn of(
    order: &Order,
    outlet: &Outlet,
    (result, saw): (CellResult, String),
    printed: &str,
) -> (CellResult, String, Vec<(String, String)>) {
    if result != CellResult::Ok || order.publishes.is_empty() {
        return (result, saw, Vec::new());
    }
    let failed = |why: String| (CellResult::Failed(Reason::NotAsExpected), why, Vec::new());
    match published::taken(&order.publishes, printed) {
        Ok(values) => match values.iter().find(|(_, value)| outlet.is_marked(value)) {
            Some((name, _)) => failed(format!("publishes no {name}: a secret stands in it")),
            None => (result, said(&values), values),
        },
        Err(why) => failed(why),
    }
}

fn said(values: &[(String, String)]) -> String {
    let each: Vec<String> = values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    format!("published {}", each.join(", "))
}
