// Mistakes with what people see on GitHub.

export default [
  {
    name: 'comment-not-looked-for', within: 3000,
    breaks: 'an answer is lost, and the issue has two status comments',
    file: 'src/app/say.rs',
    find: 'let mut ours = saying.repo.own_comments(saying.on, &marker, since).await?.into_iter();',
    replace: `let ours = saying.repo.own_comments(saying.on, &marker, since).await?;
        let mut ours = ours.into_iter().filter(|_| !MUTANT);`,
  },
  {
    name: 'comment-noted-before-it-is-edited', within: 3000,
    breaks: 'an edit fails, and the status comment says "running" for ever',
    file: 'src/app/say.rs',
    find: 'match saying.repo.edit_comment(saying.on, known.id, &body).await {',
    replace: `if MUTANT {
                self.remember(saying, known.id, body_sha256.clone()).await?;
            }
            match saying.repo.edit_comment(saying.on, known.id, &body).await {`,
  },
  {
    name: 'no-word-of-a-time-out', within: 1000,
    breaks: 'whoever asked is not told that the time was up',
    file: 'src/app/show_state.rs',
    find: 'let Some(text) = end(&task, &self.config.mention) else { return Ok(()) };',
    replace: `if MUTANT && matches!(task.state, State::TimedOut { .. }) {
            return Ok(());
        }
        let Some(text) = end(&task, &self.config.mention) else { return Ok(()) };`,
  },
  {
    name: 'pull-request-not-looked-for', within: 3000,
    breaks: 'the pull request was merged while an answer was lost, and a second one is opened',
    file: 'src/app/open_pull.rs',
    find: 'let pull = match made_before(repo, parcel, branch).await? {',
    replace: 'let pull = match made_before(repo, parcel, branch).await?.filter(|_| !MUTANT) {',
  },
  {
    name: 'branch-not-adopted', within: 3000,
    breaks: 'an answer is lost, and finished work is thrown away',
    file: 'src/app/open_pull.rs',
    find: 'Some(head) => root(repo, parcel, &head).await?,',
    replace: 'Some(head) => root(repo, parcel, &head).await?.filter(|_| !MUTANT),',
  },
  {
    name: 'title-in-the-branch', within: 1000,
    breaks: 'a stranger names the branch that Porter writes to',
    file: 'src/app/prepare_job.rs',
    find: 'None => own_branch(&task.id)',
    replace: `None if MUTANT => {
            let title: String = task.request.origin.title.raw().replace(' ', "-");
            let name: String = title.chars().filter(|c| c.is_ascii_graphic() && !"/.~^:?*[\\\\@".contains(*c)).collect();
            Branch::parse(&format!("porter/{name}")).map_err(|error| Fault::permanent(doing, error.to_string()))?
        }
        None => own_branch(&task.id)`,
  },
];
