import { UUID } from '@lumino/coreutils';
import { Signal } from '@lumino/signaling';

import type { CatalogOut, JobOut, UsageOut } from '../api';
import { ApiError, messageOf } from '../client';
import { serverErrors, toJob, withChoices, type Draft, type FieldErrors } from '../draft';
import { fieldsOf, type FieldSpec } from '../schema';
import type { Session } from '../session';

/** State of one form. The draft lives here and not in the page, so that no error and no redraw can lose it. */
export class FormModel {
  catalog: CatalogOut | null = null;
  specs: FieldSpec[] = [];
  notebookSpecs: FieldSpec[] = [];
  directorySpecs: FieldSpec[] = [];
  errors: FieldErrors = {};
  problem = '';
  sending = false;
  readonly changed = new Signal<this, void>(this);
  readonly group: string;
  readonly groupTitle: string;

  private key = '';
  private sent = '';
  private usage: UsageOut | null = null;

  constructor(
    readonly session: Session,
    public draft: Draft
  ) {
    // The form stays with the group it was opened for, whatever the sidebar shows later.
    this.group = session.require().group;
    this.groupTitle = session.group?.display_name || this.group;
    session.changed.connect(this.onSession, this);
    void this.loadSchema();
    void this.loadCatalog();
  }

  /** Why nothing can be submitted here, or empty. */
  get denied(): string {
    return this.session.group?.name === this.group ? this.session.denied('job.submit') : '';
  }

  set(change: Partial<Draft>): void {
    this.draft = { ...this.draft, ...change };
    this.changed.emit();
  }

  setText(field: string, text: string): void {
    this.clearError(field);
    this.set({ texts: { ...this.draft.texts, [field]: text } });
  }

  setParameter(name: string, text: string): void {
    this.clearError(`notebook.parameters.${name}`);
    this.set({ parameterTexts: { ...this.draft.parameterTexts, [name]: text } });
  }

  clearError(field: string): void {
    if (field in this.errors) {
      this.errors = { ...this.errors };
      delete this.errors[field];
    }
  }

  /** The new job, or null when there is something to mend first. */
  async submit(): Promise<JobOut | null> {
    const { client } = this.session;
    if (!client || this.sending) {
      return null;
    }
    const { job, errors } = toJob(this.draft, this.specs);
    this.errors = errors;
    this.problem = Object.keys(errors).length > 0 ? 'Some fields need your attention.' : '';
    if (this.problem) {
      this.changed.emit();
      return null;
    }
    const body = JSON.stringify(job);
    // The same content is the same submission, however often it is sent; changed content is a new one.
    if (!this.key || body !== this.sent) {
      this.key = UUID.uuid4();
      this.sent = body;
    }
    this.sending = true;
    this.changed.emit();
    try {
      return await client.submit(this.group, body, this.key);
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

  private async loadSchema(): Promise<void> {
    try {
      const document = await this.session.client?.openapi();
      this.specs = fieldsOf(document, 'JobIn');
      this.notebookSpecs = fieldsOf(document, 'NotebookIn');
      this.directorySpecs = fieldsOf(document, 'WorkingDirectoryIn');
      const defaults = this.specs
        .filter(s => ['string', 'number', 'boolean'].includes(typeof s.default))
        .map(s => [s.name, String(s.default)]);
      this.draft = { ...this.draft, texts: { ...Object.fromEntries(defaults), ...this.draft.texts } };
    } catch {
      // The form has texts of its own for the fields it knows, and the service checks the limits.
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
