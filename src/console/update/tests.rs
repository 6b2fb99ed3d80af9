//! Ways through the console that no single screen owns.

use super::*;
use crate::console::harness::Harness;
use crate::console::keymap::Scope;

#[test]
fn numbers_open_screens_and_esc_goes_back_and_leaves() {
    let console = Harness::new(World::default()).press("4");
    assert!(console.screen().contains("quarterdeck ▸ Approvals"));
    let console = console.press("6 esc");
    assert!(!console.screen().contains('▸'));
    let console = console.press("q");
    assert_eq!(console.effects().last(), Some(&Effect::Quit));
}

#[test]
fn ctrl_c_leaves_from_anywhere() {
    let console = Harness::new(World::default()).press("4 : ctrl-c");
    assert_eq!(console.effects(), [Effect::Quit]);
}

#[test]
fn a_small_terminal_is_told_the_size_it_needs() {
    let screen = Harness::new(World::default()).at(40, 12).screen();
    assert!(screen.starts_with("Quarterdeck needs 72×20, this is 40×12.\nRuns go on.\n"), "{screen}");
    Harness::new(World::default()).at(0, 0).press("j").screen();
}

#[test]
fn help_lists_every_key_of_its_scope() {
    let mut console = Harness::new(World::default()).at(160, 200).press("?");
    let screen = console.screen();
    for bound in Scope::Home.chain().iter().flat_map(|scope| keymap::own(*scope)) {
        assert!(screen.contains(bound.help), "{:?}", bound.act);
        assert!(screen.contains(&keymap::label(bound.keys[0])), "{:?}", bound.act);
    }
    console = console.press("q");
    assert!(!console.screen().contains("keys: home"));
}

#[test]
fn a_lost_link_is_said_and_nothing_is_asked_meanwhile() {
    let mut console = Harness::new(World::default());
    console.send(Msg::Lost);
    let console = console.wait(7_000);
    assert!(console.screen().contains("last seen 00:07 ago, reconnecting, runs go on"));
}

#[test]
fn the_palette_runs_acts_by_their_words_and_signs_in_afresh() {
    let console = Harness::new(World::default()).press(":").type_str("history").press("enter");
    assert!(console.screen().contains("▸ History"));
    let console = console.press(":").type_str("as grace").press("enter");
    assert_eq!(console.effects().last(), Some(&Effect::SignInAs(crate::domain::PersonId::new("grace"))));
}
