/** A new dataset as it is typed, and the request that it makes. */

import type { AccessMode, DatasetIn, PlatformDatasetIn, SourceKind } from '../api';
import type { Row } from '../draft';
import type { FieldErrors } from '../errors';
import { badDatasetName } from './names';
import { sourceErrors, sourceOf } from './sources';

export interface DatasetDraft {
  name: string;
  title: string;
  description: string;
  tags: string[];
  licence: string;
  kind: SourceKind;
  source: Record<string, string>;
  /** Variables, for the kind that is nothing else. */
  variables: Row[];
  /** Paths of shared files. */
  copyFrom: string[];
}

export interface GrantDraft {
  group: string;
  access: AccessMode;
}

export function emptyDataset(change: Partial<DatasetDraft> = {}): DatasetDraft {
  return {
    name: '',
    title: '',
    description: '',
    tags: [],
    licence: '',
    kind: 'managed',
    source: {},
    variables: [],
    copyFrom: [],
    ...change
  };
}

/** The source of any kind. */
export function draftSource({ kind, source, variables }: DatasetDraft): Record<string, string> {
  if (kind !== 'environment') {
    return sourceOf(kind, source);
  }
  const named = variables.filter(row => row.name.trim() !== '');
  return Object.fromEntries(named.map(row => [row.name.trim(), row.value]));
}

function errorsOf(draft: DatasetDraft): FieldErrors {
  const errors: FieldErrors = sourceErrors(draft.kind, draft.source);
  const name = badDatasetName(draft.name.trim());
  if (name) {
    errors.name = name;
  }
  if (draft.kind === 'environment' && Object.keys(draftSource(draft)).length === 0) {
    errors.source = 'needs at least one variable';
  }
  return errors;
}

function common(draft: DatasetDraft) {
  return {
    name: draft.name.trim(),
    ...(draft.title.trim() ? { display_name: draft.title.trim() } : {}),
    description: draft.description.trim(),
    tags: draft.tags,
    licence: draft.licence.trim(),
    kind: draft.kind,
    source: draftSource(draft)
  };
}

const PLACES = [
  'name',
  'display_name',
  'licence',
  'tags',
  'description',
  'source',
  'copy_from',
  'everyone',
  'grants'
];

/** Whether the form shows some of these at their fields; then they need not be told once more. */
export function hasPlace(errors: FieldErrors): boolean {
  return Object.keys(errors).some(key => PLACES.includes(key.split('.')[0]));
}

/** Of a group. */
export function toDataset(draft: DatasetDraft): { body: DatasetIn; errors: FieldErrors } {
  const copies = draft.kind === 'managed' && draft.copyFrom.length > 0;
  return {
    body: { ...common(draft), ...(copies ? { copy_from: draft.copyFrom } : {}) },
    errors: errorsOf(draft)
  };
}

/** Of the platform. */
export function toPlatformDataset(
  draft: DatasetDraft,
  everyone: AccessMode | '',
  grants: GrantDraft[]
): { body: PlatformDatasetIn; errors: FieldErrors } {
  return {
    body: { ...common(draft), everyone: everyone || null, grants },
    errors: errorsOf(draft)
  };
}
