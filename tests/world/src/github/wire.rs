//! Requests, answers and errors as GitHub words them; nothing here knows any state.

use porter::domain::time::Timestamp;
use serde_json::{Map, Value, json};

use super::caller::Caller;

/// A request below the API's root.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path below the root, percent-encoded, with its first slash.
    pub path: String,
    /// The query without its question mark; empty for none.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The raw body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without a body, with a credential (a token) or none.
    #[must_use]
    pub fn new(method: &str, address: &str, token: Option<&str>) -> Self {
        let (path, query) = address.split_once('?').unwrap_or((address, ""));
        let mut headers = vec![("user-agent".to_owned(), "porter-world".to_owned())];
        headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        Self { method: method.into(), path: path.into(), query: query.into(), headers, body: Vec::new() }
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    /// The first header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The path's parts, decoded.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path.split('/').filter(|part| !part.is_empty()).map(decode).collect()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        Self { status, headers, body: value.to_string().into_bytes() }
    }

    pub(crate) fn ok(value: &Value) -> Self {
        Self::json(200, value)
    }

    pub(crate) fn created(value: &Value) -> Self {
        Self::json(201, value)
    }

    pub(crate) fn no_content() -> Self {
        Self { status: 204, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The first header of this lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a handler gives.
pub(crate) type Answer = Result<Response, Problem>;

/// An error in GitHub's own words.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    status: u16,
    message: String,
    errors: Vec<Value>,
    headers: Vec<(String, String)>,
}

impl Problem {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    /// What an App gets when its token lacks the permission or the repository.
    pub(crate) fn not_for_integrations() -> Self {
        Self::new(403, "Resource not accessible by integration")
    }

    /// `422 Validation Failed` with one error in words.
    pub(crate) fn invalid(resource: &str, message: &str) -> Self {
        let mut problem = Self::new(422, "Validation Failed");
        problem.errors.push(json!({"resource": resource, "code": "custom", "message": message}));
        problem
    }

    /// `422 Validation Failed` naming a field and a code such as `already_exists`, `missing_field`, `invalid`.
    pub(crate) fn invalid_field(resource: &str, field: &str, code: &str) -> Self {
        let mut problem = Self::new(422, "Validation Failed");
        problem.errors.push(json!({"resource": resource, "field": field, "code": code}));
        problem
    }

    /// `422 Invalid request`: a body that does not fit the description.
    pub(crate) fn not_supplied(field: &str) -> Self {
        Self::new(422, format!("Invalid request.\n\n\"{field}\" wasn't supplied."))
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let mut body = json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.to_string(),
        });
        if let (false, Some(object)) = (self.errors.is_empty(), body.as_object_mut()) {
            object.insert("errors".into(), Value::Array(self.errors));
        }
        let mut response = Response::json(self.status, &body);
        response.headers.extend(self.headers);
        response
    }
}

/// One call with everything its handler may ask about it.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) query: Query,
    pub(crate) json: Value,
    pub(crate) now: Timestamp,
    pub(crate) caller: Caller,
}

impl Call<'_> {
    pub(crate) fn method(&self) -> &str {
        &self.request.method
    }

    /// A text of the body, if it is there.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.json.get(field).and_then(Value::as_str)
    }

    /// A text of the body that must be there.
    pub(crate) fn required(&self, field: &str) -> Result<&str, Problem> {
        self.text(field).ok_or_else(|| Problem::not_supplied(field))
    }

    /// A list of texts of the body; `None` when the field is missing.
    pub(crate) fn texts(&self, field: &str) -> Option<Vec<String>> {
        let list = self.json.get(field)?.as_array()?;
        Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    pub(crate) fn wants(&self, media: &str) -> bool {
        self.request.header("accept").is_some_and(|accept| accept.contains(media))
    }

    /// One page of a list, with GitHub's `Link` header.
    pub(crate) fn page(&self, items: &[Value]) -> Response {
        let per_page = self.query.number("per_page").unwrap_or(30).clamp(1, 100);
        let page = self.query.number("page").unwrap_or(1).max(1);
        let last = items.len().div_ceil(per_page).max(1);
        let shown: Vec<Value> = items.iter().skip((page - 1) * per_page).take(per_page).cloned().collect();
        let response = Response::ok(&Value::Array(shown));
        let mut links = Vec::new();
        let mut link = |to: usize, rel: &str| {
            let address = self.query.with_page(to);
            links.push(format!("<{{root}}{}?{address}>; rel=\"{rel}\"", self.request.path));
        };
        if page > 1 {
            link(page - 1, "prev");
        }
        if page < last {
            link(page + 1, "next");
            link(last, "last");
        }
        if page > 1 {
            link(1, "first");
        }
        if links.is_empty() { response } else { response.with("link", links.join(", ")) }
    }
}

/// A parsed query.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(k, v)| (decode(k), decode(&v.replace('+', " "))))
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    pub(crate) fn time(&self, name: &str) -> Option<Timestamp> {
        Timestamp::parse(self.get(name)?)
    }

    fn with_page(&self, page: usize) -> String {
        let others =
            self.0.iter().filter(|(key, _)| key != "page").map(|(key, value)| format!("{key}={}", encode(value)));
        others.chain([format!("page={page}")]).collect::<Vec<_>>().join("&")
    }
}

/// Percent-decodes; what is no valid UTF-8 is replaced.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%');
        let byte =
            escaped.and_then(|pair| std::str::from_utf8(pair).ok()).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Percent-encodes everything but the unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

/// A point in time as GitHub writes it: whole seconds.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{}Z", at.rfc3339().split('.').next().unwrap_or_default())
}

/// Adds the fields of one object to another.
pub(crate) fn merge_into(target: &mut Value, more: Value) {
    if let (Some(target), Value::Object(more)) = (target.as_object_mut(), more) {
        target.extend(more);
    }
}

/// An object from pairs.
pub(crate) fn object(pairs: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(pairs.into_iter().collect::<Map<_, _>>())
}

/// A number in an address; whatever is none names nothing.
pub(crate) fn id(text: &str) -> Result<i64, Problem> {
    text.parse().ok().ok_or_else(Problem::not_found)
}
