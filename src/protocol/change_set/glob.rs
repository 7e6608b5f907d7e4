//! Patterns over paths, as in `.gitignore`: `*`, `?`, `**`; in any case.

use super::paths::fold;

/// A pattern. Without a leading `/` it matches at any depth; what it matches, it matches with everything below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    parts: Vec<String>,
}

impl Glob {
    /// Reads a pattern; there is no pattern that is wrong, only some that match nothing.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let folded = fold(pattern.trim());
        let anchored = folded.starts_with('/');
        let mut parts: Vec<String> =
            folded.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_owned).collect();
        // `dir/**` protects the name `dir` as well: it could be made a link.
        while parts.len() > 1 && parts.last().is_some_and(|part| part == "**") {
            parts.pop();
        }
        if !anchored && !parts.is_empty() {
            parts.insert(0, "**".to_owned());
        }
        Self { parts }
    }

    /// Whether a path, or a directory above it, matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let folded = fold(path);
        let path: Vec<&str> = folded.split('/').collect();
        // `reach[i]`: the pattern so far matches the first `i` parts.
        let mut reach = vec![false; path.len() + 1];
        if let Some(start) = reach.first_mut() {
            *start = !self.parts.is_empty();
        }
        for part in &self.parts {
            let mut next = vec![false; path.len() + 1];
            let mut carried = false;
            for (index, slot) in next.iter_mut().enumerate() {
                let before = index.checked_sub(1);
                *slot = if part == "**" {
                    carried |= reach.get(index).copied().unwrap_or(false);
                    carried
                } else {
                    let name = before.and_then(|before| path.get(before));
                    before.and_then(|before| reach.get(before)).is_some_and(|&reached| reached)
                        && name.is_some_and(|name| part_matches(part, name))
                };
            }
            reach = next;
        }
        reach.contains(&true)
    }
}

/// Whether a name matches a pattern of `*` and `?`, in time linear in their product.
fn part_matches(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let mut reach = vec![false; name.len() + 1];
    if let Some(start) = reach.first_mut() {
        *start = true;
    }
    for wanted in pattern.chars() {
        let mut next = vec![false; name.len() + 1];
        let mut carried = false;
        for (index, slot) in next.iter_mut().enumerate() {
            let before = index.checked_sub(1);
            carried |= reach.get(index).copied().unwrap_or(false);
            let reached = before.and_then(|before| reach.get(before)).copied().unwrap_or(false);
            let same = before.and_then(|before| name.get(before)).is_some_and(|&c| wanted == '?' || c == wanted);
            *slot = if wanted == '*' { carried } else { reached && same };
        }
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}
