//! One run of an agent: prompt in, events out, and its end, whether it wants to end or not.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use porter::protocol::wire::LineLevel;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::mpsc;

use crate::agents::Adapter;
use crate::findings::{Findings, Seen};
use crate::interrupt::{Interrupt, Interrupts};
use crate::processes;
use crate::report::Log;

/// Longer output lines are thrown away: an event is never this long, and memory is not free.
const LONGEST_LINE: usize = 8 * 1024 * 1024;
/// How long output may still come after the agent has ended, when a child of it keeps the pipe open.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// A line of the agent's output.
enum Output {
    Event(Vec<u8>),
    Noise(Vec<u8>),
}

/// Runs the agent to its end or the interrupt; afterwards nothing it started is left. The error says why it could not start.
pub(crate) async fn run(
    mut command: Command,
    prompt: &str,
    adapter: &mut dyn Adapter,
    log: &Log,
    interrupts: &mut Interrupts,
) -> Result<Result<Findings, Interrupt>, String> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| format!("the agent could not be started: {error}"))?;
    let writing = tokio::spawn(write_prompt(child.stdin.take(), prompt.to_owned()));
    let (sender, mut lines) = mpsc::channel(64);
    let readers = [
        child
            .stdout
            .take()
            .map(|pipe| tokio::spawn(read_lines(pipe, sender.clone(), Output::Event))),
        child
            .stderr
            .take()
            .map(|pipe| tokio::spawn(read_lines(pipe, sender, Output::Noise))),
    ];
    let mut findings = Findings::default();
    let ended = loop {
        tokio::select! {
            biased;
            interrupt = interrupts.raised() => break Err(interrupt),
            Some(line) = lines.recv() => take(&line, adapter, log, &mut findings),
            status = child.wait() => break Ok(status),
        }
    };
    let ended = match ended {
        Ok(status) => {
            let rest = async {
                while let Some(line) = lines.recv().await {
                    take(&line, adapter, log, &mut findings);
                }
            };
            // A daemon may hold the pipe for ever; what it says after the agent's end does not count.
            drop(tokio::time::timeout(LAST_OUTPUT, rest).await);
            Ok(status)
        }
        Err(interrupt) => {
            lines.close();
            processes::end_descendants(async { drop(child.wait().await) }).await;
            Err(interrupt)
        }
    };
    processes::sweep().await;
    writing.abort();
    readers
        .into_iter()
        .flatten()
        .for_each(|reader| reader.abort());
    Ok(ended.map(|status| {
        findings.exit = status.map_or_else(|error| Some(error.to_string()), words_for);
        findings.finished |=
            findings.exit.is_none() && findings.error.is_none() && adapter.exit_tells();
        findings
    }))
}

async fn write_prompt(stdin: Option<ChildStdin>, prompt: String) {
    if let Some(mut stdin) = stdin {
        // An agent that ends without reading all of it says so by its own end.
        drop(stdin.write_all(prompt.as_bytes()).await);
    }
}

async fn read_lines(
    pipe: impl AsyncRead + Unpin,
    lines: mpsc::Sender<Output>,
    kind: fn(Vec<u8>) -> Output,
) {
    let mut pipe = BufReader::with_capacity(64 * 1024, pipe);
    let (mut line, mut too_long) = (Vec::new(), false);
    loop {
        let Ok(chunk) = pipe.fill_buf().await else {
            return;
        };
        if chunk.is_empty() {
            if !line.is_empty() && lines.send(kind(line)).await.is_err() {
                return;
            }
            return;
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(chunk.len(), |at| at + 1);
        too_long |= line.len() + used > LONGEST_LINE;
        if !too_long {
            line.extend_from_slice(chunk.get(..used).unwrap_or_default());
        }
        pipe.consume(used);
        if end.is_some() {
            let whole = std::mem::take(&mut line);
            if !std::mem::take(&mut too_long) && lines.send(kind(whole)).await.is_err() {
                return;
            }
        }
    }
}

fn take(line: &Output, adapter: &mut dyn Adapter, log: &Log, findings: &mut Findings) {
    let event = match line {
        Output::Event(bytes) => serde_json::from_slice::<Value>(bytes)
            .ok()
            .filter(Value::is_object)
            .ok_or(bytes),
        Output::Noise(bytes) => Err(bytes),
    };
    let event = match event {
        Ok(event) => event,
        Err(bytes) => return log.info(&String::from_utf8_lossy(bytes)),
    };
    for seen in adapter.read(&event) {
        match &seen {
            Seen::Line(level, words) => log.say(*level, words),
            Seen::Tool(words) | Seen::Said(words) => log.info(words),
            Seen::Failed(reason) => log.say(LineLevel::Error, reason),
            Seen::Denied(tool) => log.say(LineLevel::Warning, &format!("{tool} was not allowed")),
            Seen::Finished(_) => {}
        }
        findings.take(&seen);
        log.progress(20 + (findings.tools * 2).min(60));
    }
}

/// How a process ended, in words; `None` when it ended with status 0.
fn words_for(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(137), _) | (_, Some(9)) => {
            Some("it was killed, most likely for using too much memory".to_owned())
        }
        (Some(code), _) => Some(format!("it ended with status {code}")),
        (None, Some(signal)) => Some(format!("it was ended by signal {signal}")),
        (None, None) => Some("it ended in an unknown way".to_owned()),
    }
}
