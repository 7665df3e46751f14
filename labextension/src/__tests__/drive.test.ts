import { beforeEach, describe, expect, it } from 'vitest';

import { ApiError, type Client } from '../client';
import { CollegiumDrive } from '../drive/CollegiumDrive';
import { decode, distrusted, encode } from '../drive/contents';
import { drivePath, localOf, placeOf } from '../drive/paths';
import { nameOf } from '../files/paths';

/** One group's files, in memory. */
class Files {
  files = new Map<string, { text: string; etag: string }>();
  writable = true;
  matches: (string | undefined)[] = [];
  private counter = 0;

  put(path: string, text: string): void {
    this.files.set(path, { text, etag: `e${++this.counter}` });
  }

  private entry(path: string) {
    const file = this.files.get(path);
    if (!file) {
      throw new ApiError('refused', `${path} is not there`, 404);
    }
    const common = {
      name: nameOf(path),
      path,
      modified_at: '2026-01-01T00:00:00Z',
      media_type: 'text/plain'
    };
    return { ...common, kind: 'file', size: file.text.length, etag: file.etag, writable: this.writable };
  }

  fileEntry = async (_: string, path: string) => this.entry(path);
  files_ = async (_: string, { path }: { path: string }) => ({
    path,
    writable: this.writable,
    items: path === '.datasets' ? [] : [...this.files.keys()].map(p => this.entry(p)),
    next_cursor: null
  });
  fileContent = async (_: string, path: string) =>
    new Response(this.files.get(path)!.text, { headers: { ETag: `"${this.files.get(path)!.etag}"` } });
  putFile = async (_: string, path: string, body: Blob, match?: string) => {
    this.matches.push(match);
    const there = this.files.get(path);
    if (match === '*new*' ? there : match !== undefined && there?.etag !== match) {
      throw new ApiError('refused', 'It has changed meanwhile.', 409);
    }
    this.put(path, await body.text());
    return this.entry(path);
  };
}

describe('CollegiumDrive', () => {
  let files: Files;
  let drive: CollegiumDrive;
  beforeEach(() => {
    files = new Files();
    const client = { ...files, files: files.files_ } as unknown as Client;
    drive = new CollegiumDrive({
      ready: async () => ({ client, groups: ['biology', 'physics'] }),
      tell: () => {}
    });
  });

  it('has the groups at its top, and their files below', async () => {
    const top = await drive.get('');
    expect(top.content.map((m: { path: string }) => m.path)).toEqual(['biology', 'physics']);
    files.put('a.txt', 'x');
    const group = await drive.get('biology');
    expect(group.content[0]).toMatchObject({
      path: 'biology/a.txt',
      type: 'file',
      writable: true,
      hash: 'e1'
    });
    await expect(drive.save('top.txt', { content: 'x', format: 'text', type: 'file' })).rejects.toMatchObject(
      {
        response: { status: 403 }
      }
    );
  });

  it('saves over what Lab has seen, and over nothing newer', async () => {
    files.put('a.txt', 'one');
    const seen = await drive.get('biology/a.txt');
    expect([seen.content, seen.format, seen.hash]).toEqual(['one', 'text', 'e1']);
    const saved = await drive.save('biology/a.txt', { type: 'file', format: 'text', content: 'two' });
    expect(saved.hash).toBe('e2');
    files.put('a.txt', 'somebody else');
    await expect(
      drive.save('biology/a.txt', { type: 'file', format: 'text', content: 'three' })
    ).rejects.toThrow('has changed meanwhile');
    // Lab looks, asks, and saves again.
    await drive.get('biology/a.txt', { content: false });
    await drive.save('biology/a.txt', { type: 'file', format: 'text', content: 'three' });
    expect([files.files.get('a.txt')?.text, files.matches]).toEqual(['three', ['e1', 'e2', 'e3']]);
  });

  it('tells Lab what may only be read, and what is not there', async () => {
    files.put('a.txt', 'x');
    files.writable = false;
    expect((await drive.get('biology/a.txt')).writable).toBe(false);
    await expect(drive.get('biology/none')).rejects.toMatchObject({ response: { status: 404 } });
  });

  it('makes new files beside those that are there', async () => {
    files.put('in/untitled.txt', '');
    const made = await drive.newUntitled({ path: 'biology/in', type: 'file', ext: '.txt' });
    expect(made.path).toBe('biology/in/untitled (2).txt');
    const notebook = await drive.newUntitled({ path: 'biology/in', type: 'notebook' });
    expect(JSON.parse(files.files.get('in/Untitled.ipynb')!.text).nbformat).toBe(4);
    expect(notebook.type).toBe('notebook');
  });

  it('goes on without checkpoints', async () => {
    expect(await drive.listCheckpoints()).toEqual([]);
    expect((await drive.createCheckpoint()).id).toBe('none');
    await expect(drive.restoreCheckpoint()).rejects.toThrow('no checkpoints');
  });
});

describe('contents', () => {
  const asked = { name: 'x', mimetype: '' };
  it('is text where it is text, else base64', async () => {
    expect(await decode(new Blob(['ä']), asked)).toMatchObject({ content: 'ä', format: 'text' });
    const bytes = new Blob([new Uint8Array([0xff, 0xfe, 0])]);
    expect(await decode(bytes, asked)).toMatchObject({ content: '//4A', format: 'base64' });
    await expect(decode(bytes, { ...asked, format: 'text' })).rejects.toThrow('not UTF-8');
    expect(new Uint8Array(await encode({ format: 'base64', content: '//4A' }).arrayBuffer())).toEqual(
      new Uint8Array([0xff, 0xfe, 0])
    );
  });
  it('trusts no notebook, whatever it says of itself', async () => {
    const text = JSON.stringify({ nbformat: 4, cells: [{ metadata: { trusted: true, tags: ['a'] } }] });
    const { content } = await decode(new Blob([text]), { ...asked, type: 'notebook' });
    expect(content).toEqual({ nbformat: 4, cells: [{ metadata: { tags: ['a'] } }] });
    expect(distrusted({ nbformat: 4 })).toEqual({ nbformat: 4, cells: undefined });
    await expect(decode(new Blob(['{}']), { ...asked, type: 'notebook' })).rejects.toThrow('not a notebook');
  });
});

describe('paths of the drive', () => {
  it('name the group first', () => {
    expect(drivePath('biology', 'a/b.txt')).toBe('collegium:biology/a/b.txt');
    expect(placeOf('biology/a/b.txt')).toEqual({ group: 'biology', path: 'a/b.txt' });
    expect(placeOf('/')).toEqual({ group: '', path: '' });
    expect(localOf({ group: 'g', path: '' })).toBe('g');
  });
});
