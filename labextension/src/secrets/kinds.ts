/** Kinds of secrets, and the fields that each has in place of a value. */

import type { SecretKind } from '../api';

export interface SecretField {
  name: string;
  title: string;
  hint?: string;
  example?: string;
  needed?: boolean;
  /** Shown while it is typed: it tells nothing that is secret. */
  plain?: boolean;
  /** Has lines, which a line of input would lose. */
  lines?: boolean;
}

/** One way of filling it in; a git server takes a password or a key. */
export interface SecretShape {
  title: string;
  fields: readonly SecretField[];
}

export interface SecretWords {
  title: string;
  text: string;
  /** None: one value. */
  shapes: readonly SecretShape[];
}

const USER: SecretField = { name: 'username', title: 'User name', needed: true, plain: true };

export const SECRET_KINDS: Record<SecretKind, SecretWords> = {
  opaque: { title: 'A value', text: 'For variables of jobs.', shapes: [] },
  git: {
    title: 'Git',
    text: 'For repositories that are not public.',
    shapes: [
      {
        title: 'Password or token',
        fields: [USER, { name: 'password', title: 'Password or token', needed: true }]
      },
      {
        title: 'SSH key',
        fields: [
          {
            name: 'ssh_key',
            title: 'Private key',
            needed: true,
            lines: true,
            hint: 'Without a passphrase, as ssh-keygen writes it.'
          },
          {
            name: 'known_hosts',
            title: 'Known hosts',
            plain: true,
            lines: true,
            hint: 'Lines of ssh-keyscan: which server this key may be shown to.'
          }
        ]
      }
    ]
  },
  s3: {
    title: 'S3',
    text: 'For buckets that are not public.',
    shapes: [
      {
        title: 'Access key',
        fields: [
          { name: 'access_key', title: 'Access key', needed: true, plain: true },
          { name: 'secret_key', title: 'Secret key', needed: true }
        ]
      }
    ]
  },
  registry: {
    title: 'Image registry',
    text: 'For images that are not public.',
    shapes: [
      {
        title: 'Login',
        fields: [
          { name: 'server', title: 'Server', needed: true, plain: true, example: 'registry.example.org' },
          USER,
          { name: 'password', title: 'Password or token', needed: true }
        ]
      }
    ]
  }
};

export const KINDS_OF_SECRETS = Object.keys(SECRET_KINDS) as SecretKind[];

export interface SecretDraft {
  kind: SecretKind;
  /** Which of the shapes. */
  shape: number;
  value: string;
  fields: Record<string, string>;
}

export function emptySecret(kind: SecretKind = 'opaque'): SecretDraft {
  return { kind, shape: 0, value: '', fields: {} };
}

function fieldsOf({ kind, shape }: SecretDraft): readonly SecretField[] {
  return SECRET_KINDS[kind].shapes[shape]?.fields ?? [];
}

/** True when nothing was typed: what is kept stays. */
export function untouched(draft: SecretDraft): boolean {
  return draft.value === '' && fieldsOf(draft).every(f => !draft.fields[f.name]);
}

/** What is missing, as `fields.<name>`. */
export function secretErrors(draft: SecretDraft): Record<string, string> {
  const missing = fieldsOf(draft).filter(f => f.needed && !draft.fields[f.name]?.trim());
  return Object.fromEntries(missing.map(f => [`fields.${f.name}`, 'is needed']));
}

/** The part of the request that holds what is secret; empty where it stays as it is. */
export function secretBody(draft: SecretDraft): { value?: string; fields?: Record<string, string> } {
  if (untouched(draft)) {
    return {};
  }
  if (SECRET_KINDS[draft.kind].shapes.length === 0) {
    return { value: draft.value };
  }
  const given = fieldsOf(draft)
    .map(f => [f.name, f.lines ? draft.fields[f.name] : draft.fields[f.name]?.trim()] as const)
    .filter((pair): pair is [string, string] => !!pair[1]);
  return { fields: Object.fromEntries(given) };
}
