//! The model providers as data: where they live, how they take a key, and which of their calls an agent may make.

use axum::http::header::{AUTHORIZATION, HeaderName, InvalidHeaderValue};
use axum::http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

/// Someone who sells model calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Provider {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's Responses and Chat Completions APIs.
    OpenAi,
}

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

impl Provider {
    /// Every provider.
    pub(crate) const ALL: [Self; 2] = [Self::Anthropic, Self::OpenAi];

    /// The word in the job's `upstreams`, and the first part of the gateway's paths.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }

    /// The name in sentences.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Anthropic => "Anthropic",
            Self::OpenAi => "OpenAI",
        }
    }

    /// The name of its key in the job.
    pub(crate) const fn key_name(self) -> &'static str {
        match self {
            Self::Anthropic => "ANTHROPIC_API_KEY",
            Self::OpenAi => "OPENAI_API_KEY",
        }
    }

    /// Where it lives when the job does not say.
    pub(crate) const fn default_upstream(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com",
        }
    }

    /// Whether a request carries this key. The comparison takes the same time wherever they differ.
    pub(crate) fn carries(self, headers: &HeaderMap, key: &str) -> bool {
        let api_key = headers.get(X_API_KEY).map(HeaderValue::as_bytes);
        let bearer = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let given = match self {
            Self::Anthropic => api_key.or(bearer),
            Self::OpenAi => bearer,
        };
        given.is_some_and(|given| same(given, key.as_bytes()))
    }

    /// Whether a header is one that any provider takes a key in.
    pub(crate) fn is_key_header(name: &HeaderName) -> bool {
        *name == X_API_KEY || *name == AUTHORIZATION || name.as_str() == "x-goog-api-key"
    }

    /// The header that carries the real key.
    pub(crate) fn key_header(
        self,
        key: &str,
    ) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue> {
        let (name, mut value) = match self {
            Self::Anthropic => (X_API_KEY, HeaderValue::from_str(key)?),
            Self::OpenAi => (
                AUTHORIZATION,
                HeaderValue::from_str(&format!("Bearer {key}"))?,
            ),
        };
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// Whether the agent may make this call: model calls and what goes with them; no files, no administration.
    pub(crate) fn allows(self, method: &Method, path: &str) -> bool {
        let plain = path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-_.:".contains(&byte));
        let (get, post) = (*method == Method::GET, *method == Method::POST);
        let model = path
            .strip_prefix("/v1/models")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let allowed = match self {
            Self::Anthropic => {
                post && ["/v1/messages", "/v1/messages/count_tokens"].contains(&path)
            }
            Self::OpenAi => {
                post && [
                    "/v1/responses",
                    "/v1/responses/compact",
                    "/v1/chat/completions",
                ]
                .contains(&path)
            }
        };
        plain && !path.contains("..") && (allowed || (get && model))
    }

    /// Whether a call asks a model for words, and so costs tokens. `target` may carry a query.
    pub(crate) fn is_model_call(self, method: &Method, target: &str) -> bool {
        let path = target.split('?').next().unwrap_or_default();
        let asks = match self {
            Self::Anthropic => path.ends_with("/v1/messages"),
            Self::OpenAi => !path.contains("/v1/models"),
        };
        *method == Method::POST && asks
    }

    /// An error as this provider words it.
    pub(crate) fn error_body(self, words: &str) -> Value {
        match self {
            Self::Anthropic => {
                json!({"type": "error", "error": {"type": "porter_gateway", "message": words}})
            }
            Self::OpenAi => {
                json!({"error": {"type": "porter_gateway", "code": "porter_gateway", "message": words}})
            }
        }
    }
}

fn same(left: &[u8], right: &[u8]) -> bool {
    let differ = left
        .iter()
        .zip(right)
        .fold(0_u8, |seen, (a, b)| seen | (a ^ b));
    left.len() == right.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_model_calls_pass() {
        let post = Method::POST;
        for (provider, method, path, passes) in [
            (Provider::Anthropic, &post, "/v1/messages", true),
            (
                Provider::Anthropic,
                &post,
                "/v1/messages/count_tokens",
                true,
            ),
            (
                Provider::Anthropic,
                &Method::GET,
                "/v1/models/claude-x",
                true,
            ),
            (Provider::Anthropic, &post, "/v1/messages/batches", false),
            (Provider::Anthropic, &post, "/v1/files", false),
            (
                Provider::Anthropic,
                &Method::GET,
                "/v1/models/../organizations/me",
                false,
            ),
            (
                Provider::Anthropic,
                &Method::GET,
                "/v1/models/%2e%2e/files",
                false,
            ),
            (Provider::OpenAi, &post, "/v1/responses", true),
            (Provider::OpenAi, &Method::GET, "/v1/responses", false),
            (Provider::OpenAi, &post, "/v1/chat/completions", true),
            (Provider::OpenAi, &post, "/v1/files", false),
            (Provider::OpenAi, &Method::DELETE, "/v1/models/x", false),
        ] {
            assert_eq!(
                provider.allows(method, path),
                passes,
                "{provider:?} {method} {path}"
            );
        }
    }

    #[test]
    fn only_the_stand_in_key_is_let_in() {
        let headers = |name: &'static str, value: &str| {
            HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )])
        };
        assert!(Provider::Anthropic.carries(&headers("x-api-key", "abc"), "abc"));
        assert!(Provider::Anthropic.carries(&headers("authorization", "Bearer abc"), "abc"));
        assert!(Provider::OpenAi.carries(&headers("authorization", "Bearer abc"), "abc"));
        assert!(!Provider::OpenAi.carries(&headers("x-api-key", "abc"), "abc"));
        for wrong in ["", "ab", "abcd", "abd"] {
            assert!(
                !Provider::Anthropic.carries(&headers("x-api-key", wrong), "abc"),
                "{wrong}"
            );
        }
        assert!(!Provider::Anthropic.carries(&HeaderMap::new(), "abc"));
    }
}
