//! Badges and CI status lines: decoration that tells an agent nothing.

/// Whether an image's address is a badge's.
pub(super) fn is_badge(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    HOSTS.iter().any(|host| address.contains(host))
        || address.contains("badge")
        || (address.contains("/workflows/") && address.contains(".svg"))
}

/// Whether a paragraph is nothing but lines such as `Build Status: passing` or `coverage: 93%`.
pub(super) fn is_status(paragraph: &str) -> bool {
    let mut lines = paragraph.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(is_status_line)
}

fn is_status_line(line: &str) -> bool {
    let Some((subject, status)) = line.split_once(':') else { return false };
    let mut subjects = words(subject).peekable();
    let mut statuses = words(status).peekable();
    subjects.peek().is_some()
        && statuses.peek().is_some()
        && words(subject).any(|word| SUBJECTS.contains(&word.as_str()))
        && subjects.all(|word| SUBJECTS.contains(&word.as_str()) || word == "status")
        && statuses.all(|word| STATUSES.contains(&word.as_str()) || is_percentage(&word))
}

/// The words of a line in lower case; emphasis and symbols are not words.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '%' | '.'))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(str::to_lowercase)
}

fn is_percentage(word: &str) -> bool {
    word.strip_suffix('%').is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

const HOSTS: &[&str] = &[
    "shields.io",
    "badge.fury.io",
    "badgen.net",
    "travis-ci.",
    "codecov.io",
    "coveralls.io",
    "circleci.com",
    "appveyor.com",
    "snyk.io/test",
    "deepsource.",
    "codeclimate.com",
    "sonarcloud.io",
    "netlify.com/api",
    "gitpod.io/button",
    "api.star-history.com",
];
const SUBJECTS: &[&str] = &[
    "ci",
    "build",
    "coverage",
    "codecov",
    "coveralls",
    "travis",
    "circleci",
    "appveyor",
    "pipeline",
    "workflow",
    "checks",
    "actions",
    "github",
    "jenkins",
    "netlify",
    "tests",
    "linux",
    "macos",
    "windows",
];
const STATUSES: &[&str] = &[
    "passing",
    "passed",
    "failing",
    "failed",
    "success",
    "succeeded",
    "pending",
    "unknown",
    "skipped",
    "cancelled",
    "green",
    "red",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_told_from_words_about_the_build() {
        for line in ["Build Status: passing", "**CI**: ✅ passed", "coverage: 93.5%", "CI: passing\nCoverage: 80%"] {
            assert!(is_status(line), "{line}");
        }
        for line in
            ["", "The build: it is broken", "CI: passed but only on Linux", "status: passing", "build fails", "a: b"]
        {
            assert!(!is_status(line), "{line}");
        }
    }
}
