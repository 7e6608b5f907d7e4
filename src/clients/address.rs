//! Addresses of other people's APIs: the one place where a text becomes part of a path or a query.

/// One path segment of any text, percent-encoded; `/` becomes `%2F`, as GitHub's own clients send file paths and refs.
///
/// `None` for what a server or a URL parser could climb with: an empty text, or one with an empty, `.` or `..` part. Percent
/// signs do not help there, since parsers read `%2e%2e` as `..`.
#[must_use]
pub fn segment(text: &str) -> Option<String> {
    let climbs = text.split(['/', '\\']).any(|part| matches!(part, "" | "." | ".."));
    if climbs { None } else { Some(encoded(text)) }
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

/// An absolute address under construction.
pub(crate) struct Address {
    text: Option<String>,
    separator: char,
}

impl Address {
    /// `root` (without a trailing slash) and one segment for each part. A part that climbs spoils the whole address.
    pub(crate) fn new(root: &str, parts: &[&str]) -> Self {
        let mut text = Some(root.to_owned());
        for part in parts {
            text = text.zip(segment(part)).map(|(text, part)| format!("{text}/{part}"));
        }
        Self { text, separator: '?' }
    }

    /// Adds a query parameter.
    pub(crate) fn with(mut self, key: &str, value: &str) -> Self {
        let separator = std::mem::replace(&mut self.separator, '&');
        self.text = self.text.map(|text| format!("{text}{separator}{}={}", encoded(key), encoded(value)));
        self
    }

    /// The address; `None` when a part climbed, so that nothing can be there.
    pub(crate) fn finish(self) -> Option<String> {
        self.text
    }
}

/// Where a redirect leads, if it stays on the origin of `from`; `None` for any other place.
///
/// `location` is absolute (`https://api.github.com/repositories/7`) or starts with a single slash.
pub(crate) fn same_origin(from: &str, location: &str) -> Option<String> {
    let after_scheme = from.find("://")? + 3;
    let host_end = from.get(after_scheme..)?.find('/').map_or(from.len(), |at| after_scheme + at);
    let origin = from.get(..host_end)?;
    if !location.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
        return None;
    }
    if location.starts_with('/') && !location.starts_with("//") {
        return Some(format!("{origin}{location}"));
    }
    location.strip_prefix(origin)?.starts_with('/').then(|| location.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_their_origin() {
        let from = "https://api.test/repos/o/r";
        for (location, expected) in [
            ("https://api.test/repositories/7", Some("https://api.test/repositories/7")),
            ("/repositories/7", Some("https://api.test/repositories/7")),
            ("//evil.test/x", None),
            ("https://evil.test/x", None),
            ("http://api.test/x", None),
            ("https://api.test.evil.test/x", None),
            ("https://api.test@evil.test/x", None),
            ("https://api.test:8443/x", None),
            ("https://api.test", None),
            ("/\\evil.test/x", None),
            ("repositories/7", None),
            ("/a b", None),
            ("", None),
        ] {
            assert_eq!(same_origin(from, location).as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn one_bad_part_spoils_the_address() {
        let address = |part: &str| Address::new("https://h", &["a", part]).with("q", "x&y=1").finish();
        assert_eq!(address("b c").as_deref(), Some("https://h/a/b%20c?q=x%26y%3D1"));
        assert_eq!(address(".."), None);
    }
}
