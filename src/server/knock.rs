//! Signing in over SSH: a key or a certificate, then, where the site asks for it, a code of the second factor.
//!
//! Invariants: nothing but a proved key and a fresh code lets anybody in; half of it counts for the name and key it was given
//! with and for no other; whoever is refused hears the same, after the same time, whatever the reason is, which the log has.
//! Who may come in is judged in `domain::sign_in`; what the library leaves to its user, by its own documentation or in fact
//! (authorities, kind, principals, options, serial numbers), is handed on from here.

use super::House;
use super::here::{Connection, Stay};
use super::peer::{Peer, Visitor};
use super::turned::With;
use crate::domain::factor::{self, Want};
use crate::domain::people::Serial;
use crate::domain::sign_in::{self, Certificate, Kind, Shown, Welcome};
use crate::domain::{Actor, Ask, Digest, Refusal, Rule, Seen, World};
use crate::engine::Given;
use core::net::IpAddr;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey, ssh_key};
use russh::server::{Auth, Response};
use russh::{MethodKind, MethodSet};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// Keys and codes that one connection may be refused.
pub const ATTEMPTS_MAX: usize = 6;

/// Keys one connection may ask about before it signs with one: an agent has a few.
const OFFERS_MAX: usize = 12;

/// RSA keys with fewer bits are nobody's.
const RSA_BITS_MIN: u32 = 2_048;

/// Longest answer to a prompt that is looked at: a code with a blank or two.
const ANSWER_BYTES_MAX: usize = 32;

/// Where nobody is locked out, a wrong code after too many others costs this: guessing stays hopeless.
const WRONG_CODE_PAUSE: Duration = Duration::from_secs(5);

/// A connection at the door.
pub struct Knock {
    house: Arc<House>,
    connection: Arc<Connection>,
    from: IpAddr,
    refused: usize,
    offers: usize,
    half: Option<Half>,
}

/// Somebody whose key was right, and who has yet to give a code.
struct Half {
    shown: Shown,
    welcome: Welcome,
}

/// How a step at the door went.
pub enum Step {
    /// To be answered so.
    Answer(Auth),
    /// Let in.
    In(Stay),
}

impl Knock {
    /// Somebody from here.
    pub fn new(house: Arc<House>, connection: Arc<Connection>, from: IpAddr) -> Self {
        Self { house, connection, from, refused: 0, offers: 0, half: None }
    }

    /// A key is offered, and not proved yet. Where certificates are taken, whose key it is cannot be told before: the library
    /// names the key alone.
    ///
    /// # Errors
    /// There were too many: the connection ends.
    pub fn offered(&mut self, user: &str, key: &PublicKey, algorithm: &Algorithm) -> Result<Auth, russh::Error> {
        self.connection.has_tried();
        self.offers += 1;
        if self.offers > OFFERS_MAX {
            return Err(russh::Error::Disconnect);
        }
        if !is_strong(key, algorithm) {
            return self.refuse(With::Key, user, "the key or its signature is too weak");
        }
        let world = self.world();
        let takes_certificates = world.site.as_ref().is_some_and(|site| !site.sign_in.user_ca.is_empty());
        match takes_certificates || self.judge(&world, &self.shown(user, key.key_data(), None)).is_ok() {
            true => Ok(Auth::Accept),
            false => self.refuse(With::Key, user, "the key is none of the person's"),
        }
    }

    /// A key was proved.
    ///
    /// # Errors
    /// There were too many: the connection ends.
    pub fn key(&mut self, user: &str, key: &PublicKey) -> Result<Step, russh::Error> {
        let shown = self.shown(user, key.key_data(), None);
        self.proved(shown)
    }

    /// A certificate was shown, and the key it is for proved. Its signature by the authority it names holds.
    ///
    /// # Errors
    /// There were too many: the connection ends.
    pub fn certificate(&mut self, user: &str, certificate: &ssh_key::Certificate) -> Result<Step, russh::Error> {
        if !is_strong_signature(certificate) {
            return self.refuse(With::Certificate, user, "the certificate's signature is too weak").map(Step::Answer);
        }
        let shown = self.shown(user, certificate.public_key(), Some(read(certificate)));
        self.proved(shown)
    }

    fn proved(&mut self, shown: Shown) -> Result<Step, russh::Error> {
        self.half = None;
        let world = self.world();
        let welcome = match self.judge(&world, &shown) {
            Ok(welcome) => welcome,
            Err(no) => return self.refuse(with(&shown), &shown.user, &no.to_string()).map(Step::Answer),
        };
        if !world.site.as_ref().is_some_and(|site| site.sign_in.second_factor) {
            return self.enter(shown, welcome);
        }
        self.half = Some(Half { shown, welcome });
        self.connection.known.cancel();
        let next = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
        Ok(Step::Answer(Auth::Reject { proceed_with_methods: Some(next), partial_success: true }))
    }

    /// A code is asked for, or was given.
    ///
    /// # Errors
    /// There were too many: the connection ends.
    pub async fn code(&mut self, user: &str, response: Option<Response<'_>>) -> Result<Step, russh::Error> {
        // Bound to the name it was given with: whoever changes it begins anew.
        let half = self.half.take().filter(|half| half.shown.user == user);
        let Some(half) = half else {
            return self.refuse(With::Code, user, "a code without a key").map(Step::Answer);
        };
        let world = self.world();
        // What has been revoked since the key was shown counts here already.
        if let Err(no) = self.judge(&world, &half.shown) {
            return self.refuse(with(&half.shown), user, &no.to_string()).map(Step::Answer);
        }
        let Some(mut response) = response else {
            let asked = asked(&world, &half.welcome);
            self.half = Some(half);
            return Ok(Step::Answer(asked));
        };
        let typed = match (response.next(), response.next()) {
            (Some(typed), None) if typed.len() <= ANSWER_BYTES_MAX => String::from_utf8(typed.to_vec()).ok(),
            (_, _) => None,
        };
        let judged = match typed {
            Some(typed) => self.used(&world, &half.welcome, Zeroizing::new(typed)).await,
            None => Err(Refusal::new(Rule::Input, "that is no answer to what was asked")),
        };
        match judged {
            Ok(()) => self.enter(half.shown, half.welcome),
            Err(refusal) => {
                self.half = Some(half);
                self.refuse(With::Code, user, &refusal.to_string()).map(Step::Answer)
            }
        }
    }

    /// Has a code judged and, where it is right, used up. Both stand in the record.
    async fn used(&self, world: &World, welcome: &Welcome, typed: Zeroizing<String>) -> Result<(), Refusal> {
        let Welcome { person, door, .. } = welcome.clone();
        let on_call = world.site.as_ref().is_some_and(|site| site.sign_in.is_on_call(self.from));
        let by = Actor::Person { person: person.clone(), door };
        let ask = Ask::Factor { person: person.clone(), want: Want::SignIn { on_call } };
        let given = Given { code: Some(typed), signature: None };
        let engine = &self.house.engine;
        let judged = engine.submit_with(by, Seen::Nothing, ask, given).await;
        let locked = || world.factors.get(&person).is_some_and(|it| factor::locked_until(it, engine.now()).is_some());
        if judged.is_err() && on_call && locked() {
            tokio::time::sleep(WRONG_CODE_PAUSE).await;
        }
        judged.map(|_| ())
    }

    fn enter(&mut self, shown: Shown, welcome: Welcome) -> Result<Step, russh::Error> {
        let (user, person) = (shown.user.clone(), welcome.person.clone());
        let (key, from) = (shown.key, self.from);
        let peer = Peer::Visitor(Arc::new(Visitor { shown, welcome }));
        let (here, now) = (&self.house.here, self.house.engine.now());
        match here.enter(&self.connection, peer, now, self.house.places().of_one_person) {
            Some(stay) => {
                tracing::info!(%person, %from, key = %key, "signed in over SSH");
                Ok(Step::In(stay))
            }
            None => self.refuse(With::Crowd, &user, "the person is here too many times").map(Step::Answer),
        }
    }

    /// The one way to be refused.
    fn refuse(&mut self, with: With, user: &str, why: &str) -> Result<Auth, russh::Error> {
        self.refused += 1;
        self.house.turned.refuse(with);
        tracing::warn!(?user, from = %self.from, why, "refused at the SSH door");
        match self.refused > ATTEMPTS_MAX {
            true => Err(russh::Error::Disconnect),
            false => Ok(Auth::reject()),
        }
    }

    fn judge(&self, world: &World, shown: &Shown) -> Result<Welcome, sign_in::No> {
        let site = world.site.as_ref().ok_or(sign_in::No::Nobody)?;
        sign_in::judge(site, shown, self.house.engine.now())
    }

    fn shown(&self, user: &str, key: &KeyData, certificate: Option<Certificate>) -> Shown {
        Shown { user: user.to_owned(), from: self.from, key: digest(key), certificate }
    }

    fn world(&self) -> Arc<World> {
        Arc::clone(&self.house.engine.world().borrow())
    }
}

/// What somebody came with.
fn with(shown: &Shown) -> With {
    match shown.certificate {
        Some(_) => With::Certificate,
        None => With::Key,
    }
}

/// What is asked after the key. Whoever has no second factor is told so: by their key they are known.
fn asked(world: &World, welcome: &Welcome) -> Auth {
    let (instructions, prompts) = match factor::in_force(world, &welcome.person) {
        Ok(_) => (String::new(), vec![(Cow::Borrowed("Code of your second factor: "), false)]),
        Err(refusal) => (format!("refused: {refusal}"), Vec::new()),
    };
    Auth::Partial { name: Cow::Borrowed(""), instructions: instructions.into(), prompts: prompts.into() }
}

/// SHA-256 of a key, as fingerprints are made.
fn digest(key: &KeyData) -> Digest {
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    // SHA-256 has 32 bytes; anything else would be nobody's.
    Digest(fingerprint.as_bytes().try_into().unwrap_or([0; 32]))
}

/// What a certificate says, as a value.
fn read(certificate: &ssh_key::Certificate) -> Certificate {
    Certificate {
        kind: match certificate.cert_type().is_user() {
            true => Kind::User,
            false => Kind::Host,
        },
        ca: digest(certificate.signature_key()),
        serial: Serial(certificate.serial()),
        principals: certificate.valid_principals().to_vec(),
        after: certificate.valid_after(),
        before: certificate.valid_before(),
        options: certificate.critical_options().iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// Whether a key, and what it signs with, are none of those that are too weak by now.
fn is_strong(key: &PublicKey, algorithm: &Algorithm) -> bool {
    let enough = match key.key_data() {
        KeyData::Rsa(rsa) => rsa.key_size() >= RSA_BITS_MIN,
        _ => true,
    };
    enough && signs_well(algorithm)
}

fn is_strong_signature(certificate: &ssh_key::Certificate) -> bool {
    let enough = match certificate.signature_key() {
        KeyData::Rsa(rsa) => rsa.key_size() >= RSA_BITS_MIN,
        _ => true,
    };
    enough && signs_well(&certificate.signature().algorithm())
}

/// Signatures that are taken: none with SHA-1, none by DSA.
fn signs_well(algorithm: &Algorithm) -> bool {
    match algorithm {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } | Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => true,
        Algorithm::Rsa { hash } => hash.is_some(),
        _ => false,
    }
}
