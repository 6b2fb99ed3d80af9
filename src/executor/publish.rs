//! What is said of an order in the end, and the values it publishes out of what it printed where it has ended well.

use super::output::{Outlet, clip_back};
use super::trouble::Trouble;
use crate::domain::order::{CellResult, Order, Outcome, OutputSummary, SAW_BYTES_MAX, Used};
use crate::domain::published;
use crate::domain::run::Reason;

/// What an order came to, once its outlet has finished. A step that ended well and published not what it should has failed: what comes
/// behind it would run on nothing. A value in which a secret was masked is none.
pub(super) fn ended(order: &Order, outlet: &Outlet, came: (CellResult, String), used: Vec<Used>) -> Outcome {
    let (result, saw, published) = published(order, outlet, came);
    Outcome { result, output: OutputSummary::nothing(), saw: said(outlet, &saw), used, published }
}

/// What an order came to of which nothing has begun.
pub(super) async fn refused(outlet: &mut Outlet, trouble: Trouble) -> Outcome {
    outlet.finish().await;
    Outcome::refused(trouble.reason, said(outlet, &trouble.words))
}

/// Words for the record: masked, and no more than it takes.
fn said(outlet: &Outlet, words: &str) -> String {
    clip_back(&outlet.clean(words), SAW_BYTES_MAX)
}

fn published(
    order: &Order,
    outlet: &Outlet,
    (result, saw): (CellResult, String),
) -> (CellResult, String, Vec<(String, String)>) {
    if result != CellResult::Ok || order.publishes.is_empty() {
        return (result, saw, Vec::new());
    }
    let failed = |why: String| (CellResult::Failed(Reason::NotAsExpected), why, Vec::new());
    match published::taken(&order.publishes, &outlet.judged().stdout) {
        Ok(values) => match values.iter().find(|(_, value)| outlet.is_marked(value)) {
            Some((name, _)) => failed(format!("publishes no {name}: a secret stands in it")),
            None => {
                let each: Vec<String> = values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                (result, format!("published {}", each.join(", ")), values)
            }
        },
        Err(why) => failed(why),
    }
}
