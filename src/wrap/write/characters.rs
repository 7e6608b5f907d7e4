//! Characters nobody sees: line ends made one, and whatever shows nothing removed. Holds for prose and code alike.

/// Makes every line end `\n` and removes characters that show nothing: controls, format characters, fillers,
/// variation selectors and the tag block.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' => out.push('\n'),
            '\n' if after_return => {}
            _ if shows_nothing(c) => {}
            _ => out.push(c),
        }
        after_return = c == '\r';
    }
    out
}

/// Whether a character is invisible by itself: Unicode's `Default_Ignorable_Code_Point`, the controls but tab and line
/// feed, the interlinear and musical format characters, and the letters that are drawn as nothing.
#[must_use]
pub fn shows_nothing(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ if c.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{feff}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => true,
        '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{fe00}'..='\u{fe0f}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' => true,
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_become_one_kind() {
        assert_eq!(visible("a\r\nb\rc\nd\u{2028}e\r\r\nf"), "a\nb\nc\nd\ne\n\nf");
    }

    #[test]
    fn what_shows_nothing_goes_and_other_scripts_stay() {
        let hidden = "\u{200b}\u{202e}\u{2062}\u{e0041}\u{fe0f}\u{e0100}\u{ad}\u{7}\u{1b}\u{feff}\u{3164}";
        assert_eq!(visible(&format!("a{hidden}b\tc")), "ab\tc");
        for text in ["日本語", "العربية", "Ünïcödé", "🚀 → λ", "│ ├──"] {
            assert_eq!(visible(text), text);
        }
    }
}
