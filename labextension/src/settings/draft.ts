/** A group's settings as they are typed, and the request that they make. */

import type { LimitOut, SettingsIn, SettingsOut, ShareLinks } from '../api';
import type { FieldErrors } from '../errors';
import { duration } from '../format';

type NumberName = 'job_timeout_seconds' | 'artifact_days' | 'trash_days';

export interface SettingsDraft {
  /** Empty: the platform's default. */
  texts: Record<NumberName, string>;
  share_links: ShareLinks | '';
}

export const SHARE_LINKS: Record<ShareLinks, string> = {
  off: 'nobody: there are no links',
  members: 'members of the group',
  login: 'everybody who is logged in',
  public: 'everybody who has the link'
};
const ORDER: readonly ShareLinks[] = ['off', 'members', 'login', 'public'];
const NUMBERS: readonly NumberName[] = ['job_timeout_seconds', 'artifact_days', 'trash_days'];

export function settingsDraft(settings: SettingsOut): SettingsDraft {
  const text = ({ own }: LimitOut) => (own === null ? '' : String(own));
  return {
    texts: {
      job_timeout_seconds: text(settings.job_timeout_seconds),
      artifact_days: text(settings.artifact_days),
      trash_days: text(settings.trash_days)
    },
    share_links: settings.share_links.own ?? ''
  };
}

/** What the platform allows, the least first. */
export function allowedLinks({ most }: SettingsOut['share_links']): ShareLinks[] {
  return ORDER.slice(0, ORDER.indexOf(most) + 1);
}

/** Only what has changed is sent; empty is the platform's default again. */
export function toSettings(
  draft: SettingsDraft,
  before: SettingsOut
): { body: SettingsIn; errors: FieldErrors } {
  const errors: FieldErrors = {};
  const body: SettingsIn = {};
  const old = settingsDraft(before);
  for (const name of NUMBERS) {
    const text = draft.texts[name].trim();
    if (text === old.texts[name]) {
      continue;
    }
    if (text !== '' && !/^\d+$/.test(text)) {
      errors[name] = 'must be a whole number, or empty';
    } else {
      body[name] = text === '' ? null : Number(text);
    }
  }
  if (draft.share_links !== old.share_links) {
    body.share_links = draft.share_links || null;
  }
  return { body, errors };
}

/** What holds when nothing is set, and how much there may be. */
export function limitHint(name: NumberName, { own, holds, most }: LimitOut): string {
  const said = (n: number) =>
    name === 'job_timeout_seconds'
      ? duration(n * 1000)
      : `${n.toLocaleString('en')} ${n === 1 ? 'day' : 'days'}`;
  const zero = name === 'trash_days' ? 'gone at once' : name === 'artifact_days' ? 'for ever' : 'no limit';
  const usual = own === null ? ` Empty: ${holds === 0 ? zero : said(holds)}.` : '';
  const bound = most > 0 ? ` At most ${said(most)}.` : '';
  return `0: ${zero}.${usual}${bound}`;
}
