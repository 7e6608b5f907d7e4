//! The ways a secret can be written: as it is, reversed, or in an encoding that a program or a person might use.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// One way to write a secret, without blanks.
pub(super) struct Form {
    /// The characters to look for.
    pub(super) text: Vec<u8>,
    /// How many of the first of them everyone knows.
    pub(super) public: usize,
}

/// Beginnings that all keys of a provider share: documentation is full of them, and they are no secret.
const PUBLIC: [&str; 8] =
    ["sk-ant-api03-", "sk-ant-oat01-", "sk-ant-", "sk-svcacct-", "sk-proj-", "github_pat_", "FlyV1fm2_", "sgamp_user_"];

/// Every form of a secret. Of a PEM block only the body counts: its frame is no secret.
pub(super) fn of(secret: &str) -> Vec<Form> {
    let is_pem = secret.contains("-----BEGIN ");
    let lines = secret.lines().filter(|line| !is_pem || !line.trim().starts_with("-----"));
    let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    // Encodings are of what stands between line breaks: those are encoded too, and differ by system.
    let mut forms: Vec<Form> = lines.iter().flat_map(|line| encoded(line.as_bytes())).collect();
    let dense: Vec<u8> = lines.concat().bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let public = PUBLIC.iter().find(|prefix| dense.starts_with(prefix.as_bytes())).map_or(0, |prefix| prefix.len());
    forms.push(form(dense.iter().rev().copied().collect::<Vec<_>>()));
    forms.push(Form { text: dense, public });
    forms
}

fn form(text: impl Into<Vec<u8>>) -> Form {
    Form { text: text.into(), public: 0 }
}

/// Base64 of both alphabets, hexadecimal and percent codes of both cases.
fn encoded(bytes: &[u8]) -> Vec<Form> {
    let mut forms = base64_within(bytes);
    let each = |write: fn(u8) -> String| form(bytes.iter().map(|&byte| write(byte)).collect::<String>());
    forms.push(each(|byte| format!("{byte:02x}")));
    forms.push(each(|byte| format!("{byte:02X}")));
    forms.push(each(|byte| format!("%{byte:02x}")));
    forms.push(each(|byte| format!("%{byte:02X}")));
    // As a form or address encodes it: letters, digits and -._~ stay.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if !bytes.iter().all(|&byte| plain(byte)) {
        for upper in [true, false] {
            let text = bytes.iter().map(|&byte| match (plain(byte), upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            });
            forms.push(form(text.collect::<String>()));
        }
        forms.push(form(serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string().trim_matches('"')));
    }
    forms
}

/// The characters that base64 makes of the bytes wherever they stand in a longer text: one form for each of three phases.
fn base64_within(bytes: &[u8]) -> Vec<Form> {
    let mut forms = Vec::new();
    for phase in 0..3_usize {
        let mut padded = vec![0; phase];
        padded.extend_from_slice(bytes);
        // Characters that also carry bits of a neighbour are not ours to know.
        let (first, last) = ((phase * 8).div_ceil(6), padded.len() * 8 / 6);
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded);
            forms.push(form(text.get(first..last).unwrap_or_default()));
        }
    }
    forms
}
