//! The messages of the callbacks, as JSON in snake_case. Unknown fields are ignored; money is micro-dollars, sizes bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `POST /api/callbacks/start`, under the claim token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StartRequest {
    /// The task this machine was made for.
    pub task_id: String,
    /// The launch it was made for.
    pub attempt: u32,
    /// Random for each boot, so that a second machine with the same claim is told apart.
    pub boot_id: String,
    /// What is calling.
    #[serde(default)]
    pub runner: RunnerInfo,
}

/// The runner's own description of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunnerInfo {
    /// Its version.
    pub version: String,
    /// Its operating system.
    pub os: String,
    /// What keeps the agent in: `bwrap` (a box on somebody's computer), `user` (another user in a machine of its own),
    /// `off` (nothing). Empty from runners that do not say.
    pub isolation: String,
}

/// The job: everything a machine needs, given to it once it has claimed. Holds keys, so there is no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct StartAnswer {
    /// Bearer of the later calls, and the git gateway's password.
    pub session_token: String,
    /// The task.
    pub task_id: String,
    /// The launch.
    pub attempt: u32,
    /// What to clone.
    pub repository: JobRepository,
    /// The branch Porter will publish to.
    pub branch: String,
    /// What WRAP made of the issue.
    pub prompt: String,
    /// Who is to do it.
    pub agent: JobAgent,
    /// Provider keys by the name of their environment variable. For the runner's gateway only, never for the agent.
    pub keys: BTreeMap<String, String>,
    /// Provider addresses by provider (`anthropic`, `openai`, `gemini`), without a trailing slash or version.
    pub upstreams: BTreeMap<String, String>,
    /// What the run must stay within.
    pub limits: Limits,
    /// Seconds between reports.
    pub report_every_s: u32,
}

/// Where the code comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobRepository {
    /// `owner/name`.
    pub full_name: String,
    /// Porter's read-only git gateway.
    pub clone_url: String,
    /// The branch the work starts from.
    pub base_ref: String,
    /// The commit the work starts from; the change set's base.
    pub base_sha: String,
}

/// The agent asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobAgent {
    /// An agent's word, as `claude`.
    pub name: String,
    /// A model by the agent's own name for it; `None` for its default.
    pub model: Option<String>,
}

/// The limits of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds from the start's answer until the run is over.
    pub deadline_s: u32,
    /// The most the models may cost; `None` for no cap.
    pub budget_micros: Option<i64>,
    /// The most files a change set may hold.
    pub max_files: u32,
    /// The most of them that may be binary.
    pub max_binary_files: u32,
    /// The most bytes of content, after decoding.
    pub max_bytes: u64,
}

/// `POST /api/callbacks/events`, under the session token: news, and the heartbeat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventsRequest {
    /// The task.
    pub task_id: String,
    /// The launch.
    pub attempt: u32,
    /// Grows from 1; a repeat is answered and ignored.
    pub seq: u64,
    /// Where the run is.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// 0 to 100.
    #[serde(default)]
    pub progress: Option<u32>,
    /// What happened since the last report.
    #[serde(default)]
    pub lines: Vec<LogLine>,
    /// What the models cost so far.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// Where a run is; in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Fetching the code.
    Cloning,
    /// The repository's own preparation.
    Setup,
    /// The agent is at it.
    Working,
    /// Comparing trees.
    Collecting,
    /// Handing the change set to Porter.
    HandingOver,
}

impl Phase {
    /// The word on the wire, in the database and on pages.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cloning => "cloning",
            Self::Setup => "setup",
            Self::Working => "working",
            Self::Collecting => "collecting",
            Self::HandingOver => "handing_over",
        }
    }
}

/// One line of a run's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LogLine {
    /// RFC 3339 in UTC.
    pub at: String,
    /// How it is meant.
    pub level: LineLevel,
    /// The line, without keys.
    pub text: String,
}

/// How a log line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineLevel {
    /// Normal life.
    Info,
    /// Odd.
    Warning,
    /// Wrong.
    Error,
    /// Something was achieved.
    Success,
}

/// What the models were asked and cost, summed over the run. Unknown is `None`, never 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Model calls.
    pub calls: Option<i64>,
    /// Tokens sent, without those read from a cache.
    pub input_tokens: Option<i64>,
    /// Tokens received.
    pub output_tokens: Option<i64>,
    /// Tokens read from a provider's cache.
    pub cache_read_tokens: Option<i64>,
    /// Cost in micro-dollars.
    pub cost_micros: Option<i64>,
    /// The model that did most of it.
    pub model: Option<String>,
}

/// The answer to a report: `{"continue":true}`, or `{"stop":{"reason":…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventsAnswer {
    /// Carry on.
    Continue(bool),
    /// End the agent and the machine; nothing is wanted any more.
    Stop {
        /// Why, in words.
        reason: String,
    },
}

/// The cause of a failure that was not the agent's: its model provider did not answer, or answered that it cannot.
pub const PROVIDER_OUTAGE: &str = "provider_outage";

/// `POST /api/callbacks/complete`, under the session token; the same bytes until answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CompleteRequest {
    /// The task.
    pub task_id: String,
    /// The launch.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, for `no_changes` and `failed`.
    #[serde(default)]
    pub reason: Option<String>,
    /// What another launch can cure, with `failed`: [`PROVIDER_OUTAGE`]. Any other word is as good as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The agent's own words, as markdown.
    #[serde(default)]
    pub summary: Option<String>,
    /// What the models cost.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// What is to change; with `changes` only.
    #[serde(default)]
    pub change_set: Option<ChangeSet>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// There is a change set.
    Changes,
    /// The agent ended well and changed nothing.
    NoChanges,
    /// It did not work.
    Failed,
}

/// What an agent wants changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeSet {
    /// The commit it was made on.
    pub base_sha: String,
    /// The commit message it proposes.
    pub message: String,
    /// The files that differ from the base.
    pub files: Vec<ChangedFile>,
}

/// One path of a change set: `{"path","deleted":true}` or `{"path","mode","encoding","content"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, try_from = "SentFile")]
pub enum ChangedFile {
    /// The path is to go.
    Deleted {
        /// Relative to the repository's root.
        path: String,
        /// Always `true`.
        deleted: bool,
    },
    /// The path is to have this content.
    Written {
        /// Relative to the repository's root.
        path: String,
        /// `100644`, `100755` or `120000`.
        mode: String,
        /// How `content` is written.
        encoding: Encoding,
        /// The file, or a link's target.
        content: String,
    },
}

/// A path as sent: `"deleted": false` beside a content is as good as nothing.
#[derive(Deserialize)]
struct SentFile {
    path: String,
    #[serde(default)]
    deleted: bool,
    mode: Option<String>,
    encoding: Option<Encoding>,
    content: Option<String>,
}

impl TryFrom<SentFile> for ChangedFile {
    type Error = &'static str;

    fn try_from(sent: SentFile) -> Result<Self, &'static str> {
        match (sent.deleted, sent.mode, sent.encoding, sent.content) {
            (true, _, _, _) => Ok(Self::Deleted { path: sent.path, deleted: true }),
            (false, Some(mode), Some(encoding), Some(content)) => {
                Ok(Self::Written { path: sent.path, mode, encoding, content })
            }
            (false, _, _, _) => Err("needs mode, encoding and content, or \"deleted\": true"),
        }
    }
}

impl ChangedFile {
    /// The path, relative to the repository's root.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Deleted { path, .. } | Self::Written { path, .. } => path,
        }
    }
}

/// How a file's content is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// As it is.
    #[serde(rename = "utf-8")]
    Utf8,
    /// Base64 with padding.
    #[serde(rename = "base64")]
    Base64,
}

/// The answer to `complete`, once Porter has published or finally refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteAnswer {
    /// `success` or `failed`.
    pub status: FinalStatus,
    /// The pull request, when there is one.
    pub pull_request: Option<PullRequestLink>,
}

/// How a task ended, as the runner is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStatus {
    /// Published, or rightly nothing to publish.
    Success,
    /// Not.
    Failed,
}

/// A pull request by number and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequestLink {
    /// Its number in the repository.
    pub number: i64,
    /// Its page.
    pub url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_words_are_pinned() {
        let words = serde_json::to_string(&[
            Phase::Cloning,
            Phase::Setup,
            Phase::Working,
            Phase::Collecting,
            Phase::HandingOver,
        ]);
        assert_eq!(words.unwrap(), r#"["cloning","setup","working","collecting","handing_over"]"#);
        for phase in [Phase::Cloning, Phase::HandingOver] {
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.word());
        }
        assert_eq!(serde_json::to_string(&EventsAnswer::Continue(true)).unwrap(), r#"{"continue":true}"#);
        assert_eq!(
            serde_json::to_string(&EventsAnswer::Stop { reason: "gone".into() }).unwrap(),
            r#"{"stop":{"reason":"gone"}}"#
        );
    }

    #[test]
    fn a_change_set_reads_both_kinds_of_file() {
        let text = r#"{"base_sha":"b","message":"m","files":[
            {"path":"a","mode":"100644","encoding":"utf-8","content":"x"},{"path":"b","deleted":true}]}"#;
        let set: ChangeSet = serde_json::from_str(text).unwrap();
        assert!(matches!(set.files[0], ChangedFile::Written { encoding: Encoding::Utf8, .. }));
        assert!(matches!(set.files[1], ChangedFile::Deleted { deleted: true, .. }));
    }
}
