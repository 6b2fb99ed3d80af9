//! A war-room: two people over SSH and one on the socket, at one run. What one of them does by keys, the others see at once.

#![cfg(test)]

mod real;

use std::time::{Duration, Instant};

use real::product::runbook;
use real::wait::SOON;
use real::{Fleet, KeyPair, Seat, Served, Tmux, until};
use serde_json::{Value, json};

/// How soon everybody is to see what one did. Held in the full counts alone: this machine may be at anything else.
const SEEN_WITHIN: Duration = Duration::from_millis(200);

/// A step that talks until it is ended.
const STEPS: &str = r#"
[[step]]
id = "watch"
title = "Watch the queue"
run = '''
n=0
while :; do n=$((n + 1)); echo "queue at $n on $QD_HOST"; sleep 0.5; done
'''
effect = "idempotent"

[[verify]]
id = "v"
title = "It is empty"
run = 'true'
effect = "read"
"#;

/// Everybody at the run, and how long the slowest sight took.
struct Room {
    seats: Vec<(&'static str, Seat)>,
    slowest: Duration,
}

impl Room {
    fn seat(&self, who: &str) -> &Seat {
        self.seats.iter().find_map(|(name, seat)| (*name == who).then_some(seat)).unwrap()
    }

    /// Somebody presses a key, and everybody sees what comes of it, each where they look.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "how soon people see it is what is looked at")]
    fn all_see(&mut self, who: &str, key: &str, texts: [&str; 3]) {
        let mut waiting: Vec<(&Seat, &str, &str)> =
            self.seats.iter().zip(texts).map(|((name, seat), text)| (seat, *name, text)).collect();
        for (seat, name, text) in &waiting {
            let screen = seat.tmux.screen();
            assert!(!screen.contains(text), "{text} stands before {name} and is not true yet: {screen}");
        }
        self.seat(who).press(&[key]);
        let pressed = Instant::now();
        let mut last = Duration::ZERO;
        until(&format!("{texts:?} on their screens"), SOON, || {
            waiting.retain(|(seat, name, text)| {
                let seen = seat.tmux.screen().contains(text);
                if seen {
                    last = pressed.elapsed();
                    println!("  {name} after {} ms", last.as_millis());
                }
                !seen
            });
            let left: Vec<String> =
                waiting.iter().map(|(seat, name, _)| format!("{name}: {}", seat.tmux.screen())).collect();
            if left.is_empty() { Ok(()) } else { Err(left.concat()) }
        });
        println!("{who} presses {key}: seen by all after {} ms", last.as_millis());
        self.slowest = self.slowest.max(last);
    }
}

#[test]
fn real_two_over_ssh_and_one_on_the_socket_propose_approve_watch_hand_over_and_abort_one_run() {
    let Some(fleet) = Fleet::plan(2).start() else { return };
    let watch = runbook("watch", STEPS).replace("impact = \"low\"", "impact = \"medium\"");
    let served = Served::start(&fleet, &[("watch", &watch)], "");
    let size = (110, 32);
    let over_ssh = |key: &KeyPair, user: &str| served.console(size, key, user, &[]).map(Seat::at);
    let (Some(ada), Some(grace)) = (over_ssh(&served.ada, "ada"), over_ssh(&served.grace, "grace")) else { return };
    let on_socket = served.product.command(&["attach", "--as", "lea"]);
    let words = [on_socket.get_program()].into_iter().chain(on_socket.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let lea = Seat::at(Tmux::start(size.0, size.1, &words).unwrap());

    // Ada proposes; whoever may approve is told wherever they are.
    ada.sees(&["n new run"]);
    ada.press(&["n"]);
    ada.sees(&["▸ watch", "n new run"]);
    ada.press(&["n"]);
    ada.sees(&["▸ purpose"]);
    ada.press(&["f", "Tab", "Tab"]);
    ada.sees(&["▸ reason"]);
    ada.types("queue grows");
    ada.press(&["F2"]);
    ada.sees(&["enter propose"]);
    ada.press(&["Enter"]);
    ada.sees(&["waiting · needs an approver"]);
    // Lea, on the socket, opens the run itself; grace reads the request.
    lea.sees(&["▸ approve  #1"]);
    lea.press(&["Enter"]);
    lea.sees(&["space next"]);
    lea.press(&["l"]);
    lea.sees(&["waiting · needs an approver"]);
    grace.sees(&["▸ approve  #1"]);
    grace.press(&["Enter"]);
    grace.reads_on();
    grace.press(&["a"]);
    grace.sees(&["why you approve"]);
    grace.answers("go on");
    grace.sees(&["▸[ Approve ]"]);
    let mut room = Room { seats: vec![("ada", ada), ("grace", grace), ("lea", lea)], slowest: Duration::ZERO };
    let approved = ["approved · S starts it", "approved #1", "approved · an operator starts it"];
    room.all_see("grace", "Enter", approved);
    room.seat("grace").sees(&["l watch the run"]);
    room.seat("grace").press(&["l"]);
    room.seat("grace").sees(&["approved · "]);

    // Ada starts it, and all of them read what its hosts say.
    room.seat("ada").press(&["S"]);
    room.seat("ada").sees(&["▸[ Cancel ]"]);
    room.seat("ada").press(&["Tab"]);
    room.seat("ada").sees(&["▸[ Start ]"]);
    room.seat("ada").press(&["Enter"]);
    for who in ["ada", "grace", "lea"] {
        // Also where the screen was open before anybody could start it.
        room.seat(who).sees(&["queue at 3 on h01", "queue at 3 on h02", "following"]);
    }

    // She offers it to grace, who takes it.
    let ada = room.seat("ada");
    ada.press(&[":"]);
    ada.types("handover grace");
    ada.sees(&["handover grace"]);
    ada.press(&["Enter"]);
    ada.sees(&["what they should know"]);
    ada.answers("eyes on h02");
    ada.sees(&["▸[ Offer ]"]);
    room.all_see("ada", "Enter", ["offers it to grace", "ada offers you this run", "offers it to grace"]);
    room.all_see("grace", "c", ["driver grace"; 3]);

    // Grace ends it at once; nobody is left at work.
    let grace = room.seat("grace");
    grace.press(&["X"]);
    grace.sees(&["▸ after this step", "abort now"]);
    grace.press(&["Down", "Down", "Down", "Enter"]);
    grace.sees(&["what runs is ended now", "why"]);
    grace.answers("looked at");
    grace.sees(&["▸[ Stop ]"]);
    room.all_see("grace", "Enter", ["aborted"; 3]);
    println!("what one did was seen by all within {} ms", room.slowest.as_millis());
    if real::deep() {
        assert!(room.slowest <= SEEN_WITHIN, "{:?}", room.slowest);
    }
    // Each by their own door, and nothing is left at work.
    let doors = |kind: &str| {
        let audit = served.product.audit(1).into_values();
        let of_kind: Vec<Value> = audit.filter(|row| row["kind"] == kind).collect();
        of_kind.iter().map(|row| (row["by"].clone(), row["door"]["kind"].clone())).next()
    };
    assert_eq!(doors("run_proposed"), Some((json!("ada"), json!("ssh"))));
    assert_eq!(doors("voted"), Some((json!("grace"), json!("ssh"))));
    served.product.verifies();
}
