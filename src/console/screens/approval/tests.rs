//! The approval view: what is shown, what stays locked, what is asked.

use super::SHOWN_MS;
use crate::console::Effect;
use crate::console::fixture;
use crate::console::harness::{Harness, keep};
use crate::domain::binding;
use crate::domain::factor::{Factor, Standing};
use crate::domain::proved::Demands;
use crate::domain::run::{Acceptance, Choice, Phase};
use crate::domain::runbook::Action;
use crate::domain::{Ask, Digest, PersonId, Refusal, Rule, RunId, Seen, StepId, World};
use std::sync::Arc;

fn open(world: World) -> Harness {
    Harness::new(world).press("4 enter").wait(1_000)
}

/// Space until nothing is unread.
fn read(mut console: Harness) -> Harness {
    for _ in 0..60 {
        if console.screen().contains("everything was shown") {
            return console;
        }
        console = console.press("space");
    }
    panic!("never read\n{}", console.screen());
}

fn code() -> String {
    binding::code(&fixture::approval_42().binding)
}

fn submitted(console: &Harness) -> usize {
    console.effects().iter().filter(|effect| matches!(effect, crate::console::Effect::Submit { .. })).count()
}

#[test]
fn frames() {
    let world = fixture::world();
    keep("approval-folded", &world, |console| console.press("4 enter").wait(1_000));
    keep("approval-read", &world, |console| read(console.press("4 enter")));
    keep("approval-dialog", &world, |console| read(console.press("4 enter")).press("a"));
    keep("approval-own", &world, |console| console.press("4 j enter").wait(1_000));
    keep("approval-why-locked", &world, |console| console.press("4 enter w"));
    keep("approval-long-names", &fixture::long_names(), |console| console.press("4 enter").wait(1_000));
    keep("approval-refused", &world, |console| {
        let refusal = Refusal::new(Rule::Stale, "#42 changed since you looked").next("look again, then decide");
        let console = read(console.press("4 enter")).press("a").type_str("planned").press("enter");
        console.type_str(&code()).press("enter enter").refused(refusal)
    });
    keep("approval-gone", &world, |console| {
        console.press("4 enter").world(|world| drop(world.runs.remove(&RunId(42))))
    });
    keep("approval-warning", &with_warning(false), |console| console.press("4 enter"));
    keep("approval-warning-accepted", &with_warning(true), |console| read(console.press("4 enter")));
}

#[test]
fn steps_by_hand_are_read_with_the_values_of_the_form() {
    let world = fixture::with(fixture::told_with_values(fixture::approval_42()));
    let approval = Harness::new(world.clone()).at(120, 120).press("4 enter").wait(1_000).press("d").screen();
    let plan = Harness::new(world).at(120, 160).press("3").press("d").screen();
    for screen in [approval, plan] {
        assert!(screen.contains("Say that v2.8.1 is out by #42.") && !screen.contains("{{"), "{screen}");
    }
}

fn with_warning(accepted: bool) -> World {
    let mut run = fixture::approval_42();
    let mut plan = (*run.plan).clone();
    plan.warnings.push(fixture::warning("cert", "certificate expires in 20 days"));
    run.plan = Arc::new(plan);
    if accepted {
        let acceptance = Acceptance {
            by: PersonId::new("grace"),
            at: fixture::ago(1),
            reason: "renewal is this change".to_owned(),
            hosts: Default::default(),
        };
        run.accepted.insert(StepId::new("cert"), acceptance);
    }
    let mut world = fixture::world();
    fixture::add(&mut world, run);
    world
}

#[test]
fn it_is_locked_until_all_was_shown() {
    let console = open(fixture::world()).press("a");
    assert!(console.screen().contains("locked · unread:"), "{}", console.screen());
    assert_eq!(submitted(&console), 0);
    let console = read(console).press("a");
    assert!(console.screen().contains("why you approve"), "{}", console.screen());
}

#[test]
fn z07_z30_it_is_locked_by_the_rule_that_every_other_door_gives() {
    let locked = |change: fn(&mut crate::domain::plan::Plan)| {
        let mut run = fixture::approval_42();
        change(Arc::make_mut(&mut run.plan));
        let mut world = fixture::world();
        fixture::add(&mut world, run);
        let console = Harness::new(world).at(120, 40).press(":").type_str("run 42").press("enter enter");
        let console = console.wait(1_000).press("a");
        assert_eq!(submitted(&console), 0);
        (console.screen(), console.press("x").screen())
    };
    let (approve, deny) = locked(|plan| plan.behind = Some(PersonId::new("ada")));
    assert!(approve.contains("a machine of yours (sod.owner)") && deny.contains("(sod.owner)"), "{approve}{deny}");
    let (approve, deny) = locked(|plan| {
        plan.editors = [PersonId::new("ada")].into();
        // One approver, and nobody beside.
        plan.quorum.as_mut().unwrap().from.truncate(1);
    });
    assert!(approve.contains("is not its only approver (sod.editor)"), "{approve}");
    assert!(deny.contains("why you deny"), "a no is theirs to give: {deny}");
}

#[test]
fn z43_a_burst_of_keys_reads_nothing_and_approves_nothing() {
    let burst = "space space space space space space space space space a a y enter enter enter";
    let console = open(fixture::world()).press_at_once(burst);
    assert_eq!(submitted(&console), 0);
    assert!(!console.screen().contains("everything was shown"), "{}", console.screen());
}

#[test]
fn z43_what_an_overlay_hid_was_not_read() {
    // Help opens over the page the moment it is entered and stays for an hour.
    let console = Harness::new(fixture::world()).press("4").press_at_once("enter ?").wait(3_600_000);
    let console = console.press_at_once("esc a").press_at_once("w");
    assert!(!console.screen().contains("why you approve"));
    let before = unread(&open(fixture::world()));
    assert_eq!(unread(&console.press("esc").wait(SHOWN_MS)), before);
}

fn unread(console: &Harness) -> String {
    console.screen().lines().find(|line| line.contains("unread:")).unwrap_or_default().to_owned()
}

#[test]
fn z43_high_impact_wants_the_code_typed_not_pasted() {
    let console = read(open(fixture::world())).press("a").type_str("planned").press("tab").paste(&code());
    assert!(console.screen().contains("typed, not pasted"), "{}", console.screen());
    let console = console.press("tab tab enter");
    assert_eq!(submitted(&console), 0);
    assert!(console.screen().contains("not this plan's code"), "{}", console.screen());
    let console = console.type_str("AAA-AAA").press("tab tab enter");
    assert_eq!(submitted(&console), 0);
}

#[test]
fn approving_is_bound_to_the_plan_that_was_shown() {
    let run = fixture::approval_42();
    let console = read(open(fixture::world())).press("a").type_str("planned change").press("enter");
    let console = console.type_str(&code().to_lowercase()).press("enter enter");
    let ask = Ask::Vote { run: RunId(42), choice: Choice::Approve, reason: "planned change".to_owned() };
    assert_eq!(console.ask(), Some(&ask));
    let bound = console.effects().iter().any(|effect| {
        matches!(effect, crate::console::Effect::Submit { seen: Seen::Binding(binding), .. } if *binding == run.binding)
    });
    assert!(bound);
    let console = console.accepted(Some(RunId(42)));
    assert!(console.screen().contains("approved #42"), "{}", console.screen());
}

#[test]
fn denying_needs_a_reason_and_no_reading() {
    let console = open(fixture::world()).press("x enter enter");
    assert!(console.screen().contains("why you deny is missing"), "{}", console.screen());
    let console = console.type_str("not tonight").press("enter enter");
    let ask = Ask::Vote { run: RunId(42), choice: Choice::Deny, reason: "not tonight".to_owned() };
    assert_eq!(console.ask(), Some(&ask));
}

#[test]
fn z01_who_asked_is_told_why_it_is_locked() {
    let console = Harness::new(fixture::world()).by("bo").press("4 j enter a");
    assert!(console.screen().contains("you asked for it; somebody else decides"), "{}", console.screen());
    assert!(console.press("x").screen().contains("you asked for it"));
}

#[test]
fn every_host_and_command_line_is_on_a_page() {
    let mut shown = String::new();
    let mut console = open(fixture::world());
    for _ in 0..40 {
        shown.push_str(&console.screen());
        console = console.press("space");
    }
    let run = fixture::approval_42();
    for host in &run.plan.hosts {
        assert!(shown.contains(host.name.as_str()), "{}", host.name);
    }
    let scripts = run.plan.runbook.preflight.iter().chain(&run.plan.runbook.verify).map(|check| &check.script.text);
    let undo = run.plan.runbook.steps.iter().filter_map(|step| step.undo.as_ref());
    for line in scripts.chain(undo).flat_map(|text| text.lines()) {
        assert!(shown.contains(line), "{line}");
    }
}

#[test]
fn hundreds_of_hosts_are_read_page_by_page() {
    let mut world = fixture::fleet(600);
    let run = world.runs.get(&RunId(42)).unwrap().clone();
    let mut waiting = fixture::run_of((*run.plan).clone(), Phase::Waiting);
    fixture::checks_passed(&mut waiting);
    fixture::add(&mut world, waiting);
    let mut console = Harness::new(world).press("4 enter").wait(1_000);
    assert!(console.screen().contains("hosts"), "{}", console.screen());
    let mut pages = 0;
    while !console.screen().contains("everything was shown") {
        console = console.press("pgdn");
        console = if console.screen().contains("unread: ") && pages > 12 { console.press("space") } else { console };
        pages += 1;
        assert!(pages < 200, "{}", console.screen());
    }
    assert!(pages > 3, "600 names do not fit {pages} pages");
}

#[test]
fn a_resized_terminal_shows_what_it_shows() {
    let console = read(open(fixture::world())).at(72, 20);
    console.screen();
    let console = console.press("space space G g d d");
    assert!(console.screen().contains("#42"));
}

#[test]
fn a_folded_script_is_told_by_its_title_and_not_by_set_eu() {
    let mut run = fixture::approval_42();
    let mut plan = (*run.plan).clone();
    let mut runbook = (*plan.runbook).clone();
    let drain = runbook.steps.first_mut().unwrap();
    drain.title = "Take the host out of rotation".to_owned();
    let Action::Script(script) = &mut drain.action else { panic!("a script") };
    script.text = "set -eu\nlog=$HOME/log\nlb drain \"$host\"\n".to_owned();
    plan.runbook = Arc::new(runbook);
    run.plan = Arc::new(plan);
    let screen = open(fixture::with(run)).screen();
    assert!(screen.contains("once        Take the host out of rotation    ⋯ 4 lines  undo ✔"), "{screen}");
    assert!(!screen.contains("set -eu"), "{screen}");
}

/// #42 as a workspace has it that asks for more than a name.
fn demanding(factor: bool, signature: bool) -> World {
    let mut run = fixture::approval_42();
    let mut plan = (*run.plan).clone();
    plan.demands = Demands { factor, signature };
    run.plan = Arc::new(plan);
    let mut world = fixture::world();
    fixture::add(&mut world, run);
    let confirmed = Standing::Confirmed(PersonId::new("grace"));
    let (id, since) = (Digest::of(b"ada's"), fixture::ago(60));
    let factor = Factor { id, standing: confirmed, since, last: 0, wrong: imbl::Vector::new() };
    world.factors.insert(PersonId::new("ada"), factor);
    let mut site = (**world.site.as_ref().unwrap()).clone();
    site.people.get_mut(&PersonId::new("ada")).unwrap().keys = vec!["ssh-ed25519 AAAA".to_owned()];
    world.site = Some(Arc::new(site));
    world
}

fn with(console: &Harness) -> Option<(Ask, Option<String>, bool)> {
    console.effects().iter().rev().find_map(|effect| match effect {
        Effect::SubmitWith { ask, with, seen: Seen::Binding(_), .. } => {
            Some((ask.clone(), with.code.as_ref().map(|code| code.reveal().to_owned()), with.sign))
        }
        _ => None,
    })
}

#[test]
fn z31_high_impact_asks_for_the_approvers_own_second_factor_after_the_typed_code() {
    let console = read(open(demanding(true, false))).press("a").type_str("planned").press("enter");
    let console = console.type_str(&code()).press("enter");
    assert!(console.screen().contains("six digits of your second factor"), "{}", console.screen());
    for short in ["12345", "12345a"] {
        let console = read(open(demanding(true, false))).press("a").type_str("planned").press("enter");
        let console = console.type_str(&code()).press("enter").type_str(short).press("enter enter");
        assert!(console.screen().contains("type the six digits"), "{}", console.screen());
        assert_eq!((submitted(&console), with(&console)), (0, None));
    }
    // As devices show it; pasted, as a password manager does it.
    let console = console.paste("123 456").press("enter enter");
    let ask = Ask::Vote { run: RunId(42), choice: Choice::Approve, reason: "planned".to_owned() };
    assert_eq!(with(&console), Some((ask, Some("123456".to_owned()), false)));
    assert_eq!(submitted(&console), 0, "and not without");
    let refusal = Refusal::new(Rule::FactorWrong, "that is no code of ada's second factor");
    let console = console.refused(refusal);
    assert!(console.screen().contains("factor.wrong") && console.screen().contains("planned"), "{}", console.screen());
    assert!(!format!("{:?}", console.effects()).contains("123456"), "no log ever holds it");
}

#[test]
fn where_approvals_are_signed_the_client_is_asked_to_sign() {
    let console = read(open(demanding(false, true))).press("a");
    assert!(console.screen().contains("Your own SSH key signs it"), "{}", console.screen());
    let console = console.type_str("planned").press("enter").type_str(&code()).press("enter enter");
    assert!(matches!(with(&console), Some((Ask::Vote { .. }, None, true))), "{:?}", console.effects());
}

#[test]
fn who_cannot_give_what_is_asked_for_is_told_before_anything_is_typed() {
    for (factor, signature, words) in [(true, false, "people enrol"), (false, true, "signature.missing")] {
        let mut world = demanding(factor, signature);
        world.factors.clear();
        let mut site = (**world.site.as_ref().unwrap()).clone();
        site.people.get_mut(&PersonId::new("ada")).unwrap().keys.clear();
        world.site = Some(Arc::new(site));
        let console = read(open(world)).press("a");
        assert!(!console.screen().contains("why you approve"), "{}", console.screen());
        let why = console.press("w").screen();
        assert!(why.contains(words), "{why}");
    }
}

#[test]
fn frames_of_what_is_demanded() {
    keep("approval-demanding", &demanding(true, true), |console| read(console.press("4 enter")).press("a"));
}

#[test]
fn z54_look_alike_and_invisible_characters_are_named_under_the_line_they_stand_in() {
    let mut run = fixture::approval_42();
    let mut plan = (*run.plan).clone();
    let mut runbook = (*plan.runbook).clone();
    let Action::Script(script) = &mut runbook.steps.first_mut().unwrap().action else { panic!("a script") };
    script.text = "rm -rf /srv/\u{430}dmin\u{200b}".to_owned();
    plan.runbook = Arc::new(runbook);
    plan.inputs = vec![("release".to_owned(), "v2.8.1-\u{440}roduction".to_owned())];
    run.plan = Arc::new(plan);
    let world = fixture::with(run);
    let console = Harness::new(world.clone()).at(120, 60).press("4 enter").wait(1_000);
    let screen = console.screen();
    assert!(screen.contains("\u{430}dmin\\u{200b}"), "what shows nothing is spelled out: {screen}");
    assert!(screen.contains("`\u{430}dmin`: U+0430 looks like a and is not; U+200B shows nothing"), "{screen}");
    assert!(screen.contains("`\u{440}roduction`: U+0440 looks like p and is not"), "{screen}");
    // Folded, a line that would fit whole counts as unread: the words under it are to be read too.
    let folded = Harness::new(world).press("4 enter").wait(1_000).screen();
    assert!(folded.contains("(steps 1, "), "{folded}");
}
