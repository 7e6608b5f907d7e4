//! Taking every value this instance must not show out of words that come from a machine or go to people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::App;
use crate::domain::redact::{Kind, Redactor};
use crate::domain::secret::Secret;
use crate::protocol::change_set::{Broken, Rule};
use crate::protocol::wire::{ChangeSet, ChangedFile, CompleteRequest, Encoding};

impl App<'_> {
    /// What removes every value this instance must not show.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        let config = self.config;
        let mut secrets: Vec<&Secret> = config.provider_keys.values().collect();
        secrets.extend(config.github.token.as_ref());
        secrets.extend(config.github.app.as_ref().map(|app| &app.key));
        secrets.extend(config.start_token.as_ref());
        secrets.extend(config.fly_api_token.as_ref());
        secrets.extend(config.webhook_secret.as_ref());
        secrets.extend(config.encryption_keys.as_ref());
        Redactor::new(&secrets)
    }

    /// The files of a change set that hold a key of this instance, by path or content. A pull request is read by everybody.
    pub(super) fn keys_in(&self, set: &ChangeSet) -> Vec<Broken> {
        let redactor = self.redactor();
        let holds = |bytes: &[u8]| redactor.finds(bytes) == Some(Kind::Issued);
        let content = |file: &ChangedFile| match file {
            ChangedFile::Deleted { .. } => false,
            ChangedFile::Written { encoding: Encoding::Utf8, content, .. } => holds(content.as_bytes()),
            ChangedFile::Written { encoding: Encoding::Base64, content, .. } => {
                STANDARD.decode(content).is_ok_and(|bytes| holds(&bytes))
            }
        };
        let files = set.files.iter().filter(|file| holds(file.path().as_bytes()) || content(file));
        files.map(|file| Broken { path: redactor.redact(file.path()).into_owned(), rule: Rule::Secret }).collect()
    }

    /// The same result, with every key's value taken out of the words that people will read.
    pub(super) fn without_keys(&self, mut request: CompleteRequest) -> CompleteRequest {
        let redactor = self.redactor();
        let clean = |text: String| redactor.redact(&text).into_owned();
        request.reason = request.reason.map(clean);
        request.summary = request.summary.map(clean);
        if let Some(usage) = &mut request.usage {
            usage.model = usage.model.take().map(clean);
        }
        if let Some(change_set) = &mut request.change_set {
            change_set.message = clean(std::mem::take(&mut change_set.message));
        }
        request
    }
}
