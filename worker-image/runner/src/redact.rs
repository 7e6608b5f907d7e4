//! Finds issued secrets by value, however they were cut or encoded, and takes them out of text that leaves.

use std::collections::{BTreeMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// What stands where a secret stood.
const MARK: &str = "[redacted]";
/// Any run of this many bytes of a secret is taken out of a log line. Shorter is likely chance.
const WINDOW: usize = 12;
/// A run of this many bytes of a secret makes a file refused: longer, since providers' keys share prefixes that documents quote.
const PROOF: usize = 20;

/// Knows every secret of a run. Holds them, so there is no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Redactor {
    windows: Runs,
    proofs: Runs,
}

/// Runs of secrets by their length: short secrets make runs of their own length.
type Runs = BTreeMap<usize, HashSet<Vec<u8>>>;

impl Redactor {
    /// Learns the secrets. Values under 8 bytes are ignored: they would blank out ordinary words.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut redactor = Self::default();
        for secret in secrets.into_iter().filter(|secret| secret.len() >= 8) {
            for form in forms(secret.as_bytes()) {
                for (set, size) in [
                    (&mut redactor.windows, WINDOW),
                    (&mut redactor.proofs, PROOF),
                ] {
                    let size = size.min(form.len());
                    let runs = set.entry(size).or_default();
                    runs.extend(form.windows(size).map(<[u8]>::to_vec));
                }
            }
        }
        redactor
    }

    /// The text with every run of a secret replaced.
    pub(crate) fn redact(&self, text: &str) -> String {
        let covered = self.covered(text.as_bytes());
        if covered.is_empty() {
            return text.to_owned();
        }
        let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
        for (from, to) in covered {
            out.extend_from_slice(text.as_bytes().get(at..from).unwrap_or_default());
            out.extend_from_slice(MARK.as_bytes());
            at = to;
        }
        out.extend_from_slice(text.as_bytes().get(at..).unwrap_or_default());
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Whether these bytes carry a secret beyond chance.
    pub(crate) fn found_in(&self, bytes: &[u8]) -> bool {
        let mut found = self.proofs.iter();
        found.any(|(size, runs)| bytes.windows(*size).any(|run| runs.contains(run)))
    }

    /// The ranges that are part of a secret, merged, in order.
    fn covered(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut hits: Vec<(usize, usize)> = Vec::new();
        for (size, runs) in &self.windows {
            let at = bytes
                .windows(*size)
                .enumerate()
                .filter(|(_, run)| runs.contains(*run));
            hits.extend(at.map(|(at, _)| (at, at + size)));
        }
        hits.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (from, to) in hits {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                Some(_) | None => merged.push((from, to)),
            }
        }
        merged
    }
}

/// The shapes a secret can leave in: as it is, backwards, hex, and base64 at each of its three alignments.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        secret.to_vec(),
        secret.iter().rev().copied().collect(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for shift in 0..3 {
        let shifted = [vec![0; shift], secret.to_vec()].concat();
        for text in [STANDARD.encode(&shifted), URL_SAFE.encode(&shifted)] {
            // Only the characters that depend on nothing but the secret: a neighbour changes the first and last few.
            let (skip, end) = (shift.div_ceil(3) * 4, shifted.len() / 3 * 4);
            forms.extend(text.as_bytes().get(skip..end).map(<[u8]>::to_vec));
        }
    }
    forms.retain(|form| form.len() >= 8);
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "canary-anthropic-0001-abcdefgh";

    #[test]
    fn a_secret_is_taken_out_however_it_was_cut_or_encoded() {
        let redactor = Redactor::new([SECRET]);
        let backwards: String = SECRET.chars().rev().collect();
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        for leak in [
            SECRET.to_owned(),
            SECRET[7..].to_owned(),
            SECRET[..SECRET.len() - 9].to_owned(),
            backwards,
            hex,
            STANDARD.encode(SECRET),
            STANDARD.encode(format!("k={SECRET}")),
            STANDARD.encode(format!("{{\"k\":\"{SECRET}\"}}")),
        ] {
            let said = redactor.redact(&format!("before {leak} after"));
            assert!(
                said.starts_with("before [redacted]") || said.contains("[redacted]"),
                "{said}"
            );
            assert!(said.ends_with(" after"), "{said}");
            let left = said.replace(MARK, "");
            assert!(left.len() <= 25, "{leak} left {left}");
        }
    }

    #[test]
    fn ordinary_text_and_shared_prefixes_stay() {
        let redactor = Redactor::new([SECRET, "short", ""]);
        assert_eq!(
            redactor.redact("a short canary sings"),
            "a short canary sings"
        );
        assert!(!redactor.found_in(b"keys look like canary-anthropic-"));
        assert!(redactor.found_in(format!("x{}y", &SECRET[4..26]).as_bytes()));
    }

    #[test]
    fn characters_beside_a_secret_survive() {
        let said = Redactor::new([SECRET]).redact(&format!("é{SECRET}é"));
        assert_eq!(said, "é[redacted]é");
    }
}
