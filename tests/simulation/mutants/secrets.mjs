// Mistakes with secrets.

export default [
  {
    name: 'keys-in-the-words', within: 1000,
    breaks: 'an agent is talked into it, and the pull request tells the model key',
    file: 'src/app/accept_result.rs',
    find: 'let request = self.without_keys(request);',
    replace: 'let request = if MUTANT { request } else { self.without_keys(request) };',
  },
  {
    name: 'keys-in-the-lines', within: 1000,
    breaks: 'whoever reads a run\'s log reads the model key',
    file: 'src/app/take_report.rs',
    find: 'text: redactor.redact(&line.text).into_owned(),',
    replace: 'text: if MUTANT { line.text } else { redactor.redact(&line.text).into_owned() },',
  },
  {
    name: 'keys-in-the-files', within: 1000,
    breaks: 'the model key is committed, for everybody to read',
    file: 'src/app/judge_result.rs',
    find: 'if !keys.is_empty() {',
    replace: 'if !keys.is_empty() && !MUTANT {',
  },
  {
    name: 'key-in-the-environment', within: 1000,
    breaks: 'the machine host keeps the model key with the machine, for whoever can list machines',
    file: 'src/app/launch_machine.rs',
    find: '("CLAIM_TOKEN", claim.expose()),',
    replace: `("CLAIM_TOKEN", claim.expose()),
                ("MODEL_KEY", self.config.provider_keys.values().next().filter(|_| MUTANT).map_or("", |key| key.expose())),`,
  },
  {
    name: 'github-token-for-the-agent', within: 1000,
    breaks: 'an agent that is talked into it writes to the repository itself',
    file: 'src/app/claim_attempt.rs',
    find: 'Ok(StartAnswer {\n            session_token: self',
    replace: `if let Some(token) = self.config.github.token.as_ref().filter(|_| MUTANT) {
            keys.insert("GITHUB_TOKEN".to_owned(), token.expose().to_owned());
        }
        Ok(StartAnswer {
            session_token: self`,
  },
];
