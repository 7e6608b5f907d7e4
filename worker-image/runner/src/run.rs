//! A claimed run: clone, agent, change set; then the result, and nothing left behind.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use porter::domain::agent::Agent;
use porter::domain::redact::Redactor;
use porter::domain::secret::Secret;
use porter::protocol::change_set::{self, Rules};
use porter::protocol::wire::{ChangeSet, LineLevel, Outcome, Phase, StartAnswer};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::agents::{self, Terms};
use crate::callbacks::Callbacks;
use crate::findings::Findings;
use crate::gateway::Gateway;
use crate::gateway::meter::Meter;
use crate::gateway::providers::Provider;
use crate::git::Git;
use crate::handover::{Ended, Work};
use crate::interrupt::{self, Interrupts, Raiser};
use crate::places::Places;
use crate::report::{Log, Reporter};
use crate::sandbox::Sandbox;
use crate::settings::{BoxKind, Settings};
use crate::{checkout, collect, committed, supervise, verdict};

/// The longest summary that is handed over.
const SUMMARY_CHARS: usize = 20_000;

/// Everything a claimed run needs.
pub(crate) struct Run<'a> {
    settings: &'a Settings,
    pub(crate) callbacks: Callbacks,
    pub(crate) job: StartAnswer,
    pub(crate) session: Secret,
    stand_in: String,
    pub(crate) log: Log,
    pub(crate) meter: Meter,
    pub(crate) deadline: Instant,
}

impl<'a> Run<'a> {
    /// A run of this job; `stand_in` is the key its agent gets.
    pub(crate) fn new(settings: &'a Settings, callbacks: Callbacks, job: StartAnswer, stand_in: String) -> Self {
        let secrets = job.keys.values().chain([&job.session_token, &stand_in]);
        let secrets: Vec<Secret> = secrets.map(|secret| Secret::new(secret.as_str())).collect();
        let known: Vec<&Secret> = secrets.iter().chain([&settings.claim]).collect();
        let log = Log::new(Redactor::new(&known));
        let deadline = Instant::now() + Duration::from_secs(u64::from(job.limits.deadline_s));
        let session = Secret::new(job.session_token.as_str());
        Self { settings, callbacks, job, session, stand_in, log, meter: Meter::default(), deadline }
    }

    /// Does the work, hands over what came of it, and leaves nothing behind.
    pub(crate) async fn finish(self) -> ExitCode {
        let (raiser, interrupts) = Interrupts::new();
        let watches = [
            tokio::spawn(interrupt::watch_deadline(raiser.clone(), self.deadline)),
            tokio::spawn(interrupt::watch_signals(raiser.clone())),
        ];
        let finish = Arc::new(Notify::new());
        let reporter =
            Reporter::new(self.log.clone(), self.callbacks.clone(), &self.job, self.meter.clone(), raiser.clone());
        let reporting = tokio::spawn(reporter.run(finish.clone()));
        let made = Places::make(&self.settings.work_dir, &self.job.task_id, self.job.attempt);
        let ended = match &made {
            Ok(places) => self.work(places, raiser, interrupts.clone()).await,
            Err(error) => Err(Ended::Failed(format!("the machine's disk could not be written: {error}"))),
        };
        // Gone before the result is out: nothing of the task may outlive it, whatever happens next.
        if let Ok(places) = &made
            && let Err(error) = places.remove()
        {
            eprintln!("porter-runner: {} could not be removed: {error}", places.root.display());
        }
        let code = self.hand_over(ended, interrupts).await;
        finish.notify_one();
        if let Err(error) = reporting.await {
            eprintln!("porter-runner: {error}");
        }
        watches.iter().for_each(tokio::task::JoinHandle::abort);
        code
    }

    async fn work(&self, places: &Places, raiser: Raiser, mut interrupts: Interrupts) -> Result<Work, Ended> {
        let job = &self.job;
        let agent = Agent::parse(&job.agent.name)
            .ok_or_else(|| format!("this runner knows no agent named {}", self.log.redact(&job.agent.name)))?;
        let mut adapter = agents::adapter(agent)?;
        self.log.phase(Phase::Cloning, 2);
        let cloning = checkout::clone(&job.repository, &self.session, &places.private, &places.tree);
        let git = interrupts.guard(cloning).await??;
        self.log.info(&format!("Cloned {} at {}", job.repository.full_name, job.repository.base_sha));
        self.log.phase(Phase::Setup, 12);
        let sandbox = Sandbox::new(self.settings, places);
        let gateway = self.open_gateway(&sandbox, places, raiser).await?;
        let launch = adapter.launch(&self.terms(&sandbox, gateway.address.clone()))?;
        let command = sandbox.command(&launch)?;
        self.warn_of_weak_box();
        self.log.phase(Phase::Working, 20);
        let running = supervise::run(command, &job.prompt, adapter.as_mut(), &self.log, &mut interrupts);
        let findings = running.await??;
        drop(gateway);
        self.log.phase(Phase::Collecting, 85);
        interrupts.guard(self.judge(agent, &git, &findings)).await?
    }

    async fn judge(&self, agent: Agent, git: &Git, findings: &Findings) -> Result<Work, Ended> {
        let failed = if self.meter.is_outage() { Ended::Outage } else { Ended::Failed };
        verdict::ended_well(agent, findings, self.meter.trouble()).map_err(failed)?;
        let base_sha = &self.job.repository.base_sha;
        let files = collect::collect(git, base_sha, &self.job.limits, &self.log).await?;
        let words = findings.words.as_deref().map(|words| self.log.redact(words));
        let summary = words.map(|words| words.chars().take(SUMMARY_CHARS).collect::<String>());
        if files.is_empty() {
            let reason = Some(verdict::nothing_changed(agent, findings)?);
            return Ok(Work { outcome: Outcome::NoChanges, reason, summary, cause: None, change_set: None });
        }
        self.log.say(LineLevel::Success, &changed(files.len()));
        let theirs = committed::last_subject(git, base_sha).await;
        let theirs = theirs.map(|subject| self.log.redact(&subject));
        let message = verdict::message(agent, theirs.as_deref().or(summary.as_deref()));
        let set = ChangeSet { base_sha: base_sha.clone(), message, files };
        let rules = Rules::new(base_sha, &self.job.limits, &[]);
        change_set::check(&set, &rules).map_err(|broken| self.log.redact(&verdict::refused(&broken)))?;
        let change_set = Some(set);
        Ok(Work { outcome: Outcome::Changes, reason: None, summary, cause: None, change_set })
    }

    async fn open_gateway(&self, sandbox: &Sandbox<'_>, places: &Places, raiser: Raiser) -> Result<Open, String> {
        let stand_in = Secret::new(self.stand_in.as_str());
        let gateway = Gateway::new(&self.job.keys, &self.job.upstreams, stand_in, self.meter.clone(), raiser);
        let gateway = gateway.map_err(|error| format!("the gateway could not be built: {error}"))?;
        let broken = |error: io::Error| format!("the gateway could not be opened: {error}");
        if sandbox.has_own_network() {
            let serving = gateway.serve_socket(&places.socket).map_err(broken)?;
            return Ok(Open { address: Sandbox::inner_gateway(), serving });
        }
        let (address, serving) = gateway.serve_loopback().await.map_err(broken)?;
        Ok(Open { address, serving })
    }

    fn terms(&self, sandbox: &Sandbox<'_>, gateway: String) -> Terms {
        let has_key = |provider: &Provider| self.job.keys.get(provider.key_name()).is_some_and(|key| !key.is_empty());
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
            BoxKind::Image => "unboxed: the runner is not root, so the agent runs as the runner's own user",
            BoxKind::Off => "unboxed: the agent runs on this computer as the runner's own user",
        };
        self.log.say(LineLevel::Warning, words);
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

/// How many files changed, as people say it.
fn changed(files: usize) -> String {
    match files {
        1 => "1 file changed".to_owned(),
        many => format!("{many} files changed"),
    }
}
