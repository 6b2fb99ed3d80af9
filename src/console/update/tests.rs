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

#[test]
fn a_unique_beginning_is_enough_for_a_command_but_not_for_a_run() {
    let world = crate::console::fixture::world;
    let console = Harness::new(world()).press(":").type_str("as gr").press("enter");
    assert_eq!(console.effects().last(), Some(&Effect::SignInAs(crate::domain::PersonId::new("grace"))));
    let screen = Harness::new(world()).press(":").type_str("run 4").press("enter").screen();
    assert!(screen.contains("▸ #4 ") || screen.contains("History ▸ #4"), "{screen}");
}

#[test]
fn a_burst_of_esc_ends_at_home_and_one_more_leaves() {
    let console = Harness::new(crate::console::fixture::world()).press("3 enter").press_at_once("esc esc esc esc");
    assert!(!console.effects().contains(&Effect::Quit));
    assert!(console.screen().contains("this is home"), "{}", console.screen());
    assert_eq!(console.press("esc").effects().last(), Some(&Effect::Quit));
}

#[test]
fn the_site_is_loaded_from_the_palette_and_what_came_of_it_is_said() {
    let mut console = Harness::new(crate::console::fixture::world()).press(":").type_str("site load").press("enter");
    assert_eq!(console.effects().last(), Some(&Effect::LoadSite));
    console.send(Msg::SiteLoaded(Ok(crate::console::SiteLoad::Waits)));
    assert!(console.screen().contains("waits until another owner accepts it"), "{}", console.screen());
    let wrong = Refusal::new(Rule::Input, "the site has 2 problems").next("mend the files");
    console.send(Msg::SiteLoaded(Err(wrong)));
    let screen = console.press("w").screen();
    assert!(screen.contains("the site has 2 problems") && screen.contains("mend the files"), "{screen}");
}

#[test]
fn hosts_site_and_state_are_pages_of_the_palette() {
    let page = |line: &str| {
        Harness::new(crate::console::fixture::world()).at(100, 60).press(":").type_str(line).press("enter").screen()
    };
    let hosts = page("hosts group:web");
    assert!(hosts.contains("web-5") && hosts.contains("in #40") && !hosts.contains("db-1"), "{hosts}");
    assert!(page("hosts group:none").contains("no host of your workspaces matches group:none"));
    assert!(page("site").contains(":site load reads the files again"));
    assert!(page("audit verify").contains("`quarterdeck audit verify`"));
    assert!(page("state").contains("by your own account"));
}

#[test]
fn the_wheel_scrolls_what_lies_under_it_and_not_what_has_the_focus() {
    use crate::terminal::key::MouseKind;
    let console = Harness::new(crate::console::fixture::world()).at(160, 50).press("2");
    let selected = |console: &Harness| {
        let screen = console.screen();
        let row = screen.lines().skip(1).find(|line| line.contains('▸')).unwrap_or_default();
        row.chars().take(40).collect::<String>()
    };
    let before = selected(&console);
    let console = console.wheel(MouseKind::ScrollDown, 120, 20);
    assert_eq!(selected(&console), before);
    assert!(console.screen().contains("4–"), "{}", console.screen());
}

#[test]
fn a_click_chooses_in_menus_and_moves_in_dialogs() {
    // The menu of ways to stop, then the dialog it leads to.
    let console = Harness::new(crate::console::fixture::world()).press("enter X");
    let at = |console: &Harness, word: &str| {
        let screen = console.screen();
        let (y, line) = screen.lines().enumerate().find(|(_, line)| line.contains(word)).expect("on screen");
        let x = line.chars().count() - line.split_once(word).unwrap().1.chars().count() - 1;
        (u16::try_from(x).unwrap(), u16::try_from(y).unwrap())
    };
    let (x, y) = at(&console, "after this batch");
    let console = console.click(x, y).click(x, y).wait(600);
    let (x, y) = at(&console, "[ Stop ]");
    let console = console.click(x, y).wait(600);
    assert!(console.screen().contains("▸[ Stop ]"), "{}", console.screen());
    let (x, y) = at(&console, "[ Cancel ]");
    let console = console.click(x, y).wait(600).click(x, y);
    assert!(!console.screen().contains("Cancel"), "{}", console.screen());
}
