//! Redaction on tables of real shapes: every form a key travels in, and texts that must stay as they are.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

const SECRET: &str = "canary-anthropic-0001/x+Yz~q";

fn redactor(texts: &[&str]) -> Redactor {
    let secrets: Vec<_> = texts.iter().map(|text| Secret::new(*text)).collect();
    Redactor::new(&secrets.iter().collect::<Vec<_>>())
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[test]
fn ordinary_text_is_borrowed() {
    let text = "A task-force of risk-takers: sk-fading-circle-animation, AKIA, eyJ.a.b, https://github.com/o/r.git";
    assert!(matches!(redactor(&[SECRET]).redact(text), Cow::Borrowed(_)));
    assert!(matches!(redactor(&[]).redact(text), Cow::Borrowed(_)));
}

#[test]
fn every_encoding_is_found_wherever_it_stands() {
    let redactor = redactor(&[SECRET]);
    let reversed: String = SECRET.chars().rev().collect();
    let all_percent: String = SECRET.bytes().map(|b| format!("%{b:02x}")).collect();
    let mut hidden =
        vec![SECRET.to_owned(), reversed, hex::encode(SECRET), hex::encode_upper(SECRET), percent(SECRET), all_percent];
    for before in ["", "a", "ab", "token=", "é"] {
        hidden.push(STANDARD.encode(format!("{before}{SECRET} and more")));
        hidden.push(URL_SAFE_NO_PAD.encode(format!("{before}{SECRET}")));
    }
    hidden.push(SECRET.chars().flat_map(|c| [c, '\n']).collect());
    for form in hidden {
        let text = format!("before {form} after");
        let redacted = redactor.redact(&text);
        assert!(redacted.contains(REDACTED), "{form}");
        assert!(redacted.starts_with("before ") && redacted.ends_with(" after"), "{redacted}");
        assert!(redacted.len() < REDACTED.len() + 40, "{redacted}");
        assert_eq!(redactor.finds(text.as_bytes()), Some(Kind::Issued), "{form}");
    }
}

#[test]
fn a_public_prefix_alone_is_no_secret() {
    let redactor = redactor(&[
        // In pieces, so that no scanner of this repository takes them for real.
        concat!("sk-", "ant-api03-canary0canary1canary2"),
        concat!("-----BEGIN RSA ", "PRIVATE KEY-----\ncanarycanarycanary\n-----END RSA ", "PRIVATE KEY-----\n"),
    ]);
    for harmless in ["keys look like sk-ant-api03-…", "a file with -----BEGIN RSA PRIVATE KEY----- at its head"] {
        assert_eq!(redactor.redact(harmless), harmless);
    }
    assert_eq!(redactor.redact("k-ant-api03-c"), "k[redacted]");
    assert_eq!(redactor.redact("xcanarycanaryx"), "x[redacted]x");
}

#[test]
fn short_secrets_are_found_whole_and_very_short_ones_not_at_all() {
    let redactor = redactor(&["hunter22", "abc"]);
    assert_eq!(redactor.redact("say hunter22, abc"), "say [redacted], abc");
    assert_eq!(redactor.redact("say hunter2"), "say hunter2");
}

/// Built from parts, so that no scanner takes this file for a leak.
#[test]
fn foreign_secrets_are_known_by_their_look() {
    let nothing = redactor(&[]);
    let tail = "a1".repeat(20);
    let web = ["eyJhbGciOiJub25lIn0", "eyJzdWIiOiJjYW5hcnkifQ", "canary_canary"].join(".");
    let block =
        |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----\n{tail}\n{tail}=\n-----END {kind}PRIVATE KEY-----");
    for (secret, kind) in [
        (format!("{}{tail}", ["gh", "s_"].concat()), "a GitHub token"),
        (format!("{}1234_{web}", ["gh", "s_"].concat()), "a GitHub token"),
        (format!("{}{tail}", ["github", "_pat_"].concat()), "a GitHub token"),
        (format!("{}{tail}", ["sk-", "ant-api03-"].concat()), "an Anthropic key"),
        (format!("{}{tail}", ["sk-", "proj-"].concat()), "an API key"),
        (["AKI", "A", &"CANARY01".repeat(2)].concat(), "an AWS key"),
        (format!("{}{tail}", ["xox", "b-"].concat()), "a Slack token"),
        (web.clone(), "a JSON web token"),
        (block(""), "a private key"),
        (block("RSA "), "a private key"),
        (block("OPENSSH ").replace('\n', "\\n"), "a private key"),
    ] {
        for (before, after) in [("", ""), ("x=\"", "\";"), ("é ", " é"), ("https://u:", "@host/")] {
            let text = format!("{before}{secret}{after}");
            assert_eq!(nothing.redact(&text), format!("{before}{REDACTED}{after}"));
            assert_eq!(nothing.finds(text.as_bytes()), Some(Kind::LooksLike(kind)));
        }
    }
}

#[test]
fn a_long_text_takes_linear_time() {
    let redactor = redactor(&[SECRET]);
    for unit in
        ["canary-anthr", "sk-", "eyJ", "-----BEGIN ", "ghs_", "-----BEGIN PRIVATE KEY-----", "eyJaaaaaaaaa.", "a "]
    {
        let text = unit.repeat(200_000 / unit.len());
        let begin = std::time::Instant::now();
        let length = redactor.redact(&text).len();
        assert!(length > 0 && begin.elapsed().as_secs() < 5, "{unit}: {:?}", begin.elapsed());
    }
}

proptest! {
    #[test]
    fn no_twelve_characters_survive(secret in "[!-~]{12,80}", from in any::<prop::sample::Index>(), length in 12_usize..40, before in "\\PC{0,8}", after in "\\PC{0,8}") {
        let redactor = redactor(&[&secret]);
        let from = from.index(secret.len() - 11);
        let piece = &secret[from..(from + length).min(secret.len())];
        let text = format!("{before}{piece}{after}");
        let redacted = redactor.redact(&text);
        let survives = secret.as_bytes().windows(12).any(|w| redacted.as_bytes().windows(12).any(|x| x == w));
        let public = ["sk-", "github_pat_", "FlyV1", "sgamp_"].iter().any(|prefix| secret.starts_with(prefix));
        prop_assert!(public || !survives, "{}", redacted);
        prop_assert_eq!(redactor.redact(&redacted).into_owned(), redacted.clone().into_owned());
    }

    #[test]
    fn any_bytes_are_scanned(content in prop::collection::vec(any::<u8>(), 0..200)) {
        let redactor = redactor(&[SECRET]);
        prop_assert_ne!(redactor.finds(&content), Some(Kind::Issued));
    }
}
