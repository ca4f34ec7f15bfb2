/** The agent's log on stdout, in the real agent's two formats. It must never contain a token. */
import { LOG_LEVELS, type LogLevel } from './options.ts';

export type LogFields = Readonly<Record<string, string | number | boolean>>;

export interface AgentLog {
  /** `module` is the real agent's name for the source of the line: `agent`, `core`, `terraform`. */
  write(level: LogLevel, module: string, message: string, fields?: LogFields): void;
  /** Fields that every JSON line carries from now on (the agent's id, once it has one). */
  identify(fields: LogFields): void;
}

/**
 * Text: `2026-01-02T03:04:05.678Z [INFO]  core: Job received: job_type=plan job_id=run-…`.
 * JSON: `{"@level":"info","@message":"Job received","@module":"core","@timestamp":"…",…}`.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/logging
 */
export function createLog(
  settings: { readonly level: LogLevel; readonly json: boolean },
  now: () => Date,
  writeLine: (line: string) => void,
): AgentLog {
  const threshold = LOG_LEVELS.indexOf(settings.level);
  let identity: LogFields = {};
  return {
    write(level, module, message, fields = {}) {
      if (LOG_LEVELS.indexOf(level) < threshold) return;
      const timestamp = now().toISOString();
      if (settings.json) {
        const jsonFields = Object.fromEntries(
          Object.entries({ ...identity, ...fields }).map(([key, value]) => [key.replaceAll('.', '_'), value]),
        );
        writeLine(
          JSON.stringify({
            '@level': level,
            '@message': message,
            '@module': module,
            '@timestamp': timestamp,
            ...jsonFields,
          }),
        );
        return;
      }
      const pairs = Object.entries(fields).map(([key, value]) => `${key}=${quoted(String(value))}`);
      const tail = pairs.length === 0 ? '' : `: ${pairs.join(' ')}`;
      writeLine(`${timestamp} ${`[${level.toUpperCase()}]`.padEnd(7)} ${module}: ${message}${tail}`);
    },
    identify(fields) {
      identity = fields;
    },
  };
}

function quoted(value: string): string {
  return /[\s"=]/.test(value) || value === '' ? JSON.stringify(value) : value;
}
