//! Which of GitHub's events Porter uses: for reading deliveries, and for asking again only for those that matter.

/// What Porter uses, by event and action.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// `issue_comment.created`
    CommentCreated,
    /// `pull_request_review_comment.created`
    ReviewCommentCreated,
    /// `pull_request_review.submitted`
    ReviewSubmitted,
    /// `issues.opened`
    IssueOpened,
    /// `issues.closed`
    IssueClosed,
    /// `pull_request.closed` and `.reopened`
    PullChanged,
    /// `member.removed` and `.edited`
    MemberChanged,
    /// `installation.*`
    Installation,
    /// `installation_repositories.*`
    InstallationRepositories,
}

impl Kind {
    /// The kind of an event with its action; `None` for what Porter does not use.
    pub(super) fn of(event: &str, action: &str) -> Option<Self> {
        Some(match (event, action) {
            ("issue_comment", "created") => Self::CommentCreated,
            ("pull_request_review_comment", "created") => Self::ReviewCommentCreated,
            ("pull_request_review", "submitted") => Self::ReviewSubmitted,
            ("issues", "opened") => Self::IssueOpened,
            ("issues", "closed") => Self::IssueClosed,
            ("pull_request", "closed" | "reopened") => Self::PullChanged,
            ("member", "removed" | "edited") => Self::MemberChanged,
            ("installation", "created" | "deleted" | "suspend" | "unsuspend" | "new_permissions_accepted") => {
                Self::Installation
            }
            ("installation_repositories", "added" | "removed") => Self::InstallationRepositories,
            _ => return None,
        })
    }
}

/// Whether Porter uses some action of an event.
pub(super) fn knows(event: &str) -> bool {
    matches!(
        event,
        "issue_comment"
            | "pull_request_review_comment"
            | "pull_request_review"
            | "issues"
            | "pull_request"
            | "member"
            | "installation"
            | "installation_repositories"
    )
}
