//! The instance's own keys, from `ENCRYPTION_KEYS` (`1:base64of32bytes,2:…`): the newest seals, all of them open.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;

use super::mac_of_parts;
use crate::domain::secret::Secret;

/// Which key of the ring: the number written before its colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyVersion(pub u32);

impl std::fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Why `ENCRYPTION_KEYS` cannot be used. Names the entry by its place, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyring {
    /// There is no entry at all.
    #[error("ENCRYPTION_KEYS is empty; write 1: and 32 random bytes in base64")]
    Empty,
    /// An entry breaks a rule.
    #[error("entry {place} of ENCRYPTION_KEYS must {rule}")]
    Entry {
        /// Counted from 1.
        place: usize,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// A version that the ring does not hold (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ENCRYPTION_KEYS has no key {0}")]
pub struct NoSuchKey(pub KeyVersion);

/// The keys by version. No `Debug`, no `Serialize`: it never leaves.
#[derive(Clone)]
pub struct Keyring {
    newest: KeyVersion,
    keys: BTreeMap<KeyVersion, [u8; 32]>,
}

impl Keyring {
    /// Reads `version:base64,…`; spaces around entries are ignored. Refuses short, long, repeated and all-zero keys.
    pub fn parse(text: &Secret) -> Result<Self, BadKeyring> {
        let mut keys = BTreeMap::new();
        let entries = text.expose().split(',').map(str::trim).enumerate();
        for (index, entry) in entries.filter(|(_, entry)| !entry.is_empty()) {
            let broken = |rule| BadKeyring::Entry { place: index + 1, rule };
            let (version, key) = read_entry(entry).map_err(broken)?;
            if keys.values().any(|known| known == &key) {
                return Err(broken("not repeat another entry's key"));
            }
            if keys.insert(version, key).is_some() {
                return Err(broken("not repeat another entry's number"));
            }
        }
        let newest = *keys.last_key_value().ok_or(BadKeyring::Empty)?.0;
        Ok(Self { newest, keys })
    }

    /// The version that new things are sealed and derived with.
    #[must_use]
    pub const fn newest(&self) -> KeyVersion {
        self.newest
    }

    /// A key for one purpose only, so that what one use gives away says nothing about another.
    pub(super) fn subkey(&self, version: KeyVersion, purpose: &'static str) -> Result<[u8; 32], NoSuchKey> {
        let key = self.keys.get(&version).ok_or(NoSuchKey(version))?;
        Ok(mac_of_parts(key, &[b"porter/v1/subkey", purpose.as_bytes()]).finalize().into_bytes().into())
    }
}

/// One `version:base64`, or the rule it breaks.
fn read_entry(entry: &str) -> Result<(KeyVersion, [u8; 32]), &'static str> {
    let (number, encoded) = entry.split_once(':').ok_or("be a number, a colon and a key")?;
    let digits_only = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let version = number.parse().ok().filter(|&version| digits_only && version > 0);
    let version = version.ok_or("begin with a whole number from 1")?;
    let bytes = STANDARD.decode(encoded).ok().ok_or("hold its key in base64")?;
    let key: [u8; 32] = bytes.try_into().ok().ok_or("hold a key of exactly 32 bytes")?;
    if key.iter().all(|&byte| byte == 0) {
        return Err("not be all zeros");
    }
    Ok((KeyVersion(version), key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: &str, byte: u8, length: usize) -> String {
        format!("{version}:{}", STANDARD.encode(vec![byte; length]))
    }

    fn refusal(text: &str) -> String {
        Keyring::parse(&Secret::new(text)).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_newest_is_the_highest_number_wherever_it_stands() {
        let text = format!(" {} , {}, ", entry("10", 1, 32), entry("9", 2, 32));
        let ring = Keyring::parse(&Secret::new(text)).ok().unwrap();
        assert_eq!(ring.newest(), KeyVersion(10));
        assert!(ring.subkey(KeyVersion(9), "x").is_ok());
        assert_eq!(ring.subkey(KeyVersion(8), "x"), Err(NoSuchKey(KeyVersion(8))));
    }

    #[test]
    fn subkeys_differ_by_purpose_and_version() {
        let text = format!("{},{}", entry("1", 1, 32), entry("2", 2, 32));
        let ring = Keyring::parse(&Secret::new(text)).ok().unwrap();
        let keys = [(1, "a"), (1, "b"), (2, "a")].map(|(v, purpose)| ring.subkey(KeyVersion(v), purpose).unwrap());
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
    }

    #[test]
    fn a_refusal_names_the_entry_and_never_its_value() {
        let good = entry("1", 7, 32);
        for (second, rule) in [
            ("canary".to_owned(), "a colon"),
            (entry("0", 8, 32), "from 1"),
            (entry("+2", 8, 32), "from 1"),
            (entry("", 8, 32), "from 1"),
            (entry("2", 8, 31), "32 bytes"),
            (entry("2", 8, 33), "32 bytes"),
            (entry("2", 0, 32), "zeros"),
            (entry("2", 7, 32), "entry's key"),
            (entry("1", 8, 32), "entry's number"),
            ("2:canary-canary!".to_owned(), "base64"),
        ] {
            let words = refusal(&format!("{good},{second}"));
            assert!(words.contains("entry 2") && words.contains(rule), "{second}: {words}");
            let value = second.split_once(':').map_or(second.as_str(), |(_, value)| value);
            assert!(!words.contains(value), "{words}");
        }
        for empty in ["", " ", ",,"] {
            assert!(refusal(empty).contains("empty"), "{empty:?}");
        }
    }
}
