//! Character references (`&lt;`, `&#60;`, `&#x3c;`) in prose, decoded until none is left, in one pass.

/// The longest reference looked for, without its `&`; longer ones are not what people write.
const LONGEST: usize = 24;

/// Appends `text` with its references decoded. `floor` is where prose begins in `out`: nothing before it takes part, so
/// that a reference is never made of code and prose together.
pub(super) fn decode_into(out: &mut String, floor: usize, text: &str) {
    for c in text.chars() {
        out.push(c);
        // A decoded `;` can end a reference that decoding has just made: `&amp;lt;` is `&lt;` is `<`.
        let mut ended = c == ';';
        while ended {
            ended = false;
            let Some((start, decoded)) = reference_at_end(out, floor) else { continue };
            out.truncate(start);
            if let Some(decoded) = decoded {
                out.push(decoded);
                ended = decoded == ';';
            }
        }
    }
}

/// The reference that ends where `out` ends: its start, and the character it means (none for an invisible one).
fn reference_at_end(out: &str, floor: usize) -> Option<(usize, Option<char>)> {
    let body_end = out.len().checked_sub(1)?;
    let bytes = out.as_bytes();
    let lowest = floor.max(body_end.saturating_sub(LONGEST));
    let start = (lowest..body_end).rev().find(|&at| bytes.get(at) == Some(&b'&'))?;
    let name = out.get(start + 1..body_end)?;
    meaning(name).map(|c| (start, c))
}

/// What a reference's name means: no answer for an unknown name, `Some(None)` for something that shows nothing.
fn meaning(name: &str) -> Option<Option<char>> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16).ok()?,
            None if number.bytes().all(|b| b.is_ascii_digit()) => number.parse().ok()?,
            Some(_) | None => return None,
        };
        return Some(char::from_u32(code).and_then(shown));
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| shown(*c))
}

/// A decoded line end becomes a space, so that a reference cannot begin a line; an invisible character nothing.
fn shown(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{a0}' => Some(' '),
        _ if super::characters::shows_nothing(c) => None,
        _ => Some(c),
    }
}

/// HTML's names for what markup is made of, and for what shows nothing. Other names stay as written: they hide nothing.
const NAMED: &[(&str, char)] = &[
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("NonBreakingSpace", ' '),
    ("Tab", ' '),
    ("NewLine", ' '),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("equals", '='),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("UnderBar", '_'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("vert", '|'),
    ("verbar", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("shy", '\u{ad}'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
    ("lrm", '\u{200e}'),
    ("rlm", '\u{200f}'),
    ("ZeroWidthSpace", '\u{200b}'),
    ("NegativeThinSpace", '\u{200b}'),
    ("NegativeMediumSpace", '\u{200b}'),
    ("NegativeThickSpace", '\u{200b}'),
    ("NegativeVeryThinSpace", '\u{200b}'),
    ("NoBreak", '\u{2060}'),
    ("ApplyFunction", '\u{2061}'),
    ("af", '\u{2061}'),
    ("InvisibleTimes", '\u{2062}'),
    ("it", '\u{2062}'),
    ("InvisibleComma", '\u{2063}'),
    ("ic", '\u{2063}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let mut out = String::new();
        decode_into(&mut out, 0, text);
        out
    }

    #[test]
    fn references_are_decoded_to_the_bottom() {
        for (text, plain) in [
            ("a &lt;b&gt; &#60;!-- &#x3C;", "a <b> <!-- <"),
            ("&amp;amp;amp;lt;", "<"),
            ("&amp;l&#116&semi;;", "<"),
            ("x&ZeroWidthSpace;y&#8203;z&#xE0041;", "xyz"),
            ("a&#10;b", "a b"),
            ("&eacute; AT&T; &; & &#; &#x; &#99999999; &lt", "&eacute; AT&T; &; & &#; &#x; &#99999999; &lt"),
        ] {
            assert_eq!(decoded(text), plain, "{text}");
        }
    }

    #[test]
    fn code_before_prose_is_not_reached() {
        let mut out = "&lt".to_owned();
        decode_into(&mut out, 3, ";");
        assert_eq!(out, "&lt;");
    }
}
