//! Binding v1: one SHA-256 over everything that runs. What you approve is what runs; any drift voids the approval.

use super::canonical::CanonicalError;
use super::id::Digest;
use super::plan::Plan;

/// Keeps a binding from ever equalling a hash made for another purpose, or by another version of this rule.
const BINDING_PREFIX: &[u8] = b"quarterdeck-binding-v1\0";

/// Crockford's base32 alphabet: no I, L, O, U, so that a code read aloud is typed right.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The plan's canonical JSON: what is hashed, and what is kept whole beside the leaf.
///
/// # Errors
/// A number beyond 53 bits, or a name no canonical key may have.
pub fn canonical_plan(plan: &Plan) -> Result<String, CanonicalError> {
    let bytes = super::canonical::of(plan)?;
    String::from_utf8(bytes).map_err(|error| CanonicalError::Unwritable(error.to_string()))
}

/// The binding of a plan given as its canonical JSON.
pub fn binding_of(canonical_plan: &str) -> Digest {
    let mut bytes = BINDING_PREFIX.to_vec();
    bytes.extend_from_slice(canonical_plan.as_bytes());
    Digest::of(&bytes)
}

/// The code people compare and type: the first 30 bits, `XXX-XXX`.
pub fn code(binding: &Digest) -> String {
    let [a, b, c, d, ..] = binding.0;
    let bits = u32::from_be_bytes([a, b, c, d]) >> 2;
    let mut text = String::with_capacity(7);
    for group in (0..6).rev() {
        let index = usize::try_from((bits >> (group * 5)) & 31).unwrap_or(0);
        text.push(char::from(CROCKFORD.get(index).copied().unwrap_or(b'0')));
        if group == 3 {
            text.push('-');
        }
    }
    text
}

/// A code as somebody typed it; case, spaces and the dash do not matter, and neither do the letters Crockford's alphabet
/// leaves out (O is 0, I and L are 1). Text that is no code at all is the code of no plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code([u8; 6]);

impl Code {
    /// What was typed.
    pub fn typed(text: &str) -> Self {
        let plain = text.bytes().filter(u8::is_ascii_alphanumeric).map(|c| match c.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            other => other,
        });
        Self(plain.collect::<Vec<u8>>().try_into().unwrap_or_default())
    }

    /// Whether it is the code of this binding.
    pub fn is_of(self, binding: &Digest) -> bool {
        self == Self::typed(&code(binding))
    }
}

/// Whether typed text is this binding's code.
pub fn is_code(binding: &Digest, typed: &str) -> bool {
    Code::typed(typed).is_of(binding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_first_thirty_bits() {
        assert_eq!(code(&Digest([0xff; 32])), "ZZZ-ZZZ");
        assert_eq!(code(&Digest([0; 32])), "000-000");
        let mut one = [0; 32];
        one[3] = 0b100;
        assert_eq!(code(&Digest(one)), "000-001");
    }

    #[test]
    fn a_code_is_typed_by_tired_fingers() {
        let digest = Digest([0; 32]);
        assert!(is_code(&digest, "ooo ooo"));
        assert!(is_code(&digest, "000-000"));
        assert!(!is_code(&digest, "000-00"));
        assert!(!is_code(&digest, "000-0000"));
        assert!(!is_code(&digest, ""));
    }
}
