/** The agent's log on stdout, in the real agent's two formats. It must never contain a token. */
import { LOG_LEVELS, type LogLevel } from './options.ts';

export type LogFields = Readonly<Record<string, string | number | boolean>>;
export type AgentLog = ReturnType<typeof createLog>;

/**
 * Text: `2026-01-02T03:04:05.678Z [INFO]  core: Job received: job_type=plan job_id=run-…`.
 * JSON: `{"@level":"info","@message":"Job received","@module":"core","@timestamp":"…",…}`.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/logging
 */
export function createLog(
  settings: { readonly level: LogLevel; readonly json: boolean },
  writeLine: (line: string) => void,
  now = () => new Date(),
) {
  let identity: LogFields = {};
  return {
    /** `module` is the real agent's name for the source of the line: `agent`, `core`, `terraform`. */
    write(level: LogLevel, module: string, message: string, fields: LogFields = {}): void {
      if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(settings.level)) return;
      const timestamp = now().toISOString();
      if (settings.json) {
        const line = { '@level': level, '@message': message, '@module': module, '@timestamp': timestamp };
        const named = Object.entries({ ...identity, ...fields });
        const withoutDots = named.map(([key, value]) => [key.replaceAll('.', '_'), value]);
        writeLine(JSON.stringify({ ...line, ...Object.fromEntries(withoutDots) }));
        return;
      }
      const pairs = Object.entries(fields).map(([key, value]) => `${key}=${quoted(String(value))}`);
      const tail = pairs.length === 0 ? '' : `: ${pairs.join(' ')}`;
      writeLine(`${timestamp} ${`[${level.toUpperCase()}]`.padEnd(7)} ${module}: ${message}${tail}`);
    },
    /** Sets the fields that every later JSON line contains, such as the agent's id. */
    identify(fields: LogFields): void {
      identity = fields;
    },
  };
}

function quoted(value: string): string {
  return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
