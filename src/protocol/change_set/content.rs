//! What a file of the set holds: its size after decoding, whether it is binary, whether its mode and encoding are true.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Rule;
use crate::protocol::wire::{ChangedFile, Encoding};

/// The measure of a file.
#[derive(Default)]
pub(super) struct Content {
    /// Bytes after decoding.
    pub(super) bytes: u64,
    /// Sent as base64, or text with a zero byte in it.
    pub(super) binary: bool,
}

/// Measures a file, or names the rule it breaks.
pub(super) fn measure(file: &ChangedFile) -> Result<Content, Rule> {
    let (mode, encoding, content) = match file {
        ChangedFile::Deleted { deleted: true, .. } => return Ok(Content::default()),
        ChangedFile::Deleted { .. } => return Err(Rule::Deleted),
        ChangedFile::Written { mode, encoding, content, .. } => (mode, encoding, content),
    };
    if !matches!(mode.as_str(), "100644" | "100755" | "120000") {
        return Err(Rule::Mode);
    }
    let bytes = match encoding {
        Encoding::Utf8 => content.len(),
        Encoding::Base64 => STANDARD.decode(content).ok().ok_or(Rule::Encoding)?.len(),
    };
    let binary = *encoding == Encoding::Base64 || content.contains('\0');
    Ok(Content { bytes: u64::try_from(bytes).unwrap_or(u64::MAX), binary })
}

/// Where a link points, if the file is a link; `Err` for content that is no text.
pub(super) fn link_target(file: &ChangedFile) -> Option<Result<String, Rule>> {
    match file {
        ChangedFile::Written { mode, encoding, content, .. } if mode == "120000" => Some(match encoding {
            Encoding::Utf8 => Ok(content.clone()),
            Encoding::Base64 => {
                let text = STANDARD.decode(content).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                text.ok_or(Rule::Encoding)
            }
        }),
        ChangedFile::Written { .. } | ChangedFile::Deleted { .. } => None,
    }
}
