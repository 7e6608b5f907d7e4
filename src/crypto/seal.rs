//! Sealing of stored secrets: AES-256-GCM, bound to whose and which secret it is, so that a row moved elsewhere does not open.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};

use super::keyring::{KeyVersion, Keyring, NoSuchKey};
use super::length_prefix;
use crate::domain::secret::Secret;
use crate::ports::Entropy;

/// The word for the column `alg`.
pub const ALG: &str = "aes-256-gcm";

/// Whose secret, and which: what a sealed value is bound to besides its key's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The table or kind of thing, as `user_secrets`.
    pub kind: &'a str,
    /// Whose it is, by a number that survives renames.
    pub owner: &'a str,
    /// Which of the owner's secrets.
    pub name: &'a str,
}

/// A sealed secret, in the columns of seed 001 ("Credential Storage").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that sealed it.
    pub key_version: KeyVersion,
    /// The nonce; never used twice.
    pub iv: [u8; 12],
    /// The authentication tag.
    pub tag: [u8; 16],
    /// The secret's bytes, encrypted.
    pub encrypted_value: Vec<u8>,
}

/// Why a secret could not be sealed or opened. Says nothing about the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key is not (or no longer) in `ENCRYPTION_KEYS`.
    #[error(transparent)]
    NoSuchKey(#[from] NoSuchKey),
    /// The value was changed, moved to another place, or sealed under another key of the same number.
    #[error("a sealed value does not open: it was changed, moved or sealed with another key")]
    Broken,
    /// The value is longer than the cipher allows.
    #[error("the value is too long to seal")]
    TooLong,
}

/// Seals a secret with the newest key.
pub fn seal(keys: &Keyring, entropy: &dyn Entropy, place: Place<'_>, secret: &Secret) -> Result<Sealed, SealError> {
    let key_version = keys.newest();
    let mut iv = [0; 12];
    entropy.fill(&mut iv);
    let aad = aad(place, key_version);
    let payload = Payload { msg: secret.expose().as_bytes(), aad: &aad };
    let sealed = cipher(keys, key_version)?.encrypt(&Nonce::from(iv), payload).ok();
    let mut encrypted_value = sealed.ok_or(SealError::TooLong)?;
    let tag = encrypted_value.split_off(encrypted_value.len().saturating_sub(16));
    let tag = tag.try_into().ok().ok_or(SealError::TooLong)?;
    Ok(Sealed { key_version, iv, tag, encrypted_value })
}

/// Opens a sealed secret; only in the place it was sealed for.
pub fn open(keys: &Keyring, place: Place<'_>, sealed: &Sealed) -> Result<Secret, SealError> {
    let aad = aad(place, sealed.key_version);
    let msg = [sealed.encrypted_value.as_slice(), &sealed.tag].concat();
    let cipher = cipher(keys, sealed.key_version)?;
    let opened = cipher.decrypt(&Nonce::from(sealed.iv), Payload { msg: &msg, aad: &aad }).ok();
    let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Secret::new).ok_or(SealError::Broken)
}

fn cipher(keys: &Keyring, version: KeyVersion) -> Result<Aes256Gcm, NoSuchKey> {
    let key = keys.subkey(version, "sealing")?;
    Ok(Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)))
}

/// What is authenticated beside the value; each part is preceded by its length, so no two places read the same.
fn aad(place: Place<'_>, version: KeyVersion) -> Vec<u8> {
    let version = version.0.to_be_bytes();
    let parts: [&[u8]; 5] =
        [b"porter/v1/seal", place.kind.as_bytes(), place.owner.as_bytes(), place.name.as_bytes(), &version];
    parts.iter().flat_map(|part| length_prefix(part).into_iter().chain(part.iter().copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use std::cell::Cell;

    struct Counting(Cell<u8>);

    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            self.0.set(self.0.get().wrapping_add(1));
            buffer.fill(self.0.get());
        }
    }

    fn keys(entries: &[(u32, u8)]) -> Keyring {
        let entries: Vec<_> = entries.iter().map(|(v, b)| format!("{v}:{}", STANDARD.encode([*b; 32]))).collect();
        Keyring::parse(&Secret::new(entries.join(","))).ok().unwrap()
    }

    fn sealed(keys: &Keyring, place: Place<'_>, text: &str) -> Sealed {
        seal(keys, &Counting(Cell::new(0)), place, &Secret::new(text)).unwrap()
    }

    const PLACE: Place<'_> = Place { kind: "user_secrets", owner: "7", name: "FLY_API_TOKEN" };

    #[test]
    fn a_value_opens_only_in_its_own_place() {
        let ring = keys(&[(1, 1)]);
        let value = sealed(&ring, PLACE, "canary-fly-0001");
        assert_eq!(open(&ring, PLACE, &value).ok().map(|s| s.expose().to_owned()).as_deref(), Some("canary-fly-0001"));
        for place in [
            Place { kind: "user_oauth_tokens", ..PLACE },
            Place { owner: "8", ..PLACE },
            Place { name: "OTHER", ..PLACE },
            // The same bytes in a row, cut elsewhere.
            Place { owner: "7F", name: "LY_API_TOKEN", ..PLACE },
            Place { kind: "user_secrets7", owner: "", ..PLACE },
        ] {
            assert_eq!(open(&ring, place, &value).err(), Some(SealError::Broken), "{place:?}");
        }
    }

    #[test]
    fn old_keys_open_the_newest_seals_and_a_renumbered_key_does_not_open() {
        let old = sealed(&keys(&[(1, 1)]), PLACE, "canary-0001");
        let both = keys(&[(1, 1), (2, 2)]);
        assert!(open(&both, PLACE, &old).is_ok());
        assert_eq!(sealed(&both, PLACE, "canary-0001").key_version, KeyVersion(2));
        assert_eq!(open(&keys(&[(2, 2)]), PLACE, &old).err(), Some(SealError::NoSuchKey(NoSuchKey(KeyVersion(1)))));
        assert_eq!(open(&keys(&[(1, 9)]), PLACE, &old).err(), Some(SealError::Broken));
        let downgraded = Sealed { key_version: KeyVersion(2), ..old };
        assert_eq!(open(&both, PLACE, &downgraded).err(), Some(SealError::Broken));
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let (ring, entropy) = (keys(&[(1, 1)]), Counting(Cell::new(0)));
        let seals = [0, 1].map(|_| seal(&ring, &entropy, PLACE, &Secret::new("canary-0001")).unwrap());
        assert_ne!(seals[0].iv, seals[1].iv);
        assert_ne!(seals[0].encrypted_value, seals[1].encrypted_value);
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_any_flipped_bit_is_noticed(text in "\\PC{1,40}", at in any::<usize>(), bit in 0_u32..8) {
            let ring = keys(&[(1, 1)]);
            let good = sealed(&ring, PLACE, &text);
            prop_assert_eq!(open(&ring, PLACE, &good).ok().map(|s| s.expose().to_owned()), Some(text));
            let flip = |bytes: &mut [u8]| { let at = at % bytes.len(); bytes[at] ^= 1 << bit; };
            for part in 0..3 {
                let mut bad = good.clone();
                match part { 0 => flip(&mut bad.iv), 1 => flip(&mut bad.tag), _ => flip(&mut bad.encrypted_value) }
                prop_assert_eq!(open(&ring, PLACE, &bad).err(), Some(SealError::Broken));
            }
        }
    }
}
