//! A terminal driven by tmux: a server and socket of its own, one pane of a known size, no status line.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::keys::run;
use super::process::{Daemon, new_mark};
use super::program;
use super::wait::{SOON, until};

const SETTINGS: &str = "set -g status off
set -g default-terminal tmux-256color
set -g default-shell /bin/sh
set -s escape-time 0
set -g remain-on-exit on
set -g history-limit 20000
";

/// A pane; its program and the server end on drop.
#[derive(Debug)]
pub struct Tmux {
    _server: Daemon,
    socket: PathBuf,
    directory: TempDir,
}

impl Tmux {
    /// A pane of `columns`×`rows` running a plain `sh` whose prompt is `$ `. `None`, said aloud, without tmux.
    pub fn shell(columns: u16, rows: u16) -> Option<Tmux> {
        Tmux::start(columns, rows, &["sh"])
    }

    /// A pane running one program; after its end the last screen stays.
    pub fn start(columns: u16, rows: u16, command: &[&str]) -> Option<Tmux> {
        let program = program("tmux")?;
        let directory = tempfile::Builder::new().prefix("qd-tmux").tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("conf"), SETTINGS).unwrap();
        let socket = at("socket");
        let mark = new_mark();
        let mut server = Command::new("setpriv");
        server.args(["--pdeathsig", "KILL", "--"]).arg(program);
        server.args(["-D", "-u", "-f"]).arg(at("conf")).arg("-S").arg(&socket);
        plain_environment(&mut server, directory.path());
        let mut server = Daemon::spawn(server, &mark, &at("log"));
        until("tmux to listen", SOON, || match (socket.exists(), server.ended()) {
            (_, Some(status)) => panic!("tmux ended with {status}: {}", server.log()),
            (true, None) => Ok(()),
            (false, None) => Err(server.log()),
        });
        let tmux = Tmux { _server: server, socket, directory };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let mut session = tmux.command("new-session");
        run(session.args(["-d", "-s", "t", "-x", &columns, "-y", &rows, "--"]).args(command));
        Some(tmux)
    }

    /// A directory of the pane's own: its `HOME`.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Keys by tmux's names: `Enter`, `C-c`, `Up`, `F1`, `M-x`, or a single character.
    pub fn keys(&self, keys: &[&str]) {
        run(self.command("send-keys").args(["-t", "t", "--"]).args(keys));
    }

    /// Text as typed, without meaning of its own.
    pub fn text(&self, text: &str) {
        run(self.command("send-keys").args(["-t", "t", "-l", "--", text]));
    }

    /// A line for the shell.
    pub fn line(&self, line: &str) {
        self.text(line);
        self.keys(&["Enter"]);
    }

    /// Appends what the pane's program writes from now on to a file.
    pub fn record(&self, path: &Path) {
        run(self.command("pipe-pane").args(["-t", "t", "-O"]).arg(format!("exec cat >>'{}'", path.display())));
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        run(self.command("resize-window").args(["-t", "t", "-x", &columns, "-y", &rows]));
    }

    /// The visible rows as text, blanks at the end of a row cut.
    pub fn screen(&self) -> String {
        run(self.command("capture-pane").args(["-t", "t", "-p"]))
    }

    /// One more window of the same size, running one program.
    pub fn window(&self, name: &str, command: &[&str]) {
        run(self.command("new-window").args(["-d", "-t", "t:", "-n", name, "--"]).args(command));
    }

    /// Keys for such a window.
    pub fn keys_to(&self, name: &str, keys: &[&str]) {
        run(self.command("send-keys").args(["-t", &format!("t:{name}"), "--"]).args(keys));
    }

    /// The visible rows of such a window.
    pub fn screen_of(&self, name: &str) -> String {
        run(self.command("capture-pane").args(["-t", &format!("t:{name}"), "-p"]))
    }

    /// The visible rows with the escape sequences of their styles.
    pub fn styled_screen(&self) -> String {
        run(self.command("capture-pane").args(["-t", "t", "-p", "-e"]))
    }

    /// Waits until the screen is as wanted, and returns it.
    #[track_caller]
    pub fn wait_for(&self, what: &str, limit: Duration, wanted: impl Fn(&str) -> bool) -> String {
        until(what, limit, || {
            let screen = self.screen();
            if wanted(&screen) { Ok(screen) } else { Err(screen) }
        })
    }

    /// Waits until a text stands on the screen, and returns the screen.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) -> String {
        self.wait_for(&format!("{text:?} on the screen"), SOON, |screen| screen.contains(text))
    }

    /// The line settings of the pane's terminal, as `stty -g` prints them.
    pub fn stty(&self) -> String {
        run(Command::new("stty").args(["-g", "-F", self.ask("#{pane_tty}").trim()])).trim().to_owned()
    }

    /// The modes a full-screen program changes and must put back, with the cursor's place.
    pub fn modes(&self) -> String {
        self.ask(
            "alternate=#{alternate_on} cursor=#{cursor_flag} mouse=#{mouse_any_flag} sgr=#{mouse_sgr_flag} \
             keypad=#{keypad_flag} application-cursor=#{keypad_cursor_flag} insert=#{insert_flag} \
             origin=#{origin_flag} wrap=#{wrap_flag}",
        )
    }

    /// Column and row of the cursor, from 0.
    pub fn cursor(&self) -> (u16, u16) {
        let answer = self.ask("#{cursor_x} #{cursor_y}");
        let (column, row) = answer.split_once(' ').unwrap();
        (column.parse().unwrap(), row.parse().unwrap())
    }

    /// The process id of the pane's program.
    pub fn pid(&self) -> u32 {
        self.ask("#{pane_pid}").parse().unwrap()
    }

    /// The exit status of the pane's program, once it has ended; 128 and more stand for signals.
    pub fn ended(&self) -> Option<i32> {
        let answer = self.ask("#{pane_dead} #{pane_dead_status} #{pane_dead_signal}");
        let mut words = answer.split(' ');
        match (words.next(), words.next(), words.next()) {
            // tmux 3.3 now and then misses that its pane's program ended, and leaves it unreaped: no status and no
            // signal. It reaps all of them when the next child ends, so it is given one.
            (Some("1"), Some(""), Some("") | None) => {
                run(self.command("run-shell").arg("true"));
                None
            }
            (Some("1"), Some(""), Some(signal)) => Some(128 + signal.parse::<i32>().ok()?),
            (Some("1"), Some(status), _) => status.parse().ok(),
            _ => None,
        }
    }

    fn ask(&self, format: &str) -> String {
        run(self.command("display-message").args(["-t", "t", "-p", format])).trim_end_matches('\n').to_owned()
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-u").arg("-S").arg(&self.socket).arg(name);
        plain_environment(&mut command, self.directory.path());
        command
    }
}

/// Nothing of the machine's settings decides what a test sees.
fn plain_environment(command: &mut Command, home: &Path) {
    command.env_clear().env("HOME", home).env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
    command.env("LC_ALL", "C.UTF-8").env("TERM", "tmux-256color").env("PS1", "$ ").env("COLORTERM", "truecolor");
}
