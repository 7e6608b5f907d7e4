//! Files by path: the contents API, the README, and the languages.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::caller::{Level, Permission};
use super::objects::{Entry, Mode, Oid};
use super::state::{Github, Repository};
use super::wire::{Answer, Call, Problem, Response, encode, merge_into};

/// Extensions and the language GitHub counts them as; enough for the repositories of the tests.
const LANGUAGES: [(&str, &str); 14] = [
    ("rs", "Rust"),
    ("js", "JavaScript"),
    ("mjs", "JavaScript"),
    ("ts", "TypeScript"),
    ("py", "Python"),
    ("go", "Go"),
    ("rb", "Ruby"),
    ("java", "Java"),
    ("c", "C"),
    ("sh", "Shell"),
    ("css", "CSS"),
    ("html", "HTML"),
    ("php", "PHP"),
    ("cs", "C#"),
];
/// The largest file whose content is given inline.
const LARGEST_INLINE: usize = 1024 * 1024;

impl Github {
    pub(crate) fn contents_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", ["languages"]) => {
                self.need(call, repo, &[Permission::Metadata], Level::Read)?;
                self.languages(repo)
            }
            ("GET", _) => {
                self.need(call, repo, &[Permission::Contents], Level::Read)?;
                let repository = self.repository(repo)?;
                let name = call.query.get("ref").unwrap_or(&repository.default_branch);
                let missing = || Problem::new(404, format!("No commit found for the ref {name}"));
                let commit = repository.git.resolve(name).ok_or_else(missing)?;
                let tree = repository.git.tree_of(commit).ok_or_else(Problem::not_found)?;
                let path = match rest {
                    ["readme"] => readme_path(repository, tree)?,
                    [_, path @ ..] => path.join("/"),
                    [] => String::new(),
                };
                self.read_path(call, repository, name, tree, &path)
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn read_path(&self, call: &Call, repository: &Repository, name: &str, tree: Oid, path: &str) -> Answer {
        let git = &repository.git;
        let entry = git.at(tree, path).ok_or_else(Problem::not_found)?;
        if entry.mode == Mode::Tree {
            let inner = git.tree(entry.oid).into_iter().flatten();
            let under = |child: &str| {
                if path.is_empty() { child.to_owned() } else { format!("{path}/{child}") }
            };
            return Ok(Response::ok(
                &inner.map(|(child, entry)| self.place_json(repository, name, &under(child), entry)).collect(),
            ));
        }
        let bytes = git.blob(entry.oid).ok_or_else(Problem::not_found)?;
        if call.wants("raw") {
            let headers = vec![("content-type".into(), "application/vnd.github.raw; charset=utf-8".into())];
            return Ok(Response { status: 200, headers, body: bytes.to_vec() });
        }
        let mut value = self.place_json(repository, name, path, &entry);
        if entry.mode == Mode::Link {
            merge_into(&mut value, json!({"type": "symlink", "target": String::from_utf8_lossy(bytes)}));
        } else if bytes.len() > LARGEST_INLINE {
            merge_into(&mut value, json!({"content": "", "encoding": "none"}));
        } else {
            merge_into(&mut value, json!({"content": folded(bytes), "encoding": "base64"}));
        }
        Ok(Response::ok(&value))
    }

    fn place_json(&self, repository: &Repository, name: &str, path: &str, entry: &Entry) -> Value {
        let (api, web) = (self.repo_api(repository), self.repo_web(repository));
        let kind = match entry.mode {
            Mode::Tree => "dir",
            Mode::Link => "symlink",
            Mode::Submodule => "submodule",
            Mode::File | Mode::Executable => "file",
        };
        let place = path.split('/').map(encode).collect::<Vec<_>>().join("/");
        let own = format!("{api}/contents/{place}?ref={name}");
        let page = if entry.mode == Mode::Tree { "tree" } else { "blob" };
        let (html, git) =
            (format!("{web}/{page}/{name}/{place}"), format!("{api}/git/{}s/{}", entry.mode.kind(), entry.oid));
        json!({
            "name": path.rsplit('/').next(), "path": path, "sha": entry.oid.to_string(), "type": kind,
            "size": repository.git.blob(entry.oid).map_or(0, <[u8]>::len), "url": own, "html_url": html, "git_url": git,
            "download_url": (entry.mode != Mode::Tree).then(|| format!("{web}/raw/{name}/{place}")),
            "_links": {"self": own, "git": git, "html": html},
        })
    }

    fn languages(&self, repo: i64) -> Answer {
        let repository = self.repository(repo)?;
        let git = &repository.git;
        let files = git.branch(&repository.default_branch).map(|oid| git.files_at(oid)).unwrap_or_default();
        let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
        for (path, entry) in &files {
            let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
            if let Some((_, language)) = LANGUAGES.iter().find(|(known, _)| *known == extension) {
                *counted.entry(language).or_default() += git.blob(entry.oid).map_or(0, <[u8]>::len);
            }
        }
        Ok(Response::ok(&json!(counted)))
    }
}

/// GitHub looks in the root, `.github` and `docs`, whatever the case.
fn readme_path(repository: &Repository, tree: Oid) -> Result<String, Problem> {
    let files = repository.git.files(tree);
    let named = |folder: &str| {
        files.keys().find(|path| {
            let lower = path.to_lowercase();
            lower
                .strip_prefix(folder)
                .is_some_and(|name| !name.contains('/') && (name == "readme" || name.starts_with("readme.")))
        })
    };
    [".github/", "", "docs/"].into_iter().find_map(named).cloned().ok_or_else(Problem::not_found)
}

/// Base64 in lines of 60 characters, as GitHub folds it.
fn folded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (place, character) in STANDARD.encode(bytes).chars().enumerate() {
        if place > 0 && place % 60 == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push('\n');
    text
}
