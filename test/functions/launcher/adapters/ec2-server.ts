/** EC2's wire format on loopback, with scripted answers. Requests are forms, and answers are XML, as in the EC2 API reference. */
import { createServer, type ServerResponse } from 'node:http';
import { listen } from '../../../loopback.ts';

export type Ec2Answer = (response: ServerResponse) => void;

export interface Ec2Server {
  readonly endpoint: string;
  /** The received requests, without the version of the API. */
  readonly requests: Readonly<Record<string, string>>[];
  /** Sets the answers to an action. The last one is repeated. */
  on(action: string, ...answers: Ec2Answer[]): void;
  close(): Promise<void>;
}

export async function startEc2Server(): Promise<Ec2Server> {
  const answers = new Map<string, Ec2Answer[]>();
  const requests: Record<string, string>[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { Version, ...form } = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      if (Version !== '2016-11-15') throw new Error(`The request has the version ${Version}`);
      requests.push(form);
      const queue = answers.get(form['Action'] ?? '') ?? [];
      const answer = queue.length > 1 ? queue.shift() : queue[0];
      (answer ?? refused('InvalidAction', 'the script has no answer'))(response);
    });
  });
  const port = await listen(server, '127.0.0.1');
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    on: (action, ...its) => answers.set(action, its),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The answer of an action with this content. */
export function answered(action: string, content = '<return>true</return>'): Ec2Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/xml;charset=UTF-8' });
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?><${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>request-1</requestId>${content}</${action}Response>`,
    );
  };
}

/** An error in EC2's format. */
export function refused(code: string, message: string, status = 400): Ec2Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': 'request-2' });
    response.end(
      `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>request-2</RequestID></Response>`,
    );
  };
}

/** Never answers. */
export const silent: Ec2Answer = () => undefined;

/** Closes the connection before the first byte of an answer. */
export const reset: Ec2Answer = (response) => {
  response.socket?.destroy();
};
