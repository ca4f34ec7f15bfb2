/** The questions of `setup`, for a person at a terminal. They only ask: what the answers mean is decided elsewhere. */
import { TOKEN } from '../../functions/token-rotation/core/agent-tokens.ts';
import { type EgressMode, PREVIEW_MODES } from '../../lib/network/egress.ts';
import { harmless, harmlessLines } from '../core/harmless.ts';
import { type Io, StoppedError } from '../io.ts';

export interface Option<Value> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string;
}

export interface TextQuestion {
  /** The answer of Enter in an empty field. Absent: an answer is required. */
  readonly enter?: string;
  /** What Enter means, if the answer doesn't say it, such as "none". */
  readonly enterMeans?: string;
  /** An example of an answer. */
  readonly example?: string;
  /** Why an answer is wrong; `undefined` if it is right. */
  readonly validate?: (text: string) => string | undefined;
}

/** What the user can change when the settings exist already. */
export const PARTS = [
  'pool',
  'agent token',
  'API token',
  'network',
  'size',
  'phases',
  'image',
  'number of agents',
  'alarm e-mail',
] as const;
export type Part = (typeof PARTS)[number];

type Prompts = typeof import('@clack/prompts');
type SelectOptions<Value> = import('@clack/prompts').SelectOptions<Value>;

export class Questions {
  readonly #io: Io;
  readonly #prompts: Prompts;
  /** Number of questions asked so far. */
  asked = 0;

  private constructor(io: Io, prompts: Prompts) {
    this.#io = io;
    this.#prompts = prompts;
  }

  /** Questions need a terminal for the answers and one for the text. */
  static async at(io: Io): Promise<Questions | undefined> {
    if (io.stdin.isTTY !== true || io.stderr.isTTY !== true) return undefined;
    return new Questions(io, await import('@clack/prompts'));
  }

  get #streams() {
    const { stdin, stderr, interrupted } = this.#io;
    return { input: stdin, output: stderr, signal: interrupted };
  }

  /** Asks for a token with hidden input. */
  token(message: string): Promise<string> {
    const validate = (given: string | undefined): string | undefined => tokenFault(given ?? '');
    return this.#answer((prompts) =>
      prompts.password({ ...this.#streams, message: harmlessLines(message), validate, clearOnError: true }),
    );
  }

  select<Value extends string>(
    message: string,
    options: readonly Option<Value>[],
    initialValue?: Value,
  ): Promise<Value> {
    const given: SelectOptions<string> = {
      ...this.#streams,
      message: harmlessLines(message),
      options: options.map(shown),
      ...(initialValue !== undefined && { initialValue }),
      maxItems: 10,
    };
    return this.#answer((prompts) => prompts.select<string>(given)) as Promise<Value>;
  }

  /** @param required whether Enter without a choice is refused. Default: it chooses nothing. */
  async choose<Value extends string>(
    message: string,
    options: readonly Option<Value>[],
    { required = false }: { readonly required?: boolean } = {},
  ): Promise<readonly Value[]> {
    const given = {
      ...this.#streams,
      message: harmlessLines(message),
      options: options.map(shown),
      maxItems: 10,
    };
    for (;;) {
      // The prompt's own refusal explains its keys in other words than its footer does.
      const ask = this.#answer((prompts) => prompts.multiselect<string>({ ...given, required: false }));
      const chosen = (await ask) as Value[];
      if (chosen.length > 0 || !required) return chosen;
      given.message = `${harmlessLines(message)}\nSelect at least one with the space bar, then press Enter.`;
    }
  }

  /** Asks for a text. The question says what Enter does; the dim text in an empty field is only an example. */
  async text(message: string, { enter, enterMeans = enter, example, validate }: TextQuestion = {}): Promise<string> {
    const given = {
      ...this.#streams,
      message: harmlessLines(enterMeans === undefined ? message : `${message} (Enter: ${enterMeans})`),
      ...(example !== undefined && { placeholder: example }),
      // The prompt shows it as the answer after Enter.
      ...(enter !== undefined && enter !== '' && { defaultValue: enter }),
      validate: (text = ''): string | undefined => {
        if (text === '' && enter !== undefined) return undefined;
        return text === '' ? 'An answer is required.' : validate?.(text);
      },
    };
    const answer = await this.#answer((prompts) => prompts.text(given));
    return answer === '' ? (enter ?? '') : answer;
  }

  /** @param stopped what the user reads after Ctrl-C. Default: nothing was changed */
  confirm(message: string, initialValue = true, stopped?: string): Promise<boolean> {
    return this.#answer(
      (prompts) => prompts.confirm({ ...this.#streams, message: harmlessLines(message), initialValue }),
      stopped,
    );
  }

  /** A text prompt without input answers `undefined`; a cancelled one answers a symbol. */
  async #answer<Value>(
    ask: (prompts: Prompts) => Promise<Value>,
    stopped = 'Stopped. Nothing was changed.',
  ): Promise<Exclude<Value, symbol>> {
    this.asked += 1;
    const answer = await ask(this.#prompts);
    if (typeof answer === 'symbol') throw new StoppedError(stopped);
    return (answer ?? '') as Exclude<Value, symbol>;
  }
}

/** Names of pools, projects and agents can contain escape sequences. */
function shown<Value>({ value, label, hint }: Option<Value>): Option<Value> {
  return { value, label: harmless(label), ...(hint !== undefined && { hint: harmless(hint) }) };
}

/** Why a text can't be a token; `undefined` if it can. */
export function tokenFault(text: string): string | undefined {
  if (text.trim() === '') return 'A token is required.';
  return TOKEN.test(text.trim()) ? undefined : 'A token has no spaces and no quotes.';
}

function previewOf(mode: EgressMode, text: string): string[] {
  return PREVIEW_MODES.includes(mode) ? [text] : [];
}

/** The egress modes, for a list. The list shows the hint of the highlighted one only, so what everyone must know is in the label. */
export function modeOptions(prices: ReadonlyMap<EgressMode, string>): readonly Option<EgressMode>[] {
  const what: Readonly<Record<EgressMode, readonly [label: string, hint: string]>> = {
    'nat-gateway': ['private subnets, one fixed address', 'only allowed domains resolve'],
    'on-demand': [
      'a gateway that sleeps, so a job waits some seconds for it if nothing runs',
      'private subnets; checks server names',
    ],
    'network-firewall': ['also checks server names', 'a firewall reads the server name of each TLS connection'],
    'public-ip': ['each task has a public address', 'no inbound rule; only allowed domains resolve'],
    'existing-vpc': ['your VPC and its egress path', 'you decide what jobs can reach'],
  };
  return (Object.keys(what) as EgressMode[]).map((value) => ({
    value,
    label: `${value} (${[...previewOf(value, 'preview'), prices.get(value) ?? 'price unknown'].join(', ')}): ${what[value][0]}`,
    hint: [...previewOf(value, 'not tried in a live account'), what[value][1]].join('; '),
  }));
}
