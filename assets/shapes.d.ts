/** The JSON that Porter answers, as far as these pages read it. Fields may be added; none is renamed. */

/** The words a task's state is shown as. */
export type Status = 'queued' | 'running' | 'success' | 'failed' | 'timed_out' | 'stopped';

/** What the models were asked and cost; unknown is null, never 0. Money is millionths of a dollar. */
export interface Usage {
  calls: number | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cacheReadTokens: number | null;
  costMicros: number | null;
  model: string | null;
}

/** One command being carried out. Times are RFC 3339. */
export interface Task {
  id: string;
  status: Status;
  repoOwner: string;
  repoName: string;
  issueNumber: number;
  issueTitle: string;
  issueBody?: string | null;
  agent: string;
  /** 0, 1, 2: low, normal, high. */
  priority: number;
  /** 0 to 100. */
  progress: number;
  phase?: string | null;
  createdBy: string;
  branch?: string | null;
  prUrl?: string | null;
  prNumber?: number | null;
  createdAt: string;
  startedAt?: string | null;
  completedAt?: string | null;
  errorMessage?: string | null;
  retryOf?: string | null;
  usage?: Usage | null;
  promptHash?: string | null;
  /** 0 to 100. */
  readiness?: number | null;
}

/** A page of tasks, newest first; `next` is the cursor of the following one. */
export interface TaskPage {
  tasks: Task[];
  next: string | null;
}

/** The data of `event: state`. */
export interface StateEvent {
  at: string;
  kind: string;
  text: string;
}

/** The data of `event: log`. */
export interface LogEvent {
  at: string;
  level: 'info' | 'warning' | 'error' | 'success';
  text: string;
}

/** Whether the instance has what it needs. */
export interface StartupCheck {
  ok: boolean;
  checks: { name: string; ok: boolean; detail?: string | null; remedy?: string | null }[];
}

/** What the start script says about a local Porter; elsewhere there is none. */
export interface Local {
  mode: 'demo' | 'real';
  repo: string;
  issue: number;
  comment_url: string;
  start_token: string;
}

/** What a page gives back: what to call when it is left. */
export type Leave = () => void;
