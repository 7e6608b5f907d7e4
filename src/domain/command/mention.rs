//! The mention: whether a line begins with it, and whether a delivery can hold it at all.

/// What follows the mention, if the text begins with it as a whole word, in any case. A colon or comma may end the word.
pub(super) fn strip<'t>(text: &'t str, mention: &str) -> Option<&'t str> {
    let head = text.get(..mention.len())?;
    if mention.is_empty() || !head.eq_ignore_ascii_case(mention) {
        return None;
    }
    let rest = text.get(mention.len()..)?;
    let rest = rest.strip_prefix([':', ',', '：', '，', '、']).unwrap_or(rest);
    rest.chars().next().is_none_or(char::is_whitespace).then_some(rest)
}

/// Whether a delivery's raw JSON can hold the mention, in any case and however its letters are escaped.
///
/// For the hot path, before anything is parsed: it may say yes in vain, and never says no in vain.
#[must_use]
pub fn may_mention(raw_json: &[u8], mention: &str) -> bool {
    let wanted = mention.as_bytes();
    let Some(&first) = wanted.first() else {
        return true;
    };
    if !mention.is_ascii() {
        return true;
    }
    let candidate = |byte: u8| byte == b'\\' || byte.eq_ignore_ascii_case(&first);
    let begins =
        |(at, byte): (usize, &u8)| candidate(*byte) && begins_with(raw_json.get(at..).unwrap_or_default(), wanted);
    raw_json.iter().enumerate().any(begins)
}

/// Whether JSON string content begins with the wanted ASCII text once its escapes are read.
fn begins_with(mut json: &[u8], wanted: &[u8]) -> bool {
    wanted.iter().all(|&byte| {
        let Some((read, rest)) = character(json) else {
            return false;
        };
        json = rest;
        read.eq_ignore_ascii_case(&byte)
    })
}

/// The next ASCII character of JSON string content, and what follows; `None` for anything else.
fn character(json: &[u8]) -> Option<(u8, &[u8])> {
    match json {
        [b'\\', b'u', digits @ ..] => {
            let (digits, rest) = digits.split_at_checked(4)?;
            let digits = str::from_utf8(digits).ok()?;
            Some((u8::from_str_radix(digits, 16).ok()?, rest))
        }
        // Of the short escapes only these three stand for a character that a mention could hold.
        [b'\\', escaped @ (b'/' | b'"' | b'\\'), rest @ ..] => Some((*escaped, rest)),
        [byte, rest @ ..] => Some((*byte, rest)),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escaped_mentions_are_seen() {
        for raw in [
            r#"{"body":"@porter fix"}"#,
            r#"{"body":"\u0040porter"}"#,
            r#"{"body":"x\n@PoRtEr"}"#,
            r#"{"body":"\u0040\u0070\u006F\u0072\u0054er"}"#,
            r#"{"body":"\\\u0040porter"}"#,
        ] {
            assert!(may_mention(raw.as_bytes(), "@porter"), "{raw}");
        }
        for raw in ["", "@", "@porte", r#"{"body":"porter @ port"}"#, r"\u0040port", r"\u00"] {
            assert!(!may_mention(raw.as_bytes(), "@porter"), "{raw}");
        }
        assert!(may_mention(br#"{"body":"\/porter fix"}"#, "/porter"));
        assert!(may_mention(br#"{"body":"@o\/porter fix"}"#, "@o/porter"));
        assert!(may_mention(b"anything", ""));
    }

    proptest! {
        /// Escapes each character at random and must still be found.
        #[test]
        fn no_escape_hides_it(before in "\\PC{0,20}", after in "\\PC{0,20}", how in prop::collection::vec(0_u8..4, 7)) {
            let mention: String = "@porter".chars().zip(how).map(|(c, how)| match how {
                0 => c.to_string(),
                1 => c.to_ascii_uppercase().to_string(),
                2 => format!("\\u{:04x}", u32::from(c)),
                _ => format!("\\u{:04X}", u32::from(c.to_ascii_uppercase())),
            }).collect();
            let quoted = |text: &str| serde_json::to_string(text).unwrap();
            let (before, after) = (quoted(&before), quoted(&after));
            let raw = format!("{}{mention}{}", &before[..before.len() - 1], &after[1..]);
            prop_assert!(serde_json::from_str::<String>(&raw).is_ok());
            prop_assert!(may_mention(raw.as_bytes(), "@porter"));
        }
    }
}
