import { UUID } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import type {
  CatalogOut,
  ChannelOut,
  DatasetSummary,
  JobIn,
  JobOut,
  ScheduleDetail,
  SecretOut,
  SettingsOut,
  SweepOut,
  UsageOut
} from '../api';
import { ApiError, messageOf, type Client } from '../client';
import { scheduleForm } from '../clone';
import { allDatasets } from '../datasets/all';
import { emptyDraft, toJob, withChoices, withParameters, type Draft } from '../draft';
import { serverErrors, type FieldErrors } from '../errors';
import { toPatch, toSchedule } from '../schedules/draft';
import type { ScheduleDraft } from '../schedules/rhythm';
import { fieldsOf, type FieldSpec } from '../schema';
import type { Session } from '../session';
import { isSweepError, toSweep, type SweepDraft } from '../sweeps/axis';

/** What a form made. */
export type Made = { job: JobOut } | { schedule: ScheduleDetail } | { sweep: SweepOut };

/** State of one form. The draft lives here and not in the page, so that no error and no redraw can lose it. */
export class FormModel {
  catalog: CatalogOut | null = null;
  specs: FieldSpec[] = [];
  notebookSpecs: FieldSpec[] = [];
  directorySpecs: FieldSpec[] = [];
  settings: SettingsOut | null = null;
  /** Null while they are not known, also where one may not see them. */
  secrets: SecretOut[] | null = null;
  channels: ChannelOut[] | null = null;
  datasets: DatasetSummary[] | null = null;
  errors: FieldErrors = {};
  problem = '';
  sending = false;
  readonly changed = new Signal<this, void>(this);
  readonly group: string;
  readonly groupTitle: string;

  private key = '';
  private sent = '';
  private usage: UsageOut | null = null;
  /** The job of the schedule as the form first showed it. */
  private before: JobIn | null = null;

  constructor(
    readonly session: Session,
    public draft: Draft,
    /** The schedule that is changed, if none is made. */
    readonly schedule: ScheduleDetail | null = null
  ) {
    // The form stays with the group it was opened for, whatever the sidebar shows later.
    this.group = schedule?.group ?? session.require().group;
    this.groupTitle = session.context?.groups.find(g => g.name === this.group)?.display_name || this.group;
    if (schedule) {
      this.draft = scheduleForm(emptyDraft(), schedule);
      this.before = toJob(this.draft, []).job;
    }
    session.changed.connect(this.onSession, this);
    void this.loadSchema();
    void this.loadCatalog();
    void this.loadCell();
    void this.load(async client => (this.settings = await client.groupSettings(this.group)));
    void this.load(async client => {
      const { items } = await client.secrets(this.group);
      // Those with fields are for datasets and images; a variable holds one value.
      this.secrets = items.filter(s => (s.kind ?? 'opaque') === 'opaque');
    });
    void this.load(async client => (this.datasets = (await allDatasets(client, this.group)).items));
    void this.load(async client => (this.channels = (await client.channels(this.group)).items));
  }

  /** Why nothing can be submitted here, or empty. */
  get denied(): string {
    const operation = this.schedule
      ? 'schedule.update'
      : this.draft.when === 'schedule'
        ? 'schedule.create'
        : this.draft.when === 'sweep'
          ? 'sweep.submit'
          : 'job.submit';
    return this.session.group?.name === this.group ? this.session.denied(operation) : '';
  }

  set(change: Partial<Draft>): void {
    this.draft = { ...this.draft, ...change };
    this.changed.emit();
  }

  setSchedule(change: Partial<ScheduleDraft>): void {
    this.errors = Object.fromEntries(
      Object.entries(this.errors).filter(([key]) => !key.startsWith('recurrence'))
    );
    this.set({ schedule: { ...this.draft.schedule, ...change } });
  }

  /** Errors of the sweep may be about several of its fields at once, so any change takes them away. */
  setSweep(sweep: SweepDraft): void {
    this.errors = Object.fromEntries(Object.entries(this.errors).filter(([key]) => !isSweepError(key)));
    this.set({ sweep });
  }

  setText(field: string, text: string): void {
    this.clearError(field);
    this.set({ texts: { ...this.draft.texts, [field]: text } });
  }

  setParameter(name: string, text: string): void {
    this.clearError(`notebook.parameters.${name}`);
    this.clearError(`values.${name}`);
    this.set({ parameterTexts: { ...this.draft.parameterTexts, [name]: text } });
  }

  clearError(field: string): void {
    if (field in this.errors) {
      this.errors = { ...this.errors };
      delete this.errors[field];
    }
  }

  /** What was made or changed, or null when there is something to mend first. */
  async submit(): Promise<Made | null> {
    const { client } = this.session;
    if (!client || this.sending) {
      return null;
    }
    const { job, errors } = toJob(this.draft, this.specs);
    const send = this.sender(client, job, errors);
    this.errors = errors;
    this.problem = Object.keys(errors).length > 0 ? 'Some fields need your attention.' : '';
    if (this.problem || !send) {
      this.changed.emit();
      return null;
    }
    this.sending = true;
    this.changed.emit();
    try {
      return await send();
    } catch (error) {
      this.problem = messageOf(error);
      if (error instanceof ApiError) {
        this.errors = serverErrors(error.message, error.details);
        if (error.code === 'idempotency_mismatch') {
          this.key = '';
        }
      }
      void this.loadCatalog();
      return null;
    } finally {
      this.sending = false;
      this.changed.emit();
    }
  }

  async loadCatalog(): Promise<void> {
    try {
      const catalog = await this.session.client?.catalog(this.group);
      if (catalog) {
        this.catalog = catalog;
        this.draft = withChoices(this.draft, catalog);
      }
    } catch (error) {
      this.problem = messageOf(error);
    }
    this.changed.emit();
  }

  dispose(): void {
    this.session.changed.disconnect(this.onSession, this);
    Signal.clearData(this);
  }

  /** The request that the draft stands for; what is wrong with it goes to the errors. */
  private sender(client: Client, job: JobIn, errors: FieldErrors): (() => Promise<Made>) | null {
    const { group, draft, schedule } = this;
    if (schedule) {
      const patch = toPatch(draft.schedule, job, schedule, this.before);
      Object.assign(errors, patch.errors);
      const { body } = patch;
      return body && (async () => ({ schedule: await client.updateSchedule(group, schedule.id, body) }));
    }
    if (draft.when === 'schedule') {
      const made = toSchedule(draft.schedule, job);
      Object.assign(errors, made.errors);
      const { body } = made;
      return body && (async () => ({ schedule: await client.createSchedule(group, body) }));
    }
    if (draft.when === 'sweep') {
      const { sweep, errors: wrong } = toSweep(draft.sweep, job);
      Object.assign(errors, wrong);
      return async () => ({
        sweep: await client.submitSweep(group, sweep, this.keyOf(JSON.stringify(sweep)))
      });
    }
    const body = JSON.stringify(job);
    return async () => ({ job: await client.submit(group, body, this.keyOf(body)) });
  }

  /** The same content is the same submission, however often it is sent; changed content is a new one. */
  private keyOf(body: string): string {
    if (!this.key || body !== this.sent) {
      this.key = UUID.uuid4();
      this.sent = body;
    }
    return this.key;
  }

  /** What only helps: without it the form still works, and the service decides. */
  private async load(ask: (client: Client) => Promise<unknown>): Promise<void> {
    const { client } = this.session;
    if (client) {
      try {
        await ask(client);
        this.changed.emit();
      } catch {
        return;
      }
    }
  }

  private async loadSchema(): Promise<void> {
    await this.load(async client => {
      const document = await client.openapi();
      this.specs = fieldsOf(document, 'JobIn');
      this.notebookSpecs = fieldsOf(document, 'NotebookIn');
      this.directorySpecs = fieldsOf(document, 'WorkingDirectoryIn');
      const defaults = this.specs
        .filter(s => ['string', 'number', 'boolean'].includes(typeof s.default))
        .map(s => [s.name, String(s.default)]);
      this.draft = { ...this.draft, texts: { ...Object.fromEntries(defaults), ...filled(this.draft.texts) } };
      if (this.schedule) {
        this.before = toJob(this.draft, this.specs).job;
      }
    });
  }

  /** The service reads the notebook's parameters: what it finds is what it checks values against. */
  private async loadCell(): Promise<void> {
    const { cell } = this.draft;
    const { client } = this.session;
    if (cell === null || !client) {
      return;
    }
    try {
      const found = await client.cellParameters(this.group, cell);
      // Read the draft only now: it has changed while we waited.
      this.draft = withParameters(this.draft, found);
    } catch (error) {
      this.draft = {
        ...this.draft,
        parameterNote: `The parameters could not be read (${messageOf(error)}); add them by name.`
      };
    }
    this.changed.emit();
  }

  /** What fits changes with what is used. */
  private onSession(): void {
    if (this.session.group?.name === this.group && this.session.usage !== this.usage) {
      const first = this.usage === null;
      this.usage = this.session.usage;
      if (!first) {
        void this.loadCatalog();
      }
    }
  }
}

/** Without what is empty, so that defaults fill it. */
function filled(texts: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''));
}
