//! The start-up check and the doctor: what is set, what can be reached, what went wrong last. Words only, no values.

use super::App;
use crate::clients::github::Identity;
use crate::domain::credential::Credential;
use crate::domain::question::Question;
use crate::ports::{Fault, FaultKind};
use crate::store::{effects, facts, missed_deliveries, read};

/// For how long an effect that was given up is told of.
const TOLD_OF_DEAD_S: i64 = 7 * 86_400;
/// How old the last cron tick may be.
const TICK_MAY_BE_OLD_MS: i64 = 5 * 60_000;

/// How long a delivery may fail to arrive before it is worth a word.
const DELIVERY_MAY_BE_LATE_MS: i64 = 3_600_000;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen.
    pub detail: String,
    /// What to do; empty when nothing is to be done.
    pub remedy: String,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// In order.
    Good,
    /// Cannot be told from here.
    Unknown,
    /// Not in order.
    Bad,
}

impl Check {
    fn good(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Good, detail: detail.into(), remedy: String::new() }
    }

    fn bad(name: &str, detail: impl Into<String>, remedy: &str) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Bad, detail: detail.into(), remedy: remedy.to_owned() }
    }
}

impl App<'_> {
    /// What can be told without calling anybody: settings and tables.
    pub async fn check_settings(&self) -> Vec<Check> {
        let problems = &self.config.problems;
        let mut checks: Vec<Check> = problems.iter().map(|p| Check::bad(p.name, p.what.clone(), p.remedy)).collect();
        if checks.is_empty() {
            checks.push(Check::good("settings", "everything required is set"));
        }
        if self.config.encryption_keys.is_some() && self.keyring().is_none() {
            let what = "cannot be read";
            checks.push(Check::bad("ENCRYPTION_KEYS", what, "set it to 1: and 32 random bytes as base64"));
        }
        checks.push(if read::is_migrated(self.sql).await {
            Check::good("database", "the tables are there")
        } else {
            Check::bad("database", "the tables are missing", "apply the migrations: npm run deploy does it")
        });
        checks
    }

    /// Everything that can be checked: settings, tables, keys, GitHub, machine host, cron, last errors.
    pub async fn check_all(&self, question: Option<&Question>) -> Vec<Check> {
        let mut checks = self.check_settings().await;
        let names: Vec<&str> = self.config.provider_keys.keys().copied().collect();
        if !names.is_empty() {
            checks.push(Check::good("model keys", names.join(", ")));
        }
        if let Some(image) = &self.config.worker_image {
            checks.push(Check::good("image", format!("`{image}`")));
        }
        checks.push(self.check_github(question).await);
        checks.push(self.check_host().await);
        checks.push(self.check_cron().await);
        checks.extend(self.check_deliveries().await);
        checks.extend(self.check_errors().await);
        checks.push(self.check_dead().await);
        checks
    }

    async fn check_github(&self, question: Option<&Question>) -> Check {
        let name = "GitHub";
        let credential = question.map(|question| question.credential);
        let has_app = self.config.github.app.is_some();
        if !has_app && self.config.github.token.is_none() {
            return Check::bad(name, "no credential", "create a GitHub App, or set GITHUB_TOKEN and GITHUB_USER");
        }
        let asked = match credential {
            Some(by) => self.github().identity(by).await,
            None if has_app => self.github().app().await,
            None => self.github().identity(Credential::Token).await,
        };
        match asked {
            Ok(Identity::App { slug, .. }) => Check::good(name, format!("acting as the App `{slug}`")),
            Ok(Identity::User(user)) => match &self.config.account_login {
                Some(login) if !login.eq_ignore_ascii_case(&user.login) => Check::bad(
                    name,
                    format!("the token belongs to `{}`, and GITHUB_USER says `{login}`", user.login),
                    "set GITHUB_USER to the login the token belongs to",
                ),
                _ => Check::good(name, format!("acting as `{}`", user.login)),
            },
            Err(error) => Check::bad(name, error.words(), "check the credential and GITHUB_API_URL"),
        }
    }

    async fn check_host(&self) -> Check {
        let name = "machine host";
        let host = match self.host() {
            Ok(host) => host,
            Err(fault) => return Check::bad(name, fault.detail, "set FLY_API_TOKEN and FLY_APP_NAME"),
        };
        match host.list("porter_instance", &self.instance()).await {
            Ok(machines) => Check::good(name, format!("answers; {} of our machines are listed", machines.len())),
            Err(error) => Check::bad(name, error.words(), "check FLY_API_URL, FLY_API_TOKEN and FLY_APP_NAME"),
        }
    }

    async fn check_cron(&self) -> Check {
        let name = "cron";
        let remedy = "check the cron trigger of the Worker";
        match facts::load(self.sql, facts::LAST_TICK).await {
            Ok(Some(fact)) => {
                let age = self.clock.now().since(fact.at);
                let detail = format!("last ran {} ago", super::compose::span(age));
                if age <= TICK_MAY_BE_OLD_MS { Check::good(name, detail) } else { Check::bad(name, detail, remedy) }
            }
            Ok(None) => Check {
                name: name.to_owned(),
                verdict: Verdict::Unknown,
                detail: "has not run yet".to_owned(),
                remedy: remedy.to_owned(),
            },
            Err(fault) => Check::bad(name, said(&fault), "try again in a minute"),
        }
    }

    async fn check_dead(&self) -> Check {
        let name = "effects given up";
        match effects::dead_since(self.sql, self.clock.now().plus_seconds(-TOLD_OF_DEAD_S)).await {
            Ok(None) => Check::good(name, "none in the last seven days"),
            Ok(Some(dead)) => Check::bad(
                name,
                format!("{} in the last seven days; the newest is {}: {}", dead.count, dead.kind, dead.error),
                "mend the cause, then comment `retry` on the issue; the log has each one under \"An effect is given up\"",
            ),
            Err(fault) => Check::bad(name, said(&fault), "try again in a minute"),
        }
    }

    /// Deliveries that GitHub keeps failing to bring; nothing to say while there are none.
    async fn check_deliveries(&self) -> Option<Check> {
        let name = "deliveries";
        let age = match missed_deliveries::oldest(self.sql).await {
            Ok(oldest) => self.clock.now().since(oldest?),
            Err(fault) => return Some(Check::bad(name, said(&fault), "try again in a minute")),
        };
        let remedy = "check the App's webhook address and secret on GitHub, under \"Recent Deliveries\"";
        let detail = format!("some have not arrived for {}", super::compose::span(age));
        (age > DELIVERY_MAY_BE_LATE_MS).then(|| Check::bad(name, detail, remedy))
    }

    async fn check_errors(&self) -> Vec<Check> {
        let errors = match effects::last_errors(self.sql).await {
            Ok(errors) => errors,
            Err(fault) => return vec![Check::bad("outbox", said(&fault), "try again in a minute")],
        };
        if errors.is_empty() {
            return vec![Check::good("outbox", "no effect is failing")];
        }
        errors
            .into_iter()
            .map(|(kind, error)| Check::bad(&format!("outbox: {kind}"), error, "the log has the details"))
            .collect()
    }
}

/// A fault in words without its detail, which is for the log.
const fn said(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::Transient { .. } => "the database did not answer",
        FaultKind::Permanent => "the database did not understand",
    }
}
