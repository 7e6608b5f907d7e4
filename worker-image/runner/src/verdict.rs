//! What a run came to, judged by its events, the provider's answers and the diff; exit statuses lie.

use porter::domain::agent::Agent;

use crate::findings::Findings;

/// Whether the agent ended well; if not, why, in words for the person who asked.
pub(crate) fn ended_well(
    agent: Agent,
    findings: &Findings,
    trouble: Option<String>,
) -> Result<(), String> {
    let name = agent.display_name();
    if findings.finished {
        return Ok(());
    }
    // The provider's own answer says more than the agent's retelling of it.
    if let Some(trouble) = trouble {
        return Err(format!("{name} could not go on: {trouble}"));
    }
    match (&findings.error, &findings.exit) {
        (Some(error), _) => Err(format!(
            "{name} ended with an error: {}",
            first_lines(error)
        )),
        (None, Some(exit)) => Err(format!("{name} did not finish: {exit}")),
        (None, None) => Err(format!("{name} ended without saying that it was done")),
    }
}

/// Why nothing changed, for a run that ended well: `Ok` when that is the agent's answer, `Err` when it was kept from working.
pub(crate) fn nothing_changed(agent: Agent, findings: &Findings) -> Result<String, String> {
    let name = agent.display_name();
    if findings.denied.is_empty() {
        return Ok(format!("{name} finished and changed no file"));
    }
    Err(format!(
        "{name} was not allowed to use {} and changed no file",
        findings.denied.join(", ")
    ))
}

/// The commit message: the first line of the agent's own words that reads like one.
pub(crate) fn message(agent: Agent, words: Option<&str>) -> String {
    let lines = words.unwrap_or_default().lines();
    let lines =
        lines.map(|line| line.trim_matches(|c: char| c.is_whitespace() || "#*_`".contains(c)));
    let line = lines
        .filter(|line| !line.is_empty())
        .map(|line| line.chars().take(120).collect())
        .next();
    line.unwrap_or_else(|| format!("Changes by {}", agent.display_name()))
}

fn first_lines(text: &str) -> String {
    text.lines()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(400)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_answers_decide_not_the_exit_status() {
        let mut findings = Findings::default();
        let said = ended_well(Agent::Claude, &findings, None).unwrap_err();
        assert!(said.contains("without saying"), "{said}");
        findings.error = Some("boom".to_owned());
        assert!(
            ended_well(Agent::Claude, &findings, None)
                .unwrap_err()
                .contains("boom")
        );
        let refused = Some("Anthropic refused the key (401)".to_owned());
        assert!(
            ended_well(Agent::Claude, &findings, refused.clone())
                .unwrap_err()
                .contains("401")
        );
        findings.finished = true;
        assert_eq!(ended_well(Agent::Claude, &findings, refused), Ok(()));
    }

    #[test]
    fn a_denied_tool_and_an_empty_diff_is_a_failure() {
        let mut findings = Findings {
            finished: true,
            ..Findings::default()
        };
        assert!(nothing_changed(Agent::Claude, &findings).is_ok());
        findings.denied.push("Write".to_owned());
        assert!(
            nothing_changed(Agent::Claude, &findings)
                .unwrap_err()
                .contains("Write")
        );
    }
}
