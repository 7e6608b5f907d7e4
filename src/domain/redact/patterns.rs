//! The second net: what looks like a secret although nobody here issued it. By hand, since a regex engine outweighs the Worker.

use std::ops::Range;

/// A token that begins in a known way.
struct Token {
    kind: &'static str,
    prefix: &'static str,
    /// How many characters must follow the prefix.
    least: usize,
    follows: fn(u8) -> bool,
    /// Whether a digit must be among them, where words could follow as well.
    digit: bool,
}

const fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}
const fn dashed(b: u8) -> bool {
    word(b) || b == b'-'
}
const fn dotted(b: u8) -> bool {
    dashed(b) || b == b'.'
}
const fn capital(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}
const fn base64(b: u8) -> bool {
    dashed(b) || matches!(b, b'+' | b'/' | b'=' | b',')
}

const fn token(kind: &'static str, prefix: &'static str, least: usize, follows: fn(u8) -> bool) -> Token {
    Token { kind, prefix, least, follows, digit: false }
}

/// GitHub's own tokens have had dots since 2026, so their length and alphabet are not fixed.
const TOKENS: [Token; 23] = [
    token("a GitHub token", "ghs_", 20, dotted),
    token("a GitHub token", "ghp_", 20, dotted),
    token("a GitHub token", "gho_", 20, dotted),
    token("a GitHub token", "ghu_", 20, dotted),
    token("a GitHub token", "ghr_", 20, dotted),
    token("a GitHub token", "github_pat_", 20, word),
    token("an Anthropic key", "sk-ant-", 20, dashed),
    Token { digit: true, ..token("an API key", "sk-", 20, dashed) },
    token("an AWS key", "AKIA", 16, capital),
    token("an AWS key", "ASIA", 16, capital),
    token("a Slack token", "xoxb-", 10, dashed),
    token("a Slack token", "xoxp-", 10, dashed),
    token("a Slack token", "xoxa-", 10, dashed),
    token("a Slack token", "xoxo-", 10, dashed),
    token("a Slack token", "xoxr-", 10, dashed),
    token("a Slack token", "xoxs-", 10, dashed),
    token("a Slack token", "xapp-", 10, dashed),
    token("a Google key", "AIza", 35, dashed),
    token("a GitLab token", "glpat-", 20, dotted),
    token("an npm token", "npm_", 36, word),
    token("a Fly token", "fm2_", 20, base64),
    token("an Amp key", "sgamp_", 20, dashed),
    token("a Hugging Face token", "hf_", 30, word),
];

const KEY_BLOCK: &str = "a private key";
const WEB_TOKEN: &str = "a JSON web token";

/// Everything that looks like a secret, in order, with its kind.
pub(super) fn find(content: &[u8]) -> impl Iterator<Item = (Range<usize>, &'static str)> {
    let mut at = 0;
    // Before this offset no web token begins: so nothing is walked twice.
    let mut web_from = 0;
    std::iter::from_fn(move || {
        while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
            let behind_word = at.checked_sub(1).and_then(|before| content.get(before)).is_some_and(|&b| word(b));
            let mut found = if behind_word { None } else { begins(rest) };
            if !behind_word && at >= web_from && rest.starts_with(b"eyJ") {
                match web_token(rest) {
                    Ok(length) => found = Some((length, WEB_TOKEN)),
                    Err(in_vain) => web_from = at + in_vain,
                }
            }
            if let Some((length, kind)) = found {
                let start = at;
                at += length;
                return Some((start..at, kind));
            }
            at += 1;
        }
        None
    })
}

/// The length and kind of what the bytes begin with.
fn begins(rest: &[u8]) -> Option<(usize, &'static str)> {
    match rest.first()? {
        b'-' => key_block(rest).map(|length| (length, KEY_BLOCK)),
        b'g' | b's' | b'A' | b'x' | b'n' | b'f' | b'h' => {
            TOKENS.iter().find_map(|token| token.length(rest).map(|length| (length, token.kind)))
        }
        _ => None,
    }
}

impl Token {
    fn length(&self, rest: &[u8]) -> Option<usize> {
        let tail = rest.strip_prefix(self.prefix.as_bytes())?;
        let first = tail.iter().take(64).take_while(|&&b| (self.follows)(b));
        if self.digit && !first.into_iter().any(u8::is_ascii_digit) {
            return None;
        }
        let length = run(tail, self.follows);
        (length >= self.least).then_some(self.prefix.len() + length)
    }
}

fn run(bytes: &[u8], follows: fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&b| follows(b)).count()
}

/// Three dotted parts of base64url of at least ten characters: their length, or how many characters were walked in vain.
fn web_token(rest: &[u8]) -> Result<usize, usize> {
    let mut length = 0;
    for part in 0..3 {
        let dot = usize::from(part > 0);
        let dotted = part == 0 || rest.get(length) == Some(&b'.');
        let part_length = run(rest.get(length + dot..).unwrap_or_default(), dashed);
        if !dotted || part_length < 10 {
            return Err(length.max(part_length));
        }
        length += dot + part_length;
    }
    Ok(length)
}

/// `-----BEGIN … PRIVATE KEY-----` to its end, or as far as lines of base64 follow.
fn key_block(rest: &[u8]) -> Option<usize> {
    let label = rest.strip_prefix(b"-----BEGIN ")?;
    let label_length =
        label.iter().take(60).take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b' ').count();
    let (label, after) = label.split_at_checked(label_length)?;
    if !label.ends_with(b"PRIVATE KEY") || !after.starts_with(b"-----") {
        return None;
    }
    let head = rest.len() - after.len() + 5;
    // Escaped line breaks, headers of old formats and any blanks are part of a block.
    let inside =
        |b: u8| base64(b) && b != b'-' || b.is_ascii_whitespace() || matches!(b, b'\\' | b':' | b'"' | b'.' | b'>');
    let body = rest.get(head..)?.iter().take_while(|&&b| inside(b)).count();
    // A heading alone is talk about keys, not a key.
    if body < 40 {
        return None;
    }
    let foot = rest.get(head + body..)?.strip_prefix(b"-----END ").and_then(|foot| {
        let label = run(foot, |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
        foot.get(label..)?.starts_with(b"-----").then_some(9 + label + 5)
    });
    Some(head + body + foot.unwrap_or(0))
}
