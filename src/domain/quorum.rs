//! Who must still say yes: seats filled by distinct people through matching, judged by the roles they hold now.
//!
//! Invariants: whoever asked for a run fills none of its seats (Z1), nobody fills two (Z27, Z28), and whoever changed last what
//! it runs lets nothing on without somebody who did not (Z30).

use super::glass;
use super::id::PersonId;
use super::people::Role;
use super::plan::Plan;
use super::policy::WaitsFor;
use super::run::{Choice, Run, Slot, Vote};
use super::runbook::Gate;
use super::workspace::{Given, Quorum, Slot as Seat, Workspace};
use imbl::Vector;
use std::collections::BTreeSet;

/// The latest word of everybody who voted, in ledger order.
pub fn latest_votes(run: &Run) -> Vec<(&PersonId, Choice)> {
    latest(&run.votes)
}

pub(super) fn latest(votes: &Vector<Vote>) -> Vec<(&PersonId, Choice)> {
    let mut latest: Vec<(&PersonId, Choice)> = Vec::new();
    for vote in votes {
        latest.retain(|(person, _)| **person != vote.by);
        latest.push((&vote.by, vote.choice));
    }
    latest
}

/// Whether this person's word stands for the run: approved, and not taken back.
pub fn has_approved(run: &Run, person: &PersonId) -> bool {
    let yes = |(voter, choice): &(&PersonId, Choice)| *voter == person && *choice == Choice::Approve;
    latest_votes(run).iter().any(yes)
}

/// Whether this person said yes at a gate, and has not taken it back.
pub fn has_let_on(run: &Run, slot: Slot, person: &PersonId) -> bool {
    let said = run.answers.get(&slot).map(latest).unwrap_or_default();
    said.iter().any(|(voter, choice)| *voter == person && *choice == Choice::Approve)
}

/// Approvals still missing, judged by the roles people hold now. Each person fills one slot, found by matching, so that
/// no order of voting can waste somebody who alone could fill another slot.
pub fn missing_approvals(workspace: &Workspace, run: &Run) -> Vec<WaitsFor> {
    let Some(quorum) = run.plan.quorum.as_ref().filter(|_| !glass::lets(workspace, run)) else {
        return Vec::new();
    };
    // Given for a smaller quorum than is asked of this run, it takes as many as this one needs.
    let given = run.plan.standing.and_then(|id| workspace.standing.get(&id));
    if given.is_some_and(|given| is_filled(workspace, quorum, given, &run.plan.editors)) {
        return Vec::new();
    }
    unfilled(workspace, &Apart::of(&run.plan), &quorum.from, latest(&run.votes))
}

/// Whether those who gave a standing approval fill a quorum now.
pub(super) fn is_filled(workspace: &Workspace, quorum: &Quorum, given: &Given, editors: &BTreeSet<PersonId>) -> bool {
    let said = given.by.iter().map(|person| (person, Choice::Approve)).collect();
    unfilled(workspace, &Apart::from(&given.asked, editors), &quorum.from, said).is_empty()
}

/// Answers a gate inside a run still waits for.
pub fn missing_answers(workspace: &Workspace, run: &Run, slot: Slot, gate: &Gate) -> Vec<WaitsFor> {
    let said = run.answers.get(&slot).map(latest).unwrap_or_default();
    unfilled(workspace, &Apart::of(&run.plan), &gate.from, said)
}

/// Whose word does not count for what is judged, or not alone.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'a> {
    requester: &'a PersonId,
    behind: Option<&'a PersonId>,
    editors: &'a BTreeSet<PersonId>,
}

impl<'a> Apart<'a> {
    /// Of a plan: whoever asked, themselves or by their machine, and whoever changed last what would run.
    pub fn of(plan: &'a Plan) -> Self {
        Self { requester: &plan.requester, behind: plan.behind.as_ref(), editors: &plan.editors }
    }

    /// Of what a person asked for themselves.
    pub fn from(requester: &'a PersonId, editors: &'a BTreeSet<PersonId>) -> Self {
        Self { requester, behind: None, editors }
    }

    fn asked(&self, person: &PersonId) -> bool {
        self.requester == person || self.behind == Some(person)
    }
}

/// What is missing of these seats: whoever asked fills none, and whoever changed last what is judged fills none alone.
pub(super) fn unfilled(
    workspace: &Workspace,
    apart: &Apart<'_>,
    from: &[Seat],
    said: Vec<(&PersonId, Choice)>,
) -> Vec<WaitsFor> {
    let approvers: Vec<&PersonId> = said
        .into_iter()
        .filter(|(person, choice)| *choice == Choice::Approve && !apart.asked(person))
        .map(|(person, _)| person)
        .collect();
    let seats = seats(from);
    let filled = matching(workspace, &seats, &approvers);
    let mut missing: Vec<(Role, u32)> = Vec::new();
    for (seat, role) in seats.iter().enumerate() {
        if filled.get(seat).copied().flatten().is_none() {
            match missing.iter_mut().find(|(known, _)| known == role) {
                Some((_, count)) => *count += 1,
                None => missing.push((*role, 1)),
            }
        }
    }
    let others_only = missing.is_empty() && only_editors(&approvers, apart.editors);
    if others_only {
        // One more, of a role that counts here: whoever it is has not written what they judge.
        missing.extend(seats.first().map(|role| (*role, 1)));
    }
    // A single seat is filled by somebody who has not written what they judge, whoever has said yes.
    let not_editors = others_only || seats.len() == 1;
    let may = |role: Role| {
        let others = workspace.holders(role).filter(|person| !not_editors || !apart.editors.contains(*person));
        others.filter(|person| !apart.asked(person) && !approvers.contains(person)).cloned().collect()
    };
    missing.into_iter().map(|(role, missing)| WaitsFor::Approval { role, missing, may: may(role) }).collect()
}

fn only_editors(people: &[&PersonId], editors: &BTreeSet<PersonId>) -> bool {
    !people.is_empty() && people.iter().all(|person| editors.contains(*person))
}

/// Whether the members of a workspace could fill these seats at all: without the requester, and not by whoever changed last what
/// would run alone.
pub fn can_be_filled(workspace: &Workspace, from: &[Seat], apart: &Apart<'_>) -> bool {
    let people: Vec<&PersonId> = workspace.members.keys().filter(|person| !apart.asked(person)).collect();
    let seats = seats(from);
    let fits = |person: &&&PersonId| seats.iter().any(|role| workspace.grants(person, *role));
    let fitting: Vec<&PersonId> = people.iter().filter(fits).copied().collect();
    matching(workspace, &seats, &people).iter().all(Option::is_some) && !only_editors(&fitting, apart.editors)
}

fn seats(from: &[Seat]) -> Vec<Role> {
    from.iter().flat_map(|slot| (0..slot.n).map(|_| slot.role)).collect()
}

/// Who sits where: a largest bipartite matching by augmenting paths. Seats and people are few.
fn matching(workspace: &Workspace, seats: &[Role], people: &[&PersonId]) -> Vec<Option<usize>> {
    fn seat_person(
        person: usize,
        fits: &dyn Fn(usize, usize) -> bool,
        taken: &mut Vec<Option<usize>>,
        tried: &mut Vec<bool>,
    ) -> bool {
        for seat in 0..taken.len() {
            if !fits(person, seat) || tried.get(seat).copied().unwrap_or(true) {
                continue;
            }
            if let Some(mark) = tried.get_mut(seat) {
                *mark = true;
            }
            let sitting = taken.get(seat).copied().flatten();
            if sitting.is_none_or(|other| seat_person(other, fits, taken, tried)) {
                if let Some(place) = taken.get_mut(seat) {
                    *place = Some(person);
                }
                return true;
            }
        }
        false
    }
    let fits = |person: usize, seat: usize| match (people.get(person), seats.get(seat)) {
        (Some(person), Some(role)) => workspace.grants(person, *role),
        _ => false,
    };
    let mut taken = vec![None; seats.len()];
    for person in 0..people.len() {
        seat_person(person, &fits, &mut taken, &mut vec![false; seats.len()]);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixture;
    use std::collections::BTreeMap;

    fn seats_of(wanted: &[(Role, u32)]) -> Vec<Seat> {
        wanted.iter().map(|(role, n)| Seat { role: *role, n: *n }).collect()
    }

    #[test]
    fn z28_a_person_fills_one_seat_and_matching_is_not_greedy() {
        let mut workspace = fixture::workspace("prod-web");
        let both: BTreeSet<Role> = [Role::Approver, Role::Owner].into();
        workspace.members = [("grace".into(), both), ("kim".into(), [Role::Approver].into())].into();
        let and = seats_of(&[(Role::Approver, 1), (Role::Owner, 1)]);
        let (grace, kim) = (PersonId::new("grace"), PersonId::new("kim"));
        let all = |people: &[&PersonId]| matching(&workspace, &seats(&and), people).iter().all(Option::is_some);
        assert!(!all(&[&grace]));
        assert!(all(&[&grace, &kim]));
        assert!(all(&[&kim, &grace]));
        let nobody = BTreeSet::new();
        assert!(can_be_filled(&workspace, &and, &Apart::from(&"ada".into(), &nobody)));
        assert!(!can_be_filled(&workspace, &and, &Apart::from(&grace, &nobody)));
        assert!(can_be_filled(&workspace, &and, &Apart::from(&"ada".into(), &[kim.clone()].into())));
        assert!(
            !can_be_filled(&workspace, &and, &Apart::from(&"ada".into(), &[grace, kim].into())),
            "they alone wrote it"
        );
    }

    /// Seats that can be filled at most, by trying everybody in every seat.
    fn by_force(workspace: &Workspace, seats: &[Role], people: &[&PersonId]) -> usize {
        let Some((role, rest)) = seats.split_first() else { return 0 };
        let empty = by_force(workspace, rest, people);
        let filled = (0..people.len()).filter(|nth| workspace.grants(people[*nth], *role)).map(|nth| {
            let others: Vec<&PersonId> =
                people.iter().enumerate().filter(|(at, _)| *at != nth).map(|(_, it)| *it).collect();
            1 + by_force(workspace, rest, &others)
        });
        filled.max().unwrap_or(0).max(empty)
    }

    /// Every quorum of up to four seats of three roles, and every way in which up to four people hold them.
    #[test]
    fn matching_fills_as_many_seats_as_trying_everything_does() {
        const ROLES: [Role; 3] = [Role::Approver, Role::Owner, Role::Commander];
        let quorums: Vec<Vec<Role>> = (0..3_usize.pow(4))
            .map(|code| (0..4).map(|seat| ROLES[code / 3_usize.pow(seat) % 3]).collect::<Vec<Role>>())
            .flat_map(|four| (1..=4).map(move |n| four[..n].to_vec()))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let names = ["ada", "bo", "grace", "kim"].map(PersonId::new);
        let people: Vec<&PersonId> = names.iter().collect();
        let mut workspace = fixture::workspace("prod-web");
        let mut judged = 0;
        for code in 0..8_usize.pow(4) {
            let holds = |nth: usize, role: usize| code >> (3 * nth + role) & 1 == 1;
            workspace.members = names
                .iter()
                .enumerate()
                .map(|(nth, name)| {
                    (name.clone(), (0..3).filter(|role| holds(nth, *role)).map(|role| ROLES[role]).collect())
                })
                .collect::<BTreeMap<PersonId, BTreeSet<Role>>>();
            // Quorums that differ in the order of their seats alone are judged in full once in a while.
            for quorum in quorums.iter().filter(|quorum| quorum.is_sorted() || code % 16 == 7) {
                let filled = matching(&workspace, quorum, &people);
                let seated: Vec<usize> = filled.iter().copied().flatten().collect();
                let distinct: BTreeSet<usize> = seated.iter().copied().collect();
                assert_eq!(seated.len(), distinct.len(), "nobody sits twice");
                for (role, person) in quorum.iter().zip(&filled) {
                    assert!(person.is_none_or(|person| workspace.grants(people[person], *role)));
                }
                assert_eq!(seated.len(), by_force(&workspace, quorum, &people), "{quorum:?} {:?}", workspace.members);
                judged += 1;
            }
        }
        assert!(judged > 150_000, "{judged}");
    }
}
