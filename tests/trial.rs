//! The trial: two people at two terminals, each with an account of this system, take a run of high impact from the form to its
//! outcome note by keys alone, as somebody would who reads nothing but the screen. Every key is counted, words included.

#![cfg(test)]

mod real;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use real::product::{Product, runbook};
use real::wait::SOON;
use real::{Account, Fleet, Seat, Tmux, built, until};
use tempfile::TempDir;

/// Keys of both people together, from the form to the outcome note.
const KEYS_MAX: usize = 60;

/// Keys of an approval at low impact, once everything was shown.
const LOW_KEYS_MAX: usize = 6;

/// What the run of high impact may take. The steps themselves take about a second.
const TIME_MAX: Duration = Duration::from_secs(120);

/// What the two say in words of their own: why it is wanted, why it is approved, what came of it.
const WANTED: &str = "new cert";
const APPROVED: &str = "read it";
const OUTCOME: &str = "all answer";

/// Three steps on each host, one undone by its own script, and checks before and after.
const STEPS: &str = r#"
[[preflight]]
id = "room"
title = "There is room for the log"
run = 'df -P / | tail -n 1'
effect = "read"
severity = "block"

[[step]]
id = "drain"
title = "Take it out of the balancer"
run = 'echo out >"$HOME/balancer"; echo "drained $QD_HOST"'
effect = "idempotent"
undo = 'echo in >"$HOME/balancer"'

[[step]]
id = "restart"
title = "Restart the service"
run = '''
echo "Stopping web.service"
echo "Started web.service"
'''
effect = "idempotent"

[[step]]
id = "back"
title = "Put it back into the balancer"
run = 'echo in >"$HOME/balancer"'
effect = "idempotent"

[[verify]]
id = "answers"
title = "It is in the balancer"
run = 'grep -x in "$HOME/balancer"'
effect = "read"
"#;

const PEOPLE: &str = "schema = 1\n\n[[person]]\nid = \"bo\"\nname = \"Bo\"\nunix = [\"@BO@\"]\n\n\
    [[person]]\nid = \"ada\"\nname = \"Ada\"\nunix = [\"@ADA@\"]\n";

const MEMBERS: &str = "[members]\nbo = [\"operator\", \"reviewer\"]\nada = [\"approver\", \"reviewer\", \"owner\"]\n";

/// A site of two people over a fleet in production.
struct House {
    product: Product,
    program: PathBuf,
    server: Child,
}

impl House {
    /// With a runbook that is written as of this impact.
    fn new(fleet: &Fleet, impact: &str, bo: &Account, ada: &Account) -> Self {
        let restart = runbook("restart-web", &format!("batches = [1, \"100%\"]\n{STEPS}"))
            .replace("title = \"restart-web\"", "title = \"Restart the web tier\"")
            .replace("\"draft\"", "\"approved\"\nlast_reviewed = 2026-01-01\nnext_review = 2099-01-01")
            .replace("impact = \"low\"", &format!("impact = \"{impact}\""));
        let product = Product::new(fleet, &[("restart-web", &restart)]);
        let people = PEOPLE.replace("@BO@", &bo.name).replace("@ADA@", &ada.name);
        fs::write(product.at("site/people.toml"), people).unwrap();
        let place = product.at("site/workspaces/lab.toml");
        let text = fs::read_to_string(&place).unwrap();
        let (head, rest) = text.split_once("[members]\n").unwrap();
        let (_, rest) = rest.split_once("[policy]\n").unwrap();
        let head =
            head.replace("\"grace\"", "\"ada\"").replace("environment = \"lab\"", "environment = \"production\"");
        fs::write(&place, format!("{head}{MEMBERS}\n[policy]\n{rest}")).unwrap();
        fs::set_permissions(product.at("."), Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(product.at("data"), Permissions::from_mode(0o700)).unwrap();
        // The program where every account can run it.
        let program = product.at("quarterdeck");
        fs::copy(built(), &program).unwrap();
        let server = product.command(&["serve"]).stderr(Stdio::null()).spawn().unwrap();
        until("the server", SOON, || match product.at("socket").exists() {
            true => Ok(()),
            false => Err(format!("{:?}", product.says(&["check"]))),
        });
        House { product, program, server }
    }

    /// The console of an account, in a terminal of its own.
    fn seat(&self, account: &Account) -> Option<Seat> {
        let mut command = account.command(Path::new("/usr/bin/env"));
        command.args(["TERM=tmux-256color", "LC_ALL=C.UTF-8", "COLORTERM=truecolor"]).arg(&self.program);
        for (flag, name) in [("--site", "site"), ("--data", "data"), ("--socket", "socket")] {
            command.arg(flag).arg(self.product.at(name));
        }
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
        let tmux = Tmux::start(80, 24, &words)?;
        Some(Seat::at(tmux))
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // What ended by itself is gone already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What stands between two words on the screen.
#[track_caller]
fn after<'a>(screen: &'a str, before: &str) -> &'a str {
    let (_, rest) = screen.split_once(before).unwrap_or_else(|| panic!("{before}: {screen}"));
    rest.split_whitespace().next().unwrap()
}

/// Everything at its place: hosts, accounts, a server, and two people at their terminals.
struct Trial {
    bo: Seat,
    ada: Seat,
    house: House,
    fleet: Fleet,
    _accounts: [Account; 2],
    _homes: TempDir,
}

impl Trial {
    fn of(impact: &str) -> Option<Trial> {
        let fleet = Fleet::plan(3).start()?;
        let homes = tempfile::Builder::new().prefix("qd-trial").tempdir_in("/tmp").unwrap();
        fs::set_permissions(homes.path(), Permissions::from_mode(0o755)).unwrap();
        let account = |name: &str| Account::new(name, "/bin/sh", &homes.path().join(name));
        let (bo_of, ada_of) = (account("bo")?, account("ada")?);
        let house = House::new(&fleet, impact, &bo_of, &ada_of);
        let (bo, ada) = (house.seat(&bo_of)?, house.seat(&ada_of)?);
        Some(Trial { bo, ada, house, fleet, _accounts: [bo_of, ada_of], _homes: homes })
    }

    /// Bo finds the runbook, says why, reads the plan and proposes it: Home, list, form and plan say by which keys.
    #[track_caller]
    fn bo_proposes(&self, impact: &str) {
        let bo = &self.bo;
        bo.sees(&["waiting for you", "n new run"]);
        bo.press(&["n"]);
        bo.sees(&["▸ restart-web", "n new run"]);
        bo.press(&["n"]);
        bo.sees(&["▸ purpose", impact, "tab next field   f2 plan"]);
        bo.press(&["f", "Tab", "Tab"]);
        bo.sees(&["‹ fix ›", "▸ reason"]);
        bo.types(WANTED);
        bo.press(&["F2"]);
        bo.sees(&["what would run: restart-web", WANTED, "enter propose"]);
        bo.press(&["Enter"]);
        bo.sees(&["waiting · needs an approver: ada"]);
    }

    /// Ada's Home says that something waits, and the pointer is on it. She reads all of it.
    #[track_caller]
    fn ada_reads(&self) {
        self.ada.sees(&["1 for you", "▸ approve  #1"]);
        self.ada.press(&["Enter"]);
        self.ada.reads_on();
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it took is part of the result")]
fn real_two_people_take_a_run_of_high_impact_from_the_form_to_its_outcome_note_by_few_keys() {
    let Some(trial) = Trial::of("high") else { return };
    let Trial { bo, ada, .. } = &trial;
    let begun = Instant::now();
    trial.bo_proposes("HIGH impact");
    trial.ada_reads();
    ada.press(&["a"]);
    let dialog = ada.sees(&["why you approve", "high impact: type the binding's code"]);
    let code = after(&dialog, "the binding's code, ").replace('-', "").to_lowercase();
    ada.answers(APPROVED);
    ada.answers(&code);
    ada.means("Approve");
    ada.sees(&["#1 approved, not started", "l watch the run"]);
    ada.press(&["l"]);
    ada.sees(&["approved · an operator starts it"]);

    // Bo is told what is next; production wants the word typed.
    bo.sees(&["approved · S starts it", "S start"]);
    bo.press(&["S"]);
    bo.sees(&["production: type start"]);
    bo.answers("start");
    bo.means("Start");

    // Both watch it, to the end and its verification.
    for who in [ada, bo] {
        who.sees(&["succeeded · outcome note missing", "3: 3 ✔ done", "v answers"]);
    }
    bo.press(&["C"]);
    bo.sees(&["outcome of #1"]);
    bo.answers(OUTCOME);
    bo.means("Close");
    bo.sees(&["succeeded · review due: nobody here may"]);
    let took = begun.elapsed();
    let (keys, typed) = (bo.keys() + ada.keys(), bo.typed() + ada.typed());
    let own = [WANTED, APPROVED, OUTCOME].concat().len();
    println!(
        "high impact: {keys} keys in {:.1} s: {} of bo's, {} of ada's; {} letters of the code and the word that are asked for, {own} of \
         words of their own",
        took.as_secs_f64(),
        bo.keys(),
        ada.keys(),
        typed - own,
    );
    assert!(keys < KEYS_MAX, "{keys} keys");
    assert!(took < TIME_MAX, "{took:?}");
    for host in trial.fleet.hosts() {
        assert_eq!(host.file("balancer"), "in\n", "{}", host.name);
    }
    // Whoever approved it is told at once that it is not theirs to sign off.
    ada.sees(&["succeeded · review due: nobody here may", "R review –"]);
    ada.press(&["R"]);
    ada.sees(&["ada may not review #1", "w why"]);
    trial.house.product.verifies();
}

#[test]
fn real_an_approval_at_low_impact_takes_six_keys_at_most_once_it_was_read() {
    let Some(trial) = Trial::of("low") else { return };
    let Trial { bo, ada, .. } = &trial;
    // Production raises it by one, and asks for an approver, but for no code.
    trial.bo_proposes("medium impact");
    trial.ada_reads();
    let read = ada.keys();
    ada.press(&["a"]);
    ada.sees(&["why you approve"]);
    ada.answers("ok");
    ada.means("Approve");
    ada.sees(&["#1 approved, not started"]);
    let keys = ada.keys() - read;
    println!("low impact: {keys} keys from the last line shown to the approval");
    assert!(keys <= LOW_KEYS_MAX, "{keys} keys");
    bo.sees(&["approved · S starts it"]);
    trial.house.product.verifies();
}
