//! The machine's tokens, derived and never stored (protocol, "Tokens"): a claim for a launch, a session for the boot that claimed it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;

use super::keyring::{KeyVersion, Keyring, NoSuchKey};
use super::mac_of_parts;
use crate::domain::ids::{Attempt, TaskId};
use crate::domain::secret::Secret;

/// What a token lets its holder do.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'a> {
    /// Take the job, once: all that a machine is created with.
    Claim,
    /// Report, clone and hand over, as the boot that took the job.
    Session {
        /// The boot's own random id.
        boot_id: &'a str,
    },
}

/// A token's text: the key's number, a dot, and 43 characters of `A-Za-z0-9_-`. The same input gives the same token.
pub fn derive(
    keys: &Keyring,
    version: KeyVersion,
    purpose: Purpose<'_>,
    task: &TaskId,
    attempt: Attempt,
) -> Result<Secret, NoSuchKey> {
    let mac = mac(keys, version, purpose, task, attempt)?.finalize().into_bytes();
    Ok(Secret::new(format!("{version}.{}", URL_SAFE_NO_PAD.encode(mac))))
}

/// Whether a presented text is that token, in constant time. `version` is the one kept on the attempt.
pub fn matches(
    keys: &Keyring,
    version: KeyVersion,
    purpose: Purpose<'_>,
    task: &TaskId,
    attempt: Attempt,
    presented: &str,
) -> Result<bool, NoSuchKey> {
    let mac = mac(keys, version, purpose, task, attempt)?;
    let prefix = format!("{version}.");
    let bytes = presented.strip_prefix(prefix.as_str()).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    Ok(bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok()))
}

fn mac(
    keys: &Keyring,
    version: KeyVersion,
    purpose: Purpose<'_>,
    task: &TaskId,
    attempt: Attempt,
) -> Result<hmac::Hmac<sha2::Sha256>, NoSuchKey> {
    let subkey = keys.subkey(version, "machine-tokens")?;
    let attempt = attempt.0.to_be_bytes();
    let task = task.as_str().as_bytes();
    Ok(match purpose {
        Purpose::Claim => mac_of_parts(&subkey, &[b"claim", task, &attempt]),
        Purpose::Session { boot_id } => mac_of_parts(&subkey, &[b"session", task, &attempt, boot_id.as_bytes()]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn keys() -> Keyring {
        let text = format!("1:{},2:{}", STANDARD.encode([1; 32]), STANDARD.encode([2; 32]));
        Keyring::parse(&Secret::new(text)).ok().unwrap()
    }

    fn task(text: &str) -> TaskId {
        TaskId::parse(text).unwrap()
    }

    const TASK: &str = "01aaaaaaaaaaaaaaaaaaaaaaaa";
    const OTHER: &str = "01aaaaaaaaaaaaaaaaaaaaaaab";

    #[test]
    fn a_token_is_good_for_exactly_its_own_use() {
        let keys = keys();
        let every: Vec<_> = [1, 2]
            .into_iter()
            .flat_map(|version| [TASK, OTHER].into_iter().map(move |task| (version, task)))
            .flat_map(|(version, task)| [1, 2].into_iter().map(move |attempt| (version, task, attempt)))
            .flat_map(|(version, task, attempt)| {
                [Purpose::Claim, Purpose::Session { boot_id: "boot-a" }, Purpose::Session { boot_id: "boot-b" }]
                    .into_iter()
                    .map(move |purpose| (KeyVersion(version), purpose, task, Attempt(attempt)))
            })
            .collect();
        for (i, &(version, purpose, id, attempt)) in every.iter().enumerate() {
            let token = derive(&keys, version, purpose, &task(id), attempt).unwrap();
            for (j, &(version, purpose, id, attempt)) in every.iter().enumerate() {
                let fits = matches(&keys, version, purpose, &task(id), attempt, token.expose()).unwrap();
                assert_eq!(fits, i == j, "{i} presented as {j}");
            }
        }
    }

    #[test]
    fn the_text_form_is_pinned() {
        let token = derive(&keys(), KeyVersion(1), Purpose::Claim, &task(TASK), Attempt(1)).unwrap();
        let (version, mac) = token.expose().split_once('.').unwrap();
        assert_eq!((version, mac.len()), ("1", 43));
        // A change of the derivation would lock out every machine that is out there.
        assert_eq!(mac, PINNED);
    }

    /// Computed outside this crate, from the words of the protocol.
    const PINNED: &str = "rQCD0BbGrVh2eQsvO4020rWxubVo4lmTqPQOvNSwxlc";

    proptest! {
        #[test]
        fn no_other_text_is_accepted(presented in "\\PC{0,60}", cut in 0_usize..45) {
            let (keys, task) = (keys(), task(TASK));
            let version = KeyVersion(1);
            let token = derive(&keys, version, Purpose::Claim, &task, Attempt(1)).unwrap();
            let accepts = |text: &str| matches(&keys, version, Purpose::Claim, &task, Attempt(1), text).unwrap();
            prop_assert!(!accepts(&presented));
            prop_assert!(!accepts(&token.expose()[..cut.min(44)]));
            let extended = format!("{}A", token.expose());
            prop_assert!(!accepts(&extended));
            let renumbered = token.expose().replacen('1', "2", 1);
            prop_assert!(!accepts(&renumbered));
        }
    }
}
