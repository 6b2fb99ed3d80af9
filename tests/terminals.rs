//! Terminals that know little, or something between us and the terminal: a VT100, a terminal without a cursor, no UTF-8, the
//! terminal multiplexers `screen` and tmux. What is written to them is looked at byte by byte.

#![cfg(test)]

mod real;

use real::product::Product;
use real::wait::SOON;
use real::{Fleet, Served, Tmux, built, program, until};
use std::fs;
use std::path::{Path, PathBuf};

/// The command that opens ada's console, with these variables and nothing else of the pane's.
fn console(product: &Product, variables: &str) -> String {
    let at = |name: &str| product.at(name).display().to_string();
    format!(
        "env -u LC_ALL -u LANG -u COLORTERM {variables} {} --site {} --data {} --socket {}",
        built(),
        at("site"),
        at("data"),
        at("socket")
    )
}

/// What the pane's program writes from now on.
fn recorded(tmux: &Tmux) -> PathBuf {
    let path = tmux.directory().join("recorded");
    tmux.record(&path);
    path
}

/// Opens the console, looks around with keys, and leaves; all it wrote.
fn visit(product: &Product, tmux: &Tmux, variables: &str) -> Vec<u8> {
    tmux.line("echo be''fore");
    tmux.wait_for_text("before");
    let stty = tmux.stty();
    let recorded = recorded(tmux);
    tmux.line(&console(product, variables));
    tmux.wait_for_text("Home");
    tmux.keys(&["?"]);
    tmux.wait_for("help", SOON, |screen| screen.contains("keys: "));
    tmux.keys(&["q"]);
    tmux.wait_for("no help", SOON, |screen| !screen.contains("keys: ") && screen.contains("Home"));
    tmux.keys(&["2", "j", "k", "1"]);
    tmux.resize(100, 30);
    tmux.wait_for("a larger screen", SOON, |screen| screen.lines().nth(29).is_some_and(|last| !last.trim().is_empty()));
    tmux.keys(&["q"]);
    until("the console to end", SOON, || if tmux.stty() == stty { Ok(()) } else { Err(tmux.screen()) });
    tmux.line("echo af''ter");
    tmux.wait_for_text("after");
    until("what was written", SOON, || {
        let bytes = fs::read(&recorded).unwrap_or_default();
        let all = bytes.windows(5).any(|window| window == b"after");
        if all { Ok(bytes) } else { Err(String::from_utf8_lossy(&bytes).into_owned()) }
    })
}

/// The last bytes of the sequences that begin with `ESC [`, and whether a private mode is among them.
fn sequences(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (mut last, mut private) = (Vec::new(), false);
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|two| two == b"\x1b[") {
        let (params, behind) = rest.split_at(at + 2).1.split_at(
            rest[at + 2..].iter().position(|byte| (0x40..0x7f).contains(byte)).unwrap_or(rest.len() - at - 2),
        );
        private |= params.contains(&b'?');
        last.extend(behind.first());
        rest = behind;
    }
    last.sort_unstable();
    last.dedup();
    (last, private)
}

fn product() -> Option<(Fleet, Product)> {
    let fleet = Fleet::plan(1).start()?;
    let product = Product::new(&fleet, &[]);
    Some((fleet, product))
}

#[test]
fn real_a_vt100_is_sent_ascii_and_what_a_vt100_knows_and_nothing_else() {
    let Some((_fleet, product)) = product() else { return };
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let bytes = visit(&product, &tmux, "TERM=vt100 LANG=C");
    assert!(bytes.iter().all(|byte| *byte < 0x7f), "no byte beyond ASCII");
    let (last, private) = sequences(&bytes);
    assert!(last.iter().all(|byte| b"HJKCDABm".contains(byte)), "{:?}", String::from_utf8_lossy(&last));
    assert!(!private, "no mode of later terminals");
}

#[test]
fn real_without_utf8_every_glyph_is_ascii_and_the_rest_is_as_ever() {
    let Some((_fleet, product)) = product() else { return };
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let bytes = visit(&product, &tmux, "TERM=xterm-256color LANG=C");
    assert!(bytes.iter().all(|byte| *byte < 0x7f), "no byte beyond ASCII");
    assert!(bytes.windows(8).any(|window| window == b"\x1b[?2026h"), "and each frame is one");
    assert!(tmux.modes().contains("alternate=0 cursor=1 mouse=0"), "{}", tmux.modes());
}

#[test]
fn real_a_frame_is_one_synchronized_update_for_a_terminal_of_today() {
    let Some((_fleet, product)) = product() else { return };
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let bytes = visit(&product, &tmux, "TERM=tmux-256color LANG=C.UTF-8");
    let count = |mark: &[u8]| bytes.windows(mark.len()).filter(|window| *window == mark).count();
    let (begun, ended) = (count(b"\x1b[?2026h"), count(b"\x1b[?2026l"));
    // The last words, the server's and the client's own, end what may still be open.
    assert!(begun >= 3 && ended == begun + 2, "{begun} begun, {ended} ended");
}

#[test]
fn real_a_terminal_without_a_cursor_is_refused_in_words_and_nothing_is_written_to_it() {
    let Some((fleet, product)) = product() else { return };
    let Some(tmux) = Tmux::shell(100, 24) else { return };
    let (stty, modes) = (tmux.stty(), tmux.modes());
    let recorded = recorded(&tmux);
    tmux.line(&format!("{}; echo status=$?", console(&product, "TERM=dumb LANG=C.UTF-8")));
    let screen = tmux.wait_for_text("status=64");
    assert!(screen.contains("TERM=dumb is a terminal without a cursor"), "{screen}");
    assert_eq!((tmux.stty(), tmux.modes()), (stty.clone(), modes));
    assert!(!fs::read(recorded).unwrap().windows(2).any(|two| two == b"\x1b["), "no sequence");

    // The same over SSH.
    let served = Served::start(&fleet, &[], "");
    let options = served.options(&served.ada.private).join(" ");
    tmux.line("clear");
    tmux.line(&format!("TERM=dumb ssh -t {options} ada@127.0.0.1; echo status=$?"));
    let screen = tmux.wait_for_text("status=64");
    assert!(screen.contains("TERM=dumb is a terminal without a cursor"), "{screen}");
    assert_eq!(tmux.stty(), stty);
}

#[test]
fn real_inside_screen_the_console_draws_resizes_and_gives_the_terminal_back() {
    let Some((_fleet, product)) = product() else { return };
    let Some(screen) = program("screen") else { return };
    let Some(tmux) = Tmux::shell(80, 24) else { return };
    let place = tmux.directory().join("screens");
    fs::create_dir(&place).unwrap();
    fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let config = tmux.directory().join("screenrc");
    fs::write(&config, "startup_message off\naltscreen on\n").unwrap();
    let inside =
        format!("SCREENDIR={} {} -c {} -U sh", place.display(), Path::new(&screen).display(), config.display());
    tmux.line(&inside);
    tmux.line("echo in''side $TERM");
    tmux.wait_for("screen's own shell", SOON, |text| text.contains("inside screen"));
    tmux.line(&console(&product, "LANG=C.UTF-8"));
    tmux.wait_for_text("Home");
    tmux.keys(&["?"]);
    tmux.wait_for("help", SOON, |text| text.contains("keys: "));
    tmux.keys(&["q"]);
    tmux.resize(100, 30);
    tmux.wait_for("a larger screen", SOON, |text| {
        text.contains("Home") && text.lines().nth(29).is_some_and(|last| !last.trim().is_empty())
    });
    tmux.keys(&["q"]);
    tmux.wait_for("screen's own screen", SOON, |text| text.contains("inside screen") && !text.contains("Home"));
    tmux.line("echo af''ter");
    tmux.wait_for_text("after");
    tmux.line("exit");
    tmux.wait_for("the shell outside", SOON, |text| text.contains("screen is terminating"));
}
