import { describe, expect, it, vi } from 'vitest';

import { badSize, fillText, fullness } from '../admin/sizes';
import type { DatasetSummary, JobIn, SettingsOut, UseOut } from '../api';
import { draftOf } from '../clone';
import { allDatasets } from '../datasets/all';
import { choiceText, choices, parseChoice, toggled, withVersion } from '../datasets/chosen';
import { emptyDataset, toDataset, toPlatformDataset } from '../datasets/draft';
import { badDatasetName, nameFrom } from '../datasets/names';
import { sourceOf, sourceText } from '../datasets/sources';
import { addresses, amount, cellText, listed, usesIn } from '../datasets/words';
import { emptyDraft, toJob } from '../draft';
import { href, parseRoute } from '../portal/route';
import { emptySecret, secretBody, secretErrors } from '../secrets/kinds';
import { allowedLinks, limitHint, settingsDraft, toSettings } from '../settings/draft';

const dataset = (name: string, change: Partial<DatasetSummary> = {}): DatasetSummary =>
  ({
    name,
    display_name: name,
    kind: 'managed',
    mine: true,
    access: 'rw',
    size: null,
    files: null,
    versions: 0,
    latest_version: null,
    mounted_at: `/datasets/${name}`,
    updated_at: null,
    ...change
  }) as DatasetSummary;

describe('names', () => {
  it('are what the service takes', () => {
    expect(badDatasetName('digits.v2_a-b')).toBe('');
    expect(badDatasetName('')).toBe('is needed');
    for (const bad of ['Digits', '-a', 'a-', 'a b', 'x'.repeat(64), 'a@1']) {
      expect(badDatasetName(bad)).not.toBe('');
    }
  });

  it('are made from anything', () => {
    expect(nameFrom('My Digits (2)')).toBe('my-digits-2');
    expect(nameFrom('Über_Größe.csv')).toBe('uber_gro-e.csv');
    expect(nameFrom('***')).toBe('');
    expect(badDatasetName(nameFrom('x'.repeat(62) + '..y'))).toBe('');
  });
});

describe('a new dataset', () => {
  it('sends only what its kind has', () => {
    const source = { url: ' https://example.org/a.git ', revision: '', bucket: 'b' };
    const draft = emptyDataset({ name: 'a', kind: 'git', source, copyFrom: ['x'] });
    const { body, errors } = toDataset(draft);
    expect(errors).toEqual({});
    expect(body.source).toEqual({ url: 'https://example.org/a.git' });
    expect(body.copy_from).toBeUndefined();
    expect(toDataset({ ...draft, kind: 'managed' }).body).toMatchObject({ source: {}, copy_from: ['x'] });
    expect(sourceOf('s3', { bucket: 'b', prefix: ' ' })).toEqual({ bucket: 'b' });
  });

  it('says what is missing at its field', () => {
    const { errors } = toDataset(emptyDataset({ kind: 's3' }));
    expect(errors).toEqual({ name: 'is needed', 'source.bucket': 'is needed' });
    const platform = toPlatformDataset(emptyDataset({ name: 'e', kind: 'environment' }), '', []);
    expect(platform.errors).toHaveProperty('source');
  });

  it('of the platform says who has it', () => {
    const draft = emptyDataset({
      name: 'e',
      kind: 'environment',
      variables: [
        { name: ' A ', value: ' 1' },
        { name: '', value: 'lost' }
      ]
    });
    const { body } = toPlatformDataset(draft, 'ro', [{ group: 'g', access: 'rw' }]);
    expect(body).toMatchObject({
      source: { A: ' 1' },
      everyone: 'ro',
      grants: [{ group: 'g', access: 'rw' }]
    });
    expect(toPlatformDataset(draft, '', []).body.everyone).toBeNull();
  });
});

describe('the list', () => {
  it('is put in order, unknown sizes last', () => {
    const items = [
      dataset('b', { size: 5 }),
      dataset('a'),
      dataset('c', { size: 9, mine: false, updated_at: '2026-02-01T00:00:00Z' })
    ];
    const names = (...args: Parameters<typeof listed>) => listed(...args).map(d => d.name);
    expect(names(items, { whose: '', sort: 'name' })).toEqual(['a', 'b', 'c']);
    expect(names(items, { whose: '', sort: 'size' })).toEqual(['c', 'b', 'a']);
    expect(names(items, { whose: '', sort: 'updated' })).toEqual(['c', 'a', 'b']);
    expect(names(items, { whose: 'own', sort: 'size' })).toEqual(['b', 'a']);
    expect(names(items, { whose: 'granted', sort: 'size' })).toEqual(['c']);
  });

  it('is fetched page by page to its end', async () => {
    const pages: Record<string, unknown> = {
      '': { items: [dataset('a')], next_cursor: 'x' },
      x: { items: [dataset('b')], next_cursor: null }
    };
    const datasets = vi.fn(async (_: string, query?: { cursor?: string }) => pages[query?.cursor ?? '']);
    const found = await allDatasets({ datasets } as never, 'g', { search: 's' });
    expect(found.items.map(d => d.name)).toEqual(['a', 'b']);
    expect(found.more).toBe(false);
    expect(datasets).toHaveBeenLastCalledWith('g', { search: 's', cursor: 'x', limit: 200 });
  });

  it('has words', () => {
    expect(amount({ size: null, files: 3 })).toBeNull();
    expect(amount({ size: 2048, files: 1 })).toBe('1 file, 2 KiB');
    expect(amount({ size: 2048, files: null })).toBe('2 KiB');
    expect(sourceText('s3', { bucket: 'b', prefix: 'p/q' })).toBe('s3://b/p/q');
    expect(sourceText('nfs', { server: 's', path: '/p' })).toBe('s:/p');
    expect([null, 1.5, 'a', { a: 1 }].map(cellText)).toEqual(['', '1.5', 'a', '{"a":1}']);
  });

  it('says where a dataset and a version are found', () => {
    const texts = (version: number | null) => addresses('ml', dataset('d'), version).map(a => a.text);
    expect(texts(null)).toEqual(['/datasets/d', 'collegium://ml/.datasets/d', 'd']);
    expect(texts(2)).toEqual(['/datasets/d', 'collegium://ml/.datasets/d@2', 'd@2']);
    expect(addresses('ml', dataset('d', { kind: 'environment' }), null)).toHaveLength(1);
  });

  it('finds what is in the way in a refusal', () => {
    const use = { kind: 'job', id: 'j' } as UseOut;
    expect(usesIn({ uses: [use, null, 'x'] })).toEqual([use]);
    expect(usesIn({})).toEqual([]);
  });
});

describe('datasets of a job', () => {
  it('are chosen with versions', () => {
    expect(parseChoice('digits@3')).toEqual({ name: 'digits', version: '3' });
    expect(choices(['a', 'b@latest'])!.map(choiceText)).toEqual(['a', 'b@latest']);
    expect(choices(null)).toBeNull();
    const some = withVersion(toggled(toggled([], 'a'), 'b'), 'b', '2');
    expect(some.map(choiceText)).toEqual(['a', 'b@2']);
    expect(toggled(some, 'a').map(choiceText)).toEqual(['b@2']);
  });

  it('go along with the job and come back from it', () => {
    const base = { ...emptyDraft(), texts: { name: 'j', command: 'c' }, instanceType: 's', image: 'i' };
    expect(toJob(base, []).job).not.toHaveProperty('datasets');
    const draft = { ...base, datasets: [] };
    expect(toJob(draft, []).job.datasets).toEqual([]);
    const asked = { datasets: ['a@1'] } as JobIn;
    expect(draftOf(base, asked).datasets).toEqual([{ name: 'a', version: '1' }]);
    expect(draftOf(base, {}).datasets).toBeNull();
  });
});

describe('secrets', () => {
  it('of a kind have fields, and keep what is left alone', () => {
    const s3 = { ...emptySecret('s3'), fields: { access_key: ' k ', secret_key: 's', password: 'other' } };
    expect(secretBody(s3)).toEqual({ fields: { access_key: 'k', secret_key: 's' } });
    expect(secretErrors(s3)).toEqual({});
    expect(secretBody(emptySecret('git'))).toEqual({});
    expect(Object.keys(secretErrors(emptySecret('registry')))).toEqual([
      'fields.server',
      'fields.username',
      'fields.password'
    ]);
    // A key must keep its last line's end.
    const key = { ...emptySecret('git'), shape: 1, fields: { ssh_key: 'k\n', password: 'no' } };
    expect(secretBody(key)).toEqual({ fields: { ssh_key: 'k\n' } });
    expect(secretBody({ ...emptySecret(), value: ' v' })).toEqual({ value: ' v' });
  });
});

describe('settings of a group', () => {
  const limit = (own: number | null, holds: number, most = 0) => ({ own, holds, most });
  const settings: SettingsOut = {
    job_timeout_seconds: limit(null, 3600, 7200),
    artifact_days: limit(30, 30),
    trash_days: limit(null, 14, 60),
    share_links: { own: null, holds: 'members', most: 'login' }
  };

  it('send only what has changed', () => {
    const draft = settingsDraft(settings);
    expect(toSettings(draft, settings).body).toEqual({});
    const changed = { texts: { ...draft.texts, trash_days: '0', artifact_days: '' }, share_links: 'off' };
    expect(toSettings(changed as typeof draft, settings).body).toEqual({
      trash_days: 0,
      artifact_days: null,
      share_links: 'off'
    });
    const wrong = toSettings({ ...draft, texts: { ...draft.texts, trash_days: '1.5' } }, settings);
    expect(wrong.errors).toHaveProperty('trash_days');
  });

  it('stay within the platform’s bounds', () => {
    expect(allowedLinks(settings.share_links)).toEqual(['off', 'members', 'login']);
    expect(limitHint('trash_days', settings.trash_days)).toBe(
      '0: gone at once. Empty: 14 days. At most 60 days.'
    );
    expect(limitHint('artifact_days', settings.artifact_days)).toBe('0: for ever.');
  });
});

describe('volumes', () => {
  it('only grow', () => {
    expect(badSize('20Gi', 10 * 1024 ** 3)).toBe('');
    expect(badSize('1Gi', 10 * 1024 ** 3)).toContain('more than the 10 GiB');
    expect(badSize('much', null)).toContain('20Gi');
    expect(fullness({ capacity: 0, used: 1 })).toBeNull();
    expect(fullness({ capacity: 4, used: 1 })).toBe(0.25);
    expect(fillText({ capacity: null, used: 1024 })).toBe('1 KiB used');
    expect(fillText({ capacity: 4096, used: 1024 })).toBe('1 KiB of 4 KiB');
  });
});

describe('addresses of pages', () => {
  it('of datasets come and go', () => {
    const pages = [
      { page: 'datasets' },
      { page: 'dataset', id: 'a.b' },
      { page: 'new-dataset' },
      { page: 'volumes' },
      { page: 'secrets' },
      { page: 'group', group: 'g', tab: 'datasets', id: 'd', part: 'versions' },
      { page: 'group', group: 'g', tab: 'new-dataset' },
      { page: 'group', group: 'g', tab: 'settings' }
    ] as const;
    for (const page of pages) {
      expect(parseRoute(href(page))).toEqual(page);
    }
    expect(parseRoute('#/groups/g/datasets/d/nothing').page).toBe('unknown');
    expect(parseRoute('#/volumes/x').page).toBe('unknown');
  });
});
