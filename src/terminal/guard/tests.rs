//! Modes on real pseudo-terminals, read back with `stty`; and what variables say of a terminal.

use std::io::Read;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, SpecialCodeIndex, Winsize, tcsetwinsize};

use super::*;

/// Both ends of a pseudo-terminal: the terminal's and the program's.
fn pty() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let terminal = openpt(flags).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let tty = ioctl_tiocgptpeer(&terminal, flags).unwrap();
    (terminal, tty)
}

fn stty(tty: &OwnedFd) -> String {
    let stdin = Stdio::from(tty.try_clone().unwrap());
    let output = Command::new("stty").arg("-g").stdin(stdin).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// Modes nobody has by default, so that a restored default would show.
fn make_odd(tty: &OwnedFd) {
    let mut modes = tcgetattr(tty).unwrap();
    modes.local_modes.remove(LocalModes::ECHOK | LocalModes::IEXTEN);
    modes.special_codes[SpecialCodeIndex::VERASE] = 8;
    modes.special_codes[SpecialCodeIndex::VMIN] = 3;
    tcsetattr(tty, OptionalActions::Now, &modes).unwrap();
}

fn read_all(terminal: OwnedFd, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    std::fs::File::from(terminal).read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn the_modes_come_back_bit_by_bit() {
    let (terminal, tty) = pty();
    make_odd(&tty);
    let before = stty(&tty);
    let raw = RawMode::enter(&tty, &tty, b"left".to_vec()).unwrap();
    assert_ne!(stty(&tty), before);
    assert!(!tcgetattr(&tty).unwrap().local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    drop(raw);
    assert_eq!(stty(&tty), before);
    assert_eq!(read_all(terminal, 4), b"left");
}

#[test]
fn a_terminal_that_is_only_read_from_is_given_back_where_it_is_written_to() {
    let (terminal, tty) = pty();
    let name = rustix::termios::ttyname(&tty, Vec::new()).unwrap();
    let read_only = std::fs::File::open(name.to_str().unwrap()).unwrap();
    let before = stty(&tty);
    drop(RawMode::enter(&read_only, &tty, b"left".to_vec()).unwrap());
    assert_eq!(stty(&tty), before);
    assert_eq!(read_all(terminal, 4), b"left");
}

#[test]
fn a_panic_leaves_a_sane_terminal() {
    let (terminal, tty) = pty();
    let before = stty(&tty);
    let ended = std::thread::spawn({
        let tty = tty.try_clone().unwrap();
        move || {
            let raw = RawMode::enter(&tty, &tty, b"L".to_vec()).unwrap();
            let hook = raw.restorer();
            hook();
            assert!(!hook_is_pending(&raw), "the hook has done all");
            panic!("inside draw");
        }
    });
    assert!(ended.join().is_err());
    assert_eq!(stty(&tty), before);
    let other = RawMode::enter(&tty, &tty, b"M".to_vec()).unwrap();
    other.restore().unwrap();
    other.restore().unwrap();
    drop(other);
    assert_eq!(stty(&tty), before);
    assert_eq!(read_all(terminal, 2), b"LM", "each wrote its bytes once");
}

fn hook_is_pending(raw: &RawMode) -> bool {
    !raw.found.restored.load(Ordering::SeqCst)
}

#[test]
fn what_is_no_terminal_is_refused() {
    let file = tempfile::tempfile().unwrap();
    assert!(matches!(RawMode::enter(&file, &file, Vec::new()), Err(TtyError::NotATty)));
    assert_eq!(size(&file), None);
}

#[test]
fn the_size_is_the_ttys() {
    let (_terminal, tty) = pty();
    assert_eq!(size(&tty), None, "a new one has none");
    tcsetwinsize(&tty, Winsize { ws_col: 160, ws_row: 50, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    assert_eq!(size(&tty), Some((160, 50)));
}

#[test]
fn capabilities_follow_the_variables() {
    let of = |term: &'static str, colorterm: &'static str, no_color: &'static str, lang: &'static str| {
        detect(Environment {
            term: Some(term),
            colorterm: Some(colorterm),
            no_color: Some(no_color),
            lang: Some(lang),
            ..Environment::default()
        })
    };
    let full = |colours, charset| Capability { colours, charset, screen: Screen::Full };
    assert_eq!(of("xterm-256color", "truecolor", "", "C.UTF-8"), Capability::FULL);
    assert_eq!(of("xterm-256color", "", "", "de_DE.utf8"), full(Colours::Indexed256, Charset::Unicode));
    assert_eq!(of("xterm-kitty", "", "", "C"), full(Colours::True, Charset::Ascii));
    assert_eq!(of("linux", "", "", "C.UTF-8"), full(Colours::Ansi16, Charset::Unicode));
    assert_eq!(of("tmux-256color", "truecolor", "1", "C.UTF-8"), full(Colours::None, Charset::Unicode));
    for term in ["vt100", "vt220", "dumb", "", "unknown", "\x1b]0;x\x07"] {
        assert_eq!(of(term, "truecolor", "", "C"), Capability::VT100, "{term:?}");
    }
    assert_eq!(detect(Environment::default()), Capability::VT100);
    let posix =
        Environment { term: Some("xterm"), lc_all: Some("POSIX"), lang: Some("C.UTF-8"), ..Environment::default() };
    assert_eq!(detect(posix), full(Colours::Ansi16, Charset::Ascii), "LC_ALL comes first");
}
