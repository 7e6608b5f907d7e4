//! What holds for secrets and strangers' texts.

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use porter::ports::{Statement, Value};

use super::Broken;
use crate::watch::Called;

/// Stands in every stranger's text of a simulated world, and nowhere else.
pub const STRANGER: &str = "zq'--;/../zq";
/// How much of a secret is too much.
const TELLING: usize = 12;

/// What secrets look like, whole and in parts.
#[derive(Clone, Default)]
pub struct Secrets {
    any: Option<AhoCorasick>,
    github: Option<AhoCorasick>,
    names: Vec<(String, usize)>,
}

impl Secrets {
    /// Every telling part of these secrets, plain and in base64. `github` are those that no machine may have.
    #[must_use]
    pub fn of(all: &[(&str, &str)], github: &[&str]) -> Self {
        let mut parts: Vec<String> = Vec::new();
        let mut names = Vec::new();
        for (name, secret) in all {
            let before = parts.len();
            parts.extend(windows(secret));
            parts.push(STANDARD.encode(secret));
            names.push(((*name).to_owned(), parts.len() - before));
        }
        let github_parts: Vec<String> = github.iter().flat_map(|secret| windows(secret)).collect();
        Self { any: AhoCorasick::new(&parts).ok(), github: AhoCorasick::new(&github_parts).ok(), names }
    }

    fn look(&self, bytes: &[u8], place: &str) -> Result<(), Broken> {
        let Some(found) = self.any.as_ref().and_then(|any| any.find(bytes)) else { return Ok(()) };
        let mut at = found.pattern().as_usize();
        for (name, count) in &self.names {
            if at < *count {
                return Err(format!("{name} in {place}"));
            }
            at -= count;
        }
        Err(format!("a secret in {place}"))
    }

    /// X1. Whoever reads the database, or a copy of it, learns no key.
    pub fn in_statements(&self, statements: &[Statement]) -> Result<(), Broken> {
        for statement in statements {
            for value in &statement.params {
                if let Value::Text(text) = value {
                    self.look(text.as_bytes(), "a row")?;
                }
            }
        }
        Ok(())
    }

    /// X1. Nothing that reaches GitHub tells a key, whatever an agent was talked into; the machine host learns the claim alone.
    pub fn in_call(&self, called: &Called<'_>, _to_host: bool) -> Result<(), Broken> {
        self.look(&called.request.body, called.path())?;
        self.look(called.request.url.as_bytes(), "an address")
    }

    /// X1. Nor does an answer.
    pub fn in_answer(&self, body: &[u8]) -> Result<(), Broken> {
        self.look(body, "an answer")
    }

    /// X1. Nor does the log.
    pub fn in_log(&self, line: &str) -> Result<(), Broken> {
        self.look(line.as_bytes(), "the log")
    }

    /// X2. A machine that is taken over cannot write to the repository: it has nothing to write with.
    pub fn no_github_credential(&self, body: &[u8]) -> Result<(), Broken> {
        let prefixes = [b"ghs_".as_slice(), b"ghp_", b"github_pat_"];
        let token = prefixes.iter().any(|prefix| body.windows(prefix.len()).any(|window| window == *prefix));
        let known = self.github.as_ref().is_some_and(|github| github.find(body).is_some());
        if token || known { Err("a GitHub credential was given to a machine".to_owned()) } else { Ok(()) }
    }
}

fn windows(secret: &str) -> Vec<String> {
    let chars: Vec<char> = secret.chars().collect();
    chars.windows(TELLING).map(|window| window.iter().collect()).collect()
}

/// X6. No title, comment or name can choose where Porter writes.
pub fn addresses_are_clean(called: &Called<'_>) -> Result<(), Broken> {
    let address = called.path();
    let path = address.split('?').next().unwrap_or_default();
    let clean = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-%:".contains(c))
        && path.split('/').all(|part| part != "..");
    if !clean || address.contains("zq%27") {
        return Err(format!("the address {address}"));
    }
    let body = called.body();
    for name in ["ref", "head", "base", "branch", "name", "labels"] {
        if body.get(name).is_some_and(|value| value.to_string().contains("zq'")) {
            return Err(format!("{name} of {address} is a stranger's"));
        }
    }
    Ok(())
}
