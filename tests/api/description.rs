//! `src/http/openapi.json`, read: its operations, and whether an answer is what it says.

use std::collections::BTreeSet;

use porter::http::route::{Guard, Route};
use serde_json::{Value, json};

use crate::stage::Seen;

/// A task's id that no task has.
pub(crate) const NOBODY: &str = "01aaaaaaaaaaaaaaaaaaaaaaaa";
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// The description, as the Worker serves it.
pub(crate) fn described() -> Value {
    serde_json::from_str(include_str!("../../src/http/openapi.json")).expect("openapi.json is JSON")
}

/// One operation.
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With its `{names}`.
    pub(crate) template: String,
    /// With examples in their place.
    pub(crate) path: String,
    pub(crate) guard: String,
    body: Value,
}

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    let all = described();
    let mut operations = Vec::new();
    for (template, methods) in all["paths"].as_object().expect("paths") {
        for (method, body) in methods.as_object().expect("methods") {
            operations.push(Operation {
                method: method.to_uppercase(),
                template: template.clone(),
                path: template
                    .replace("{id}", NOBODY)
                    .replace("agents/{name}", "agents/claude")
                    .replace("{owner}/{name}", "acme/demo"),
                guard: body["x-guard"].as_str().expect("a guard").to_owned(),
                body: body.clone(),
            });
        }
    }
    operations
}

/// The operation at an address; HEAD is GET's.
fn operation_at(method: &str, path: &str) -> Option<Operation> {
    let method = if method == "HEAD" { "GET" } else { method };
    let fits = |template: &str| {
        let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
    };
    let all = operations().into_iter().filter(|it| it.method == method && fits(&it.template));
    // A literal part counts more than a name: /api/tasks/history is no task.
    all.min_by_key(|it| it.template.matches('{').count())
}

/// Panics unless the answer is one that the description allows: status, media type, and every field, none besides.
pub(crate) fn hold(method: &str, path: &str, seen: &Seen) {
    let whole = described();
    let at = format!("{method} {path} -> {}", seen.status);
    let responses = operation_at(method, path).map_or(Value::Null, |it| it.body["responses"].clone());
    let found = [seen.status.to_string().as_str(), "default"].iter().find_map(|key| responses.get(key).cloned());
    let response = match found {
        Some(response) => resolved(&whole, response),
        None if seen.status == 405 => whole["components"]["responses"]["WrongMethod"].clone(),
        None if seen.status == 404 && responses.is_null() => whole["components"]["responses"]["NotFound"].clone(),
        None => panic!("{at} is not described: {}", String::from_utf8_lossy(&seen.body)),
    };
    for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(seen.headers.iter().any(|(key, _)| key == name), "{at} has no {name}");
    }
    let Some(content) = response["content"].as_object() else {
        assert!(seen.body.is_empty(), "{at} has a body");
        return;
    };
    let media = seen.headers.iter().find(|(name, _)| *name == "content-type").map(|(_, value)| value.as_str());
    // What the git host answers or a stream says is not on the stage.
    let Some(media) = media else { return assert!(seen.forwarded.is_some() || path.ends_with("/events"), "{at}") };
    let media = media.split(';').next().unwrap_or_default();
    let schema = content.get(media).unwrap_or_else(|| panic!("{at} is described as {content:?}, not {media}"));
    if media == "application/json" {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_else(|error| panic!("{at}: {error}"));
        check(&whole, &schema["schema"], &body, &at);
    }
}

/// Panics unless a value is what a schema of the description says.
pub(crate) fn hold_value(schema: &str, value: &Value) {
    check(&described(), &json!({"$ref": format!("#/components/schemas/{schema}")}), value, schema);
}

fn resolved(whole: &Value, response: Value) -> Value {
    match response["$ref"].as_str() {
        Some(address) => whole.pointer(address.trim_start_matches('#')).expect("a known response").clone(),
        None => response,
    }
}

fn check(whole: &Value, schema: &Value, value: &Value, at: &str) {
    let mut components = whole["components"].clone();
    let mut schema = schema.clone();
    close(&mut components);
    close(&mut schema);
    schema["components"] = components;
    let validator = jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{at}: {error}"));
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{at}: {errors:#?}\n{value:#}");
}

/// Clients ignore what they do not know, so the description leaves objects open; here a field it does not name is a mistake.
/// What `npm start` puts into `/api/local` is its own.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let local = fields.get("description").and_then(Value::as_str).is_some_and(|it| it.contains("more fields"));
            if fields.contains_key("properties") && fields.get("type") == Some(&json!("object")) && !local {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn guard_word(guard: Guard) -> &'static str {
    match guard {
        Guard::Anyone => "anyone",
        Guard::GitHub => "github",
        Guard::Machine => "machine",
        Guard::Loopback => "loopback",
        Guard::LoopbackUnset => "loopback_unset",
        Guard::LoopbackChange => "loopback_change",
    }
}

/// A name for each route; a new one does not compile until it is named here, and fails until it is described.
fn name(route: &Route) -> &'static str {
    match route {
        Route::Webhook => "webhook",
        Route::Start => "start",
        Route::Report => "report",
        Route::Complete => "complete",
        Route::Git { .. } => "git",
        Route::Tasks => "tasks",
        Route::History => "history",
        Route::CreateTask => "create",
        Route::Task { .. } => "task",
        Route::TaskEvents { .. } => "events",
        Route::StopTask { .. } => "stop",
        Route::RetryTask { .. } => "retry",
        Route::Agents => "agents",
        Route::Agent { .. } => "agent",
        Route::StartupCheck => "startup",
        Route::Local => "local",
        Route::LocalComment => "local comment",
        Route::Health => "health",
        Route::Metrics => "metrics",
        Route::OpenApi => "openapi",
        Route::NotFound => "nothing",
        Route::WrongMethod { .. } => "wrong method",
    }
}

#[test]
fn every_described_operation_is_a_route_with_that_guard() {
    for Operation { method, template, path, guard, .. } in operations() {
        let route = Route::parse(&method, &path);
        assert!(!matches!(route, Route::NotFound | Route::WrongMethod { .. }), "{method} {template} is not answered");
        assert_eq!(guard_word(route.guard()), guard, "{method} {template}");
    }
}

#[test]
fn every_route_is_described() {
    let described: BTreeSet<&str> = operations().iter().map(|it| name(&Route::parse(&it.method, &it.path))).collect();
    let source = include_str!("../../src/http/route.rs");
    let start = source.find("pub enum Route {").expect("the enum");
    let body = &source[start..start + source[start..].find("\n}").expect("its end")];
    let variants = body.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let variants = variants.filter(|line| line.trim_start().starts_with(char::is_uppercase)).count();
    // All but NotFound and WrongMethod.
    assert_eq!(described.len(), variants - 2, "{described:?}");
}

#[test]
fn every_part_of_a_path_that_a_route_knows_is_described() {
    let source =
        include_str!("../../src/http/route.rs").split("/// Who may call.\n    #[must_use]").next().unwrap_or("");
    let table = source.split("fn api(").nth(1).expect("the table");
    let patterns = table.lines().filter_map(|line| line.trim().strip_prefix(['[', '(']));
    let paths = operations();
    let mut seen = 0;
    for pattern in patterns.filter_map(|line| line.split("=>").next()) {
        for part in pattern.split('"').skip(1).step_by(2).filter(|part| part.chars().any(char::is_lowercase)) {
            seen += 1;
            let known = paths.iter().any(|it| it.template.split('/').any(|segment| segment == part));
            assert!(known, "no path of the description has {part}");
        }
    }
    assert!(seen > 15, "the table was read: {seen}");
}

#[test]
fn no_method_beyond_the_described_ones_is_answered() {
    for it in operations().iter().filter(|it| !it.template.contains("/git/")) {
        for method in METHODS {
            let is_described = operations().iter().any(|other| other.template == it.template && other.method == method);
            let route = Route::parse(method, &it.path);
            assert_eq!(!matches!(route, Route::WrongMethod { .. }), is_described, "{method} {}", it.template);
        }
    }
}

#[test]
fn the_description_is_whole() {
    let text = include_str!("../../src/http/openapi.json");
    let whole = described();
    assert_eq!(whole["openapi"], "3.1.0");
    for part in text.split("\"#/").skip(1) {
        let address = format!("/{}", part.split('"').next().unwrap_or_default());
        assert!(whole.pointer(&address).is_some(), "{address} is referred to and not there");
    }
    let ids: Vec<String> = operations().iter().map(|it| it.body["operationId"].to_string()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    for kind in ["schemas", "responses"] {
        for name in whole["components"][kind].as_object().into_iter().flat_map(|all| all.keys()) {
            let used = text.contains(&format!("#/components/{kind}/{name}\""));
            let in_words = ["StateEvent", "WrongMethod"].contains(&name.as_str());
            assert!(used || in_words, "{kind}/{name} is used nowhere");
        }
    }
}
