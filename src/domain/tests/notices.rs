//! What people are told, when again, and what a recorded result changes.

use super::once::{between, gate, steps};
use super::*;
use crate::domain::event::Event;
use crate::domain::id::{PersonId, Timestamp};
use crate::domain::notice::{self, Act, Asked, Channel, Due, End, Notice, Notify, Topic, Trouble, Webhook, What};
use crate::domain::people::Role;
use crate::domain::run::{Cancel, PauseCause};
use crate::domain::site::{Sensitive, sensitive_changes};

const MINUTE_MS: u64 = 60_000;

fn notify() -> Notify {
    Notify {
        command: vec!["/usr/local/bin/page".to_owned()],
        webhook: Some(Webhook { url: "https://hooks.example/".to_owned(), secret: "file:/etc/key".to_owned() }),
        link: Some("ssh -t bastion quarterdeck attach {{ run }}".to_owned()),
        remind_ms: Some(15 * MINUTE_MS),
        tell: Topic::ALL.into(),
    }
}

fn telling() -> Driver {
    driver_of(|site| site.notify = Some(notify()))
}

/// What is on its way, in order, in words.
fn told(driver: &Driver) -> Vec<String> {
    driver.world.outbox.pending.values().map(|pending| notice::summary(&pending.notice)).collect()
}

fn last(driver: &Driver) -> Notice {
    let (_, last) = driver.world.outbox.pending.get_max().expect("something is told");
    (*last.notice).clone()
}

impl Driver {
    fn tried(&mut self, id: u64, channel: Channel, attempt: u16, came: Result<(), Trouble>) -> Result<(), Rule> {
        let asked = Asked::Tried { notice: id, channel, attempt, came, saw: "seen".to_owned() };
        self.engine(Ask::Notice(asked)).map(drop).map_err(|refusal| refusal.rule)
    }

    /// Lets time pass, and asks what is due by then.
    fn later(&mut self, ms: u64) {
        self.at = self.at.plus_ms(ms);
        self.wake();
    }
}

#[test]
fn a_run_is_told_of_from_its_wait_to_its_end() {
    let mut driver = telling();
    let id = driver.propose();
    assert_eq!(told(&driver), ["#1 restart in prod-web (production) waits for people: grace, kim"]);
    let waiting = last(&driver);
    assert_eq!(waiting.until, Some(driver.at.plus_ms(4 * 3_600_000)));
    assert_eq!(waiting.link.as_deref(), Some("ssh -t bastion quarterdeck attach 1"));
    driver.approve("grace", id).unwrap();
    assert_eq!(last(&driver).what, What::Approved);
    assert_eq!(last(&driver).may, ["ada", "bo", "kim"].map(PersonId::new), "who may start it");
    driver.start("ada", id);
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(last(&driver).what, What::Ended(Ending::Succeeded));
    assert_eq!(driver.world.outbox.pending.len(), 3, "{:?}", told(&driver));
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn what_is_decided_against_a_run_is_told_by_its_closed_word_and_asks_nobody() {
    for (act, cancel) in [
        (Ask::Withdraw { run: RunId(1) }, Cancel::Withdrawn),
        (
            Ask::Vote { run: RunId(1), choice: Choice::Deny, reason: "the words hunter2-hunter2".to_owned() },
            Cancel::Denied,
        ),
    ] {
        let mut driver = telling();
        let id = driver.propose();
        let who = if cancel == Cancel::Denied { "grace" } else { "ada" };
        let seen = Seen::Binding(driver.run(id).binding);
        driver.submit(actor(who), seen, act).unwrap();
        let notice = last(&driver);
        assert_eq!((notice.what.clone(), notice.may.len()), (What::Cancelled(cancel), 0));
        let document = notice::document(&driver.world.origin, &notice).to_string();
        assert!(!document.contains("hunter2") && !document.contains("Pick up the new key"), "{document}");
    }
}

#[test]
fn what_expires_is_told_before_and_when_it_has() {
    let mut driver = telling();
    driver.change_site(|site| site.notify.as_mut().unwrap().remind_ms = None);
    driver.propose();
    // A request lives four hours here: the last quarter of it, and at most an hour.
    driver.later(3 * 3_600_000 - 1);
    assert_eq!(driver.world.outbox.pending.len(), 1);
    driver.later(1);
    driver.wake();
    assert_eq!(last(&driver).what, What::Expiring);
    assert_eq!(driver.world.outbox.pending.len(), 2, "once");
    driver.later(3_600_000);
    assert_eq!(last(&driver).what, What::Cancelled(Cancel::Expired));
}

#[test]
fn an_approval_that_grows_old_is_told_to_whoever_may_start() {
    let mut driver = telling();
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.later(23 * 3_600_000);
    assert_eq!(last(&driver).what, What::Expiring);
    assert_eq!(last(&driver).may, ["ada", "bo", "kim"].map(PersonId::new));
    let words = driver.last_words(id);
    assert_eq!(words, "about to expire");
}

/// Who was asked by each reminder, in order.
fn asked(driver: &Driver) -> Vec<Option<String>> {
    let act = |event: &Event| match event {
        Event::Notice { act: Act::Due { why: Due::Reminder, next, .. } } => Some(next.clone().map(|it| it.to_string())),
        _ => None,
    };
    driver.log.iter().filter_map(|recorded| act(&recorded.event)).collect()
}

fn names(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some((*name).to_owned())).collect()
}

#[test]
fn a_reminder_asks_the_next_person_and_nobody_twice_in_a_row_while_there_are_others() {
    let mut driver = telling();
    let id = driver.propose();
    driver.later(15 * MINUTE_MS - 1);
    assert!(asked(&driver).is_empty());
    for _ in 0..4 {
        driver.later(15 * MINUTE_MS);
    }
    assert_eq!(asked(&driver), names(&["grace", "kim", "grace", "kim"]));
    assert_eq!(last(&driver).next, Some("kim".into()));
    assert_eq!(driver.last_words(id), "nobody has decided: kim is asked");
    // Somebody comes in: asked before the others are once more.
    driver.change_site(|site| {
        in_workspace(site, |place| drop(place.members.insert("lea".into(), [Role::Approver].into())));
    });
    driver.later(15 * MINUTE_MS);
    assert_eq!(asked(&driver).last(), Some(&Some("lea".to_owned())));
    driver.approve("grace", id).unwrap();
    let before = asked(&driver).len();
    driver.later(60 * MINUTE_MS);
    assert_eq!(asked(&driver).len(), before, "it was decided");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn whoever_alone_may_act_is_asked_again_and_not_for_ever() {
    let mut driver = driver_of(|site| {
        site.notify = Some(notify());
        in_workspace(site, |place| {
            place.members.remove(&PersonId::new("kim"));
            place.policy.approval_expiry_ms = 100 * 3_600_000;
        });
    });
    driver.propose();
    for _ in 0..40 {
        driver.later(15 * MINUTE_MS);
    }
    assert_eq!(asked(&driver), names(&["grace"; 24]));
}

#[test]
fn a_run_that_nobody_may_decide_about_any_more_is_told_of_all_the_same() {
    let mut driver = telling();
    driver.propose();
    driver.change_site(|site| {
        in_workspace(site, |place| place.members.retain(|_, roles| !roles.contains(&Role::Approver)));
    });
    driver.later(15 * MINUTE_MS);
    assert_eq!(asked(&driver), [None]);
    assert_eq!(notice::summary(&last(&driver)), "#1 restart in prod-web (production) still waits");
    for _ in 0..40 {
        driver.later(5 * MINUTE_MS);
    }
    assert!(asked(&driver).len() <= 24);
}

#[test]
fn a_start_that_is_not_made_is_nobodys_decision_and_not_told_as_one() {
    let mut driver = telling();
    let id = driver.propose();
    driver.approve("grace", id).unwrap();
    driver.start("ada", id);
    driver.at = driver.at.plus_ms(24 * 3_600_000);
    driver.carry_out_checks();
    let said = |recorded: &crate::domain::Recorded| {
        crate::domain::words::event(&recorded.event, &recorded.details, None) == "not started: approved too long ago"
    };
    assert!(driver.log.iter().any(said));
    let approved = driver.world.outbox.pending.values().filter(|pending| pending.notice.what == What::Approved);
    assert_eq!(approved.count(), 1);
}

#[test]
fn a_server_that_was_away_reminds_once_and_not_for_every_time_it_missed() {
    let mut driver = telling();
    driver.propose();
    driver.later(100 * MINUTE_MS);
    driver.wake();
    assert_eq!(asked(&driver), names(&["grace"]));
}

#[test]
fn a_word_of_somebody_is_a_decision_from_which_the_wait_counts_anew() {
    let mut driver = driver_of(|site| {
        site.notify = Some(notify());
        let from = vec![crate::domain::workspace::Slot { role: Role::Approver, n: 2 }];
        let quorum = crate::domain::workspace::Quorum { impact: crate::domain::runbook::Impact::Low, from };
        in_workspace(site, |place| place.policy.quorums.push(quorum));
    });
    let id = driver.propose();
    driver.at = driver.at.plus_ms(14 * MINUTE_MS);
    driver.approve("grace", id).unwrap();
    driver.later(14 * MINUTE_MS);
    assert!(asked(&driver).is_empty());
    driver.later(MINUTE_MS);
    assert_eq!(asked(&driver), names(&["kim"]), "grace has said yes");
}

#[test]
fn a_failure_is_told_to_whoever_decides_about_it_and_a_pause_that_a_person_made_to_nobody() {
    let mut driver = telling();
    let id = driver.start_one();
    driver.carry_out(|order| match order.order().key.slot.item {
        Item::Step(_) => CellResult::Failed(Reason::Exit(1)),
        _ => CellResult::Ok,
    });
    assert_eq!(last(&driver).what, What::Paused(PauseCause::Failure));
    assert_eq!(last(&driver).may, ["ada", "bo", "kim"].map(PersonId::new));
    driver.as_person("bo", Ask::Claim { run: RunId(id), reason: "mine".to_owned() }).unwrap();
    driver.later(15 * MINUTE_MS);
    assert_eq!(last(&driver).what, What::Reminder);
    assert_eq!(last(&driver).may, [PersonId::new("bo")], "while somebody has it, it is theirs alone");

    let mut driver = telling();
    let id = driver.start_one();
    driver.carry_out_checks();
    let before = driver.world.outbox.pending.len();
    driver.as_person("ada", Ask::Pause { run: RunId(id) }).unwrap();
    driver.later(15 * MINUTE_MS);
    assert_eq!(driver.world.outbox.pending.len(), before);
}

#[test]
fn a_gate_inside_a_run_is_told_and_reminded_of_until_it_is_answered() {
    let mut driver = between(gate(&[(Role::Approver, 2)]), |_| {});
    driver.change_site(|site| site.notify = Some(notify()));
    let id = driver.start_one();
    steps(&mut driver, |_| CellResult::Ok);
    assert!(matches!(last(&driver).what, What::Gate(_)), "{:?}", told(&driver));
    assert_eq!(last(&driver).may, ["grace", "kim"].map(PersonId::new));
    driver.approve("grace", id).unwrap();
    driver.later(15 * MINUTE_MS);
    assert_eq!((last(&driver).what, last(&driver).next), (What::Reminder, Some("kim".into())));
    driver.approve("kim", id).unwrap();
    let before = asked(&driver).len();
    driver.later(60 * MINUTE_MS);
    assert_eq!(asked(&driver).len(), before);
}

#[test]
fn a_result_takes_a_notice_out_and_nothing_is_taken_twice() {
    let mut driver = telling();
    driver.propose();
    let id = last(&driver).id;
    driver.tried(id, Channel::Webhook, 1, Ok(())).unwrap();
    assert_eq!(driver.tried(id, Channel::Webhook, 1, Ok(())), Err(Rule::State));
    assert_eq!(driver.tried(id, Channel::Command, 2, Ok(())), Err(Rule::State), "the first try comes first");
    assert_eq!(driver.world.outbox.pending.len(), 1, "the command has not heard of it");
    driver.tried(id, Channel::Command, 1, Ok(())).unwrap();
    assert!(driver.world.outbox.pending.is_empty());
    assert_eq!(driver.world.outbox.sent.len(), 2);
    let asked = Asked::Tried { notice: id, channel: Channel::Command, attempt: 1, came: Ok(()), saw: String::new() };
    let refusal = driver.as_person("grace", Ask::Notice(asked)).unwrap_err();
    assert_eq!(refusal.rule, Rule::ActorMachine, "no person says what was delivered");
    assert_eq!(fold(&driver), driver.world);
}

#[test]
fn what_may_pass_is_tried_again_later_each_time_and_given_up_in_the_end() {
    let mut driver = telling();
    driver.propose();
    let id = last(&driver).id;
    let mut waits = Vec::new();
    for attempt in 1..8 {
        driver.tried(id, Channel::Webhook, attempt, Err(Trouble::Status(503))).unwrap();
        let tries = driver.world.outbox.pending[&id].open[&Channel::Webhook];
        assert_eq!((tries.made, tries.trouble), (attempt, Some(Trouble::Status(503))));
        waits.push(tries.not_before.ms_since(driver.at) / 1_000);
    }
    let bounds = [(5, 6), (15, 18), (45, 56), (135, 168), (405, 506), (600, 750), (600, 750)];
    let within = |(wait, (least, most)): (&u64, (u64, u64))| (least..=most).contains(wait);
    assert!(waits.iter().zip(bounds).all(within), "{waits:?}");
    driver.tried(id, Channel::Webhook, 8, Err(Trouble::NoAnswer)).unwrap();
    let sent = driver.world.outbox.sent.back().unwrap();
    assert_eq!((sent.tries, sent.end, sent.saw.as_str()), (8, End::GivenUp(Trouble::NoAnswer), "seen"));
    assert!(driver.world.outbox.pending[&id].open.contains_key(&Channel::Command), "the other channel goes on");
    assert_eq!(fold(&driver), driver.world, "the rest between two tries is the same in a replay");
}

#[test]
fn what_does_not_pass_is_given_up_at_once() {
    for (trouble, again) in [
        (Trouble::Status(429), true),
        (Trouble::Status(500), true),
        (Trouble::Status(404), false),
        (Trouble::Status(302), false),
        (Trouble::Egress, false),
        (Trouble::Gone, false),
        (Trouble::NoSecret, true),
        (Trouble::Late, true),
        (Trouble::Exit(Some(1)), true),
    ] {
        let mut driver = telling();
        driver.propose();
        let id = last(&driver).id;
        driver.tried(id, Channel::Webhook, 1, Err(trouble)).unwrap();
        assert_eq!(driver.world.outbox.pending[&id].open.contains_key(&Channel::Webhook), again, "{trouble:?}");
    }
}

#[test]
fn a_test_is_an_owners_goes_by_every_channel_and_is_tried_once() {
    let mut driver = telling();
    let test = || Ask::Notice(Asked::Test);
    assert_eq!(driver.as_person("ada", test()).unwrap_err().rule, Rule::Role);
    assert_eq!(driver.engine(test()).unwrap_err().rule, Rule::ActorMachine);
    driver.as_person("grace", test()).unwrap();
    assert_eq!(driver.as_person("grace", test()).unwrap_err().rule, Rule::State, "one at a time");
    let id = last(&driver).id;
    assert_eq!(driver.world.outbox.pending[&id].open.len(), 2);
    driver.tried(id, Channel::Webhook, 1, Err(Trouble::Status(503))).unwrap();
    driver.tried(id, Channel::Command, 1, Ok(())).unwrap();
    assert!(driver.world.outbox.pending.is_empty());
    let mut silent = super::driver();
    assert_eq!(silent.as_person("grace", test()).unwrap_err().rule, Rule::State);
}

#[test]
fn a_site_that_tells_nothing_or_less_is_told_that() {
    let mut silent = driver();
    silent.start_one();
    assert!(silent.world.outbox.pending.is_empty());
    let mut driver = driver_of(|site| site.notify = Some(Notify { tell: [Topic::Ended].into(), ..notify() }));
    driver.start_one();
    driver.carry_out(|_| CellResult::Ok);
    assert_eq!(told(&driver), ["#1 restart in prod-web (production) ended: succeeded"]);
    driver.later(60 * MINUTE_MS);
    assert!(asked(&driver).is_empty());
}

#[test]
fn whom_a_site_tells_is_a_second_persons_to_accept() {
    let old = fixture::site();
    let mut new = fixture::site();
    new.notify = Some(notify());
    assert_eq!(sensitive_changes(&old, &new), [Sensitive::Notify]);
    let site: crate::domain::site::Site = serde_json::from_value(serde_json::to_value(&new).unwrap()).unwrap();
    assert_eq!(site.notify, Some(notify()));
    assert!(!serde_json::to_string(&old).unwrap().contains("notify"), "sites of before are as they were");
}

#[test]
fn acts_survive_their_json_and_stand_in_the_timeline_of_their_run_alone() {
    let (notice, channel, attempt) = (7, Channel::Webhook, 2);
    for act in [
        Act::Due { run: RunId(3), why: Due::Expiring, next: None },
        Act::Due { run: RunId(3), why: Due::Reminder, next: Some("kim".into()) },
        Act::Test,
        Act::Delivered { notice, channel, attempt },
        Act::Failed { notice, channel, attempt, trouble: Trouble::Status(500), again: true },
        Act::Failed { notice, channel, attempt, trouble: Trouble::Exit(None), again: false },
    ] {
        let event = Event::Notice { act: act.clone() };
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["kind"], "notice");
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
        assert_eq!(event.run().is_some(), matches!(act, Act::Due { .. }));
        assert!(!act.words().is_empty());
    }
}

#[test]
fn a_document_says_what_a_receiver_needs_and_is_the_same_at_every_try() {
    let mut driver = telling();
    driver.propose();
    let notice = last(&driver);
    let document = notice::document("origin", &notice);
    assert_eq!(document, notice::document("origin", &notice));
    let expected = serde_json::json!({
        "about": "run", "at": "2026-11-23T12:00:00.000Z", "because": null, "by": null, "incident": null, "environment": "production",
        "expires": "2026-11-23T16:00:00.000Z", "id": format!("origin-{}", notice.id), "impact": "medium",
        "kind": "waiting", "number": 1, "link": "ssh -t bastion quarterdeck attach 1", "may_act": ["grace", "kim"], "next": null,
        "requester": "ada", "run": 1, "runbook": "restart", "schema": 1, "site": "acme-ops",
        "summary": "#1 restart in prod-web (production) waits for people: grace, kim", "workspace": "prod-web",
    });
    assert_eq!(document, expected);
}

#[test]
fn what_is_on_its_way_is_bounded_and_the_oldest_gives_way() {
    let mut driver = telling();
    driver.propose();
    let oldest = last(&driver).id;
    let mut at = Timestamp(driver.at.0);
    for _ in 0..2_000 {
        let index = driver.world.events;
        let recorded = crate::domain::Recorded {
            index,
            at,
            by: actor("grace"),
            event: Event::Notice { act: Act::Test },
            details: Default::default(),
        };
        at = at.plus_ms(1);
        evolve(&mut driver.world, &recorded).unwrap();
    }
    assert_eq!(driver.world.outbox.pending.len(), 2_000);
    assert!(!driver.world.outbox.pending.contains_key(&oldest));
    assert_eq!(driver.world.outbox.lost, 1);
}

#[test]
fn broken_glass_is_told_at_once_to_everybody_who_works_there_and_its_own_end_before_it_comes() {
    let mut driver = glass::house(Some(Role::Commander), |site| site.notify = Some(notify()));
    let id = glass::waits(&mut driver);
    glass::breaks(&mut driver, "kim", glass::breaking(id)).unwrap();
    let notice = last(&driver);
    assert_eq!(notice.what.topic(), Some(Topic::BreakGlass));
    assert!(notice.may.contains(&"ada".into()) && notice.may.contains(&"grace".into()), "{:?}", notice.may);
    let document = notice::document("origin", &notice);
    assert_eq!((document["kind"].as_str(), document["by"].as_str()), (Some("break_glass"), Some("kim")));
    assert_eq!(document["incident"], 1);
    assert!(!document.to_string().contains("nobody can pay"), "{document}");
    driver.later(crate::domain::glass::COUNTDOWN_MS);
    driver.wake();
    assert_ne!(last(&driver).what, What::Expiring, "it has just begun");
    driver.later(crate::domain::glass::FOR_MS * 3 / 4);
    assert!(driver.world.outbox.pending.values().any(|pending| pending.notice.what == What::Expiring));
}

#[test]
fn what_is_no_run_is_told_of_too() {
    use crate::domain::decide::elevate::Answer;
    use crate::domain::decide::incidents::Deed;
    use crate::domain::id::{ElevationId, IncidentId};
    use crate::domain::incident::{Opening, Severity};
    use crate::domain::notice::{News, Object};
    let mut driver = telling();
    let wanted = Ask::Elevate {
        workspace: "prod-web".into(),
        role: Role::Approver,
        for_ms: 60 * MINUTE_MS,
        reason: "the password is hunter2".to_owned(),
    };
    driver.as_person("ada", wanted).unwrap();
    let asked = last(&driver);
    assert_eq!(asked.what, What::Object(News::Asked));
    assert_eq!((asked.may.as_slice(), asked.what.topic()), (&["grace".into()][..], Some(Topic::Waiting)));
    assert_eq!(
        notice::summary(&asked),
        "elevation E1 in prod-web (production), asked for by ada, waits for people: grace"
    );
    let answer = |answer| Ask::AnswerElevation { elevation: ElevationId(1), answer, reason: "on call".to_owned() };
    driver.as_person("grace", answer(Answer::Grant)).unwrap();
    assert_eq!(notice::summary(&last(&driver)), "elevation E1 of ada in prod-web (production) is granted");
    driver.at = driver.at.plus_ms(61 * MINUTE_MS);
    driver.wake();
    let over = last(&driver);
    assert_eq!((over.what.topic(), over.what.because().as_deref()), (Some(Topic::Decided), Some("its time was over")));
    let opening = Opening {
        workspace: "prod-web".into(),
        severity: Severity::P1,
        title: "the password is hunter2".to_owned(),
        tenant: "shop".to_owned(),
        impact: "nobody can pay".to_owned(),
        monitoring: vec!["CheckoutErrors".to_owned()],
        owner: "grace".into(),
        commander: None,
    };
    driver.as_person("bo", Ask::OpenIncident(Box::new(opening))).unwrap();
    let opened = last(&driver);
    assert_eq!((opened.what.topic(), opened.may.len()), (Some(Topic::Incident), 4));
    let document = notice::document("origin", &opened);
    assert_eq!(
        (&document["about"], &document["incident"], &document["by"]),
        (&"incident".into(), &1.into(), &"bo".into())
    );
    let nothing = Deed::Note;
    driver.as_person("bo", Ask::InIncident { incident: IncidentId(1), deed: nothing, text: "x".to_owned() }).unwrap();
    assert_eq!(last(&driver), opened, "a note is no news");
    // Nothing that anybody wrote leaves.
    let all: Vec<String> = driver
        .world
        .outbox
        .pending
        .values()
        .map(|pending| notice::document("origin", &pending.notice).to_string())
        .collect();
    assert!(!all.iter().any(|document| document.contains("hunter2")), "{all:?}");
    assert_eq!(opened.about.object().map(|of| of.object), Some(Object::Incident(IncidentId(1))));
    // Whoever is no member of the workspace sees none of it.
    assert!(notice::rows(&driver.world, &"stranger".into()).is_empty());
    assert_eq!(fold(&driver), driver.world);
}
