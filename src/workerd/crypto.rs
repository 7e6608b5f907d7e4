//! WebCrypto: HMAC over large bodies and RS256, both far cheaper there than in WebAssembly.

use std::cell::RefCell;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CryptoKey, SubtleCrypto};

use crate::domain::secret::Secret;
use crate::ports::{Crypto, Fault};

use super::{global, words};

/// The platform's cryptography.
pub(super) struct WebCrypto;

#[async_trait(?Send)]
impl Crypto for WebCrypto {
    async fn hmac_sha256_matches(&self, key: &Secret, message: &[u8], mac: &[u8]) -> Result<bool, Fault> {
        let checked = async {
            let key = imported(key, Use::Hmac).await?;
            let promise = subtle()?.verify_with_str_and_u8_array_and_u8_array("HMAC", &key, mac, message)?;
            JsFuture::from(promise).await
        };
        let matches = checked.await.map_err(|thrown| Fault::permanent("checking a signature", words(&thrown)))?;
        Ok(matches.is_truthy())
    }

    async fn sign_rs256(&self, pem: &Secret, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let signed = async {
            let key = imported(pem, Use::Rs256).await?;
            JsFuture::from(subtle()?.sign_with_str_and_u8_array("RSASSA-PKCS1-v1_5", &key, message)?).await
        };
        let signature =
            signed.await.map_err(|thrown| Fault::permanent("signing with the App's key", words(&thrown)))?;
        Ok(Uint8Array::new(&signature).to_vec())
    }
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Hmac,
    Rs256,
}

/// How many keys an isolate keeps: one of each use, and those of a rotation.
const MOST_KEYS: usize = 8;

thread_local! {
    /// Imported keys by the secret they came from, so that a rotated secret is never answered with an old key.
    static KEYS: RefCell<Vec<(Use, String, CryptoKey)>> = const { RefCell::new(Vec::new()) };
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(global().crypto()?.subtle())
}

async fn imported(secret: &Secret, purpose: Use) -> Result<CryptoKey, JsValue> {
    let known = KEYS.with_borrow(|keys| {
        keys.iter().find(|(at, text, _)| *at == purpose && text == secret.expose()).map(|(_, _, key)| key.clone())
    });
    if let Some(key) = known {
        return Ok(key);
    }
    let (format, data, algorithm, usage) = match purpose {
        Use::Hmac => ("raw", secret.expose().as_bytes().to_vec(), "HMAC", "verify"),
        Use::Rs256 => {
            let der = pkcs8(secret.expose())
                .ok_or_else(|| JsValue::from_str("the App's private key is not a PEM of an RSA key"))?;
            ("pkcs8", der, "RSASSA-PKCS1-v1_5", "sign")
        }
    };
    let parameters = Object::new();
    Reflect::set(&parameters, &"name".into(), &algorithm.into())?;
    Reflect::set(&parameters, &"hash".into(), &"SHA-256".into())?;
    let data = Uint8Array::from(data.as_slice());
    let promise = subtle()?.import_key_with_object(format, &data, &parameters, false, &Array::of1(&usage.into()))?;
    let key: CryptoKey = JsFuture::from(promise).await?.dyn_into()?;
    KEYS.with_borrow_mut(|keys| {
        if keys.len() >= MOST_KEYS {
            keys.remove(0);
        }
        keys.push((purpose, secret.expose().to_owned(), key.clone()));
    });
    Ok(key)
}

/// The PKCS#8 DER of a PEM: as it is, or wrapped around PKCS#1, the form that GitHub gives and WebCrypto does not take.
/// `None` when it is neither. Line ends may have become the two characters `\n` on their way through an environment.
fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let pem = pem.replace("\\n", "\n");
    let body = |label: &str| {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let text: String = pem.split_once(&begin)?.1.split_once(&end)?.0.split_whitespace().collect();
        STANDARD.decode(text).ok()
    };
    body("PRIVATE KEY").or_else(|| body("RSA PRIVATE KEY").map(|pkcs1| wrapped(&pkcs1)))
}

/// RFC 5208: version 0, the algorithm `rsaEncryption` with NULL, the PKCS#1 key as an octet string.
fn wrapped(pkcs1: &[u8]) -> Vec<u8> {
    const VERSION: [u8; 3] = [0x02, 0x01, 0x00];
    const RSA_ENCRYPTION: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    tagged(0x30, &[&VERSION[..], &RSA_ENCRYPTION, &tagged(0x04, pkcs1)].concat())
}

/// A DER value: tag, length in as few bytes as it takes, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let short: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = vec![tag];
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => der.push(length),
        _ => {
            der.push(0x80 | u8::try_from(short.len()).unwrap_or(u8::MAX));
            der.extend(short);
        }
    }
    der.extend_from_slice(content);
    der
}
