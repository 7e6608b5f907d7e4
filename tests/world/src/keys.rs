//! The test App's RSA key. It is made on the machine that runs the tests and never stands in the repository.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rsa::{KeyPair, PublicKeyComponents};

use crate::github::AppKey;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file could not be read or written, or `openssl` could not be started.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// `openssl genrsa` failed, or the file holds no RSA key.
    #[error("{0}")]
    Unusable(String),
}

/// Reads the key in a file, or makes it with the `openssl` program and keeps it there. Gives PKCS#1 PEM, as GitHub does.
pub fn app_key_at(path: &Path) -> Result<String, KeyError> {
    if let Ok(pem) = std::fs::read_to_string(path) {
        return Ok(pem);
    }
    let made = Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output()?;
    let pem = String::from_utf8_lossy(&made.stdout).into_owned();
    if !made.status.success() || !pem.contains("RSA PRIVATE KEY") {
        return Err(KeyError::Unusable(format!("openssl genrsa: {}", String::from_utf8_lossy(&made.stderr))));
    }
    // Written aside and moved, so that two test processes never read half a key.
    let aside = path.with_extension(format!("{}.new", std::process::id()));
    std::fs::write(&aside, &pem)?;
    std::fs::rename(&aside, path)?;
    Ok(std::fs::read_to_string(path)?)
}

/// The key that all tests of a build share, kept beside the test programs.
pub fn app_key() -> Result<String, KeyError> {
    let program = std::env::current_exe()?;
    let folder = program.parent().ok_or_else(|| KeyError::Unusable("the program has no folder".into()))?;
    app_key_at(&folder.join("world-app-key.pem"))
}

/// Reads a private key from PEM, PKCS#1 or PKCS#8.
pub fn read_private(pem: &str) -> Result<KeyPair, KeyError> {
    let packed: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(packed).map_err(|error| KeyError::Unusable(error.to_string()))?;
    let pair = if pem.contains("BEGIN RSA") { KeyPair::from_der(&der) } else { KeyPair::from_pkcs8(&der) };
    pair.map_err(|error| KeyError::Unusable(error.to_string()))
}

/// The public half, as the stand-in's App wants it.
pub fn public_half(pem: &str) -> Result<Arc<AppKey>, KeyError> {
    let parts = PublicKeyComponents::<Vec<u8>>::from(read_private(pem)?.public());
    Ok(Arc::new(AppKey::Rsa { modulus: parts.n, exponent: parts.e }))
}
