//! The local tty: raw mode that is always given back, its size, and what the terminal on it can do.
//!
//! Invariant: however the program ends (return, error, panic, signal), the tty's modes are those found, bit by bit, and the
//! screen is left. Deliberately absent: reading the environment (its values are arguments), threads, and signal handlers:
//! who owns those calls [`RawMode::restore`].

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use thiserror::Error;

use super::bytes::{Capability, Charset, Colours, Screen};

/// Why a tty's modes could not be changed.
#[derive(Debug, Error)]
pub enum TtyError {
    /// Input comes from somewhere else.
    #[error("this is not a terminal: the console needs one; the verbs work without")]
    NotATty,
    /// The system refused.
    #[error("the terminal's modes could not be {act}: {source}")]
    System {
        /// `read` or `changed`.
        act: &'static str,
        /// What the system said.
        source: Errno,
    },
}

/// A tty in raw mode. Dropping it restores the tty.
#[derive(Debug)]
pub struct RawMode {
    found: Arc<Found>,
}

/// The tty as it was found.
#[derive(Debug)]
struct Found {
    tty: OwnedFd,
    modes: Termios,
    screen: OwnedFd,
    leave: Vec<u8>,
    restored: AtomicBool,
}

impl RawMode {
    /// Puts the tty into raw mode: bytes come one by one, unechoed, and Control-C is a key.
    ///
    /// `leave` is written to `screen` when the tty is restored: see [`super::bytes::leave`]. Nothing is written now. The two
    /// are told apart because a tty that is read from need not be open for writing (`< /dev/tty`).
    ///
    /// # Errors
    /// When this is no tty, or its modes cannot be read or changed.
    pub fn enter(tty: impl AsFd, screen: impl AsFd, leave: Vec<u8>) -> Result<Self, TtyError> {
        let system = |act| move |source| TtyError::System { act, source };
        let own = |end: &dyn AsFd| {
            end.as_fd().try_clone_to_owned().map_err(|error| {
                let source = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                TtyError::System { act: "read", source }
            })
        };
        let (tty, screen) = (own(&tty)?, own(&screen)?);
        let modes = tcgetattr(&tty).map_err(|source| match source {
            Errno::NOTTY => TtyError::NotATty,
            source => TtyError::System { act: "read", source },
        })?;
        let mut raw = modes.clone();
        raw.make_raw();
        tcsetattr(&tty, OptionalActions::Now, &raw).map_err(system("changed"))?;
        Ok(Self { found: Arc::new(Found { tty, modes, screen, leave, restored: AtomicBool::new(false) }) })
    }

    /// Restores the tty. Only the first call does anything.
    ///
    /// # Errors
    /// When the modes cannot be changed; the tty is gone, then.
    pub fn restore(&self) -> Result<(), TtyError> {
        self.found.restore()
    }

    /// A function that restores the tty and may be called from anywhere, any number of times: for a panic hook, which
    /// must print on a sane terminal, and for whatever waits for signals.
    pub fn restorer(&self) -> impl Fn() + Clone + Send + Sync + use<> {
        let found = Arc::clone(&self.found);
        move || {
            // Who calls this is about to end the program: there is nobody to tell.
            let _ = found.restore();
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A tty that cannot be restored is gone, and whoever looked at it with it.
        let _ = self.restore();
    }
}

impl Found {
    /// Modes first: a terminal that takes no more output could hold up the rest for ever.
    fn restore(&self) -> Result<(), TtyError> {
        if self.restored.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let modes = tcsetattr(&self.tty, OptionalActions::Now, &self.modes)
            .map_err(|source| TtyError::System { act: "changed", source });
        let mut rest = self.leave.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(&self.screen, rest) {
                Ok(written) if written > 0 => rest = rest.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => break,
            }
        }
        modes
    }
}

/// Columns and rows of a tty. None: it is none, or it does not know.
#[must_use]
pub fn size(tty: impl AsFd) -> Option<(u16, u16)> {
    let size = tcgetwinsize(tty).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// The variables a terminal is known by. Over SSH they come from the far end: they are compared, and never shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment<'a> {
    /// `TERM`.
    pub term: Option<&'a str>,
    /// `COLORTERM`.
    pub colorterm: Option<&'a str>,
    /// `NO_COLOR` (no-color.org): any value but the empty one.
    pub no_color: Option<&'a str>,
    /// `LC_ALL`, before all others.
    pub lc_all: Option<&'a str>,
    /// `LC_CTYPE`.
    pub lc_ctype: Option<&'a str>,
    /// `LANG`, when neither is set.
    pub lang: Option<&'a str>,
}

/// What is said where the console is asked for on a terminal that [`is_dumb`].
pub const DUMB: &str = "TERM=dumb is a terminal without a cursor, and the console needs one; the verbs work without \
    (see --help). Where it has one after all: TERM=vt100";

/// Whether a terminal, by its `TERM`, says of itself that it moves no cursor: an editor's shell, a build's log. One that says
/// nothing is taken for a VT100.
#[must_use]
pub fn is_dumb(term: Option<&str>) -> bool {
    term == Some("dumb")
}

/// What the terminal these variables describe can do. When in doubt, less.
#[must_use]
pub fn detect(environment: Environment<'_>) -> Capability {
    let set = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(str::to_ascii_lowercase);
    let term = set(environment.term).unwrap_or_default();
    let screen = screen_of(&term);
    let colours = match screen {
        _ if set(environment.no_color).is_some() => Colours::None,
        Screen::Vt100 => Colours::None,
        Screen::Full => colours_of(&term, &set(environment.colorterm).unwrap_or_default()),
    };
    let locale = set(environment.lc_all).or(set(environment.lc_ctype)).or(set(environment.lang)).unwrap_or_default();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    Capability { colours, charset: if utf8 { Charset::Unicode } else { Charset::Ascii }, screen }
}

fn screen_of(term: &str) -> Screen {
    let modern = [
        "xterm",
        "screen",
        "tmux",
        "rxvt",
        "linux",
        "alacritty",
        "kitty",
        "foot",
        "wezterm",
        "ghostty",
        "konsole",
        "gnome",
        "vte",
        "putty",
        "st",
        "iterm",
        "contour",
        "mintty",
        "cygwin",
        "eterm",
    ];
    let family = term.split(['-', '.']).next().unwrap_or_default();
    if modern.contains(&family) || term.contains("256color") || term.contains("direct") {
        Screen::Full
    } else {
        Screen::Vt100
    }
}

fn colours_of(term: &str, colorterm: &str) -> Colours {
    let true_colour = ["kitty", "alacritty", "foot", "wezterm", "ghostty", "contour"];
    if matches!(colorterm, "truecolor" | "24bit")
        || term.contains("direct")
        || true_colour.iter().any(|name| term.contains(name))
    {
        Colours::True
    } else if term.contains("256") || !colorterm.is_empty() {
        Colours::Indexed256
    } else {
        Colours::Ansi16
    }
}

#[cfg(test)]
mod tests;
