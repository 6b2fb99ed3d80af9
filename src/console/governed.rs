//! Whole runs by two people, by keys alone: what each of them sees at every stage, and where the run stands.

mod company;

use super::fixture;
use super::harness::Harness;
use super::house::House;
use crate::domain::order::{CellResult, Order, Purpose};
use crate::domain::run::{Ending, PauseCause, Phase, Reason};
use crate::domain::runbook::{Amount, Impact, Secret};
use crate::domain::site::Site;
use crate::domain::workspace::Environment;
use crate::domain::{Digest, Role, RunId, RunbookId, WorkspaceId};
use std::sync::Arc;

/// ada operates; grace approves; lea reviews; production, three hosts, medium impact.
fn site() -> Site {
    let mut site = fixture::site();
    let mut place = fixture::workspace("prod-web", "Production web", Environment::Production, "web", 3);
    let roles = |roles: &[Role]| roles.iter().copied().collect();
    place.members = [
        ("ada".into(), roles(&[Role::Operator])),
        ("grace".into(), roles(&[Role::Approver])),
        ("lea".into(), roles(&[Role::Reviewer])),
    ]
    .into();
    let mut runbook = fixture::runbook("rolling-restart", "Rolling restart of the web tier", Impact::Low);
    runbook.secrets.clear();
    runbook.targets.batches = vec![Amount::Hosts(1), Amount::Percent(100)];
    site.workspaces = [(WorkspaceId::new("prod-web"), Arc::new(place))].into();
    site.runbooks = [(RunbookId::new("rolling-restart"), Arc::new(runbook))].into();
    site
}

fn house() -> House {
    House::new(site(), &["ada", "grace", "lea"])
}

/// ada opens the runbook, fills its form by keys and proposes.
fn propose(house: &mut House) {
    house.press("ada", "2");
    house.sees("ada", &["quarterdeck ▸ Runbooks", "rolling-restart", "Rolling restart of the web tier"]);
    house.press("ada", "n");
    house.sees("ada", &["▸ propose", "Release to restart into", "0 of 1 done"]);
    house.types("ada", "2.8.1");
    house.press("ada", "tab");
    // A wrong value is named where it stands, and the plan is not shown.
    house.press("ada", "f2");
    house.sees("ada", &["! "]);
    house.press("ada", "home");
    house.types("ada", "v");
    house.press("ada", "f2");
    house.sees("ada", &["not confirmed", "Compare with the ticket."]);
    house.press("ada", "alt-t");
    house.sees("ada", &["ada confirms: Compare with the ticket.", "1 of 1 done"]);
    house.press("ada", "tab tab tab");
    house.types("ada", "CHG-30211");
    house.press("ada", "tab");
    house.types("ada", "Pick up the rotated certificate.");
    house.press("ada", "f2");
    house.sees("ada", &["what would run", "3 hosts", "CHG-30211", "Pick up the rotated certificate."]);
    house.press("ada", "enter");
}

fn fails_once_on_web_2(order: &Order) -> (CellResult, Vec<&'static str>) {
    let step = order.purpose == Purpose::Step && order.key.slot.item == crate::domain::run::Item::Step(1);
    match step && order.host.name.as_str() == "web-2" {
        true => (CellResult::Failed(Reason::Exit(7)), vec!["Stopping web.service", "E curl: (7) connection refused"]),
        false => (CellResult::Ok, vec!["done"]),
    }
}

#[test]
fn three_people_take_a_run_from_the_form_to_the_review_by_keys_alone() {
    let mut house = house();
    house.sees("ada", &["ada: operator", "PROD web", "3 hosts"]);
    house.sees("grace", &["grace: approver"]);

    propose(&mut house);
    let run = house.world.next_run - 1;
    assert!(matches!(house.phase(run), Phase::Checking(_)), "{:?}", house.phase(run));
    house.sees("ada", &[&format!("#{run} rolling-restart"), "checking"]);
    house.begin_all();
    house.all_goes_well();
    assert_eq!(house.phase(run), &Phase::Waiting);
    house.sees("ada", &["waiting", "approver", "grace"]);

    // grace is told at Home, finds it in the inbox, cannot approve unread, and reads all of it.
    house.sees("grace", &["waiting for you", "approve", &format!("#{run}"), "4 Approvals 1"]);
    house.press("grace", "4");
    house.sees("grace", &["quarterdeck ▸ Approvals", "rolling-restart", "ada"]);
    house.press("grace", "enter a");
    house.sees("grace", &["locked", "unread"]);
    for _ in 0..40 {
        house.press("grace", "space");
        if house.screen("grace").contains("everything was shown") {
            break;
        }
    }
    house.press("grace", "a");
    house.sees("grace", &["why you approve", "Cancel"]);
    house.types("grace", "renewal is due");
    house.press("grace", "enter enter");
    assert_eq!(house.phase(run), &Phase::Approved);
    house.sees("grace", &[&format!("approved #{run}")]);

    // ada starts: production wants the word; the checks run again first.
    house.sees("ada", &["approved", "S starts it"]);
    house.press("ada", "S");
    house.sees("ada", &["start", "production: type start", "3 hosts in 2 batches"]);
    house.types("ada", "start");
    house.press("ada", "enter enter");
    assert!(matches!(house.phase(run), Phase::Checking(_)), "{:?}", house.phase(run));
    house.sees("ada", &["checking"]);
    house.press("grace", "3 enter");
    house.sees("grace", &[&format!("#{run} rolling-restart")]);

    // A host fails in the second batch, retries and all; both see it, one takes it.
    house.carry_out(fails_once_on_web_2);
    assert_eq!(house.phase(run), &Phase::Paused(PauseCause::Failure));
    for who in ["ada", "grace"] {
        house.sees(who, &["PAUSED", "web-2 failed", "an operator must decide", "exit 7", "connection refused"]);
        house.sees(who, &["needs a person", "batch 2 of 2"]);
    }
    house.press("ada", "c");
    house.sees("ada", &["yours to decide", "retry", "skip"]);
    house.press("ada", "1");
    assert_eq!(house.phase(run), &Phase::Running);
    house.begin_all();
    house.sees("grace", &["running"]);
    house.all_goes_well();

    // The last step is by hand; then verification runs and the run ends.
    assert_eq!(house.phase(run), &Phase::Running);
    house.sees("ada", &["Tell the stakeholders", "2 points to tick"]);
    house.press("ada", "c space enter space enter");
    house.types("ada", "posted at 22:58");
    house.press("ada", "enter enter");
    assert_eq!(house.phase(run), &Phase::Verifying);
    house.sees("grace", &["verifying"]);
    house.all_goes_well();
    assert_eq!(house.phase(run), &Phase::Ended(Ending::Succeeded));
    house.sees("ada", &["succeeded", "outcome note missing"]);

    // The note closes it, another person signs it off.
    house.press("ada", "C");
    house.types("ada", "All hosts answer; web-2 needed a second try.");
    house.press("ada", "enter enter");
    assert_eq!(house.phase(run), &Phase::Closed(Ending::Succeeded));
    house.press("lea", "1");
    house.sees("lea", &["review", &format!("#{run}"), "succeeded"]);
    house.press("ada", "R");
    house.sees("ada", &["may not review", "review due: lea", "R review –"]);
    assert_eq!(house.phase(run), &Phase::Closed(Ending::Succeeded));
    house.press("lea", "enter R");
    house.sees("lea", &["All hosts answer; web-2 needed a second try."]);
    house.types("lea", "agreed");
    house.press("lea", "enter enter enter");
    assert_eq!(house.phase(run), &Phase::Reviewed(Ending::Succeeded));

    // Both find it in the history, with who did what and the definition as it ran.
    for who in ["ada", "grace"] {
        house.press(who, "6");
        house.sees(who, &["▸ History", &format!("#{run}"), "rolling-restart", "ada", "grace"]);
        house.press(who, "enter");
        house.sees(who, &[&format!("#{run} rolling-restart"), "succeeded", "what happened"]);
    }
    house.press("ada", "l");
    house.sees("ada", &["connection refused"]);
    house.press("grace", "tab");
    house.sees("grace", &["as it ran"]);
    house.press("grace", "7");
    house.sees("grace", &["▸ Audit", "ada", "grace"]);
}

#[test]
fn a_secret_that_is_asked_for_is_typed_before_the_start_and_shown_to_nobody() {
    let mut site = site();
    let mut runbook = (*site.runbooks[&RunbookId::new("rolling-restart")]).clone();
    for (name, words) in [("deploy_key", "the deploy key's passphrase"), ("pager_token", "")] {
        let reference = format!("prompt:{words}");
        let secret = Secret { reference, purpose: "Authenticates the drain.".to_owned() };
        runbook.secrets.insert(name.to_owned(), secret);
    }
    site.runbooks.insert(runbook.id.clone(), Arc::new(runbook));
    let mut house = House::new(site, &["ada", "grace"]);
    let run = approved(&mut house);

    // The start asks for what is missing, one after the other, and starts only then.
    house.press("ada", "S");
    house.sees("ada", &["a secret of", "deploy_key: the deploy key's passphrase", "shown to nobody"]);
    house.press("ada", "enter enter");
    house.sees("ada", &["nothing was typed"]);
    house.types("ada", "correct horse");
    house.sees("ada", &["****"]);
    house.sees_not("ada", &["correct", "horse"]);
    house.press("ada", "enter enter");
    house.sees("ada", &[&format!("secret taken for #{run}")]);
    assert_eq!(house.secret(run, "deploy_key"), Some("correct horse"));
    house.press("ada", "S");
    house.sees("ada", &["pager_token"]);
    house.pastes("ada", "line one\nline two\n");
    house.press("ada", "enter enter");
    assert_eq!(house.secret(run, "pager_token"), Some("line one\nline two"));
    assert_eq!(house.phase(run), &Phase::Approved);
    house.press("ada", "S");
    house.sees("ada", &["production: type start"]);
    house.types("ada", "start");
    house.press("ada", "enter enter");
    assert!(matches!(house.phase(run), Phase::Checking(_)), "{:?}", house.phase(run));

    // One that was mistyped is given anew while the run waits.
    house.press("ada", "K");
    house.sees("ada", &["which secret?", "deploy_key", "given; type it anew"]);
    house.press("ada", "enter");
    house.types("ada", "battery staple");
    house.press("ada", "enter enter");
    assert_eq!(house.secret(run, "deploy_key"), Some("battery staple"));
    // What was typed is in no ask, no effect's words and no event.
    for effect in house.effects("ada") {
        let words = format!("{effect:?}");
        assert!(!words.contains("horse") && !words.contains("staple") && !words.contains("line two"), "{words}");
    }
    assert!(!format!("{:?}", house.kinds()).contains("staple"));
}

/// A run of this house, proposed by ada and approved by grace; ada looks at it.
fn approved(house: &mut House) -> u64 {
    propose(house);
    let run = house.world.next_run - 1;
    house.all_goes_well();
    house.press("grace", "4 enter");
    while !house.screen("grace").contains("everything was shown") {
        house.press("grace", "space");
    }
    house.press("grace", "a");
    house.types("grace", "renewal is due");
    house.press("grace", "enter enter");
    assert_eq!(house.phase(run), &Phase::Approved, "{}", house.screen("grace"));
    run
}

#[test]
fn an_unfinished_form_comes_back_and_only_its_own_draft_is_forgotten() {
    let mut site = site();
    let other = fixture::runbook("disk-cleanup", "Free disk space", Impact::Low);
    site.runbooks
        .insert(other.id.clone(), Arc::new(crate::domain::runbook::Runbook { secrets: Default::default(), ..other }));
    let mut house = House::new(site, &["ada"]);
    for runbook in ["disk-cleanup", "rolling-restart"] {
        house.press("ada", ":");
        house.types("ada", &format!("propose {runbook} prod-web"));
        house.press("ada", "enter");
        house.types("ada", "v9.9.9");
        house.press("ada", "esc");
    }
    assert_eq!(house.kept("ada").len(), 2, "one draft per form");
    // Left alone, a form keeps nothing.
    house.press("ada", "2 e");
    house.sees("ada", &["unfinished forms", "disk-cleanup in prod-web", "rolling-restart in prod-web"]);
    house.press("ada", "esc g n");
    house.sees("ada", &["what you left unfinished is back", "v9.9.9", "0 of 1 done"]);
    // Confirmed anew, proposed: its draft goes, the other one stays.
    house.press("ada", "alt-t f2 enter");
    assert_eq!(house.world.runs.len(), 1);
    let left: Vec<&str> = house.kept("ada").iter().map(|kept| kept.proposal.runbook.as_str()).collect();
    assert_eq!(left, ["rolling-restart"]);
    // Emptied by hand, nothing of it comes back.
    house.press("ada", "2 G n");
    house.sees("ada", &["v9.9.9"]);
    house.press("ada", "f6");
    house.sees("ada", &["the form is empty"]);
    house.press("ada", "esc n");
    house.sees_not("ada", &["v9.9.9", "unfinished is back"]);
    assert_eq!(house.kept("ada").len(), 0);
}

#[test]
fn a_preset_fills_the_form_it_was_kept_from() {
    let mut house = house();
    house.press("ada", "2 n");
    house.types("ada", "v3.0.0");
    house.press("ada", "alt-t tab tab tab");
    house.types("ada", "CHG-7");
    house.press("ada", "f5");
    house.types("ada", "weekly");
    house.press("ada", "enter");
    house.sees("ada", &["kept as preset weekly"]);
    house.press("ada", "f6");
    house.sees_not("ada", &["v3.0.0", "CHG-7"]);
    house.press("ada", "f3");
    house.sees("ada", &["presets", "weekly", "v3.0.0"]);
    house.press("ada", "enter");
    // What comes out of a drawer is confirmed anew.
    house.sees("ada", &["filled from weekly; confirm anew what asks for it", "v3.0.0", "CHG-7", "0 of 1 done"]);
}

#[test]
fn a_link_opens_a_run_live_over_or_says_that_there_is_none() {
    let mut house = house();
    let run = approved(&mut house);
    house.open("ada", run);
    house.sees("ada", &[&format!("▸ prod-web ▸ #{run} rolling-restart"), "approved"]);
    house.press("ada", "X enter");
    house.press("ada", "tab enter");
    assert!(matches!(house.phase(run), Phase::Cancelled(_)), "{:?}", house.phase(run));
    assert!(house.world.run(RunId(run)).is_none(), "it is over");
    house.open("grace", run);
    house.sees("grace", &[&format!("History ▸ #{run} rolling-restart"), "withdrawn"]);
    house.open("grace", 99);
    house.sees("grace", &["#99 cannot be shown", "no run #99"]);
}

#[test]
fn a_sensitive_change_to_the_site_is_read_to_its_end_and_accepted_by_another_person() {
    let mut house = House::new(site(), &["ada", "grace", "kim"]);
    let mut changed = site();
    changed.digest = Digest::of(b"changed");
    let mut place = (*changed.workspaces[&WorkspaceId::new("prod-web")]).clone();
    place.members.insert("kim".into(), [Role::Approver].into());
    changed.workspaces.insert(place.id.clone(), Arc::new(place));
    let diff: String = (0..60).map(|nth| format!("+line {nth}\n")).collect();
    house.load("ada", changed, &diff).unwrap();
    assert!(house.world.pending.is_some(), "members are sensitive");
    // Whoever loaded it reads it and cannot accept it.
    house.press("ada", "g enter");
    house.sees("ada", &["Change to the site", "members"]);
    house.press("ada", "a");
    house.sees("ada", &["whoever loaded a change cannot accept it"]);
    // kim owns nothing in this house: only owners accept.
    house.press("kim", "1 g enter a");
    house.sees("kim", &["kim does not own everything this changes"]);
    assert!(house.world.pending.is_some());
}

#[test]
fn an_owner_accepts_a_change_to_the_site_by_keys_once_every_line_was_shown() {
    let mut owned = site();
    let mut place = (*owned.workspaces[&WorkspaceId::new("prod-web")]).clone();
    place.members.insert("grace".into(), [Role::Owner, Role::Approver].into());
    owned.workspaces.insert(place.id.clone(), Arc::new(place.clone()));
    let mut house = House::new(owned.clone(), &["ada", "grace"]);
    place.members.insert("kim".into(), [Role::Approver].into());
    owned.digest = Digest::of(b"changed");
    owned.workspaces.insert(place.id.clone(), Arc::new(place));
    let diff: String = (0..60).map(|nth| format!("+line {nth}\n")).collect();
    house.load("ada", owned, &diff).unwrap();
    house.sees("grace", &["the site changed and waits for a second person"]);
    house.press("grace", "g enter a");
    house.sees("grace", &["not shown yet: space shows them"]);
    while !house.screen("grace").contains("all of it was shown") {
        house.press("grace", "space");
    }
    house.sees("grace", &["+line 59"]);
    house.press("grace", "a");
    house.types("grace", "kim approves from today");
    house.press("grace", "enter enter");
    assert!(house.world.pending.is_none(), "{}", house.screen("grace"));
    let place = house.world.workspace(&WorkspaceId::new("prod-web")).unwrap();
    assert!(place.members.contains_key(&"kim".into()));
}

#[test]
fn a_role_is_asked_for_lent_and_given_back_by_keys_and_an_approval_is_taken_back() {
    let mut owned = site();
    let place = Arc::make_mut(owned.workspaces.get_mut(&WorkspaceId::new("prod-web")).unwrap());
    place.members.insert("grace".into(), [Role::Owner, Role::Approver].into());
    let mut house = House::new(owned, &["ada", "grace", "lea"]);
    house.press("lea", ":");
    house.types("lea", "elevate approver prod-web 1h");
    house.press("lea", "enter");
    house.sees("lea", &["to be approver in prod-web for 1 h", "why you need it"]);
    house.types("lea", "grace is on leave tonight");
    house.press("lea", "enter enter");
    house.sees("grace", &["lea asks to be approver in prod-web for 1 h: grace is on leave tonight"]);
    house.sees_not("ada", &["lea asks"]);
    // It stands above what else waits: the first row.
    house.press("grace", "g enter");
    house.sees("grace", &["lend the role", "refuse"]);
    house.press("grace", "enter");
    house.types("grace", "agreed");
    house.press("grace", "enter enter");
    house.sees("lea", &["you are approver in prod-web, until", "lea: approver, reviewer"]);

    propose(&mut house);
    house.all_goes_well();
    house.press("lea", "4 enter");
    while !house.screen("lea").contains("everything was shown") {
        house.press("lea", "space");
    }
    house.press("lea", "a");
    house.types("lea", "seen");
    house.press("lea", "enter enter");
    let run = RunId(house.world.next_run - 1);
    assert_eq!(*house.phase(run.0), Phase::Approved);
    // Taken back on the same screen, by its own key.
    house.sees("lea", &["take back"]);
    house.press("lea", "t");
    house.types("lea", "the ticket was closed meanwhile");
    house.press("lea", "enter enter");
    assert_eq!(*house.phase(run.0), Phase::Waiting);

    house.press("lea", ":");
    house.types("lea", "elevations");
    house.press("lea", "enter enter");
    house.sees("lea", &["give it back"]);
    house.press("lea", "enter");
    house.press("lea", "enter enter");
    assert!(house.world.elevations.is_empty(), "{}", house.screen("lea"));
}

#[test]
fn an_approved_run_is_put_off_to_a_moment_by_keys_and_begins_then() {
    let mut house = house();
    propose(&mut house);
    house.all_goes_well();
    let run = RunId(house.world.next_run - 1);
    house.press("grace", "4 enter");
    while !house.screen("grace").contains("everything was shown") {
        house.press("grace", "space");
    }
    house.press("grace", "a");
    house.types("grace", "seen");
    house.press("grace", "enter enter");
    house.press("ada", ":");
    house.types("ada", &format!("run {}", run.0));
    house.press("ada", "enter");
    house.press("ada", ":");
    house.types("ada", "schedule tomorrow");
    house.press("ada", "enter");
    house.sees("ada", &["`tomorrow` is no moment; write 2h, 22:00"]);
    house.press("ada", ":");
    house.types("ada", "schedule 30s");
    house.press("ada", "enter");
    house.sees("ada", &["It begins", "by itself, for you, if everything still holds then."]);
    house.press("ada", "tab enter");
    assert!(house.run(run.0).queued.is_some(), "{}", house.screen("ada"));
    house.sees("ada", &["scheduled", "begins", "asked for by ada", "take back"]);
    house.all_goes_well();
    assert!(house.run(run.0).started.is_some(), "{:?}", house.phase(run.0));
}

#[test]
fn an_incident_is_opened_led_marked_and_closed_by_keys_and_stands_on_everybodys_home() {
    let mut house = house();
    house.press("ada", ":");
    house.types("ada", "incident P1 prod-web");
    house.press("ada", "enter");
    house.sees("ada", &["open an incident: P1 in prod-web", "whose customers notice it"]);
    for words in ["checkout fails", "shop", "nobody can pay", "CheckoutErrors, INC-9"] {
        house.types("ada", words);
        house.press("ada", "tab");
    }
    house.press("ada", "tab tab tab enter");
    house.sees("ada", &["opened an incident"]);
    house.sees("grace", &["I1 P1 prod-web: checkout fails", "acknowledge in 5 min · no lead"]);
    house.press("grace", "g enter");
    house.sees("grace", &["read it", "acknowledged", "lead it"]);
    house.press("grace", "enter");
    house.sees("grace", &["CheckoutErrors, INC-9", "nobody can pay", "due"]);
    house.press("grace", "esc g enter j j enter");
    house.types("grace", "I look at it");
    house.press("grace", "enter enter");
    house.sees("ada", &["tell customers in 10 min"]);
    let open = house.world.incidents.values().next().unwrap();
    assert_eq!(open.monitoring, ["CheckoutErrors", "INC-9"]);
    assert_eq!(open.notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["acknowledged: I look at it"]);
}

#[test]
fn glass_is_broken_by_keys_and_everybody_sees_it_coming_and_what_it_waits_for() {
    let mut sealed = site();
    let place = Arc::make_mut(sealed.workspaces.get_mut(&WorkspaceId::new("prod-web")).unwrap());
    place.policy.break_glass = Some(Role::Commander);
    place.members.insert("kim".into(), [Role::Commander].into());
    let mut house = House::new(sealed, &["ada", "grace", "kim"]);
    house.enrolled("kim");
    propose(&mut house);
    house.all_goes_well();
    let run = RunId(house.world.next_run - 1);
    house.press("ada", "1 :");
    house.types("ada", "incident P1 prod-web");
    house.press("ada", "enter");
    for words in ["checkout fails", "shop", "nobody can pay", "CheckoutErrors"] {
        house.types("ada", words);
        house.press("ada", "tab");
    }
    house.press("ada", "tab tab tab enter");
    house.press("kim", ":");
    house.types("kim", &format!("run {}", run.0));
    house.press("kim", "enter :");
    house.types("kim", "break-glass I1");
    house.press("kim", "enter");
    house.sees("kim", &["BREAK GLASS for", "Two people who took no part review it", "type: break glass"]);
    let code = crate::domain::binding::code(&house.run(run.0).binding);
    house.types("kim", "nobody can pay");
    house.press("kim", "tab");
    house.types("kim", &code);
    house.press("kim", "tab");
    house.types("kim", "break glass");
    house.press("kim", "tab");
    house.types("kim", super::house::DIGITS);
    house.press("kim", "tab tab enter");
    house.sees("kim", &["GLASS BROKEN · opens in", "X stops it"]);
    house.press("ada", "1");
    house.sees("ada", &["GLASS BROKEN by kim for I1 · opens in"]);
    house.sees("grace", &["GLASS BROKEN by kim for I1 · opens in"]);
    house.all_goes_well();
    assert_eq!(*house.phase(run.0), Phase::Approved, "five seconds later");
    house.sees("kim", &["S starts it"]);
}

#[test]
fn lists_are_filtered_by_words_by_what_they_are_not_and_fuzzily() {
    let screen = |filter: &str| {
        let console = Harness::new(fixture::world()).press("3 /").type_str(filter).press("enter");
        console.screen()
    };
    let has = |screen: &str, run: &str| screen.lines().skip(2).any(|line| line.contains(run));
    let words = screen("cert");
    assert!(has(&words, "#41") && !has(&words, "#40"), "{words}");
    let inverse = screen("!cert");
    assert!(!has(&inverse, "#41") && has(&inverse, "#40"), "{inverse}");
    let fuzzy = screen("-f crtrot");
    assert!(has(&fuzzy, "#41") && !has(&fuzzy, "#40"), "{fuzzy}");
    for shown in [&words, &inverse, &fuzzy] {
        assert!(shown.contains(" of 5 · / "), "the list says what it hides: {shown}");
    }
    // Esc shows everything again before it leaves the list.
    let console = Harness::new(fixture::world()).press("3 /").type_str("cert").press("enter esc");
    assert!(has(&console.screen(), "#40") && console.screen().contains("▸ Runs"));
}

#[test]
fn progress_stands_beside_what_is_usual_and_the_week_has_its_line() {
    let home = Harness::new(fixture::world()).screen();
    assert!(home.contains("2m10 gone, usually 6m") && home.contains("34 %"), "{home}");
    assert!(home.contains("31 runs ▆▅█▃▅▄▇"), "{home}");
    let live = Harness::new(fixture::world()).press(":").type_str("run 41").press("enter").screen();
    assert!(live.contains("usually 6m") && live.contains("34 %"), "{live}");
}
