//! A terminal of our own with a program on it: what it writes is timed as it comes and kept as a screen.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Nothing a bench waits for takes this long.
const SCREEN_WAIT: Duration = Duration::from_secs(30);

/// Bytes read at once: more than a frame.
const READ_BYTES: usize = 64 * 1024;

/// Reads that wait to be looked at: seconds of frames.
const READS_WAITING_MAX: usize = 4_096;

/// A program on a terminal; it is ended on drop.
pub struct Pty {
    child: Child,
    keyboard: File,
    came: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    /// Bytes that came so far.
    pub bytes: u64,
    /// When the last of them came.
    pub last: Instant,
}

impl Pty {
    /// Starts `command` on a terminal of this size.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Pty {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs: OwnedFd = rustix::fs::open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        tcsetwinsize(&theirs, size).unwrap();
        command.env("TERM", "xterm-256color").env("COLORTERM", "truecolor").env("LC_ALL", "C.UTF-8");
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs).stderr(Stdio::null());
        let begun = Instant::now();
        let child = command.spawn().unwrap();
        // The command keeps the program's side open; without it the end of the program is the end of the terminal.
        drop(command);
        let mut reader = File::from(ours.try_clone().unwrap());
        let (say, came) = sync_channel(READS_WAITING_MAX);
        std::thread::spawn(move || {
            let mut buffer = vec![0; READ_BYTES];
            // An error is how a terminal says that nobody is at its other end.
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || say.send((Instant::now(), buffer[..count].to_vec())).is_err() {
                    return;
                }
            }
        });
        Pty {
            child,
            keyboard: File::from(ours),
            came,
            screen: vt100::Parser::new(cells(rows), cells(columns), 0),
            bytes: 0,
            last: begun,
        }
    }

    /// The process on it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types, and says when.
    pub fn types(&mut self, keys: &str) -> Instant {
        let at = Instant::now();
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        at
    }

    /// Waits until the screen is as wanted; when the bytes came that made it so.
    pub fn until(&mut self, wanted: impl Fn(&str) -> bool) -> Instant {
        let begun = Instant::now();
        while !wanted(&self.screen.screen().contents()) {
            assert!(self.take(SCREEN_WAIT) && begun.elapsed() < SCREEN_WAIT, "the screen:\n{}", self.text());
        }
        self.last
    }

    /// Takes what comes for so long.
    pub fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if !self.take(left) {
                return;
            }
        }
    }

    /// The screen as text.
    pub fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Takes the next bytes; false where none came in time.
    fn take(&mut self, patience: Duration) -> bool {
        match self.came.recv_timeout(patience) {
            Ok((at, bytes)) => {
                self.screen.process(&bytes);
                self.bytes += bytes.len() as u64;
                self.last = at;
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}

impl Drop for Pty {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
