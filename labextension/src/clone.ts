/** A draft out of what was asked for once: a job's spec, or a schedule's job. */

import type { JobDetail, JobIn, JsonValue, ParameterIn, RetryOn, ScheduleDetail } from './api';
import { choices } from './datasets/chosen';
import { RETRY_ON, type Draft, type Row } from './draft';
import { initialText, textOf, type Parameter } from './parameters';
import { scheduleDraft } from './schedules/draft';

/** A job's stored spec has its declarations as a list. */
type Asked = Partial<Omit<JobIn, 'parameters'>> & { parameters?: Record<string, ParameterIn> | Parameter[] };

const rows = (pairs: Record<string, string> | null | undefined): Row[] =>
  Object.entries(pairs ?? {}).map(([name, value]) => ({ name, value }));

function declarations(asked: Asked): Parameter[] {
  const { parameters } = asked;
  if (Array.isArray(parameters)) {
    return parameters;
  }
  return Object.entries(parameters ?? {}).map(([name, p]) => ({ ...p, name }) as unknown as Parameter);
}

/** The draft with everything that was asked for. */
export function draftOf(draft: Draft, asked: Asked): Draft {
  const given: Record<string, JsonValue> = { ...asked.notebook?.parameters, ...asked.values };
  const parameters = declarations(asked);
  const known = new Set(parameters.map(p => p.name));
  const directory = asked.working_directory;
  const text = (value: number | null | undefined) =>
    value === null || value === undefined ? '' : String(value);
  return {
    ...draft,
    kind: asked.notebook ? 'notebook' : 'command',
    texts: {
      ...draft.texts,
      name: asked.name ?? '',
      command: asked.command ?? '',
      timeout_seconds: text(asked.timeout_seconds),
      retries: text(asked.retries),
      priority: text(asked.priority),
      notes: asked.notes ?? ''
    },
    notebookPath: asked.notebook?.path ?? '',
    kernel: asked.notebook?.kernel ?? '',
    parameters,
    declared: parameters.length > 0,
    parameterTexts: Object.fromEntries(
      parameters.map(p => [p.name, p.name in given ? textOf(p, given[p.name]) : initialText(p)])
    ),
    added: Object.entries(given)
      .filter(([name]) => !known.has(name))
      .map(([name, value]) => ({ name, value: JSON.stringify(value) })),
    instanceType: asked.instance_type ?? '',
    image: asked.image ?? '',
    environment: rows(asked.environment as Record<string, string>),
    secrets: rows(asked.secrets as Record<string, string> | undefined),
    retry: asked.retry
      ? {
          on: (asked.retry.on as RetryOn[] | undefined) ?? RETRY_ON,
          exitCodes: (asked.retry.exit_codes ?? []).join(', '),
          base: text(asked.retry.base_seconds) || '0',
          factor: text(asked.retry.factor) || '2',
          longest: text(asked.retry.max_seconds) || '3600'
        }
      : draft.retry,
    tags: asked.tags ?? [],
    datasets: choices(asked.datasets),
    notify: (asked.notify ?? []).map(n => ({ channel: n.channel, on: n.on ?? ['done'] })),
    copy: !directory ? 'none' : directory.files ? 'only' : 'all',
    directory: directory?.path ?? '',
    files: (directory?.files ?? []).join('\n'),
    parameterNote: ''
  };
}

/** A job as it was asked for. What it waited for has ended, so that is left out; the time limit stays. */
export function cloneDraft(draft: Draft, job: JobDetail): Draft {
  const spec = job.spec as Asked;
  const { priority, notes, tags } = job;
  return draftOf(draft, { ...spec, priority, notes, tags });
}

/** A schedule with its job. */
export function scheduleForm(draft: Draft, schedule: ScheduleDetail): Draft {
  const job = draftOf(draft, schedule.template as Asked);
  return {
    ...job,
    texts: { ...job.texts, name: schedule.name },
    when: 'schedule',
    schedule: scheduleDraft(schedule)
  };
}
