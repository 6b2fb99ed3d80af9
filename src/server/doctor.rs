//! What a running server says of itself to whoever looks after it: `doctor`, by either door. Numbers and closed words alone.

use super::House;
use super::here::Origin;
use crate::domain::duration;
use crate::engine::Health;
use crate::verbs::out::{Gone, Io, document};
use crate::verbs::{self, Exit};
use serde_json::{Value, json};

/// Milliseconds of a jump of the clock that is worth a look for a day.
const JUMP_TOLD_MS: u64 = 24 * 60 * 60 * 1_000;

/// Carries the verb out.
pub async fn run(house: &House, as_json: bool, io: &mut Io<'_>) -> Result<Exit, Gone> {
    let looks = looks(house);
    let exit = if looks.iter().all(|(_, fine, _)| *fine) { Exit::Done } else { Exit::No };
    let word = |fine: bool| if fine { "fine" } else { "wrong" };
    let text = match as_json {
        true => {
            let row =
                |(what, fine, says): &(&str, bool, String)| json!({"found": word(*fine), "says": says, "what": what});
            document(&json!({"rows": looks.iter().map(row).collect::<Vec<Value>>()}))
        }
        false => {
            let row = |(what, fine, says): (&str, bool, String)| vec![what.to_owned(), word(fine).to_owned(), says];
            verbs::table(&["what", "is", "says"], &looks.into_iter().map(row).collect::<Vec<_>>())
        }
    };
    io.out(&text).await.map(|()| exit)
}

/// What is looked at, whether it is as it should be, and what there is to say.
fn looks(house: &House) -> Vec<(&'static str, bool, String)> {
    let (world, now) = (house.engine.world().borrow().clone(), house.engine.now());
    let up = u64::try_from(house.engine.up().as_millis()).unwrap_or(u64::MAX);
    let running = format!("version {}, for {}", env!("CARGO_PKG_VERSION"), duration::words(up));
    let head = format!("{} events, the last at {}", world.events, verbs::time(world.last_at));
    let health = house.health();
    let decisions = match health {
        Health::Fine => "taken".to_owned(),
        Health::Full => {
            "the disk is full: only outcomes, pause and abort are recorded; free space where the data lies".to_owned()
        }
        Health::Hangs(since) => format!("the disk has not answered for {} s: look after it", since.as_secs()),
        Health::Failed => "the record cannot be written any more: the server ends".to_owned(),
        Health::Stopping => "the server ends".to_owned(),
    };
    let here = house.here.list();
    let over_ssh = here.iter().filter(|one| matches!(one.from, Origin::Source(_))).count();
    let sessions = format!("{} here, {over_ssh} of them over SSH", here.len());
    let runs = format!("{} open, {} in flight", world.runs.values().count(), House::in_flight(&world).count());
    let (steady, clock) = match world.clock_jump.filter(|(at, _)| now.ms_since(*at) < JUMP_TOLD_MS) {
        None => (true, "no jump within a day".to_owned()),
        Some((at, by)) => {
            let by = duration::words(by.unsigned_abs());
            (false, format!("it jumped by {by} at {}: look after time synchronisation", verbs::time(at)))
        }
    };
    vec![
        ("running server", true, running),
        ("decisions", health == Health::Fine, decisions),
        ("record in use", true, head),
        ("clock", steady, clock),
        ("sessions", true, sessions),
        ("runs", true, runs),
    ]
}
