//! Every address Porter answers, who may call it and how its body is taken in. A route without a guard does not compile.

/// An address with its method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `POST /api/webhooks/github`
    Webhook,
    /// `POST /api/callbacks/start`
    Start,
    /// `POST /api/callbacks/events`
    Report,
    /// `POST /api/callbacks/complete`
    Complete,
    /// `GET|POST /api/callbacks/git/…`
    Git {
        /// What follows `git/`.
        rest: String,
    },
    /// `GET /api/tasks`
    Tasks,
    /// `GET /api/tasks/history`
    History,
    /// `POST /api/tasks`
    CreateTask,
    /// `GET /api/tasks/:id` and `…/status`
    Task {
        /// The task, not yet read.
        id: String,
    },
    /// `GET /api/tasks/:id/events`
    TaskEvents {
        /// The task, not yet read.
        id: String,
    },
    /// `POST /api/tasks/:id/stop`, `DELETE /api/tasks/:id`
    StopTask {
        /// The task, not yet read.
        id: String,
    },
    /// `POST|PUT /api/tasks/:id/retry`
    RetryTask {
        /// The task, not yet read.
        id: String,
    },
    /// `GET /api/agents`
    Agents,
    /// `GET /api/agents/:name`
    Agent {
        /// The agent's word, not yet read.
        name: String,
    },
    /// `GET /api/startup/check`
    StartupCheck,
    /// `GET /api/local`
    Local,
    /// `POST /api/local/comment`
    LocalComment,
    /// `GET /healthz`
    Health,
    /// `GET /metrics`
    Metrics,
    /// `GET /api/openapi.json`
    OpenApi,
    /// Nothing is here.
    NotFound,
    /// Something is here, for other methods.
    WrongMethod {
        /// The methods, as for the header `Allow`.
        allowed: &'static str,
    },
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Anybody: nothing is told that is not public.
    Anyone,
    /// GitHub, by its signature, which the handler checks over the raw body before anything else.
    GitHub,
    /// A machine, by its claim or session token, which the handler checks.
    Machine,
    /// This computer.
    Loopback,
    /// This computer, also while `PUBLIC_APP_URL` is missing.
    LoopbackUnset,
    /// This computer's own page, with the start-up token.
    LoopbackChange,
}

/// How a body is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// Read, at most so many bytes.
    AtMost(usize),
    /// Handed on unread.
    Stream,
}

/// GitHub's own limit of a delivery.
const DELIVERY: usize = 25 * 1024 * 1024;
/// A report: 256 KiB of lines with room for their JSON.
const REPORT: usize = 1024 * 1024;
/// A hand-over (protocol, "complete").
const HAND_OVER: usize = 8 * 1024 * 1024;
/// Everything else.
const SMALL: usize = 64 * 1024;

impl Route {
    /// The route of a request. Paths are matched as sent: nothing Porter answers needs percent-encoding.
    #[must_use]
    pub fn parse(method: &str, path: &str) -> Self {
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        match parts.as_slice() {
            ["healthz"] => get(method, Self::Health),
            ["metrics"] => get(method, Self::Metrics),
            ["api", rest @ ..] => Self::api(method, rest),
            _ => Self::NotFound,
        }
    }

    fn api(method: &str, parts: &[&str]) -> Self {
        match parts {
            ["webhooks", "github"] => post(method, Self::Webhook),
            ["callbacks", "start"] => post(method, Self::Start),
            ["callbacks", "events"] => post(method, Self::Report),
            ["callbacks", "complete"] => post(method, Self::Complete),
            ["callbacks", "git", rest @ ..] => Self::Git { rest: rest.join("/") },
            ["tasks", rest @ ..] => Self::tasks(method, rest),
            ["agents"] => get(method, Self::Agents),
            ["agents", name] => get(method, Self::Agent { name: (*name).to_owned() }),
            ["startup", "check"] => get(method, Self::StartupCheck),
            ["local"] => get(method, Self::Local),
            ["local", "comment"] => post(method, Self::LocalComment),
            ["openapi.json"] => get(method, Self::OpenApi),
            _ => Self::NotFound,
        }
    }

    fn tasks(method: &str, parts: &[&str]) -> Self {
        match (parts, method) {
            ([], "GET" | "HEAD") => Self::Tasks,
            ([], "POST") => Self::CreateTask,
            ([], _) => Self::WrongMethod { allowed: "GET, POST" },
            (["history"], _) => get(method, Self::History),
            ([id], "DELETE") => Self::StopTask { id: (*id).to_owned() },
            ([id], "GET" | "HEAD") => Self::Task { id: (*id).to_owned() },
            ([_], _) => Self::WrongMethod { allowed: "GET, DELETE" },
            ([id, "status"], _) => get(method, Self::Task { id: (*id).to_owned() }),
            ([id, "events"], _) => get(method, Self::TaskEvents { id: (*id).to_owned() }),
            ([id, "stop"], _) => post(method, Self::StopTask { id: (*id).to_owned() }),
            ([id, "retry"], "POST" | "PUT") => Self::RetryTask { id: (*id).to_owned() },
            ([_, "retry"], _) => Self::WrongMethod { allowed: "POST, PUT" },
            _ => Self::NotFound,
        }
    }

    /// Who may call.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        match self {
            Self::Webhook => Guard::GitHub,
            Self::Start | Self::Report | Self::Complete | Self::Git { .. } => Guard::Machine,
            Self::Tasks
            | Self::History
            | Self::Task { .. }
            | Self::TaskEvents { .. }
            | Self::Agents
            | Self::Agent { .. }
            | Self::Local
            | Self::Metrics => Guard::Loopback,
            Self::StartupCheck => Guard::LoopbackUnset,
            Self::CreateTask | Self::StopTask { .. } | Self::RetryTask { .. } | Self::LocalComment => {
                Guard::LoopbackChange
            }
            Self::Health | Self::OpenApi | Self::NotFound | Self::WrongMethod { .. } => Guard::Anyone,
        }
    }

    /// How its body is taken in.
    #[must_use]
    pub const fn body(&self) -> Body {
        match self {
            Self::Webhook => Body::AtMost(DELIVERY),
            Self::Report => Body::AtMost(REPORT),
            Self::Complete => Body::AtMost(HAND_OVER),
            Self::Git { .. } => Body::Stream,
            Self::Start | Self::CreateTask | Self::StopTask { .. } | Self::RetryTask { .. } | Self::LocalComment => {
                Body::AtMost(SMALL)
            }
            Self::Tasks
            | Self::History
            | Self::Task { .. }
            | Self::TaskEvents { .. }
            | Self::Agents
            | Self::Agent { .. }
            | Self::StartupCheck
            | Self::Local
            | Self::Health
            | Self::Metrics
            | Self::OpenApi
            | Self::NotFound
            | Self::WrongMethod { .. } => Body::None,
        }
    }
}

fn get(method: &str, route: Route) -> Route {
    if matches!(method, "GET" | "HEAD") { route } else { Route::WrongMethod { allowed: "GET" } }
}

fn post(method: &str, route: Route) -> Route {
    if method == "POST" { route } else { Route::WrongMethod { allowed: "POST" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_route_and_guard() {
        let task = |id: &str| Route::Task { id: id.to_owned() };
        let table = [
            ("POST", "/api/webhooks/github", Route::Webhook, Guard::GitHub),
            ("GET", "/api/webhooks/github", Route::WrongMethod { allowed: "POST" }, Guard::Anyone),
            ("POST", "/api/callbacks/start", Route::Start, Guard::Machine),
            (
                "GET",
                "/api/callbacks/git/o/r.git/info/refs",
                Route::Git { rest: "o/r.git/info/refs".into() },
                Guard::Machine,
            ),
            ("GET", "/api/tasks", Route::Tasks, Guard::Loopback),
            ("POST", "/api/tasks", Route::CreateTask, Guard::LoopbackChange),
            ("PATCH", "/api/tasks", Route::WrongMethod { allowed: "GET, POST" }, Guard::Anyone),
            ("GET", "/api/tasks/history", Route::History, Guard::Loopback),
            ("GET", "/api/tasks/abc", task("abc"), Guard::Loopback),
            ("GET", "/api/tasks/abc/status", task("abc"), Guard::Loopback),
            ("DELETE", "/api/tasks/abc", Route::StopTask { id: "abc".into() }, Guard::LoopbackChange),
            ("PUT", "/api/tasks/abc/retry", Route::RetryTask { id: "abc".into() }, Guard::LoopbackChange),
            ("GET", "/healthz", Route::Health, Guard::Anyone),
            ("GET", "/api/config", Route::NotFound, Guard::Anyone),
            ("GET", "/api/tasks/abc/else", Route::NotFound, Guard::Anyone),
            ("GET", "/", Route::NotFound, Guard::Anyone),
        ];
        for (method, path, route, guard) in table {
            assert_eq!(Route::parse(method, path), route, "{method} {path}");
            assert_eq!(route.guard(), guard, "{method} {path}");
        }
    }
}
