//! Answers with what the ledger has signed for, and with proofs against it.

use super::fetch::{Library, unread};
use crate::domain::sealed::{Consistency, Found, Head, Inclusion, Question};
use crate::domain::{Refusal, Rule};
use crate::ledger::checkpoint::inclusion_text;
use crate::ledger::{Hash, Signed};
use std::sync::Arc;

impl Library {
    /// Answers one of these questions.
    pub(super) fn sealed(&self, question: Question) -> Result<Found, Refusal> {
        match question {
            Question::Head => self.head().map(Found::Head),
            Question::Inclusion(index) => self.inclusion(index).map(Found::Inclusion),
            Question::Consistency(from, to) => self.consistency(from, to).map(Found::Consistency),
        }
    }

    /// The last checkpoint.
    fn head(&self) -> Result<Head, Refusal> {
        Ok(self.head_of(self.signed()?.as_ref()))
    }

    /// That event `index` stands in what was signed last.
    fn inclusion(&self, index: u64) -> Result<Inclusion, Refusal> {
        let signed = self.signed()?;
        let size = signed.checkpoint.size;
        if index >= self.ledger.head().size {
            return Err(Refusal::new(Rule::NotFound, format!("no event {index}")));
        }
        if index >= size {
            let what = format!("event {index} is not signed for yet: the last checkpoint is of {size} events");
            return Err(Refusal::new(Rule::NotFound, what).next("ask again in a second"));
        }
        let leaf = self.ledger.read(index).map_err(unread)?.hash;
        let path = self.ledger.tree().inclusion(index, size, |block| self.ledger.block(block)).map_err(unread)?;
        let (head, text) = (self.head_of(&signed), inclusion_text(index, &path, &signed.note));
        Ok(Inclusion { index, leaf: leaf.to_base64(), path: in_base64(&path), text, head })
    }

    /// That the ledger of `to` events continues the one of `from`; unless said otherwise, as it was signed last.
    fn consistency(&self, from: u64, to: Option<u64>) -> Result<Consistency, Refusal> {
        let to = match to {
            Some(to) => to,
            None => self.signed()?.checkpoint.size,
        };
        let tree = self.ledger.tree();
        if from == 0 || from > to {
            return Err(Refusal::new(Rule::Input, format!("there is nothing to prove from {from} to {to} events"))
                .next("name an earlier and a later number of events, both above 0"));
        }
        if to > tree.size() {
            return Err(Refusal::new(Rule::NotFound, format!("there are {} events, not {to}", tree.size())));
        }
        let block = |block| self.ledger.block(block);
        let root = |size| tree.root_at(size, block).map(|root| (size, root.to_base64()));
        let path = tree.consistency(from, to, block).map_err(unread)?;
        Ok(Consistency { from: root(from).map_err(unread)?, to: root(to).map_err(unread)?, path: in_base64(&path) })
    }

    pub(super) fn signed(&self) -> Result<Arc<Signed>, Refusal> {
        self.ledger.checkpoint().ok_or_else(|| {
            Refusal::new(Rule::Storage, "nothing is signed: the ledger's key is not here")
                .next("put keys/ledger.ed25519 back from a backup and restart the server")
        })
    }

    pub(super) fn head_of(&self, signed: &Signed) -> Head {
        let identity = self.ledger.identity();
        Head {
            origin: signed.checkpoint.origin.clone(),
            size: signed.checkpoint.size,
            root: signed.checkpoint.root.to_base64(),
            note: signed.note.clone(),
            sshsig: signed.sshsig.clone(),
            key: identity.note_key(),
            allowed_signers: identity.allowed_signers(),
        }
    }
}

fn in_base64(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| hash.to_base64()).collect()
}
