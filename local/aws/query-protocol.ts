/**
 * AWS Query and EC2 Query: `POST /` with a form that contains `Action` and `Version`, and XML in the response.
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 * https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html
 */
import { randomUUID } from 'node:crypto';
import { ApiError } from './core/api-error.ts';
import type { Action, Call } from './wire.ts';
import { xml, xmlText } from './xml.ts';

export interface QueryService {
  readonly protocol: 'query' | 'ec2';
  /** Version of its API, which identifies the service: `2010-05-15`. */
  readonly version: string;
  readonly namespace: string;
  readonly actions: Readonly<Record<string, Action>>;
}

/** Codes of errors that every service has, which the query protocol calls otherwise: the code, and the HTTP status. */
const COMMON_ERRORS: Readonly<Record<QueryService['protocol'], Readonly<Record<string, readonly [string, number]>>>> = {
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html
  query: {
    MissingAuthenticationTokenException: ['MissingAuthenticationToken', 403],
    UnrecognizedClientException: ['InvalidClientTokenId', 403],
    InvalidSignatureException: ['SignatureDoesNotMatch', 403],
    IncompleteSignatureException: ['IncompleteSignature', 400],
    AccessDeniedException: ['AccessDenied', 403],
    ThrottlingException: ['Throttling', 400],
  },
  // https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html
  ec2: {
    MissingAuthenticationTokenException: ['MissingAuthenticationToken', 403],
    UnrecognizedClientException: ['AuthFailure', 401],
    InvalidSignatureException: ['SignatureDoesNotMatch', 403],
    IncompleteSignatureException: ['IncompleteSignature', 400],
    AccessDeniedException: ['UnauthorizedOperation', 403],
    ThrottlingException: ['RequestLimitExceeded', 503],
  },
};

export function isForm(contentType: string | undefined): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === 'application/x-www-form-urlencoded';
}

export function queryCall(services: readonly QueryService[], body: Buffer): Call {
  const form = new URLSearchParams(body.toString('utf8'));
  const action = form.get('Action') ?? '';
  const version = form.get('Version') ?? '';
  const ofVersion = services.filter((service) => service.version === version);
  const service = ofVersion.find(({ actions }) => Object.hasOwn(actions, action)) ?? ofVersion[0];
  const protocol = service?.protocol ?? 'query';
  const namespace = service?.namespace ?? '';
  return {
    action,
    run: service !== undefined && Object.hasOwn(service.actions, action) ? service.actions[action] : undefined,
    mediaType: 'text/xml',
    input: () => formInput(form),
    success(output) {
      const requestId = randomUUID();
      const content =
        protocol === 'ec2'
          ? xml({ requestId, ...output }, 'item')
          : xml({ [`${action}Result`]: output, ResponseMetadata: { RequestId: requestId } }, 'member');
      return { status: 200, body: `<${action}Response xmlns="${xmlText(namespace)}">${content}</${action}Response>` };
    },
    failure(error) {
      const [code, status] = COMMON_ERRORS[protocol][error.code] ?? [error.code, error.status];
      const { message } = error;
      const id = randomUUID();
      const type = status < 500 ? 'Sender' : 'Receiver';
      const text =
        protocol === 'ec2'
          ? `<Response>${xml({ Errors: { Error: { Code: code, Message: message } }, RequestID: id }, 'item')}</Response>`
          : `<ErrorResponse xmlns="${xmlText(namespace)}">${xml({ Error: { Type: type, Code: code, Message: message }, RequestId: id }, 'member')}</ErrorResponse>`;
      return { status, body: text };
    },
  };
}

interface Node {
  text?: string;
  readonly members: Map<string, Node>;
}

/** Maximum depth of a form's names. */
const MOST_PARTS = 20;

/** The nested input of a form: `Filter.1.Value.2=x`, or `StackNames.member.1=x`. All scalars are strings. */
export function formInput(form: URLSearchParams): unknown {
  const root: Node = { members: new Map() };
  for (const [name, text] of form) {
    if (name === 'Action' || name === 'Version') continue;
    const parts = name.split('.');
    if (parts.length > MOST_PARTS)
      throw new ApiError('MalformedQueryString', 'The query string contains a syntax error.');
    let node = root;
    for (const part of parts) {
      const next: Node = node.members.get(part) ?? { members: new Map() };
      node.members.set(part, next);
      node = next;
    }
    node.text = text;
  }
  return treeValue(root, true);
}

function treeValue(node: Node, isRoot = false): unknown {
  const names = [...node.members.keys()];
  if (names.length === 0 && !isRoot) return node.text ?? '';
  const [only = ''] = names;
  const list = names.length === 1 && only === 'member' ? node.members.get('member') : node;
  const items = [...(list?.members ?? [])];
  if (!isRoot && items.length > 0 && items.every(([name]) => /^\d{1,6}$/.test(name))) {
    return items.sort(([one], [other]) => Number(one) - Number(other)).map(([, item]) => treeValue(item));
  }
  return Object.fromEntries([...node.members].map(([name, member]) => [name, treeValue(member)]));
}
