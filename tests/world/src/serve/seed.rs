//! What a served world begins with: the usual people, a bot account, perhaps an App, and the demo repository.

use crate::github::{App, Github, Hook, Role, Roots, UserKind};
use crate::keys;
use crate::world::{APP_ID, APP_PERMISSIONS, BOT};
use porter::domain::time::Timestamp;

use super::{ServeError, Settings};

/// The demo project: a small program with a test that fails now and then, and an issue about it.
const FILES: [(&str, &str); 6] = [
    (
        "README.md",
        "# backoff\n\nHow long to wait before trying again: a little longer each time, and never quite the same.\n\n```js\nimport { delay } from './src/backoff.mjs';\nawait new Promise((done) => setTimeout(done, delay(attempt)));\n```\n\nRun the tests with `npm test`.\n",
    ),
    (
        "AGENTS.md",
        "# For agents\n\n- No dependencies. Node's own test runner: `npm test`.\n- Keep each function short, with one comment that says what it gives.\n",
    ),
    (
        "package.json",
        "{\n  \"name\": \"backoff\",\n  \"version\": \"1.0.0\",\n  \"type\": \"module\",\n  \"scripts\": { \"test\": \"node --test\" }\n}\n",
    ),
    (
        "src/backoff.mjs",
        "// How long to wait before trying again.\n\n/** Milliseconds before attempt `n` (from 0). */\nexport function delay(n, random = Math.random) {\n  const full = 100 * 2 ** n;\n  return random() * full;\n}\n",
    ),
    (
        "src/retry.mjs",
        "// Tries until it works.\n\nimport { delay } from './backoff.mjs';\n\n/** Calls `work` up to `times` times and gives its first result. */\nexport async function retry(work, times = 5) {\n  for (let n = 0; ; n += 1) {\n    try {\n      return await work();\n    } catch (error) {\n      if (n + 1 >= times) throw error;\n      await new Promise((done) => setTimeout(done, delay(n)));\n    }\n  }\n}\n",
    ),
    (
        "test/backoff.test.mjs",
        "import assert from 'node:assert/strict';\nimport { test } from 'node:test';\n\nimport { delay } from '../src/backoff.mjs';\n\ntest('each wait is longer than the one before', () => {\n  assert.ok(delay(3) > delay(2));\n});\n",
    ),
];

const ISSUE: (&str, &str) = (
    "Flaky test: each wait is longer than the one before",
    "`npm test` fails about one time in four:\n\n```\nnot ok 1 - each wait is longer than the one before\n```\n\nThe jitter in `src/backoff.mjs` is drawn from the whole interval, so a later attempt may wait *less* than an earlier one.\n\n**Done when**\n- [ ] `delay(n + 1)` is longer than `delay(n)` whatever `random` gives\n- [ ] clients still spread out (some jitter stays)\n- [ ] `npm test` passes every time",
);

/// The first state. Without `--seed-demo` it holds the people, but no repository.
pub(crate) fn github(settings: &Settings) -> Result<Github, ServeError> {
    let web = format!("http://127.0.0.1:{}", settings.port);
    let mut github = Github { roots: Roots { api: format!("{web}/api/v3"), web }, ..Github::default() };
    let now = Timestamp::from_millis(1_771_407_000_000);
    let acme = github.add_user("acme", UserKind::Organization);
    let [alice, bob, carol, _mallory] =
        ["alice", "bob", "carol", "mallory"].map(|login| github.add_user(login, UserKind::User));
    let bot = github.add_user(BOT, UserKind::User);
    github.accept_token(&settings.github_token, bot, &["repo"]);
    if settings.seed_demo {
        let repo = github.add_repository(now, acme, "demo", false, &FILES);
        for (user, role) in [(alice, Role::Admin), (bob, Role::Write), (carol, Role::Read), (bot, Role::Write)] {
            github.set_role(repo, user, Some(role));
        }
        if let Err(problem) = github.open_issue(now, repo, alice, ISSUE.0, Some(ISSUE.1)) {
            return Err(std::io::Error::other(format!("the demo issue: {problem:?}")).into());
        }
    }
    let secret = settings.webhook_secret.clone();
    match (&settings.app_key, secret) {
        (Some(path), secret) => {
            let key = keys::public_half(&keys::app_key_at(path)?)?;
            let bot = github.add_user("porter[bot]", UserKind::Bot);
            github.app = Some(App {
                id: APP_ID,
                slug: "porter".into(),
                owner: acme,
                bot,
                client_id: "Iv1.world".into(),
                client_secret: "client-secret-for-tests".into(),
                key,
                permissions: APP_PERMISSIONS.map(|(name, level)| (name.to_owned(), level)).into(),
            });
            github.install(now, acme, None, &APP_PERMISSIONS);
            github.hook = secret.map_or(Hook::None, |secret| Hook::App { secret });
        }
        (None, Some(secret)) => github.hook = Hook::Repository { secret },
        (None, None) => {}
    }
    Ok(github)
}
