//! Who may do what at a moment, by the record alone: roles the site writes and roles that are lent, second factors, incidents, and
//! standing approvals.

use super::life::Life;
use crate::domain::beside::Beside;
use crate::domain::elevation::{self, Over as LoanOver};
use crate::domain::event::{Event, Recorded};
use crate::domain::factor::Act as FactorAct;
use crate::domain::id::{Digest, ElevationId, IncidentId, StandingId, Timestamp};
use crate::domain::incident;
use crate::domain::model::ground::{
    ADMINISTRATOR, CAST, COUNT_MOST, Ground, HOSTS_MAX, HOUR_MS, LASTS_MS, OWNER, Says,
};
use crate::domain::people::Role;
use crate::domain::proved::Code;
use crate::domain::refusal::Rule;
use crate::domain::run::Choice;
use crate::domain::standing;
use imbl::{OrdMap, Vector};

/// How long a role is lent at most, and how long a request for one waits.
const LENT_MS_MAX: u64 = 12 * HOUR_MS;
const WANTED_MS_MAX: u64 = 4 * HOUR_MS;

/// How long a code is shown, how far off its moment it is taken, and when guessing is over: so many wrong ones within so long.
const SHOWN_MS: u64 = 30_000;
const OFF_MS: u64 = 3 * SHOWN_MS;
const WRONG_MAX: usize = 5;
const WRONG_WITHIN_MS: u64 = 15 * 60_000;

/// What of the site an approval stands on: the runbook's version, and what policy asks for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Policy {
    pub version: u8,
    pub factor: bool,
    pub approvers: usize,
}

/// Who may do what.
#[derive(Clone, PartialEq, Debug)]
pub struct Powers {
    ground: Ground,
    says: Says,
    /// What the site will say once it is in force.
    pub coming: Says,
    loans: OrdMap<ElevationId, Loan>,
    factors: OrdMap<String, Factor>,
    /// When codes of somebody were wrong.
    wrong: OrdMap<String, Vector<Timestamp>>,
    /// Who opened an incident that is open.
    incidents: OrdMap<IncidentId, String>,
    standings: OrdMap<StandingId, Standing>,
    /// Of the command at hand: what was typed as a code, and whose was taken.
    typed: Code,
    taken: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
struct Loan {
    who: String,
    role: Role,
    for_ms: u64,
    asked: Timestamp,
    until: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Debug)]
struct Factor {
    id: Digest,
    proved: bool,
    confirmed: bool,
    last: u64,
}

#[derive(Clone, PartialEq, Debug)]
struct Standing {
    by: String,
    binding: Digest,
    policy: Policy,
    until: Timestamp,
    said: OrdMap<String, Choice>,
    given: bool,
}

impl Powers {
    pub fn new(ground: Ground) -> Self {
        Self {
            ground,
            says: ground.says(),
            coming: ground.says(),
            loans: OrdMap::new(),
            factors: OrdMap::new(),
            wrong: OrdMap::new(),
            incidents: OrdMap::new(),
            standings: OrdMap::new(),
            typed: Code::None,
            taken: None,
        }
    }

    /// Whether somebody holds a role: written, or lent by another and not over by the clock, whatever anybody says of it.
    pub fn holds(&self, who: &str, role: Role, at: Timestamp) -> bool {
        let written = CAST.iter().any(|(name, roles)| *name == who && roles.contains(&role));
        let lost = !self.says.bo_approves && who == "bo" && role == Role::Approver;
        let lent = |loan: &Loan| loan.who == who && loan.role == role && loan.until.is_some_and(|until| at < until);
        (written && !lost) || self.loans.values().any(lent)
    }

    /// What an approval stands on now.
    pub fn policy(&self) -> Policy {
        let Says { version, factor, approvers, .. } = self.says;
        Policy { version, factor, approvers: approvers as usize }
    }

    /// The role that may break glass.
    pub fn breaks(&self) -> Option<Role> {
        self.ground.breaks()
    }

    /// Who opened an incident, where it is open.
    pub fn opened(&self, incident: IncidentId) -> Option<&String> {
        self.incidents.get(&incident)
    }

    /// Whether this person's code was taken with the command at hand.
    pub fn came_with_code(&self, who: &str) -> bool {
        self.taken.as_deref() == Some(who)
    }

    /// How many approvers other than whoever asked say yes.
    pub fn yeses(&self, said: &OrdMap<String, Choice>, asked: &str, at: Timestamp) -> usize {
        let counts = |who: &str| who != asked && self.holds(who, Role::Approver, at);
        said.iter().filter(|(who, choice)| **choice == Choice::Approve && counts(who)).count()
    }

    /// Whether a standing approval lets a run begin: given by a quorum that still is one and is what policy asked of that run, not
    /// over by anybody's word or by the clock, of the version in force, and with the run inside its bounds.
    pub fn standing_lets(&self, id: StandingId, life: &Life, at: Timestamp) -> bool {
        let Some(one) = self.standings.get(&id) else { return false };
        let lives = one.given && at < one.until && one.policy.version == self.says.version;
        let inside = life.plan.count.is_none_or(|count| (1..=COUNT_MOST).contains(&count));
        let quorum = self.yeses(&one.said, &one.by, at) >= life.policy.approvers && !life.policy.factor;
        lives && quorum && inside && life.hour_hosts <= HOSTS_MAX && life.policy.version == one.policy.version
    }

    fn answers(&self, who: &str) -> bool {
        who == OWNER || (self.ground.has_administrator() && who == ADMINISTRATOR)
    }

    /// Takes note of what is typed as a code with the next command.
    pub fn shown(&mut self, code: Code) {
        (self.typed, self.taken) = (code, None);
    }

    /// Takes in one event.
    ///
    /// # Panics
    /// Where it shows what must never be.
    pub fn saw(&mut self, recorded: &Recorded, who: Option<&str>) {
        let at = recorded.at;
        let person = || who.expect("a person does that").to_owned();
        let happened = match &recorded.event {
            Event::Beside(happened) => happened,
            Event::Refused { rule: Rule::FactorWrong, .. } => {
                return self.wrong.entry(person()).or_default().push_back(at);
            }
            _ => return,
        };
        match happened {
            Beside::SiteLoaded { .. } | Beside::SiteAccepted { .. } => self.says = self.coming,
            Beside::Elevation { elevation, act, .. } => self.lends(*elevation, act, who, at),
            Beside::Factor { person: of, act } => self.proves(of.as_str(), act, &person(), at),
            Beside::Incident { incident, act: incident::Act::Opened { .. }, .. } => {
                let who = person();
                let works = [Role::Operator, Role::Approver].iter().any(|role| self.holds(&who, *role, at));
                assert!(works || who == OWNER, "{who} opened an incident");
                self.incidents.insert(*incident, who);
            }
            Beside::Incident { incident, act: incident::Act::Closed, .. } => drop(self.incidents.remove(incident)),
            Beside::Standing { standing, act, .. } => self.gives(*standing, act, who, at),
            _ => {}
        }
    }

    fn lends(&mut self, id: ElevationId, act: &elevation::Act, who: Option<&str>, at: Timestamp) {
        match act {
            elevation::Act::Asked { role, for_ms } => {
                assert_ne!(*role, Role::Owner, "z35: nobody is made an owner for a while");
                assert!(*for_ms <= LENT_MS_MAX, "lent for too long");
                let who = who.expect("a person asks").to_owned();
                self.loans.insert(id, Loan { who, role: *role, for_ms: *for_ms, asked: at, until: None });
            }
            elevation::Act::Granted { until } => {
                let who = who.expect("a person grants");
                let answers = self.answers(who);
                let loan = self.loans.get_mut(&id).expect("asked for before it is granted");
                assert_ne!(loan.who, who, "z34: {who} granted themselves a role");
                assert!(answers, "z35: {who} granted what is not theirs to give");
                assert!(loan.until.is_none(), "granted twice");
                assert!(at.ms_since(loan.asked) < WANTED_MS_MAX, "granted after nobody answered in time");
                assert_eq!(*until, at.plus_ms(loan.for_ms), "lent for as long as was asked");
                loan.until = Some(*until);
            }
            elevation::Act::Over { how } => {
                let loan = self.loans.remove(&id).expect("over once");
                let over = match how {
                    LoanOver::Expired => loan.until.is_some_and(|until| at >= until),
                    LoanOver::Unanswered => loan.until.is_none() && at.ms_since(loan.asked) >= WANTED_MS_MAX,
                    LoanOver::GivenBack => who == Some(loan.who.as_str()),
                    LoanOver::Refused | LoanOver::TakenAway => who.is_some_and(|who| self.answers(who)),
                };
                assert!(over, "{how:?} by {who:?} of {loan:?}");
            }
        }
    }

    fn proves(&mut self, of: &str, act: &FactorAct, who: &str, at: Timestamp) {
        let answers = self.answers(who);
        match act {
            FactorAct::Offered { id } => {
                assert_eq!(who, of, "z5: {who} enrolled a second factor of {of}");
                assert!(!self.factors.iter().any(|(other, it)| other != of && it.id == *id), "z3: two have one secret");
                assert!(!self.factors.get(of).is_some_and(|it| it.confirmed), "in force, and another one offered");
                self.factors.insert(of.to_owned(), Factor { id: *id, proved: false, confirmed: false, last: 0 });
            }
            FactorAct::Proved { step } => {
                assert_eq!(who, of, "z5: {who} proved a second factor of {of}");
                let factor = self.takes_code(of, *step, at);
                assert!(!factor.proved, "proved twice");
                factor.proved = true;
            }
            FactorAct::Confirmed { id } => {
                assert!(who != of && answers, "z5: {who} confirmed the second factor of {of}");
                let factor = self.factors.get_mut(of).expect("offered before it is confirmed");
                assert!(factor.proved && factor.id == *id, "confirmed before it was proved, or another one");
                factor.confirmed = true;
            }
            FactorAct::Used { step } => {
                assert_eq!(who, of, "z5: {who} used a second factor of {of}");
                let factor = self.takes_code(of, *step, at);
                assert!(factor.confirmed, "z5: a second factor nobody confirmed");
                self.taken = Some(of.to_owned());
            }
            FactorAct::Revoked { .. } => {
                assert!(who == of || answers, "{who} revoked the second factor of {of}");
                self.factors.remove(of);
            }
        }
    }

    /// A code is right for its own person's factor, of this moment, used once, and not guessed.
    fn takes_code(&mut self, of: &str, step: u64, at: Timestamp) -> &mut Factor {
        let wrong = self.wrong.get(of).map_or(0, |wrong| {
            wrong.iter().rev().take(WRONG_MAX).filter(|wrong| at.ms_since(**wrong) < WRONG_WITHIN_MS).count()
        });
        assert!(wrong < WRONG_MAX, "a code taken of somebody who guesses");
        let typed = self.typed;
        let factor = self.factors.get_mut(of).unwrap_or_else(|| panic!("{of} has no second factor"));
        assert_eq!(typed, Code::Right { factor: factor.id, step }, "z5: a code was taken that was not typed");
        let shown = Timestamp(i64::try_from(step * SHOWN_MS).unwrap());
        assert!(at.ms_since(shown).max(shown.ms_since(at)) <= OFF_MS, "a code of another moment");
        assert!(step > factor.last, "z5: a code was taken twice");
        factor.last = step;
        factor
    }

    fn gives(&mut self, id: StandingId, act: &standing::Act, who: Option<&str>, at: Timestamp) {
        match act {
            standing::Act::Asked { binding, hosts_max, until, .. } => {
                let by = who.expect("a person asks").to_owned();
                assert!(self.holds(&by, Role::Operator, at), "{by} asked for what they could not run");
                assert!(usize::try_from(*hosts_max).unwrap() <= HOSTS_MAX, "wider than was asked for");
                assert_eq!(*until, at.plus_ms(LASTS_MS), "for as long as was asked");
                let policy = self.policy();
                assert!(!policy.factor, "given once for what policy asks a code for each time");
                let (until, said, binding) = (*until, OrdMap::new(), *binding);
                self.standings.insert(id, Standing { by, binding, policy, until, said, given: false });
            }
            standing::Act::Voted { binding, choice } => {
                let who = who.expect("a person votes").to_owned();
                let approver = self.holds(&who, Role::Approver, at);
                let one = self.standings.get_mut(&id).expect("asked for before it is decided on");
                assert_ne!(who, one.by, "z1: {who} voted on an own standing approval");
                assert!(approver || *choice == Choice::Retract, "{who} voted without being an approver");
                assert_eq!(*binding, one.binding, "z16: a vote for another binding");
                assert!(at < one.until, "z18: a vote after it was over");
                one.said.insert(who, *choice);
            }
            standing::Act::Given => {
                let one = self.standings.get(&id).expect("asked for before it is given");
                let full = self.yeses(&one.said, &one.by, at) >= one.policy.approvers;
                assert!(full && at < one.until, "given without a quorum, or too late");
                self.standings[&id].given = true;
            }
            standing::Act::Over { .. } => drop(self.standings.remove(&id).expect("over once")),
        }
    }
}
