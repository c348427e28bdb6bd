//! Feed keys: who a feed belongs to, its text form, and signing (spec/key.md).
//!
//! Knows the signing contexts and nothing of what is signed. Key files and passphrases are `peer::io::keys`'s business;
//! randomness comes in as bytes.

use crate::reject::Reject;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// What a signature is for. Each context ends in a newline and none is a prefix of another (spec/key.md, Contexts).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A head, by the feed key.
    Head,
    /// A succession, by the recovery key and by the next key.
    Succession,
}

impl Context {
    /// The bytes that stand before the signed body.
    #[must_use]
    pub fn prefix(self) -> &'static [u8] {
        match self {
            Self::Head => b"levada head v1\n",
            Self::Succession => b"levada succession v1\n",
        }
    }

    fn message(self, body: &[u8]) -> Vec<u8> {
        [self.prefix(), body].concat()
    }
}

/// The ed25519 public key that names a feed. Always canonical, of large order and torsion-free.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedKey([u8; 32]);

impl FeedKey {
    /// Checks 32 bytes from outside.
    ///
    /// # Errors
    /// key-1, key-2, key-3.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Reject> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| Reject::KeyNotCanonical)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(Reject::KeyNotCanonical);
        }
        if point.is_small_order() {
            return Err(Reject::KeySmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(Reject::KeyMixedOrder);
        }
        Ok(Self(*bytes))
    }

    /// A key that we checked before and kept ourselves, as in a store: a thousand checks take as long as all else that a
    /// start does. Other bytes would be nobody's key, and no signature is good under them.
    #[must_use]
    pub fn kept(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Checks a signature over `body` in a context (key-7): cofactorless, R compared as bytes and not of small order,
    /// S below the group order.
    ///
    /// # Errors
    /// `BadSignature`.
    pub fn check(
        &self,
        context: Context,
        body: &[u8],
        signature: &Signature,
    ) -> Result<(), Reject> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| Reject::KeyNotCanonical)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(&context.message(body), &signature)
            .map_err(|_| Reject::BadSignature)
    }
}

impl Borrow<[u8; 32]> for FeedKey {
    /// What a stranger names can be looked up among keys that were checked, without being checked.
    fn borrow(&self) -> &[u8; 32] {
        &self.0
    }
}

const PREFIX: Hrp = Hrp::parse_unchecked("lev");
/// Characters of the text form of a feed key.
const TEXT_CHARS: usize = 62;

impl fmt::Display for FeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32m, _>(f, PREFIX, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for FeedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FeedKey({self})")
    }
}

impl FromStr for FeedKey {
    type Err = Reject;

    fn from_str(text: &str) -> Result<Self, Reject> {
        let has_upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        if has_upper && text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(Reject::KeyMixedCase);
        }
        if text.len() != TEXT_CHARS {
            return Err(Reject::KeyText);
        }
        let checked = CheckedHrpstring::new::<Bech32m>(text).map_err(|_| Reject::KeyText)?;
        if checked.hrp() != PREFIX {
            return Err(Reject::KeyText);
        }
        // 52 symbols carry 260 bits; the last four are padding.
        if checked
            .fe32_iter()
            .last()
            .is_none_or(|symbol| symbol.to_u8() & 0b1111 != 0)
        {
            return Err(Reject::KeyPadding);
        }
        let bytes: Vec<u8> = checked.byte_iter().collect();
        Self::from_bytes(&bytes.try_into().map_err(|_| Reject::KeyText)?)
    }
}

impl serde::Serialize for FeedKey {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for FeedKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A secret key. Has no text form and prints nothing of itself; its bytes are wiped when it is dropped.
pub struct FeedSecret(SigningKey);

impl FeedSecret {
    /// From the 32 secret bytes of RFC 8032.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The 32 secret bytes, for the key file alone.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The public key.
    #[must_use]
    pub fn feed_key(&self) -> FeedKey {
        FeedKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `body` in a context. Only `head` and `succession` call this: a feed key signs nothing else.
    pub(crate) fn sign(&self, context: Context, body: &[u8]) -> Signature {
        Signature(self.0.sign(&context.message(body)).to_bytes())
    }
}

impl fmt::Debug for FeedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FeedSecret(of {})", self.feed_key())
    }
}

/// 64 bytes that claim to be a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(pub [u8; 64]);

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> FeedSecret {
        FeedSecret::from_bytes(&[7; 32])
    }

    #[test]
    fn text_form_comes_back_in_either_case_and_has_62_characters() {
        let key = secret().feed_key();
        let text = key.to_string();
        assert_eq!(text.len(), TEXT_CHARS);
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(text.to_uppercase().parse(), Ok(key));
        let mixed = text.replacen('l', "L", 1);
        assert_eq!(mixed.parse::<FeedKey>(), Err(Reject::KeyMixedCase));
    }

    #[test]
    fn every_changed_character_of_the_text_form_is_refused() {
        let text = secret().feed_key().to_string();
        for at in 4..text.len() {
            for other in ["q", "p", "z"] {
                let mut wrong = text.clone();
                wrong.replace_range(at..=at, other);
                assert_eq!(wrong.parse::<FeedKey>().is_ok(), wrong == text);
            }
        }
    }

    #[test]
    fn keys_of_small_and_mixed_order_and_other_encodings_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(FeedKey::from_bytes(&identity), Err(Reject::KeySmallOrder));
        // y = p + 1, another way to write y = 1.
        let mut high = [0xff; 32];
        high[0] = 0xee;
        high[31] = 0x7f;
        assert_eq!(FeedKey::from_bytes(&high), Err(Reject::KeyNotCanonical));
        // A good key plus the point of order 2: (x, y) becomes (-x, -y).
        let good = VerifyingKey::from_bytes(secret().feed_key().as_bytes())
            .unwrap()
            .to_edwards();
        let mut two = [0xff; 32];
        two[0] = 0xec;
        two[31] = 0x7f;
        let order_two = VerifyingKey::from_bytes(&two).unwrap().to_edwards();
        let mixed = (good + order_two).compress().to_bytes();
        assert_eq!(FeedKey::from_bytes(&mixed), Err(Reject::KeyMixedOrder));
    }

    #[test]
    fn signature_counts_in_its_context_only() {
        let key = secret().feed_key();
        let signature = secret().sign(Context::Head, b"body");
        assert_eq!(key.check(Context::Head, b"body", &signature), Ok(()));
        assert_eq!(
            key.check(Context::Succession, b"body", &signature),
            Err(Reject::BadSignature)
        );
        assert_eq!(
            key.check(Context::Head, b"bodY", &signature),
            Err(Reject::BadSignature)
        );
    }

    #[test]
    fn secret_prints_only_its_public_key() {
        let shown = format!("{:?}", secret());
        assert!(!shown.contains("0707") && !shown.contains("7, 7"));
    }
}
