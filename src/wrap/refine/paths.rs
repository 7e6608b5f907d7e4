//! Files that the issue names, and files its words point to. Only paths of the tree are ever answered.

use std::collections::{BTreeMap, BTreeSet};

use crate::wrap::write::Clean;

/// How many named files are listed.
const MOST_NAMED: usize = 20;
/// How many files may share a name before an ending of a path is not looked up any more.
const MOST_OF_ONE_NAME: usize = 300;
/// How many ranked files are listed.
const MOST_RANKED: usize = 12;

/// A file that the issue names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Its path in the tree.
    pub path: Clean,
    /// The line or lines named with it, as `12` or `12-20`.
    pub lines: Option<String>,
}

/// What the texts say about files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Named files that are in the tree, in the order they are named.
    pub found: Vec<NamedFile>,
    /// How many names look like files but are not in the tree.
    pub missing: usize,
}

/// Finds the files that the texts name: whole paths, ends of paths that fit one file only, with `:12`, `:12-20` or `#L12`.
#[must_use]
pub(super) fn named(texts: &[&str], tree: &[Clean]) -> Mentions {
    let whole: BTreeMap<&str, &Clean> = tree.iter().map(|path| (path.as_str(), path)).collect();
    let mut by_name: BTreeMap<&str, Vec<&Clean>> = BTreeMap::new();
    for path in tree {
        by_name.entry(file_name(path.as_str())).or_default().push(path);
    }
    let mut mentions = Mentions::default();
    let mut seen = BTreeSet::new();
    for word in texts.iter().flat_map(|text| text.split(|c: char| c.is_whitespace() || "`'\"()[]{}<>,;|*".contains(c)))
    {
        let Some((path, lines)) = path_form(word) else { continue };
        if !seen.insert((path.clone(), lines.clone())) {
            continue;
        }
        let found = whole.get(path.as_str()).copied().or_else(|| only_ending(&path, &by_name));
        match found {
            Some(found) if mentions.found.iter().any(|file| file.path == *found && file.lines == lines) => {}
            Some(found) if mentions.found.len() < MOST_NAMED => {
                mentions.found.push(NamedFile { path: found.clone(), lines });
            }
            Some(_) => {}
            None => mentions.missing += 1,
        }
    }
    mentions
}

/// The one file whose path ends with this; none when there are several.
fn only_ending<'a>(path: &str, by_name: &BTreeMap<&str, Vec<&'a Clean>>) -> Option<&'a Clean> {
    let candidates = by_name.get(file_name(path)).filter(|candidates| candidates.len() <= MOST_OF_ONE_NAME)?;
    let mut fitting = candidates.iter().filter(|candidate| {
        candidate.as_str().strip_suffix(path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    });
    let first = fitting.next()?;
    fitting.next().is_none().then_some(*first)
}

/// A word as a path with its lines, when it looks like a file.
fn path_form(word: &str) -> Option<(String, Option<String>)> {
    let word = word.trim_end_matches(['.', '?', '!', ':']).trim_start_matches(['@', '(']);
    if word.len() > 240 {
        return None;
    }
    let word = match word.split_once("/blob/") {
        // https://github.com/owner/name/blob/branch/path
        Some((_, in_repository)) => in_repository.split_once('/')?.1,
        None if word.contains("://") => return None,
        None => word,
    };
    let (path, lines) = split_lines(word);
    let path = path.replace('\\', "/");
    let path = path.trim_start_matches("./").trim_start_matches('/');
    let name = file_name(path);
    let has_extension = name.rsplit_once('.').is_some_and(|(_, extension)| {
        (1..=10).contains(&extension.len()) && extension.starts_with(|c: char| c.is_ascii_alphabetic())
    });
    let looks_like_file = has_extension || (path.contains('/') && !name.is_empty()) || BARE_NAMES.contains(&name);
    looks_like_file.then(|| (path.to_owned(), lines))
}

/// Splits `path:12:5`, `path:12-20` and `path#L12-L20` into the path and its lines.
fn split_lines(word: &str) -> (&str, Option<String>) {
    let (path, place) = match word.split_once("#L") {
        Some(split) => split,
        None => match word.split_once(':') {
            Some(split) => split,
            None => return (word, None),
        },
    };
    let place = place.replace('L', "");
    let (lines, _) = place.split_once(':').unwrap_or((&place, ""));
    let number = |text: &str| !text.is_empty() && text.len() <= 7 && text.bytes().all(|b| b.is_ascii_digit());
    let (from, to) = lines.split_once('-').unwrap_or((lines, lines));
    if number(from) && number(to) { (path, Some(lines.to_owned())) } else { (path, None) }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Ranks the tree's files by the words over their paths; rare words weigh more, search hits most. Best first.
#[must_use]
pub(super) fn ranked(title: &str, text: &str, hits: &[Clean], tree: &[Clean], named: &[NamedFile]) -> Vec<Clean> {
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    for (source, weight) in [(text, 1), (title, 3)] {
        for word in words(source).filter(|word| word.len() >= 3 && !COMMON.contains(&word.as_str())) {
            let known = asked.entry(word).or_default();
            *known = weight.max(*known);
        }
    }
    let of_paths: Vec<BTreeSet<String>> =
        tree.iter().map(|path| words(path.as_str()).filter(|word| asked.contains_key(word)).collect()).collect();
    let mut files_with: BTreeMap<&str, u64> = BTreeMap::new();
    for word in of_paths.iter().flatten() {
        *files_with.entry(word).or_default() += 1;
    }
    let mut scores: Vec<(u64, &Clean)> = tree
        .iter()
        .zip(&of_paths)
        .filter(|(path, _)| !named.iter().any(|file| file.path == **path))
        .map(|(path, words)| (score(path, words, &asked, &files_with, hits), path))
        .filter(|(score, _)| *score > 0)
        .collect();
    scores.sort_by(|(a, at), (b, bt)| b.cmp(a).then_with(|| at.as_str().cmp(bt.as_str())));
    scores.into_iter().take(MOST_RANKED).map(|(_, path)| path.clone()).collect()
}

fn score(
    path: &Clean,
    words_of_path: &BTreeSet<String>,
    asked: &BTreeMap<String, u64>,
    files_with: &BTreeMap<&str, u64>,
    hits: &[Clean],
) -> u64 {
    let of_name: BTreeSet<String> = words(file_name(path.as_str())).collect();
    let by_words: u64 = words_of_path
        .iter()
        .map(|word| {
            let rarity = 1_000 / (1 + files_with.get(word.as_str()).copied().unwrap_or(0));
            let in_name = if of_name.contains(word) { 2 } else { 1 };
            asked.get(word).copied().unwrap_or(0) * rarity * in_name
        })
        .sum();
    let by_search =
        hits.iter().position(|hit| hit == path).map_or(0, |at| 3_000 / (1 + u64::try_from(at).unwrap_or(999)));
    let total = by_words + by_search;
    if GENERATED.iter().any(|part| path.as_str().split('/').any(|own| own == *part || own.ends_with(part))) {
        total / 20
    } else {
        total
    }
}

/// The words of a text in lower case, without a plural's s: `userProfile_cards` is `user`, `profile`, `card`.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).flat_map(camel_parts).map(|word| {
        let word = word.to_lowercase();
        match word.strip_suffix('s') {
            Some(one) if one.len() >= 3 && !one.ends_with('s') => one.to_owned(),
            Some(_) | None => word,
        }
    })
}

/// The longest words of a text, at least four letters each.
pub(super) fn longest_words(text: &str, most: usize) -> Vec<String> {
    let mut found: Vec<String> = words(text).filter(|word| word.chars().count() >= 4).collect();
    found.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    found.dedup();
    found.truncate(most);
    found
}

/// Splits where a capital follows a small letter.
fn camel_parts(word: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut from, mut after_small) = (0, false);
    for (at, c) in word.char_indices() {
        if after_small && c.is_uppercase() {
            parts.extend(word.get(from..at));
            from = at;
        }
        after_small = c.is_lowercase();
    }
    parts.extend(word.get(from..).filter(|part| !part.is_empty()));
    parts
}

const BARE_NAMES: &[&str] =
    &["Makefile", "Dockerfile", "Rakefile", "Gemfile", "Procfile", "Justfile", "CODEOWNERS", "LICENSE"];
const GENERATED: &[&str] = &[
    "node_modules",
    "vendor",
    "dist",
    "build",
    "target",
    "third_party",
    "fixtures",
    "snapshots",
    ".min.js",
    ".lock",
    "package-lock.json",
    ".snap",
    ".map",
    ".svg",
    ".png",
];
const COMMON: &[&str] = &[
    "the", "and", "for", "with", "that", "thi", "this", "from", "have", "has", "not", "but", "are", "was", "when",
    "then", "should", "would", "could", "can", "will", "add", "fix", "use", "issue", "bug", "feature", "please",
    "need", "want", "make", "into", "also", "get", "set", "new", "all", "any", "our", "you", "your", "there", "which",
    "what", "how", "why", "does", "src", "http", "com",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::untrusted::Untrusted;
    use crate::wrap::write::write_path;

    fn tree(paths: &[&str]) -> Vec<Clean> {
        paths.iter().filter_map(|path| write_path(&Untrusted::new(*path))).collect()
    }

    fn names(files: &[NamedFile]) -> Vec<(&str, Option<&str>)> {
        files.iter().map(|file| (file.path.as_str(), file.lines.as_deref())).collect()
    }

    #[test]
    fn every_form_of_naming_a_file_is_found_and_checked() {
        let tree = tree(&["src/a.rs", "src/b/mod.rs", "src/c/mod.rs", "Makefile", "web/App.tsx", "docs/x y.md"]);
        let text = "See `src/a.rs:12`, (./src/a.rs:3:7) and a.rs. mod.rs is ambiguous but b/mod.rs#L4-L9 is not; \
            https://github.com/o/r/blob/main/web/App.tsx#L10 Makefile src\\c\\mod.rs src/gone.rs v1.2 e.g. http://x.y/z.html";
        let found = named(&[text], &tree);
        assert_eq!(
            names(&found.found),
            [
                ("src/a.rs", Some("12")),
                ("src/a.rs", Some("3")),
                ("src/a.rs", None),
                ("src/b/mod.rs", Some("4-9")),
                ("web/App.tsx", Some("10")),
                ("Makefile", None),
                ("src/c/mod.rs", None),
            ]
        );
        assert_eq!(found.missing, 3, "mod.rs, src/gone.rs and e.g");
    }

    #[test]
    fn rare_words_in_file_names_and_search_hits_lead() {
        let tree = tree(&[
            "src/auth/login.rs",
            "src/auth/session.rs",
            "src/api/users.rs",
            "dist/login.rs",
            "src/main.rs",
            "web/LoginForm.tsx",
            "src/odd.rs",
        ]);
        let hits = [tree[6].clone()];
        let best = ranked("Login form loses session", "The sessions end early", &hits, &tree, &[]);
        let best: Vec<_> = best.iter().map(Clean::as_str).collect();
        assert_eq!(best.first(), Some(&"src/odd.rs"));
        assert!(best.contains(&"web/LoginForm.tsx") && best.contains(&"src/auth/session.rs"), "{best:?}");
        assert!(!best.contains(&"src/main.rs"));
        assert_eq!(best.last(), Some(&"dist/login.rs"));
    }
}
