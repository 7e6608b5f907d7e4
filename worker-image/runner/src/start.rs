//! `porter-runner start`: one task from the claim to the answered result.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use porter::domain::agent::Agent;
use porter::domain::secret::Secret;
use porter::protocol::wire::{
    ChangeSet, CompleteRequest, LineLevel, Outcome, Phase, RunnerInfo, StartAnswer, StartRequest,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::agents::{self, Terms};
use crate::callbacks::{Callbacks, Claimed, Delivered};
use crate::findings::Findings;
use crate::gateway::Gateway;
use crate::gateway::meter::Meter;
use crate::gateway::providers::Provider;
use crate::interrupt::{self, Interrupt, Interrupts, Raiser};
use crate::places::Places;
use crate::redact::Redactor;
use crate::report::{Log, Reporter};
use crate::sandbox::Sandbox;
use crate::settings::{BoxKind, Settings};
use crate::{checkout, collect, committed, entropy, supervise, verdict};

/// The name of the claim in the environment.
const CLAIM: &str = "CLAIM_TOKEN";
/// Set when the claim is on standard input instead.
const CLAIM_ON_STDIN: &str = "PORTER_CLAIM_ON_STDIN";
/// How long after the deadline Porter still takes a result: the life of the tokens.
const TOKENS_OUTLIVE: Duration = Duration::from_secs(15 * 60);
/// The protocol's limit of a result's body.
const LARGEST_RESULT: usize = 8 * 1024 * 1024;
/// The longest summary that is handed over.
const SUMMARY_CHARS: usize = 20_000;

/// Runs to the end on one thread: the box dies with the thread that made it, and this one lives as long as the program.
pub(crate) fn main() -> ExitCode {
    if let Some(claim) = std::env::var_os(CLAIM) {
        return complain(&start_without(&claim).to_string());
    }
    let mut claim = String::new();
    if std::env::var_os(CLAIM_ON_STDIN).is_some()
        && let Err(error) = io::stdin().take(4096).read_to_string(&mut claim)
    {
        return complain(&error.to_string());
    }
    let settings = match Settings::read(|name| match name {
        CLAIM => Some(claim.clone()),
        other => std::env::var(other).ok(),
    }) {
        Ok(settings) => settings,
        Err(wrong) => return complain(&wrong),
    };
    // Not readable by others of the same user, and the parent of whatever the agent leaves behind.
    let hidden = nix::sys::prctl::set_dumpable(false)
        .and_then(|()| nix::sys::prctl::set_child_subreaper(true));
    if let Err(errno) = hidden {
        return complain(&format!(
            "this system cannot keep the runner apart: {errno}"
        ));
    }
    match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(start(&settings)),
        Err(error) => complain(&error.to_string()),
    }
}

/// Becomes this program again with the claim on standard input: a process cannot take a word back out of the environment
/// that others see it with. Comes back only when that fails.
fn start_without(claim: &OsStr) -> io::Error {
    let begun = io::pipe().and_then(|(reader, mut writer)| {
        writer.write_all(claim.as_bytes())?;
        let mut again = Command::new(std::env::current_exe()?);
        Ok(again
            .arg("start")
            .env_remove(CLAIM)
            .env(CLAIM_ON_STDIN, "1")
            .stdin(reader)
            .exec())
    });
    begun.unwrap_or_else(|error| error)
}

async fn start(settings: &Settings) -> ExitCode {
    let callbacks = match Callbacks::new(settings.callback_url.clone()) {
        Ok(callbacks) => callbacks,
        Err(error) => return complain(&error.to_string()),
    };
    let boot_id = match entropy::token() {
        Ok(boot_id) => boot_id,
        Err(error) => return complain(&error.to_string()),
    };
    let runner = RunnerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: std::env::consts::OS.to_owned(),
    };
    let request = StartRequest {
        task_id: settings.task_id.clone(),
        attempt: settings.attempt,
        boot_id,
        runner,
    };
    let job = match callbacks.start(&settings.claim, &request).await {
        Claimed::Job(job) => *job,
        Claimed::NotOurs => return ExitCode::SUCCESS,
        Claimed::Failed(why) => return complain(&why),
    };
    let stand_in = match entropy::token() {
        Ok(token) => format!("porter-task-{token}"),
        Err(error) => return complain(&error.to_string()),
    };
    Run::new(settings, callbacks, job, stand_in).finish().await
}

fn complain(words: &str) -> ExitCode {
    eprintln!("porter-runner: {words}");
    ExitCode::FAILURE
}

/// Everything a claimed run needs.
struct Run<'a> {
    settings: &'a Settings,
    callbacks: Callbacks,
    job: StartAnswer,
    session: Secret,
    stand_in: String,
    log: Log,
    meter: Meter,
    deadline: Instant,
}

/// Why a run has no result of the agent.
enum Ended {
    /// Something went wrong; the words are for people.
    Failed(String),
    /// It was cut short.
    Interrupted(Interrupt),
}

impl From<String> for Ended {
    fn from(reason: String) -> Self {
        Self::Failed(reason)
    }
}

impl From<Interrupt> for Ended {
    fn from(interrupt: Interrupt) -> Self {
        Self::Interrupted(interrupt)
    }
}

/// What the agent's work came to.
struct Work {
    outcome: Outcome,
    reason: Option<String>,
    summary: Option<String>,
    change_set: Option<ChangeSet>,
}

impl<'a> Run<'a> {
    fn new(
        settings: &'a Settings,
        callbacks: Callbacks,
        job: StartAnswer,
        stand_in: String,
    ) -> Self {
        let secrets = job
            .keys
            .values()
            .chain([&job.session_token, &stand_in])
            .map(String::as_str);
        let log = Log::new(Redactor::new(secrets.chain([settings.claim.expose()])));
        let deadline = Instant::now() + Duration::from_secs(u64::from(job.limits.deadline_s));
        let session = Secret::new(job.session_token.as_str());
        Self {
            settings,
            callbacks,
            job,
            session,
            stand_in,
            log,
            meter: Meter::default(),
            deadline,
        }
    }

    /// Does the work, hands over what came of it, and leaves nothing behind.
    async fn finish(self) -> ExitCode {
        let (raiser, interrupts) = Interrupts::new();
        let watches = [
            tokio::spawn(interrupt::watch_deadline(raiser.clone(), self.deadline)),
            tokio::spawn(interrupt::watch_signals(raiser.clone())),
        ];
        let finish = Arc::new(Notify::new());
        let reporter = Reporter::new(
            self.log.clone(),
            self.callbacks.clone(),
            &self.job,
            self.meter.clone(),
            raiser.clone(),
        );
        let reporting = tokio::spawn(reporter.run(finish.clone()));
        let made = Places::make(&self.settings.work_dir, &self.job.task_id, self.job.attempt);
        let ended = match &made {
            Ok(places) => self.work(places, raiser, interrupts.clone()).await,
            Err(error) => Err(Ended::Failed(format!(
                "the machine's disk could not be written: {error}"
            ))),
        };
        // Gone before the result is out: nothing of the task may outlive it, whatever happens next.
        if let Ok(places) = &made
            && let Err(error) = places.remove()
        {
            eprintln!(
                "porter-runner: {} could not be removed: {error}",
                places.root.display()
            );
        }
        let code = self.hand_over(ended, interrupts).await;
        finish.notify_one();
        if let Err(error) = reporting.await {
            eprintln!("porter-runner: {error}");
        }
        watches.iter().for_each(tokio::task::JoinHandle::abort);
        code
    }

    async fn work(
        &self,
        places: &Places,
        raiser: Raiser,
        mut interrupts: Interrupts,
    ) -> Result<Work, Ended> {
        let job = &self.job;
        let agent = Agent::parse(&job.agent.name).ok_or_else(|| {
            format!(
                "this runner knows no agent named {}",
                self.log.redact(&job.agent.name)
            )
        })?;
        let mut adapter = agents::adapter(agent)?;
        self.log.phase(Phase::Cloning, 2);
        let cloning = checkout::clone(
            &job.repository,
            &self.session,
            &places.private,
            &places.tree,
        );
        let git = interrupts.guard(cloning).await??;
        self.log.info(&format!(
            "Cloned {} at {}",
            job.repository.full_name, job.repository.base_sha
        ));
        self.log.phase(Phase::Setup, 12);
        let sandbox = Sandbox::new(self.settings, places);
        let gateway = self.open_gateway(&sandbox, places, raiser).await?;
        let launch = adapter.launch(&self.terms(&sandbox, gateway.address.clone()))?;
        let command = sandbox.command(&launch)?;
        self.warn_of_weak_box();
        self.log.phase(Phase::Working, 20);
        let running = supervise::run(
            command,
            &job.prompt,
            adapter.as_mut(),
            &self.log,
            &mut interrupts,
        );
        let findings = running.await??;
        drop(gateway);
        self.log.phase(Phase::Collecting, 85);
        let collected = interrupts.guard(self.judge(agent, &git, &findings)).await?;
        Ok(collected?)
    }

    async fn judge(
        &self,
        agent: Agent,
        git: &crate::git::Git,
        findings: &Findings,
    ) -> Result<Work, String> {
        verdict::ended_well(agent, findings, self.meter.trouble())?;
        let base_sha = &self.job.repository.base_sha;
        let files = collect::collect(git, base_sha, &self.job.limits, &self.log).await?;
        let words = findings
            .words
            .as_deref()
            .map(|words| self.log.redact(words));
        let summary = words.map(|words| words.chars().take(SUMMARY_CHARS).collect::<String>());
        if files.is_empty() {
            let reason = Some(verdict::nothing_changed(agent, findings)?);
            return Ok(Work {
                outcome: Outcome::NoChanges,
                reason,
                summary,
                change_set: None,
            });
        }
        self.log.say(
            LineLevel::Success,
            &format!("{} files changed", files.len()),
        );
        let theirs = committed::last_subject(git, base_sha).await;
        let theirs = theirs.map(|subject| self.log.redact(&subject));
        let message = verdict::message(agent, theirs.as_deref().or(summary.as_deref()));
        let change_set = Some(ChangeSet {
            base_sha: base_sha.clone(),
            message,
            files,
        });
        Ok(Work {
            outcome: Outcome::Changes,
            reason: None,
            summary,
            change_set,
        })
    }

    async fn open_gateway(
        &self,
        sandbox: &Sandbox<'_>,
        places: &Places,
        raiser: Raiser,
    ) -> Result<Open, String> {
        let stand_in = Secret::new(self.stand_in.as_str());
        let gateway = Gateway::new(
            &self.job.keys,
            &self.job.upstreams,
            stand_in,
            self.meter.clone(),
            raiser,
        );
        let gateway =
            gateway.map_err(|error| format!("the gateway could not be built: {error}"))?;
        let broken = |error: io::Error| format!("the gateway could not be opened: {error}");
        if sandbox.has_own_network() {
            let serving = gateway.serve_socket(&places.socket).map_err(broken)?;
            return Ok(Open {
                address: Sandbox::inner_gateway(),
                serving,
            });
        }
        let (address, serving) = gateway.serve_loopback().await.map_err(broken)?;
        Ok(Open { address, serving })
    }

    fn terms(&self, sandbox: &Sandbox<'_>, gateway: String) -> Terms {
        let has_key = |provider: &Provider| {
            self.job
                .keys
                .get(provider.key_name())
                .is_some_and(|key| !key.is_empty())
        };
        Terms {
            modules: sandbox.modules(),
            gateway,
            stand_in: self.stand_in.clone(),
            model: self.job.agent.model.clone(),
            providers: Provider::ALL.into_iter().filter(has_key).collect(),
            as_root: sandbox.agent_is_root(),
        }
    }

    fn warn_of_weak_box(&self) {
        let words = match self.settings.box_kind {
            BoxKind::Bubblewrap => return,
            BoxKind::Image if nix::unistd::geteuid().is_root() => return,
            BoxKind::Image => {
                "unboxed: the runner is not root, so the agent runs as the runner's own user"
            }
            BoxKind::Off => "unboxed: the agent runs on this computer as the runner's own user",
        };
        self.log.say(LineLevel::Warning, words);
    }

    /// Tells Porter how it ended, with the same bytes until it answers.
    async fn hand_over(&self, ended: Result<Work, Ended>, mut interrupts: Interrupts) -> ExitCode {
        let work = match ended {
            Ok(work) => work,
            Err(Ended::Failed(reason)) => failed(&self.log.redact(&reason)),
            Err(Ended::Interrupted(Interrupt::Deadline)) => failed(&format!(
                "the run took longer than its limit of {} seconds",
                self.job.limits.deadline_s
            )),
            Err(Ended::Interrupted(Interrupt::GaveUp(reason))) => failed(&self.log.redact(&reason)),
            Err(Ended::Interrupted(Interrupt::Stopped(_) | Interrupt::Closed)) => {
                return ExitCode::SUCCESS;
            }
            // No result: Porter decides whether to try on another machine.
            Err(Ended::Interrupted(Interrupt::Terminated)) => {
                self.log
                    .say(LineLevel::Warning, "The machine is being shut down.");
                return ExitCode::FAILURE;
            }
        };
        if let Some(reason) = work
            .reason
            .as_deref()
            .filter(|_| work.outcome == Outcome::Failed)
        {
            self.log.say(LineLevel::Error, reason);
        }
        self.log.phase(Phase::HandingOver, 92);
        let body = match self.body(work) {
            Ok(body) => body,
            Err(error) => return complain(&error.to_string()),
        };
        let until = self.deadline + TOKENS_OUTLIVE;
        let delivering = self.callbacks.complete(&self.session, &body, until);
        tokio::select! {
            delivered = delivering => delivered_code(delivered),
            () = interrupts.terminated() => complain("ended before Porter answered"),
        }
    }

    /// The result's bytes; one that Porter would not take for its size becomes a failure that says so.
    fn body(&self, work: Work) -> Result<Vec<u8>, serde_json::Error> {
        let bytes = serde_json::to_vec(&self.request(work))?;
        if bytes.len() <= LARGEST_RESULT {
            return Ok(bytes);
        }
        serde_json::to_vec(&self.request(failed(
            "the changes are too large to hand over: more than 8 MiB",
        )))
    }

    fn request(&self, work: Work) -> CompleteRequest {
        CompleteRequest {
            task_id: self.job.task_id.clone(),
            attempt: self.job.attempt,
            outcome: work.outcome,
            reason: work.reason,
            summary: work.summary,
            usage: self.meter.usage(),
            change_set: work.change_set,
        }
    }
}

/// The gateway while it is open; closed when dropped.
struct Open {
    address: String,
    serving: tokio::task::JoinHandle<io::Result<()>>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn failed(reason: &str) -> Work {
    Work {
        outcome: Outcome::Failed,
        reason: Some(reason.to_owned()),
        summary: None,
        change_set: None,
    }
}

fn delivered_code(delivered: Delivered) -> ExitCode {
    match delivered {
        Delivered::Answered => ExitCode::SUCCESS,
        // Porter has decided and knows why; saying it again would change nothing.
        Delivered::Refused(status, words) => {
            eprintln!("porter-runner: Porter answered the result with {status}: {words}");
            ExitCode::SUCCESS
        }
        Delivered::Unheard => complain("Porter did not answer the result while it could"),
    }
}
