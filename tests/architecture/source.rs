//! Rust sources taken apart far enough to ask about them: code without comments, string literals, and where tests begin.

use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// From the repository's root, with `/`.
    pub(crate) path: String,
    /// As written.
    pub(crate) text: String,
    /// Without comments; every string literal is `""`.
    pub(crate) code: String,
    /// What stands in the string literals.
    pub(crate) literals: Vec<String>,
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a source is UTF-8");
        let path = file.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
        let (code, literals) = take_apart(&text);
        Self { path, text, code, literals }
    }

    /// The code that is built into the product: up to the test module, nothing of a test file.
    pub(crate) fn product_code(&self) -> &str {
        let is_test = self.path.ends_with("/tests.rs");
        if is_test { "" } else { self.code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default() }
    }

    /// Lines of the file up to its test module; none of a test file.
    pub(crate) fn product_lines(&self) -> usize {
        if self.path.ends_with("/tests.rs") {
            return 0;
        }
        self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines().count()
    }

    /// Its folder below `src`, or its own name for a file right there: `domain`, `ports`.
    pub(crate) fn layer(&self) -> &str {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The first names of all its paths into the crate: `crate::x…`, `crate::{x, y}`, and `super::…` that climbs to the root.
    pub(crate) fn layers_used(&self) -> Vec<String> {
        let mut used = Vec::new();
        for (at, _) in self.code.match_indices("crate::") {
            used.extend(first_names(&self.code[at + "crate::".len()..]));
        }
        let depth = self.depth();
        for (at, _) in self.code.match_indices("super::") {
            if self.code[..at].ends_with("super::") {
                continue;
            }
            let mut rest = &self.code[at..];
            let mut climbed = 0;
            while let Some(higher) = rest.strip_prefix("super::") {
                rest = higher;
                climbed += 1;
            }
            if climbed >= depth {
                used.extend(first_names(rest));
            }
        }
        used
    }

    /// How many modules deep it is: 1 for `src/ports.rs` and `src/app/mod.rs`.
    fn depth(&self) -> usize {
        let below = self.path.strip_prefix("src/").unwrap_or(&self.path);
        below.split('/').filter(|part| *part != "mod.rs").count()
    }
}

/// The names a path begins with; several for a group.
fn first_names(path: &str) -> Vec<String> {
    let name =
        |text: &str| -> String { text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect() };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut part, mut names) = (1, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(name(&std::mem::take(&mut part))),
            _ => {}
        }
        if depth == 0 {
            names.push(name(&part));
            return names;
        }
        if c != ',' || depth > 1 {
            part.push(c);
        }
    }
    names
}

/// Every Rust file below these folders.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut files);
    }
    files.sort();
    let sources: Vec<Source> = files.iter().map(|file| Source::read(&root, file)).collect();
    assert!(!sources.is_empty(), "no source found");
    sources
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.ends_with("node_modules") {
            continue;
        } else if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// Code without comments and with empty literals, and the literals.
fn take_apart(text: &str) -> (String, Vec<String>) {
    let (mut code, mut literals, mut rest) = (String::new(), Vec::new(), text);
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else if rest.starts_with("/*") {
            rest = &rest[rest.find("*/").map_or(rest.len(), |end| end + 2)..];
        } else if let Some(hashes) = raw_string(rest, &code) {
            let open = 2 + hashes;
            let close = format!("\"{}", "#".repeat(hashes));
            let end = rest[open..].find(&close).map_or(rest.len(), |end| open + end);
            literals.push(rest[open..end].to_owned());
            code.push_str("\"\"");
            rest = rest.get(end + close.len()..).unwrap_or_default();
        } else if c == '"' {
            let end = end_of_string(&rest[1..]) + 1;
            literals.push(rest[1..end].to_owned());
            code.push_str("\"\"");
            rest = rest.get(end + 1..).unwrap_or_default();
        } else if let Some(length) = char_literal(rest) {
            code.push_str("' '");
            rest = &rest[length..];
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (code, literals)
}

/// The number of hashes of a raw string that begins here.
fn raw_string(rest: &str, before: &str) -> Option<usize> {
    let in_word = before.chars().next_back().is_some_and(|c| (c.is_alphanumeric() && c != 'b') || c == '_');
    let after = rest.strip_prefix('r').filter(|_| !in_word)?;
    let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal that begins here; a lifetime is none.
fn char_literal(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    if inside.starts_with('\\') {
        return inside[2..].find('\'').map(|end| end + 4);
    }
    let c = inside.chars().next()?;
    inside[c.len_utf8()..].starts_with('\'').then_some(c.len_utf8() + 2)
}

#[test]
fn a_source_is_taken_apart() {
    let text = "let a = \"x // \\\" y\"; // SELECT\nlet b = r#\"q\"w\"#; let c = '\"'; /* z */ fn f<'a>() {}\n";
    let (code, literals) = take_apart(text);
    assert_eq!(literals, ["x // \\\" y", "q\"w"]);
    assert_eq!(code, "let a = \"\"; \nlet b = \"\"; let c = ' ';  fn f<'a>() {}\n");
    assert_eq!(first_names("{store::{a, b}, http, ports::Sql};"), ["store", "http", "ports"]);
    assert_eq!(first_names("domain::ids::TaskId;"), ["domain"]);
}
