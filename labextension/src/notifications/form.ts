/** What stands in the form of a channel, and the request it makes. */

import type { ChannelIn, ChannelKind, ChannelOut, ChannelPatch, Topic } from '../api';

export const EVENTS: readonly [Topic, string][] = [
  ['job.succeeded', 'a job succeeded'],
  ['job.failed', 'a job failed'],
  ['job.cancelled', 'a job was cancelled'],
  ['schedule.paused', 'a schedule paused itself'],
  ['schedule.missed', 'a schedule missed runs'],
  ['sweep.ended', 'a sweep ended']
];

export const KINDS: Record<ChannelKind, string> = {
  email: 'E-mail',
  webhook: 'Webhook',
  slack: 'Slack or compatible'
};

export interface ChannelDraft {
  name: string;
  kind: ChannelKind;
  /** Parted by commas, semicolons, blanks or lines. */
  addresses: string;
  url: string;
  /** Written, never read: empty keeps what is there. */
  secret: string;
  events: readonly Topic[];
  enabled: boolean;
}

export function channelDraft(channel?: ChannelOut): ChannelDraft {
  return {
    name: channel?.name ?? '',
    kind: channel?.kind ?? 'email',
    addresses: (channel?.addresses ?? []).join(', '),
    url: channel?.url ?? '',
    secret: '',
    events: channel?.events ?? ['job.failed'],
    enabled: channel?.enabled ?? true
  };
}

export function splitAddresses(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter(part => part !== ''))];
}

export function eventWords(events: readonly string[]): string {
  return events.map(event => EVENTS.find(([name]) => name === event)?.[1] ?? event).join(', ');
}

/** A new channel. */
export function toChannel(draft: ChannelDraft): ChannelIn {
  const base = {
    name: draft.name.trim(),
    kind: draft.kind,
    events: [...draft.events],
    enabled: draft.enabled
  };
  if (draft.kind === 'email') {
    return { ...base, addresses: splitAddresses(draft.addresses) };
  }
  const secret = draft.secret && draft.kind === 'webhook' ? { secret: draft.secret } : {};
  return { ...base, url: draft.url.trim(), ...secret };
}

/** Only what was changed: a secret that nobody typed stays, and so does an address that is shown masked. */
export function toPatch(draft: ChannelDraft, before: ChannelOut): ChannelPatch {
  const { addresses, url, secret, events, enabled } = toChannel(draft);
  const wanted: ChannelPatch = { events, enabled };
  if (addresses) {
    wanted.addresses = addresses;
  }
  if (url && url !== before.url) {
    wanted.url = url;
  }
  if (secret) {
    wanted.secret = secret;
  }
  return wanted;
}
