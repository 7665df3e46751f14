/** The seldom used parts of a job: environment, secrets, retries, dependencies, tags, notices. */

import type { JobIn } from './api';
import { choiceText } from './datasets/chosen';
import { RETRY_ON, type Draft, type Row } from './draft';
import type { FieldErrors } from './errors';

function pairs(rows: Row[]): Record<string, string> | null {
  const named = rows.filter(row => row.name.trim() !== '');
  return named.length > 0 ? Object.fromEntries(named.map(row => [row.name.trim(), row.value])) : null;
}

/** Adds them to the request, and what is wrong with them to the errors. */
export function more(draft: Draft, job: JobIn, errors: FieldErrors): void {
  const environment = pairs(draft.environment);
  if (environment) {
    job.environment = environment;
  }
  const secrets = pairs(draft.secrets);
  if (secrets) {
    job.secrets = secrets;
    for (const [name, secret] of Object.entries(secrets)) {
      if (!secret) {
        errors[`secrets.${name}`] = 'choose a secret';
      }
    }
  }
  if (Number(draft.texts.retries) > 0) {
    retry(draft, job, errors);
  }
  // Jobs of a schedule would wait for what ended long ago.
  if (draft.depends.jobs.length > 0 && draft.when === 'once') {
    const { jobs, need, ending } = draft.depends;
    job.depends_on = { jobs: jobs.map(j => j.id), need, ending };
  }
  if (draft.tags.length > 0) {
    job.tags = draft.tags;
  }
  if (draft.datasets) {
    job.datasets = draft.datasets.map(choiceText);
  }
  const notify = draft.notify.filter(n => n.on.length > 0);
  if (notify.length > 0) {
    job.notify = notify;
  }
}

function retry(draft: Draft, job: JobIn, errors: FieldErrors): void {
  const { on, exitCodes, base, factor, longest } = draft.retry;
  const number = (text: string, field: string) => {
    const value = Number(text);
    if (!text.trim() || !Number.isFinite(value)) {
      errors[`retry.${field}`] = 'must be a number';
    }
    return value;
  };
  if (on.length === 0) {
    errors['retry.on'] = 'choose at least one';
  }
  const codes = exitCodes
    .split(/[\s,]+/)
    .filter(Boolean)
    .map(Number);
  if (codes.some(code => !Number.isInteger(code))) {
    errors['retry.exit_codes'] = 'must be whole numbers with commas between them';
  }
  const usual = on.length === RETRY_ON.length && codes.length === 0 && Number(base) === 0;
  if (!usual || Object.keys(errors).some(key => key.startsWith('retry.'))) {
    job.retry = {
      on,
      exit_codes: codes,
      base_seconds: number(base, 'base_seconds'),
      factor: number(factor, 'factor'),
      max_seconds: number(longest, 'max_seconds')
    };
  }
}
