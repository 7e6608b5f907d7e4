//! Keys, tokens and sealing: pure functions over bytes. Randomness comes from `ports::Entropy`; large bodies go to `ports::Crypto`.

pub mod keyring;
pub mod seal;
pub mod tokens;
pub mod webhook_signature;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// HMAC-SHA256 over parts that cannot run into one another: each is preceded by its length.
fn mac_of_parts(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A 32-byte key always fits, so the fixed-size constructor serves and cannot fail.
    let mut block = [0_u8; 64];
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(&length_prefix(part));
        mac.update(part);
    }
    mac
}

/// The length of a part as eight big-endian bytes.
fn length_prefix(part: &[u8]) -> [u8; 8] {
    u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes()
}
