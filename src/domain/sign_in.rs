//! Signing in over SSH: who somebody is, by the key or the certificate that they have shown to hold, and for how long.
//!
//! The protocol proves that a peer holds a key, and that a certificate is signed by the authority it names. Everything else is
//! judged here, from facts alone: whose key it is, which authorities are trusted, dates, principals, options, what is
//! revoked. The same judgement is made at the door and again at every change of the site, so that what is revoked is cut (Z53).
//! Deliberately absent: sockets, clocks, signatures, and what a refused peer is told: nothing, whatever the reason.

use super::id::{Digest, PersonId, Timestamp};
use super::network::Network;
use super::people::{Door, Person, Serial, Vouched};
use super::site::Site;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The longest a certificate may be valid where the site says nothing: a working day and the night after it.
pub const LIFETIME_MS: u64 = 24 * 60 * 60_000;

/// Connections at once where the site says nothing: a whole company's war-room; beyond it a script has gone wrong.
const CONNECTIONS: u16 = 256;

/// Of them, those of one person over SSH: scripts side by side, and no flood.
const CONNECTIONS_PER_PERSON: u16 = 64;

/// The one critical option that is understood.
const SOURCE_ADDRESS: &str = "source-address";

/// What the site says about signing in over SSH.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// Public keys of those who may vouch for people's keys, one line each; none unless written.
    pub user_ca: Vec<String>,
    /// The longest a certificate may be valid, from its first moment to its last.
    pub lifetime_ms: u64,
    /// Serial numbers of certificates that count no more, whoever signed them.
    pub revoked_serials: BTreeSet<Serial>,
    /// SHA-256 of keys that count no more: people's, certificates' or authorities'.
    pub revoked_keys: BTreeSet<Digest>,
    /// Whether a code of the second factor is asked for after the key.
    pub second_factor: bool,
    /// Whether key exchanges that a quantum computer could undo later are refused: clients older than OpenSSH 9.9 know no others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub post_quantum: bool,
    /// Networks that are locked out by no wrong code and no failed attempt; they are counted all the same.
    pub on_call: Vec<Network>,
    /// Connections at once, through every door together.
    #[serde(default = "connections", skip_serializing_if = "is_usual_number")]
    pub connections: u16,
    /// Connections of one person over SSH at once.
    #[serde(default = "connections_per_person", skip_serializing_if = "is_usual_share")]
    pub connections_per_person: u16,
}

fn connections() -> u16 {
    CONNECTIONS
}

fn connections_per_person() -> u16 {
    CONNECTIONS_PER_PERSON
}

fn is_usual_number(connections: &u16) -> bool {
    *connections == CONNECTIONS
}

fn is_usual_share(connections: &u16) -> bool {
    *connections == CONNECTIONS_PER_PERSON
}

impl Default for SignIn {
    fn default() -> Self {
        Self {
            user_ca: Vec::new(),
            lifetime_ms: LIFETIME_MS,
            revoked_serials: BTreeSet::new(),
            revoked_keys: BTreeSet::new(),
            second_factor: false,
            post_quantum: false,
            on_call: Vec::new(),
            connections: CONNECTIONS,
            connections_per_person: CONNECTIONS_PER_PERSON,
        }
    }
}

impl SignIn {
    /// Whether the site says nothing about it.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether whoever comes from here is never locked out.
    pub fn is_on_call(&self, from: IpAddr) -> bool {
        self.on_call.iter().any(|network| network.holds(from))
    }

    /// Whether certificates of this authority are taken.
    fn trusts(&self, ca: &Digest) -> bool {
        self.user_ca.iter().filter_map(|line| fingerprint(line)).any(|known| known == *ca)
    }
}

/// What a peer has shown: that it holds this key, and what vouches for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Shown {
    /// The name it gave.
    pub user: String,
    /// Where it comes from.
    pub from: IpAddr,
    /// SHA-256 of the key it holds.
    pub key: Digest,
    /// The certificate of that key, where one was shown; its signature by `ca` holds.
    pub certificate: Option<Certificate>,
}

/// What an OpenSSH certificate says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// What it is for.
    pub kind: Kind,
    /// SHA-256 of the key that signed it.
    pub ca: Digest,
    /// Its number.
    pub serial: Serial,
    /// Whom it names.
    pub principals: Vec<String>,
    /// Its first second, since 1970.
    pub after: u64,
    /// The second it is no longer valid, since 1970.
    pub before: u64,
    /// Its critical options: whoever does not understand one must refuse it.
    pub options: Vec<(String, String)>,
}

/// What a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// People.
    User,
    /// Machines.
    Host,
}

/// Somebody who may come in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Welcome {
    /// Who it is.
    pub person: PersonId,
    /// By which door.
    pub door: Door,
    /// When what vouches for them runs out.
    pub until: Option<Timestamp>,
}

/// Why somebody may not come in. For the log: the peer hears the same of each.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the words say it")]
pub enum No {
    #[error("no person has this name or account")]
    Nobody,
    #[error("the person is disabled")]
    Disabled,
    #[error("the key is none of the person's")]
    AnothersKey,
    #[error("the key is revoked")]
    KeyRevoked,
    #[error("the certificate's authority is not trusted")]
    AuthorityUnknown,
    #[error("the certificate's authority is revoked")]
    AuthorityRevoked,
    #[error("the certificate's serial number is revoked")]
    SerialRevoked,
    #[error("the certificate is one for hosts")]
    ForHosts,
    #[error("the certificate names nobody: it would fit everybody")]
    NamesNobody,
    #[error("the certificate names other principals")]
    NamesOthers,
    #[error("the certificate is not valid yet")]
    Early,
    #[error("the certificate has run out")]
    Expired,
    #[error("the certificate is valid for longer than this site takes")]
    TooLong,
    #[error("the certificate asks for another command than ours")]
    ForcesCommand,
    #[error("the certificate has a critical option that is not understood")]
    OptionUnknown,
    #[error("the certificate's source-address cannot be read")]
    SourceUnreadable,
    #[error("the certificate is not for this source")]
    OtherSource,
}

/// Judges who a peer is, and whether they may come in at this moment.
///
/// A name is looked for among handles first, then among accounts: whose account is called like another's handle gives their own
/// handle. By the name alone nobody gets anywhere.
///
/// # Errors
/// Why not.
pub fn judge(site: &Site, shown: &Shown, now: Timestamp) -> Result<Welcome, No> {
    let person = named(site, &shown.user).ok_or(No::Nobody)?;
    if person.disabled {
        return Err(No::Disabled);
    }
    if site.sign_in.revoked_keys.contains(&shown.key) {
        return Err(No::KeyRevoked);
    }
    let Some(certificate) = &shown.certificate else {
        let door = Door::Ssh { key: shown.key, vouched: None };
        return match holds_key(person, &shown.key) {
            true => Ok(Welcome { person: person.id.clone(), door, until: None }),
            false => Err(No::AnothersKey),
        };
    };
    vouched(&site.sign_in, person, certificate, shown.from, now)?;
    let vouched = Vouched { ca: certificate.ca, serial: certificate.serial };
    let until = i64::try_from(certificate.before.saturating_mul(1_000)).ok().map(Timestamp);
    Ok(Welcome { person: person.id.clone(), door: Door::Ssh { key: shown.key, vouched: Some(vouched) }, until })
}

/// Whether whoever came in by this key may still be here, as far as the door they came by tells.
pub fn still_holds(site: &Site, person: &Person, key: &Digest, vouched: Option<&Vouched>) -> bool {
    let terms = &site.sign_in;
    let stands = !person.disabled && !terms.revoked_keys.contains(key);
    stands
        && match vouched {
            None => holds_key(person, key),
            Some(Vouched { ca, serial }) => {
                terms.trusts(ca) && !terms.revoked_keys.contains(ca) && !terms.revoked_serials.contains(serial)
            }
        }
}

/// Judges a certificate whose signature holds.
fn vouched(terms: &SignIn, person: &Person, certificate: &Certificate, from: IpAddr, now: Timestamp) -> Result<(), No> {
    if !terms.trusts(&certificate.ca) {
        return Err(No::AuthorityUnknown);
    }
    if terms.revoked_keys.contains(&certificate.ca) {
        return Err(No::AuthorityRevoked);
    }
    if terms.revoked_serials.contains(&certificate.serial) {
        return Err(No::SerialRevoked);
    }
    match certificate.kind {
        Kind::Host => return Err(No::ForHosts),
        Kind::User => {}
    }
    if certificate.principals.is_empty() {
        return Err(No::NamesNobody);
    }
    if !certificate.principals.iter().any(|named| person.principals.contains(named)) {
        return Err(No::NamesOthers);
    }
    let second = now.ms_since(Timestamp(0)) / 1_000;
    if second < certificate.after {
        return Err(No::Early);
    }
    if second >= certificate.before {
        return Err(No::Expired);
    }
    if certificate.before.saturating_sub(certificate.after) > terms.lifetime_ms / 1_000 {
        return Err(No::TooLong);
    }
    certificate.options.iter().try_for_each(|(name, value)| match name.as_str() {
        SOURCE_ADDRESS => from_there(value, from),
        "force-command" => Err(No::ForcesCommand),
        _ => Err(No::OptionUnknown),
    })
}

/// Whether an address is in the list of a `source-address`.
fn from_there(list: &str, from: IpAddr) -> Result<(), No> {
    let networks: Result<Vec<Network>, _> = list.split(',').map(|word| word.trim().parse()).collect();
    match networks {
        Err(_) => Err(No::SourceUnreadable),
        Ok(networks) if networks.iter().any(|network| network.holds(from)) => Ok(()),
        Ok(_) => Err(No::OtherSource),
    }
}

/// The person a name means: by handle, else by account.
fn named<'a>(site: &'a Site, user: &str) -> Option<&'a Person> {
    let by_handle = site.people.get(&PersonId::new(user));
    by_handle.or_else(|| site.people.values().find(|person| person.unix.iter().any(|account| account == user)))
}

/// Whether one of a person's keys has this SHA-256.
pub fn holds_key(person: &Person, key: &Digest) -> bool {
    person.keys.iter().filter_map(|line| fingerprint(line)).any(|known| known == *key)
}

/// A key's SHA-256 as OpenSSH prints it: `SHA256:…`.
pub fn printed(key: &Digest) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(key.0))
}

/// SHA-256 of the key on a line, as fingerprints are made; `None` where it is none.
pub fn fingerprint(line: &str) -> Option<Digest> {
    let blob = STANDARD.decode(line.split_ascii_whitespace().nth(1)?).ok()?;
    Some(Digest::of(&blob))
}
