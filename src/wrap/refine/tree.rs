//! The repository's files as an indented list, as deep as it stays short.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::wrap::write::Clean;

/// The deepest level shown.
const DEEPEST: usize = 4;
/// How many lines the list may have before it is shown less deep.
const MOST_LINES: usize = 220;

/// A directory with what is in it.
#[derive(Default)]
struct Directory<'a> {
    directories: BTreeMap<&'a str, Directory<'a>>,
    files: Vec<&'a str>,
}

impl Directory<'_> {
    fn count(&self) -> usize {
        self.files.len() + self.directories.values().map(Directory::count).sum::<usize>()
    }

    /// Writes directories first, each before its files; below `depth` only how many files there are.
    fn list(&self, out: &mut String, indent: usize, depth: usize) {
        let space = "  ".repeat(indent);
        for (name, directory) in &self.directories {
            let shown = if depth > 1 {
                writeln!(out, "{space}{name}/")
            } else {
                let count = directory.count();
                writeln!(out, "{space}{name}/ ({count} {})", if count == 1 { "file" } else { "files" })
            };
            debug_assert!(shown.is_ok(), "writing to a String cannot fail");
            if depth > 1 {
                directory.list(out, indent + 1, depth - 1);
            }
        }
        for name in &self.files {
            out.push_str(&space);
            out.push_str(name);
            out.push('\n');
        }
    }
}

/// Lists the paths, sorted; the greatest depth that fits, and never more than a bounded number of lines.
#[must_use]
pub(super) fn listing(paths: &[Clean]) -> Clean {
    let mut sorted: Vec<&str> = paths.iter().map(Clean::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut root = Directory::default();
    for path in sorted {
        let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut directory = &mut root;
        for part in directories.split('/').filter(|part| !part.is_empty()) {
            directory = directory.directories.entry(part).or_default();
        }
        directory.files.push(name);
    }
    let mut text = String::new();
    for depth in (1..=DEEPEST).rev() {
        text.clear();
        root.list(&mut text, 0, depth);
        if text.lines().count() <= MOST_LINES {
            return Clean::composed(text.trim_end().to_owned());
        }
    }
    let lines = text.lines().count();
    let mut head = text.lines().take(MOST_LINES).collect::<Vec<_>>().join("\n");
    head.push_str(&format!("\n(and {} more lines)", lines - MOST_LINES));
    Clean::composed(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::untrusted::Untrusted;
    use crate::wrap::write::write_path;

    fn tree(paths: impl IntoIterator<Item = String>) -> Vec<Clean> {
        paths.into_iter().filter_map(|path| write_path(&Untrusted::new(path))).collect()
    }

    #[test]
    fn directories_come_before_files_and_deep_ones_are_counted() {
        let paths = ["z.md", "src/b.rs", "src/a/c.rs", "a/b/c/d/e/f.txt", "a/b/c/d/g.txt"].map(str::to_owned);
        assert_eq!(
            listing(&tree(paths)).as_str(),
            "a/\n  b/\n    c/\n      d/ (2 files)\nsrc/\n  a/\n    c.rs\n  b.rs\nz.md"
        );
    }

    #[test]
    fn a_wide_repository_is_shown_less_deep_and_a_flat_one_is_cut() {
        let wide = tree((0..500).map(|n| format!("packages/p{}/src/{n}.ts", n % 50)));
        let wide = listing(&wide);
        assert!(wide.as_str().lines().any(|line| line == "    src/ (10 files)"), "{}", wide.as_str());
        let flat = listing(&tree((0..500).map(|n| format!("{n}.txt"))));
        assert!(flat.as_str().ends_with("(and 280 more lines)"));
    }
}
