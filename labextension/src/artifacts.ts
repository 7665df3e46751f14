/** Where artifacts go in the home directory, and how their bytes travel. */

/** `directory/job/path`; throws for a path that would leave the job's directory. */
export function artifactTarget(directory: string, job: string, path: string): string {
  const root = directory.split('/').filter(part => part !== '');
  const parts = [...root, job, ...path.split('/')];
  if (parts.some(part => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part))) {
    throw new Error(`“${path}” is not a path that can be saved here.`);
  }
  return parts.join('/');
}

/** Every directory above the path, the outermost first. */
export function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** In pieces: one call with millions of arguments would overflow the stack. */
export async function base64(blob: Blob): Promise<string> {
  const data = new Uint8Array(await blob.arrayBuffer());
  let binary = '';
  for (let i = 0; i < data.length; i += 0x8000) {
    binary += String.fromCharCode(...data.subarray(i, i + 0x8000));
  }
  return btoa(binary);
}
