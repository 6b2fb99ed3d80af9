//! What a person gives beside an ask becomes facts that `decide` can judge: a code is held against its secret, a signature
//! against the text it should be over. Also the enrolment of a second factor, whose secret is made here.
//!
//! Invariant: neither a secret nor a code is in an ask, an event, an error or the log.

use super::handle::Handle;
use crate::domain::command::{Ask, Receipt, Seen};
use crate::domain::factor::{Factor, Want};
use crate::domain::proved::{Code, Proof, Signature, Signed, can_sign};
use crate::domain::statement::{NAMESPACE, Statement};
use crate::domain::{Actor, Digest, PersonId, Refusal, Rule, World};
use crate::secrets::{CODE_DIGITS, FactorError, Factors, Made};
use russh::keys::ssh_key::SshSig;
use russh::keys::ssh_key::public::KeyData;
use russh::keys::{HashAlg, PublicKey};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longest signature: an armoured one of a key that we take has less than a thousand bytes.
pub const SIGNATURE_BYTES_MAX: usize = 8 * 1_024;

/// What came with an ask, as it was typed or made.
#[derive(Default)]
pub struct Given {
    /// A code of the second factor.
    pub code: Option<Zeroizing<String>>,
    /// A signature, armoured.
    pub signature: Option<String>,
}

impl Given {
    /// Whether anything was given.
    fn is_nothing(&self) -> bool {
        self.code.is_none() && self.signature.is_none()
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given(…)")
    }
}

/// A second factor that was offered: shown once to its person.
pub struct Offered {
    /// What it is known by.
    pub id: Digest,
    /// The secret, in base32.
    pub base32: Zeroizing<String>,
    /// All a device needs, as a URI.
    pub uri: Zeroizing<String>,
}

impl Handle {
    /// Asks for something that is more than a name's word for it.
    ///
    /// # Errors
    /// A refusal; nothing has changed.
    pub async fn submit_with(&self, by: Actor, seen: Seen, ask: Ask, given: Given) -> Result<Receipt, Refusal> {
        if given.is_nothing() {
            return self.submit(by, seen, ask).await;
        }
        let proof = self.facts(&by, &ask, given).await?;
        self.decided_with(by, seen, ask, proof).await
    }

    /// Makes a second factor for whoever asks, and offers it. It is in force once it was proved and confirmed.
    ///
    /// # Errors
    /// A refusal; then nothing is kept.
    pub async fn enrol(&self, by: Actor) -> Result<Offered, Refusal> {
        let Some(person) = by.person().cloned() else {
            return Err(Refusal::new(Rule::ActorMachine, "only a person has a second factor"));
        };
        let (site, before) = {
            let world = self.world.borrow();
            let name = world.site.as_ref().map(|site| site.name.clone()).unwrap_or_default();
            (name, world.factors.get(&person).map(|factor| factor.id))
        };
        let factors = self.factors.clone();
        let made = blocking(move || factors.make()).await?;
        let Made { id, base32 } = made.map_err(|error| unkept(&error.to_string()))?;
        let ask = Ask::Factor { person: person.clone(), want: Want::Offer { id } };
        let offered = self.decided(by, Seen::Nothing, ask).await;
        // What was offered before counts no more; what was not taken never did.
        let gone = if offered.is_ok() { before } else { Some(id) };
        self.forget_factor(gone).await;
        offered?;
        let uri = uri(&site, &person, &base32);
        Ok(Offered { id, base32, uri })
    }

    /// Revokes a person's second factor, and lets go of its secret.
    ///
    /// # Errors
    /// A refusal; nothing has changed.
    pub async fn revoke_factor(&self, by: Actor, person: &PersonId, reason: String) -> Result<Receipt, Refusal> {
        let before = self.world.borrow().factors.get(person).map(|factor| factor.id);
        let ask = Ask::Factor { person: person.clone(), want: Want::Revoke { reason } };
        let receipt = self.decided(by, Seen::Nothing, ask).await?;
        self.forget_factor(before).await;
        Ok(receipt)
    }

    /// A secret that stays behind is good for nothing: its factor is not in force.
    async fn forget_factor(&self, id: Option<Digest>) {
        let Some(id) = id else { return };
        let factors = self.factors.clone();
        if let Ok(Err(error)) = blocking(move || factors.forget(&id)).await {
            tracing::warn!(%error, "the secret of a second factor that counts no more could not be removed");
        }
    }

    async fn facts(&self, by: &Actor, ask: &Ask, given: Given) -> Result<Proof, Refusal> {
        let Some(person) = by.person().cloned() else {
            return Ok(Proof::default());
        };
        let world = Arc::clone(&self.world.borrow());
        let signature = given.signature.map_or(Signed::None, |armoured| signed(&world, &person, ask, armoured));
        let code = match given.code {
            None => Code::None,
            Some(typed) => {
                let (factors, at_ms) = (self.factors.clone(), u64::try_from(self.clock.now().0).unwrap_or(0));
                blocking(move || code(&factors, world.factors.get(&person), &typed, at_ms)).await??
            }
        };
        Ok(Proof { code, signature })
    }
}

/// What the statement of an approval is to say, for whoever is to sign it.
pub fn statement(world: &World, person: &PersonId, ask: &Ask) -> Option<Statement> {
    match ask {
        Ask::Vote { run, .. } => Some(Statement::of(world.run(*run)?, person)),
        _ => None,
    }
}

fn code(factors: &Factors, factor: Option<&Factor>, typed: &str, at_ms: u64) -> Result<Code, Refusal> {
    let digits: Zeroizing<String> = Zeroizing::new(typed.chars().filter(|c| !c.is_whitespace()).collect());
    if digits.len() != CODE_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        // A slip of the fingers is no guess.
        return Err(Refusal::new(Rule::Input, format!("a code of a second factor has {CODE_DIGITS} digits"))
            .next("type the one that your device shows"));
    }
    let Some(factor) = factor else {
        return Ok(Code::Wrong);
    };
    match factors.step(&factor.id, &digits, at_ms) {
        Ok(Some(step)) => Ok(Code::Right { factor: factor.id, step }),
        Ok(None) => Ok(Code::Wrong),
        Err(error @ (FactorError::Unreadable(_) | FactorError::Open { .. } | FactorError::Another(_))) => {
            Err(Refusal::new(Rule::FactorMissing, error.to_string())
                .next("it has to be revoked and enrolled anew: quarterdeck people revoke, then people enrol"))
        }
    }
}

/// Whether a signature holds over what this person asks for, by whatever key. Whose key that is, is judged by `decide`.
fn signed(world: &World, person: &PersonId, ask: &Ask, armoured: String) -> Signed {
    let Some(statement) = statement(world, person, ask).map(|statement| statement.text()) else {
        return Signed::Not("there is nothing here to sign".to_owned());
    };
    match verified(&statement, &armoured) {
        Ok((key, fingerprint)) => {
            Signed::Holds(Box::new(Signature { statement, key, fingerprint: Digest(fingerprint), armoured }))
        }
        Err(why) => Signed::Not(why),
    }
}

/// The SHA-256 of the key by which an armoured signature holds over the statement of an approval, whoever's key that is.
///
/// # Errors
/// In words, where it does not hold.
pub fn signed_by(statement: &str, armoured: &str) -> Result<[u8; 32], String> {
    verified(statement, armoured).map(|(_, fingerprint)| fingerprint)
}

/// The key by which `armoured` is a signature over `text`, as a line without comment, and its fingerprint.
fn verified(text: &str, armoured: &str) -> Result<(String, [u8; 32]), String> {
    if armoured.len() > SIGNATURE_BYTES_MAX {
        return Err(format!("it is longer than {SIGNATURE_BYTES_MAX} bytes"));
    }
    let signature = SshSig::from_pem(armoured).map_err(|error| format!("it is no SSH signature ({error})"))?;
    if signature.namespace() != NAMESPACE {
        return Err(format!("it is for another purpose than {NAMESPACE}"));
    }
    let key = PublicKey::from(KeyData::clone(signature.public_key()));
    let line = key.to_openssh().map_err(|error| error.to_string())?.trim().to_owned();
    if !can_sign(&line) {
        return Err(format!("{} keys sign no approvals; use ed25519 or ecdsa", key.algorithm()));
    }
    key.verify(NAMESPACE, text.as_bytes(), &signature).map_err(|_| "it is over another text".to_owned())?;
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    let bytes = fingerprint.as_bytes().try_into().map_err(|_| "its key has no SHA-256".to_owned())?;
    Ok((line, bytes))
}

/// What a device reads, from a picture or as it is typed.
fn uri(site: &str, person: &PersonId, base32: &str) -> Zeroizing<String> {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect()
    };
    let issuer = encoded(&format!("Quarterdeck {site}"));
    Zeroizing::new(format!("otpauth://totp/{issuer}:{}?secret={base32}&issuer={issuer}", encoded(person.as_str())))
}

fn unkept(why: &str) -> Refusal {
    Refusal::new(Rule::Storage, format!("the secret of a second factor cannot be kept: {why}"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    let broken = |_| Refusal::new(Rule::Storage, "it could not be looked at; the log says why");
    tokio::task::spawn_blocking(work).await.map_err(broken)
}
