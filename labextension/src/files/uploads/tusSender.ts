/** Uploads by the tus protocol: in pieces, each of which the service acknowledges. */

import { Upload, type HttpRequest, type HttpResponse, type HttpStack } from 'tus-js-client';

import type { FileCalls } from '../../fileCalls';
import { ApiError, failure } from '../../http';
import { Pace } from './pace';
import { PAUSES, settled, stopped, type Sender, type Sending } from './sender';
import { readable, Sums } from './sums';

/** So small a file goes with the request that begins the upload. */
const SMALL = 4 * 1024 * 1024;
const LARGEST = 64 * 1024 * 1024;

type Calls = Pick<FileCalls, 'uploadsUrl' | 'uploadUrl' | 'uploadRequest' | 'upload'>;

export function tusSender(client: Calls, chunkSize = LARGEST): Sender {
  return sending => new TusRun(client, chunkSize, sending).run();
}

class TusRun {
  private id: string;
  private readonly pace: Pace;

  constructor(
    private readonly client: Calls,
    chunkSize: number,
    private readonly sending: Sending
  ) {
    this.id = sending.id ?? '';
    this.pace = new Pace(Math.min(chunkSize, LARGEST));
  }

  async run(): Promise<void> {
    const { client, sending } = this;
    const { group, signal } = sending;
    if (signal.aborted) {
      throw stopped();
    }
    const finished = await this.send();
    if (!finished) {
      await settled(() => client.upload(group, this.id), signal);
    }
  }

  /** True if the service said that the file is in its place already. */
  private send(): Promise<boolean> {
    const { client, sending } = this;
    const { file, group, path, replace, signal } = sending;
    return new Promise((done, failed) => {
      let since = 0;
      const upload = new Upload(file, {
        endpoint: client.uploadsUrl(group),
        uploadUrl: sending.id ? client.uploadUrl(group, sending.id) : null,
        metadata: { path, ...(replace && { replace: 'true' }) },
        chunkSize: this.pace.size,
        uploadDataDuringCreation: file.size <= SMALL,
        // What this browser remembers is kept by the queue, which knows more of it.
        storeFingerprintForResuming: false,
        retryDelays: [...PAUSES],
        httpStack: new Stack(client, new Sums(file), sent => {
          since = sent;
        }),
        onShouldRetry: error => {
          const again = worthwhile(error.originalRequest, error.originalResponse, error.causingError);
          if (again) {
            this.pace.failed();
            upload.options.chunkSize = this.pace.size;
            sending.stalled(refusal(error)?.message ?? 'The connection is lost.');
          }
          return again;
        },
        onUploadUrlAvailable: () => {
          this.id = decodeURIComponent(new URL(upload.url!).pathname.split('/').pop()!);
          sending.began(this.id);
        },
        // At the start of each piece, and at its end.
        onProgress: sent => sending.progress(sent),
        onChunkComplete: size => {
          this.pace.took(size, Date.now() - since);
          upload.options.chunkSize = this.pace.size;
          sending.stalled('');
        },
        onSuccess: ({ lastResponse }) => {
          sending.progress(file.size);
          done(lastResponse.getHeader('Upload-State') === 'Done');
        },
        onError: error => failed(refusal(error) ?? error)
      });
      const stop = () => {
        void upload.abort().finally(() => failed(stopped()));
      };
      signal.addEventListener('abort', stop, { once: true });
      upload.start();
    });
  }
}

/** What the service said, if it said something; else that the network failed, if it did. */
function refusal(error: unknown): Error | null {
  const { originalResponse, causingError } = error as {
    originalResponse?: HttpResponse | null;
    causingError?: Error | null;
  };
  return (originalResponse as Answer | null)?.refusal ?? causingError ?? null;
}

/** Is it the network, or the moment? A refusal of what was asked for stays one. */
export function worthwhile(
  request: Pick<HttpRequest, 'getMethod'>,
  response: Pick<HttpResponse, 'getStatus'> | null,
  cause: Error | null = null
): boolean {
  if (!response) {
    return cause instanceof ApiError && cause.kind === 'network';
  }
  const status = response.getStatus();
  if (status === 507) {
    return false; // the disk does not grow by asking
  }
  // 409 of a piece: the service has more or less than we thought, and says how much when asked. 460: a broken piece.
  const passing = request.getMethod() === 'PATCH' ? [409, 423, 429, 460] : [423, 429];
  return status === 408 || status >= 500 || passing.includes(status);
}

/** Tus over the client's own fetch: with our token and its renewal, and without cookies. */
class Stack implements HttpStack {
  constructor(
    private readonly client: Calls,
    private readonly sums: Sums,
    private readonly starts: (at: number) => void
  ) {}

  getName(): string {
    return 'collegium';
  }

  createRequest(method: string, url: string): HttpRequest {
    return new Asking(this.client, this.sums, this.starts, method, url);
  }
}

class Asking implements HttpRequest {
  private readonly headers: Record<string, string> = {};
  private readonly scope = new AbortController();

  constructor(
    private readonly client: Calls,
    private readonly sums: Sums,
    private readonly starts: (at: number) => void,
    private readonly method: string,
    private readonly url: string
  ) {}

  getMethod = (): string => this.method;
  getURL = (): string => this.url;
  getHeader = (name: string): string | undefined => this.headers[name];
  getUnderlyingObject = (): unknown => this.scope;

  setHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  setProgressHandler(): void {
    // Fetch tells nothing of what it has sent; pieces are small enough to go by.
  }

  async send(body: Blob | null): Promise<HttpResponse> {
    const start = Number(this.headers['Upload-Offset'] ?? 0);
    if (body) {
      const sum = await this.sums.of(start, start + body.size);
      Object.assign(this.headers, sum && { 'Upload-Checksum': sum });
    }
    this.starts(Date.now());
    try {
      const response = await this.client.uploadRequest(this.url, {
        method: this.method,
        headers: this.headers,
        signal: this.scope.signal,
        // A blob: bytes in memory go several times slower.
        ...(body && { body })
      });
      return new Answer(response, response.ok ? null : await failure(response));
    } catch (error) {
      if (body) {
        await readable(body, 0, 1);
      }
      throw error;
    }
  }

  abort(): Promise<void> {
    this.scope.abort();
    return Promise.resolve();
  }
}

class Answer implements HttpResponse {
  constructor(
    private readonly response: Response,
    readonly refusal: ApiError | null
  ) {}

  getStatus = (): number => this.response.status;
  getHeader = (name: string): string | undefined => this.response.headers.get(name) ?? undefined;
  getBody = (): string => this.refusal?.message ?? '';
  getUnderlyingObject = (): unknown => this.response;
}
